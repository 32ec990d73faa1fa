"""The JSON beside a record of SCG-RHC: who was catheterised when, and what was measured.

Its traps: keys of "maclabMeas" end in blanks ("PCWM         ") and hold the unit ("TDCOL/min    " is thermodilution
output in L/min, "Avg. COmL/min" is in mL/min); a missing value is a string; sbp and dbp are -1 where unknown;
"ChamEvents_in_s" is no object where no event was noted. Pressures state no unit: MacLab shows mmHg.
"""

import datetime
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hemometric.datasets.facts import OLDEST_YEARS, CatheterValue
from hemometric.ecg import Sex
from hemometric.errors import ReadError
from hemometric.formats.wfdb_header import read_header

LARGEST_BYTES = 2**22

_SEXES: dict[str, Sex] = {"male": "male", "female": "female"}
_PRESSURES = (("mpcwp", "PCWM", "PCW"), ("mpap", "PAM", "PA"), ("rap", "RAM", "RA"))
"""Target, key without blanks, chamber of the event at which it was measured."""
_OUTPUTS = (
    ("TDCOL/min", "L/min", "thermodilution"),
    ("Fick COL/min", "L/min", "Fick"),
    ("Avg. COmL/min", "mL/min", "average"),
)
_DATES = ("%Y-%m-%d", "%d-%b-%Y", "%m/%d/%Y")
"""A date of numbers and slashes has the month first: the records are from San Francisco."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Catheterization:
    """What the JSON says; None where it does not.

    Attributes:
        age_years: At the catheterisation.
        sex: "female" or "male".
        height_cm: Body height.
        weight_kg: Body weight.
        started_at: Begin of the record, ISO 8601.
        is_challenge: Whether a vasodilator was given.
        events_s: When the catheter reached a chamber, in seconds from the begin: "RA", "RV", "PA", "PCW".
        measured: Numbers of "maclabMeas" by key, blanks at its ends dropped; the unit is part of the key.
        missing: What "maclabMeas" writes in place of a number, by key.
    """

    age_years: float | None
    sex: Sex | None
    height_cm: float | None
    weight_kg: float | None
    started_at: str | None
    is_challenge: bool | None
    events_s: Mapping[str, float]
    measured: Mapping[str, float]
    missing: Mapping[str, str]


def read_catheterization(path: Path) -> Catheterization:
    """Read the JSON beside a record.

    Raises:
        ReadError: It is not there ("missing") or no such JSON ("metadata").
    """
    content = _load(path)
    measured: dict[str, float] = {}
    missing: dict[str, str] = {}
    entries = content.get("maclabMeas", {})
    if not isinstance(entries, dict):
        raise ReadError(path, f"'maclabMeas' is {type(entries).__name__}, expected an object", code="metadata")
    for written, value in entries.items():
        key = written.strip()
        if key in measured or key in missing:
            raise ReadError(path, f"'maclabMeas' has {key!r} twice, with other blanks", code="metadata")
        number = _number(value)
        if number is None:
            missing[key] = str(value).strip()
        else:
            measured[key] = number
    events = content.get("ChamEvents_in_s")
    seconds = {key.strip(): _number(value) for key, value in events.items()} if isinstance(events, dict) else {}
    age = _number(content.get("age"))
    is_challenge = content.get("IsChallenge")
    return Catheterization(
        age_years=age if age is not None and 0 <= age <= OLDEST_YEARS else None,
        sex=_SEXES.get(str(content.get("gender", "")).strip().casefold()),
        height_cm=_positive(content.get("height")),
        weight_kg=_positive(content.get("weight")),
        started_at=_parse_time(content.get("MacStTime")),
        is_challenge=bool(is_challenge) if isinstance(is_challenge, bool | int) else None,
        events_s=MappingProxyType({key: value for key, value in seconds.items() if value is not None}),
        measured=MappingProxyType(measured),
        missing=MappingProxyType(missing),
    )


def find_values(record: Path) -> tuple[CatheterValue, ...]:
    """Return mpcwp, mpap, rap and co of a record, as they are written.

    A pressure is of the moment at which the catheter reached its chamber, where that is noted, else of the begin of the
    record. Of several outputs thermodilution counts, else Fick, else the average. Text that holds a digit where a
    number is expected is given without a number, so that it is listed; other text is a missing value.

    Args:
        record: Path of the header.

    Raises:
        ReadError: The JSON is missing ("missing") or damaged ("metadata").
    """
    said = read_catheterization(record.with_suffix(".json"))
    start = find_start(record, said)
    found = [
        _to_value(said, target, key, unit="mmHg", method="right-heart catheter", at=_find_moment(said, start, chamber))
        for target, key, chamber in _PRESSURES
    ]
    outputs = (_to_value(said, "co", key, unit=unit, method=method, at=start) for key, unit, method in _OUTPUTS)
    found.append(next((output for output in outputs if output is not None), None))
    return tuple(value for value in found if value is not None)


def find_start(record: Path, said: Catheterization) -> str | None:
    """When a record begins, ISO 8601: by its JSON, else by its header; None where neither says.

    Raises:
        ReadError: The header is none.
        OSError: It cannot be read.
    """
    return said.started_at or read_header(record.with_suffix(".hea")).acquired_at


def _load(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise ReadError(path, f"larger than {LARGEST_BYTES >> 20} MiB, expected a small JSON", code="metadata")
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise ReadError(path, "not there, expected the JSON of the record; download it again", code="missing") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ReadError(path, f"not a readable JSON ({error}); download it again", code="metadata") from error
    if not isinstance(content, dict):
        raise ReadError(path, f"holds {type(content).__name__}, expected an object", code="metadata")
    return content


def _number(value: object) -> float | None:
    """A finite number; text is none, since a missing value is text."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _positive(value: object) -> float | None:
    number = _number(value)
    return number if number is not None and number > 0 else None


def _parse_time(text: object) -> str | None:
    """Return "2020-05-15T09:30:00" for "05/15/2020 09:30:00", or None."""
    parts = text.split() if isinstance(text, str) else []
    if len(parts) != 2:
        return None
    for form in _DATES:
        try:
            return datetime.datetime.strptime(f"{parts[0]} {parts[1]}", f"{form} %H:%M:%S").isoformat()
        except ValueError:
            continue
    return None


def _find_moment(said: Catheterization, start: str | None, chamber: str) -> str | None:
    """When the catheter first was in a chamber: events are called "PCW", or "PCW_2" where there are several."""
    seconds = [value for key, value in said.events_s.items() if key.partition("_")[0] == chamber and value >= 0]
    if start is None or len(start) == len("2020-05-15") or not seconds:
        return start
    try:
        at = datetime.datetime.fromisoformat(start) + datetime.timedelta(seconds=round(min(seconds)))
    except OverflowError:
        return start
    return at.isoformat()


def _to_value(
    said: Catheterization, target: str, key: str, *, unit: str, method: str, at: str | None
) -> CatheterValue | None:
    number = said.measured.get(key)
    text = str(number) if number is not None else said.missing.get(key, "")
    if number is None and not any(letter.isdigit() for letter in text):
        return None
    return CatheterValue(target=target, text=text, value=number, unit=unit, measured_at=at, method=f"{method}: {key}")
