"""One record from file to stored windows. This runs in the workers and knows neither the store nor other records."""

import datetime
import errno
import os
import tempfile
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from hemometric.datasets import Facts
from hemometric.ecg import INDEPENDENT_ROWS, LEADS, Ecg, Waveform
from hemometric.errors import EcgError, ReadError, StoreError
from hemometric.formats import read_ecg
from hemometric.ingest.archive import Record
from hemometric.ingest.discretion import LEFT_OUT
from hemometric.store import Reject, content_hashes, to_microvolts
from hemometric.store.shards import Microvolts
from hemometric.waveform import FLAG_CODES, assess, cut_windows, resample
from hemometric.workers import Limits, Lost, map_guarded

MOST_FILE_BYTES = 2**30
"""A file that holds one ECG may be so large; one that holds several is read in parts."""

_NOT_THE_FILE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ENOMEM}
"""What the system says where it, and not a file, is at fault."""


@dataclass(frozen=True, slots=True)
class Cut:
    """How a record becomes windows.

    Attributes:
        sampling_rate_hz: Of the store.
        duration_s: Of a window.
        n_samples: Per lead of a stored window.
        n_leads: 8 or 12.
        pad: Whether a short record is filled up.
    """

    sampling_rate_hz: float
    duration_s: float
    n_samples: int
    n_leads: int
    pad: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of a record.

    Attributes:
        header: What the file says about patient and time.
        repaired: Whether its archive is known to state a wrong gain for it, and the samples were scaled.
        n_samples: Of the whole record, per lead.
        sampling_rate_hz: Of the record.
        microvolts: Shape (n_accepted, n_leads, n_samples), int16.
        numbers: Of each accepted window within the record, from 0.
        flags: Shape (n_accepted, n_flag_codes), bool, in the order of `FLAG_CODES`.
        content_hashes: Of each accepted window.
        rejects: The record, where no window was accepted; else the windows that were not.
    """

    header: Facts
    repaired: bool
    n_samples: int
    sampling_rate_hz: float
    microvolts: Microvolts
    numbers: tuple[int, ...]
    flags: NDArray[np.bool_]
    content_hashes: tuple[str, ...]
    rejects: tuple[Reject, ...]


def read_records(
    records: Sequence[Record], cut: Cut, *, workers: int, limits: Limits, reticent: bool = False
) -> Generator[Reading, None, None]:
    """Read records, in order; the same readings for any number of workers from 1 on.

    Args:
        records: What is read.
        cut: How a record becomes windows.
        workers: Processes; with 0 this very process reads, without limits.
        limits: A record that takes more, or ends its process, is rejected.
        reticent: Say nothing in rejects, and let libraries say nothing, that may quote a file.

    Raises:
        StoreError: A worker cannot be started, or the system lacks something that no file is to blame for.
    """
    wanted = [record for record in records if record.reject is None]
    read = partial(read_record, cut=cut, reticent=reticent)
    n_workers = min(workers, len(wanted))
    with closing(map_guarded(read, wanted, n_workers=n_workers, limits=limits, silent=reticent)) as results:
        for record in records:
            outcome = next(results) if record.reject is None else record.reject
            if isinstance(outcome, Lost):
                outcome = Reject(record.source, outcome.code, outcome.detail)
            yield _refused(outcome) if isinstance(outcome, Reject) else outcome


def read_record(record: Record, cut: Cut, *, reticent: bool = False) -> Reading:
    """Read a record, cut it to windows, check each and bring it to the rate and type of the store.

    What is wrong with the file ends up in `rejects`; what is wrong with this program is raised.

    Args:
        record: What is read.
        cut: How it becomes windows.
        reticent: Leave out what a reader says of the file, since that may quote it.

    Raises:
        StoreError: The system lacks something that no file is to blame for, such as space for temporary files.
    """
    try:
        ecg, repaired = _read(record)
    except (ReadError, EcgError) as error:
        reason = error.reason if isinstance(error, ReadError) else str(error)
        return _refused(Reject(record.source, error.code, LEFT_OUT if reticent else reason))
    try:
        windows = cut_windows(
            ecg.waveform, sampling_rate_hz=ecg.sampling_rate_hz, duration_s=cut.duration_s, pad=cut.pad
        )
    except EcgError as error:
        return _refused(Reject(record.source, error.code, str(error)))
    accepted: list[tuple[int, Microvolts, list[bool]]] = []
    rejects: list[Reject] = []
    for number, window in enumerate(windows):
        try:
            # Padding is flat by design: only what was recorded is judged.
            recorded = window.waveform[:, : window.n_recorded]
            flags = _check(recorded, sampling_rate_hz=ecg.sampling_rate_hz)
            accepted.append((number, _to_stored(window.waveform, from_hz=ecg.sampling_rate_hz, cut=cut), flags))
        except EcgError as error:
            rejects.append(Reject(f"{record.source}#{number}", error.code, str(error)))
    if not accepted:
        return _refused(_sum_up(record, ecg, rejects, cut=cut))
    return _accepted(ecg, accepted, rejects, repaired=repaired)


def find_begin(acquired_at: str | None, *, seconds: float) -> str | None:
    """When a window begins, so that an hour of ECG is not taken for one moment.

    Args:
        acquired_at: Begin of the record, ISO 8601, or None; a day without a time stays that day.
        seconds: From there to the window.

    Example:
        >>> find_begin("2020-05-15T09:30:00", seconds=30.0), find_begin("2020-05-15", seconds=30.0)
        ('2020-05-15T09:30:30', '2020-05-15')
    """
    if acquired_at is None or "T" not in acquired_at or seconds < 1:
        return acquired_at
    try:
        begin = datetime.datetime.fromisoformat(acquired_at) + datetime.timedelta(seconds=seconds)
    except (ValueError, OverflowError):  # what a file says; who uses the time judges it
        return acquired_at
    return begin.isoformat(timespec="seconds")


def _read(record: Record) -> tuple[Ecg, bool]:
    """Return an ECG as its archive means it, and whether its waveform was repaired for that."""
    try:
        _check_file(record)
        ecg = read_ecg(record.path, part=record.part)
        mended = ecg if record.mend is None else record.mend(record.path, ecg)
        return mended, mended.waveform is not ecg.waveform
    except ReadError as error:
        if isinstance(error.__cause__, OSError):
            _blame_system(error.__cause__)
        raise
    except OSError as error:
        _blame_system(error)
        raise ReadError(record.path, f"cannot be read ({error.strerror or error})", code="unreadable") from error


def _check_file(record: Record) -> None:
    """Refuse what is listed as a file and is none, and a file that is too large.

    Raises:
        ReadError: "broken-link", "unreadable" (a folder that may not be searched) or "too-large".
        OSError: The system does not say what it is.
    """
    path = record.path
    if path.is_symlink() and not path.exists():
        raise ReadError(path, "a link that leads nowhere, or in a circle", code="broken-link")
    if path.is_dir():
        raise ReadError(path, "a folder that cannot be searched: mend its permissions", code="unreadable")
    n_bytes = path.stat().st_size if path.exists() else 0
    if record.part is None and n_bytes > MOST_FILE_BYTES:
        reason = f"has {n_bytes / 2**30:.1f} GiB, at most {MOST_FILE_BYTES >> 30} GiB are read: cut it into pieces"
        raise ReadError(path, reason, code="too-large")


def _blame_system(error: OSError) -> None:
    """Raise where not a file but the system is at fault: a reader needs space for what it unpacks.

    Raises:
        StoreError: It is.
    """
    if error.errno in _NOT_THE_FILE:
        raise StoreError(
            f"reading cannot go on ({os.strerror(error.errno)}): free space in {tempfile.gettempdir()}, or name "
            "another place in TMPDIR, look how many files may be open (ulimit -n), then go on with --resume: what is "
            "finished is kept"
        ) from None


def _check(waveform: Waveform, *, sampling_rate_hz: float) -> list[bool]:
    """Return the quality flags of a window.

    Raises:
        EcgError: It is refused; the code is that of the first finding, the message names all.
    """
    findings = assess(waveform, sampling_rate_hz=sampling_rate_hz)
    refusing = [finding for finding in findings if finding.refuse]
    if refusing:
        raise EcgError("; ".join(finding.detail for finding in refusing), code=refusing[0].code)
    found = {finding.code for finding in findings}
    return [code in found for code in FLAG_CODES]


def _to_stored(waveform: Waveform, *, from_hz: float, cut: Cut) -> Microvolts:
    if cut.n_leads != len(LEADS):
        waveform = waveform[INDEPENDENT_ROWS, :]
    try:
        resampled = resample(waveform, from_hz=from_hz, to_hz=cut.sampling_rate_hz)[:, : cut.n_samples]
    except ValueError as error:
        raise EcgError(str(error), code="sampling-rate") from error
    if resampled.shape[1] != cut.n_samples:
        raise EcgError(f"{resampled.shape[1]} samples at the store's rate, expected {cut.n_samples}", code="too-short")
    return to_microvolts(resampled)


def _sum_up(record: Record, ecg: Ecg, rejects: list[Reject], *, cut: Cut) -> Reject:
    """One line for a record without a usable window: its most frequent reason, the earliest where several are."""
    if not rejects:
        detail = f"{ecg.duration_s:g} s long, expected {cut.duration_s:g} s; use --pad to fill up short records"
        return Reject(record.source, "too-short", detail)
    code = Counter(reject.reason_code for reject in rejects).most_common(1)[0][0]
    detail = next(reject.detail for reject in rejects if reject.reason_code == code)
    return Reject(record.source, code, detail if len(rejects) == 1 else f"{detail} (all {len(rejects)} windows fail)")


def _refused(reject: Reject) -> Reading:
    return Reading(
        header=Facts(),
        repaired=False,
        n_samples=0,
        sampling_rate_hz=0.0,
        microvolts=np.zeros((0, 0, 0), dtype=np.int16),
        numbers=(),
        flags=np.zeros((0, len(FLAG_CODES)), dtype=np.bool_),
        content_hashes=(),
        rejects=(reject,),
    )


def _accepted(
    ecg: Ecg, accepted: list[tuple[int, Microvolts, list[bool]]], rejects: list[Reject], *, repaired: bool
) -> Reading:
    numbers, microvolts, flags = zip(*accepted, strict=True)
    stacked = np.stack(microvolts)
    return Reading(
        header=Facts(
            patient_id=ecg.patient_id,
            age_years=ecg.age_years,
            sex=ecg.sex,
            acquired_at=ecg.acquired_at,
            notes=ecg.notes,
        ),
        repaired=repaired,
        n_samples=ecg.n_samples,
        sampling_rate_hz=ecg.sampling_rate_hz,
        microvolts=stacked,
        numbers=numbers,
        flags=np.array(flags, dtype=np.bool_).reshape(len(numbers), len(FLAG_CODES)),
        content_hashes=tuple(content_hashes(stacked)),
        rejects=tuple(rejects),
    )
