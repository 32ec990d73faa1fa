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
    physical, notes = decode_signals(path, header, channels)
    for row, factor in zip(physical, factors, strict=True):
        if factor != 1.0:
            row /= factor
    with np.errstate(over="ignore"):
        waveform = physical.astype(np.float32)
    notes = (*notes, *_defaults(signals))
    if leads == INDEPENDENT_LEADS:
        waveform = derive_leads(waveform)
        notes = (*notes, "III, aVR, aVL and aVF derived from I and II")
    return waveform, header.frame_rate_hz * signals[0].per_frame, notes


def _read_segments(path: Path, header: Header) -> tuple[Waveform, float, tuple[str, ...]]:
    """Join a record of several segments, gaps as NaN; each segment must hold the leads."""
    parts: list[Waveform | int] = []
    rates_hz: set[float] = set()
    notes: list[str] = [f"joined from {len(header.segments)} segments"]
    for name, n_frames in header.segments:
        if n_frames == 0:  # describes the signals of the segments to come, holds none
            continue
        if name == "~":
            parts.append(n_frames)
            continue
        segment = _read_segment_header(path, name, n_frames)
        waveform, rate_hz, found = _read_signals(path.parent / f"{name}.hea", segment)
        parts.append(waveform)
        rates_hz.add(rate_hz)
        notes += found
    if len(rates_hz) != 1:
        reason = f"its segments have {len(rates_hz)} different sampling rates, expected one"
        raise ReadError(path, reason, code="mixed-rates")
    rate_hz = rates_hz.pop()
    per_frame = round(rate_hz / header.frame_rate_hz)
    joined = [
        np.full((len(LEADS), part * per_frame), np.nan, dtype=np.float32) if isinstance(part, int) else part
        for part in parts
    ]
    return np.concatenate(joined, axis=1), rate_hz, tuple(dict.fromkeys(notes))


def _read_segment_header(path: Path, name: str, n_frames: int) -> Header:
    file = path.parent / f"{name}.hea"
    if not file.is_file():
        raise ReadError(path, f"its segment {name}.hea is not beside it", code="missing")
    segment = read_header(file)
    if segment.segments or segment.n_frames not in (n_frames, None):
        reason = (
            f"segment {name} should hold {n_frames:,} samples a lead, its own header says {segment.n_frames or 0:,}"
        )
        raise ReadError(path, reason, code="corrupt")
    return replace(segment, n_frames=n_frames)
