"""Read a 12-lead ECG from a WFDB record (PhysioNet: PTB-XL, PTBDB, MIMIC-IV-ECG, the CinC Challenges)."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from hemometric.ecg import INDEPENDENT_LEADS, LEADS, Ecg, Waveform, derive_leads
from hemometric.errors import ReadError
from hemometric.formats.leads import choose_channels, name_lead
from hemometric.formats.units import check_units
from hemometric.formats.wfdb_header import (
    DEFAULT_GAIN,
    Header,
    Signal,
    decode_header,
    find_age_and_sex,
    parse_header,
    read_header,
)
from hemometric.formats.wfdb_samples import decode_signals

MOST_GAP_SAMPLES = 2**22
"""Samples a lead that may lie between the segments of a record, 2.3 h at 500 Hz."""
_GAP = "~"


def read_wfdb(path: Path, content: bytes | None = None) -> Ecg:
    """Read the record whose header is `path`.

    Args:
        path: The header file, whatever its suffix.
        content: Its bytes where they are at hand.

    Raises:
        ReadError: See `hemometric.formats.read_ecg`.
    """
    header = parse_header(path, decode_header(path.read_bytes() if content is None else content))
    waveform, rate_hz, notes = _read_segments(path, header) if header.segments else _read_signals(path, header)
    age_years, sex, doubts = find_age_and_sex(header)
    return Ecg(
        waveform=waveform,
        sampling_rate_hz=rate_hz,
        ecg_id=path.stem if path.suffix.casefold() == ".hea" else path.name,
        age_years=age_years,
        sex=sex,
        acquired_at=header.acquired_at,
        notes=(*header.notes, *notes, *doubts),
    )


def _defaults(signals: Sequence[Signal]) -> list[str]:
    """Say which defaults of the format were used."""
    notes = []
    if any(not signal.unit for signal in signals):
        notes.append("unit absent: mV as the format says")
    if any(not signal.gain_stated for signal in signals):
        notes.append(f"gain absent or 0: {DEFAULT_GAIN:g} per unit as the format says")
    return notes


def _read_signals(path: Path, header: Header) -> tuple[Waveform, float, tuple[str, ...]]:
    """Read an ordinary record: waveform (12, n_samples) in mV, rate in Hz, notes."""
    leads, channels = choose_channels(path, [name_lead(signal.description) for signal in header.signals])
    signals = [header.signals[channel] for channel in channels]
    factors = check_units(path, leads, [signal.unit or "mV" for signal in signals])
    _check_gains(path, leads, signals, factors)
    waveform, notes = decode_signals(path, header, channels, units_per_mv=factors)
    notes = (*notes, *_defaults(signals))
    if leads == INDEPENDENT_LEADS:
        waveform = derive_leads(waveform)
        notes = (*notes, "III, aVR, aVL and aVF derived from I and II")
    return waveform, header.frame_rate_hz * signals[0].per_frame, notes


def _read_segments(path: Path, header: Header) -> tuple[Waveform, float, tuple[str, ...]]:
    """Join a record of several segments, gaps as NaN; each segment must hold the leads."""
    _check_segments(path, header)
    parts: list[Waveform | int] = []
    rates_hz: set[float] = set()
    notes: list[str] = [f"joined from {len(header.segments)} segments"]
    for name, n_frames in header.segments:
        if n_frames == 0:  # describes the signals of the segments to come, holds none
            continue
        if name == _GAP:
            parts.append(n_frames)
            continue
        segment = _read_segment_header(path, name, n_frames, frame_rate_hz=header.frame_rate_hz)
        waveform, rate_hz, found = _read_signals(path.parent / f"{name}.hea", segment)
        parts.append(waveform)
        rates_hz.add(rate_hz)
        notes += found
    if len(rates_hz) != 1:
        reason = f"its segments have {len(rates_hz)} different sampling rates, expected one"
        raise ReadError(path, reason, code="mixed-rates")
    rate_hz = rates_hz.pop()
    per_frame = round(rate_hz / header.frame_rate_hz)
    n_missing = sum(part for part in parts if isinstance(part, int)) * per_frame
    if n_missing > MOST_GAP_SAMPLES:
        reason = f"{n_missing:,} samples lie in gaps, at most {MOST_GAP_SAMPLES:,} are filled; cut it there"
        raise ReadError(path, reason, code="too-long")
    joined = [
        np.full((len(LEADS), part * per_frame), np.nan, dtype=np.float32) if isinstance(part, int) else part
        for part in parts
    ]
    return np.concatenate(joined, axis=1), rate_hz, tuple(dict.fromkeys(notes))


def _check_segments(path: Path, header: Header) -> None:
    """Refuse a list of segments that contradicts the record, or that holds nothing but gaps."""
    n_listed = sum(n_frames for _, n_frames in header.segments)
    if header.n_frames not in (n_listed, None):
        reason = f"the header announces {header.n_frames or 0:,} samples a lead, its segments hold {n_listed:,}"
        raise ReadError(path, reason, code="corrupt")
    if not any(n_frames for name, n_frames in header.segments if name != _GAP):
        raise ReadError(path, "none of its segments holds samples", code="empty")


def _read_segment_header(path: Path, name: str, n_frames: int, *, frame_rate_hz: float) -> Header:
    file = path.parent / f"{name}.hea"
    try:
        is_there = file.is_file()
    except OSError:  # a name that is too long for any file
        is_there = False
    if not is_there:
        raise ReadError(path, f"its segment {name[:80]}.hea is not beside it", code="missing")
    segment = read_header(file)
    if segment.segments or segment.n_frames not in (n_frames, None):
        reason = (
            f"segment {name} should hold {n_frames:,} samples a lead, its own header says {segment.n_frames or 0:,}"
        )
        raise ReadError(path, reason, code="corrupt")
    if segment.frame_rate_hz != frame_rate_hz:
        reason = f"segment {name} has {segment.frame_rate_hz:g} frames a second, the record {frame_rate_hz:g}"
        raise ReadError(path, reason, code="mixed-rates")
    return replace(segment, n_frames=n_frames)


def _check_gains(path: Path, leads: Sequence[str], signals: Sequence[Signal], factors: Sequence[float]) -> None:
    """Refuse a gain so small that a sample might exceed float32; of any number of bits, 32 are the most."""
    for lead, signal, factor in zip(leads, signals, factors, strict=True):
        if (2.0**31 + abs(signal.baseline)) / float(np.finfo(np.float32).max) >= abs(signal.gain) * factor:
            reason = f"the gain of lead {lead} is {signal.gain:g}, so that a step is no voltage; correct the header"
            raise ReadError(path, reason, code="corrupt")
