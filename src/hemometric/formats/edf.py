"""Read a 12-lead ECG from EDF, EDF+, BDF or BDF+."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hemometric.ecg import INDEPENDENT_LEADS, Ecg, Waveform, derive_leads
from hemometric.errors import ReadError
from hemometric.formats.edf_header import EdfHeader, damaged, find_scale, read_edf_header
from hemometric.formats.leads import choose_channels, name_lead
from hemometric.formats.units import check_units

_SUFFIXES = {".edf", ".bdf"}
_MOST_GAP_SAMPLES = 2**22
"""Of a lead, in all gaps of a discontinuous file: more than two hours at 500 Hz."""
_MOST_HZ = 1e6
_ONSET = re.compile(rb"([-+]\d{1,15}(?:\.\d{1,15})?)\x14\x14")
"""The first entry of the annotations of a record: when it starts, without a text."""

Records = NDArray[np.uint8]
"""The bytes of the records, shape (n_records, record_bytes)."""


def read_edf(path: Path) -> Ecg:
    """Read the EDF or BDF file `path`.

    Raises:
        ReadError: See `hemometric.formats.read_ecg`.
    """
    try:
        header = read_edf_header(path)
        leads, places = _choose(path, header)
        factors = check_units(path, leads, [header.signals[place].unit for place in places])
        records, notes = _map_records(path, header)
        waveform, gaps = _decode(path, header, records, places, factors)
    except OSError as error:
        raise ReadError(path, f"cannot be read: {error.strerror}", code="unreadable") from error
    notes += gaps
    if leads == INDEPENDENT_LEADS:
        waveform = derive_leads(waveform)
        notes.append("III, aVR, aVL and aVF derived from I and II")
    return Ecg(
        waveform=waveform,
        sampling_rate_hz=header.signals[places[0]].per_record / header.record_s,
        ecg_id=path.stem if path.suffix.casefold() in _SUFFIXES else path.name,
        patient_id=header.patient_id,
        age_years=header.age_years,
        sex=header.sex,
        acquired_at=header.acquired_at,
        notes=(*notes, *header.notes),
    )


def _choose(path: Path, header: EdfHeader) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Choose the signals of the leads, which have a unit and one number of samples in a record."""
    leads, places = choose_channels(path, [name_lead(signal.label) for signal in header.signals])
    chosen = [header.signals[place] for place in places]
    for lead, signal in zip(leads, chosen, strict=True):
        if not signal.unit:
            reason = f"lead {lead} has no unit (physical dimension), so that its samples are no voltage"
            raise ReadError(path, reason, code="no-unit")
    counts = sorted({signal.per_record for signal in chosen})
    if len(counts) > 1:
        reason = f"a record holds {' or '.join(map(str, counts))} samples of a lead, expected one sampling rate for all"
        raise ReadError(path, reason, code="mixed-rates")
    if counts[0] == 0 or not counts[0] / _MOST_HZ <= header.record_s:
        reason = f"a record of {header.record_s:g} s holds {counts[0]} samples of a lead, which is no sampling rate"
        raise ReadError(path, reason, code="no-rate")
    return leads, places


def _map_records(path: Path, header: EdfHeader) -> tuple[Records, list[str]]:
    """Map the records into memory; what is behind the last that is announced, or is no whole record, is left out."""
    held = path.stat().st_size - header.n_bytes
    n_whole, rest = divmod(held, header.record_bytes)
    notes = []
    n_records = n_whole if header.n_records is None else header.n_records
    if n_records > n_whole or n_records == 0:
        reason = (
            f"holds {max(held, 0):,} bytes of samples ({n_whole:,} records), announced are "
            f"{header.n_records or 1:,} records of {header.record_bytes:,}; copy or export it again"
        )
        raise ReadError(path, reason, code="truncated")
    if header.n_records is None:
        cut = f", the last {rest:,} bytes are no whole record" if rest else ""
        notes.append(f"number of records not known to the file: {n_records:,} by its size{cut}")
    elif held > n_records * header.record_bytes:
        notes.append(f"{held - n_records * header.record_bytes:,} bytes behind the last announced record left out")
    shape = (n_records, header.record_bytes)
    return np.memmap(path, dtype=np.uint8, mode="r", offset=header.n_bytes, shape=shape), notes


def _decode(
    path: Path, header: EdfHeader, records: Records, places: Sequence[int], factors: Sequence[float]
) -> tuple[Waveform, list[str]]:
    """Decode some signals to mV, shape (n_leads, n_samples), gaps as NaN."""
    per_record = header.signals[places[0]].per_record
    starts = _find_starts(path, header, records, per_record)
    n_samples = int(starts[-1]) + per_record
    waveform = np.full((len(places), n_samples), np.nan, dtype=np.float32)
    columns = None if n_samples == per_record * len(records) else (starts[:, None] + np.arange(per_record)).ravel()
    for row, (place, factor) in enumerate(zip(places, factors, strict=True)):
        gain, offset = find_scale(path, header.title, header.signals[place])
        physical = (_take(header, records, place) * gain + offset) / factor
        with np.errstate(over="ignore"):
            waveform[row, slice(None) if columns is None else columns] = physical
    if columns is None:
        return waveform, []
    n_gaps = int(np.count_nonzero(np.diff(starts) > per_record))
    return waveform, [f"recording with {n_gaps:,} gaps ({header.title}+D), filled with NaN"]


def _take(header: EdfHeader, records: Records, place: int) -> NDArray[np.float64]:
    """Return the steps of one signal, shape (n_records * per_record,)."""
    first = header.sample_bytes * sum(signal.per_record for signal in header.signals[:place])
    n_bytes = header.sample_bytes * header.signals[place].per_record
    content = np.ascontiguousarray(records[:, first : first + n_bytes])
    if header.sample_bytes == 2:
        return content.view("<i2").ravel().astype(np.float64)
    padded = np.zeros((content.size // 3, 4), dtype=np.uint8)
    padded[:, 1:] = content.reshape(-1, 3)  # 24 bits on top of 32 keep their sign
    return (padded.view("<i4").ravel() >> 8).astype(np.float64)


def _find_starts(path: Path, header: EdfHeader, records: Records, per_record: int) -> NDArray[np.int64]:
    """Return at which sample each record starts, shape (n_records,)."""
    whole: NDArray[np.int64] = np.arange(len(records), dtype=np.int64) * per_record
    if not header.discontinuous:
        return whole
    onsets_s = np.array([_find_onset(path, header, record, number) for number, record in enumerate(records, start=1)])
    late = np.floor((onsets_s - onsets_s[0]) * (per_record / header.record_s) + 0.5) - whole
    steps = np.diff(late)
    if (steps < 0).any():
        number = int(np.argmax(steps < 0)) + 2
        raise damaged(path, header.title, f"record {number:,} starts before record {number - 1:,} ends")
    if late[-1] > _MOST_GAP_SAMPLES:
        reason = (
            f"its gaps are {late[-1]:,.0f} samples long, expected {_MOST_GAP_SAMPLES:,} at most; split it at the gaps"
        )
        raise ReadError(path, reason, code="too-long")
    whole += late.astype(np.int64)
    return whole


def _find_onset(path: Path, header: EdfHeader, record: NDArray[np.uint8], number: int) -> float:
    """Return the seconds at which a record starts, by its first annotation."""
    place = next((place for place, signal in enumerate(header.signals) if signal.is_annotations), None)
    if place is not None:
        first = header.sample_bytes * sum(signal.per_record for signal in header.signals[:place])
        size = header.sample_bytes * header.signals[place].per_record
        found = _ONSET.match(record[first : first + size].tobytes())
        if found:
            return float(found.group(1))
    raise damaged(path, header.title, f"record {number:,} of a discontinuous file does not say when it starts")
