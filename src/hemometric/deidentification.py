"""Patients without names: ids become keyed hashes, dates are shifted by whole days of each patient's own.

Everything follows from one secret, by HMAC-SHA256 (RFC 2104, FIPS 180-4) under a key that scrypt (RFC 7914) makes of
it: whoever has it can map the same patient, file or date in the same way again, and nobody else can. What of a store is
replaced stands in docs/deidentification.md.
"""

import datetime
import hashlib
import hmac
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from hemometric.errors import SettingsError

FEWEST_BYTES = 16
LARGEST_BYTES = 2**20
FEWEST_DAYS, MOST_DAYS = 366, 3652
"""Every date lies between one and ten years before the true one."""
OLDEST_YEARS = 90.0
"""Older patients than 89 count as 90 (HIPAA Privacy Rule, 45 CFR 164.514(b)(2)(i)(C))."""

KEY = "deidentified"
"""What the provenance of a store calls its account of the de-identification."""
_SCHEME = 2
_SALT = b"hemometric deidentification 1\0"
"""Part of every hash; another salt would make other ids of the same patients. It never changes."""
_ID_DIGITS, _FINGERPRINT_DIGITS = 32, 16
_SCRYPT = {"n": 2**15, "r": 8, "p": 1, "maxmem": 2**26, "dklen": 32}
"""A tenth of a second and 32 MiB for each secret that somebody tries: a store tells whether it was the right one."""


@dataclass(frozen=True, slots=True)
class Deidentifier:
    """Maps what identifies a patient, by a secret.

    Attributes:
        secret: At least 16 bytes.
    """

    secret: bytes = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """16 hex digits by which the secret is recognised; it cannot be computed from them."""
        return self._hash("fingerprint", "").hex()[:_FINGERPRINT_DIGITS]

    @property
    def account(self) -> dict[str, Any]:
        """What a store says of its de-identification."""
        return {"scheme": _SCHEME, "secret_fingerprint": self.fingerprint}

    def patient(self, patient_id: str) -> str:
        """The id that stands for a patient's: 32 hex digits."""
        return self._hash("patient", patient_id).hex()[:_ID_DIGITS]

    def record(self, name: str) -> str:
        """The name that stands for a record's: 32 hex digits."""
        return self._hash("record", name).hex()[:_ID_DIGITS]

    def digest(self, digest: str) -> str:
        """Stands for the hash of a file or a waveform: 32 hex digits, equal where that is equal."""
        return self._hash("digest", digest).hex()[:_ID_DIGITS]

    def days(self, patient: str) -> int:
        """By how many days the dates of a patient are moved back, from `FEWEST_DAYS` to `MOST_DAYS`.

        Args:
            patient: The id that stands for the patient's, as `patient` gives it; without the secret it tells nothing.
        """
        number = int.from_bytes(self._hash("days", patient)[:8], "big")
        return FEWEST_DAYS + number % (MOST_DAYS - FEWEST_DAYS + 1)

    def moment(self, moment: str | None, *, patient: str) -> str | None:
        """Move a date back by the days of its patient; the time of the day stays.

        Args:
            moment: ISO 8601: "2020-05-15" or "2020-05-15T15:35:30", or None.
            patient: The id that stands for the patient's, as `patient` gives it.

        Returns:
            In the same form. None where `moment` is None, is no such date or has none so long before it.
        """
        if moment is None:
            return None
        try:
            day = datetime.date.fromisoformat(moment[:10])
            clock = datetime.time.fromisoformat(moment[11:]) if moment[10:] else None
            moved = day - datetime.timedelta(days=self.days(patient))
        except (ValueError, OverflowError):
            return None
        if clock is None:
            return moved.isoformat()
        return f"{moved.isoformat()}T{clock.replace(tzinfo=None).isoformat()}"

    def age(self, age_years: float | None) -> float | None:
        """An age as it may be told: above 89 it is 90."""
        return OLDEST_YEARS if age_years is not None and age_years > OLDEST_YEARS - 1 else age_years

    def _hash(self, kind: str, text: str) -> bytes:
        message = _SALT + kind.encode() + b"\0" + text.encode("utf-8", "surrogateescape")
        return hmac.new(_make_key(self.secret), message, hashlib.sha256).digest()


@lru_cache(maxsize=8)
def _make_key(secret: bytes) -> bytes:
    """What hashes are keyed with: a secret that people thought of is tried in no time, unless trying it is slow."""
    return hashlib.scrypt(secret, salt=_SALT, **_SCRYPT)


def read_secret(path: Path) -> Deidentifier:
    """Read the secret from a file; line ends at its end do not count.

    Raises:
        SettingsError: The file cannot be read, or the secret is shorter than 16 bytes.
    """
    try:
        with path.open("rb") as file:
            secret = file.read(LARGEST_BYTES + 1).rstrip(b"\r\n")
    except OSError as error:
        raise SettingsError(f"{path}: the secret cannot be read ({error.strerror or error})") from error
    if not FEWEST_BYTES <= len(secret) <= LARGEST_BYTES:
        raise SettingsError(
            f"{path}: the secret has {len(secret):,} bytes, expected at least {FEWEST_BYTES} and at most a MiB, such as"
            " `openssl rand -hex 32` gives"
        )
    return Deidentifier(secret)


def check_secret(provenance: Mapping[str, Any], deidentifier: Deidentifier | None, *, where: str) -> None:
    """Check that a store is de-identified by this secret, or not at all where there is none.

    Args:
        provenance: Of the store.
        deidentifier: By which it is to be added to.
        where: The store, for the message.

    Raises:
        SettingsError: It is otherwise.
    """
    account = provenance.get(KEY)
    if account == (None if deidentifier is None else deidentifier.account):
        return
    if deidentifier is None:
        raise SettingsError(f"{where}: is de-identified: give the same secret with --deidentify SECRET_FILE")
    if account is None:
        raise SettingsError(f"{where}: is not de-identified: leave --deidentify away, or make another store with it")
    if account.get("scheme") != _SCHEME:
        raise SettingsError(f"{where}: is de-identified by an earlier hemometric, in another way: ingest it again")
    raise SettingsError(
        f"{where}: is de-identified with another secret (fingerprint {account.get('secret_fingerprint')}, this one has "
        f"{deidentifier.fingerprint}): give that one"
    )


def describe_fault(error: Exception) -> str:
    """What may be told of an error that is a fault of this program: its type and where it arose, not what it quotes."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"{type(error).__name__} in {Path(place.filename).name}, line {place.lineno}: a fault of this program; more is "
        "left out because of --deidentify"
    )
