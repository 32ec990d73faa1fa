"""Read a 12-lead ECG from HL7 aECG (root element `AnnotatedECG`; HL7 V3 PORT_MT020001, FDA XML)."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hemometric.ecg import INDEPENDENT_LEADS, Ecg, derive_leads
from hemometric.errors import ReadError
from hemometric.formats.aecg_patient import find_patient
from hemometric.formats.aecg_series import Channel, Series, find_series
from hemometric.formats.leads import choose_channels
from hemometric.formats.xml_tree import open_tree
from hemometric.formats.xml_values import MOST_SAMPLES, check_rate

_OFF_THE_GRID = 0.01
"""Of a sample: where times of different leads fit to the samples no better, the leads cannot be laid side by side."""


def read_aecg(path: Path) -> Ecg:
    """Read the rhythm of the aECG file `path`, not its representative beat.

    Raises:
        ReadError: See `hemometric.formats.read_ecg`.
    """
    root = open_tree(path, "annotatedecg")
    series, notes = _choose_series(path, find_series(path, root))
    names, places = choose_channels(path, [channel.lead for channel in series.channels])
    channels = [series.channels[place] for place in places]
    rate_hz = _find_rate(path, names, channels)
    waveform = _lay_out(path, names, channels, rate_hz)
    if np.isnan(waveform).any():
        notes.append("leads begin or end at different times, NaN where one was not recorded")
    if names == INDEPENDENT_LEADS:
        waveform = derive_leads(waveform)
        notes.append("III, aVR, aVL and aVF derived from I and II")
    patient = find_patient(root, series.element)
    return Ecg(
        waveform=waveform,
        sampling_rate_hz=rate_hz,
        ecg_id=path.stem if path.suffix.casefold() == ".xml" else path.name,
        patient_id=patient.patient_id,
        age_years=patient.age_years,
        sex=patient.sex,
        acquired_at=patient.acquired_at,
        notes=(*notes, *patient.notes),
    )


def _choose_series(path: Path, found: Sequence[Series]) -> tuple[Series, list[str]]:
    """Choose what has the most leads, the longest of these; return it and what is to be noted."""
    if not found:
        reason = (
            "holds no rhythm series with leads, only what was derived from one or nothing; export it with its rhythm"
        )
        raise ReadError(path, reason, code="not-an-ecg")
    chosen = max(found, key=lambda series: (len(series.leads), series.n_samples))
    rivals = [series for series in found if series.leads == chosen.leads]
    if len(rivals) > 1:
        return chosen, [f"{len(rivals)} rhythms with the same leads, taken is the first of the longest"]
    return chosen, []


def _find_rate(path: Path, names: Sequence[str], channels: Sequence[Channel]) -> float:
    """Return the one rate of all leads, in Hz.

    Raises:
        ReadError: There is none ("no-rate"), or several ("mixed-rates").
    """
    rates_hz = [
        check_rate(path, channel.rate_hz, f"increment of time of lead {name} (head and increment, in s, ms or us)")
        for name, channel in zip(names, channels, strict=True)
    ]
    if len(set(rates_hz)) > 1:
        reason = f"its leads have {len(set(rates_hz))} different sampling rates, expected one"
        raise ReadError(path, reason, code="mixed-rates")
    return rates_hz[0]


def _lay_out(path: Path, names: Sequence[str], channels: Sequence[Channel], rate_hz: float) -> NDArray[np.float32]:
    """Lay leads beside each other by their times, shape (n_leads, n_samples), mV; NaN where one was not recorded."""
    offsets = [0] * len(channels)
    if len({channel.start_s for channel in channels}) > 1:
        offsets = [_find_offset(path, channel, channels, rate_hz) for channel in channels]
    n_samples = max(offset + channel.n_samples for offset, channel in zip(offsets, channels, strict=True))
    if n_samples > MOST_SAMPLES:
        reason = f"its leads lie {n_samples:,} samples apart, expected {MOST_SAMPLES:,} at most"
        raise ReadError(path, reason, code="too-long")
    waveform = np.full((len(channels), n_samples), np.nan, dtype=np.float32)
    for row, (name, offset, channel) in enumerate(zip(names, offsets, channels, strict=True)):
        waveform[row, offset : offset + channel.n_samples] = channel.read_millivolts(path, name)
    return waveform


def _find_offset(path: Path, channel: Channel, channels: Sequence[Channel], rate_hz: float) -> int:
    """Return the sample at which a lead starts, counted from that of the earliest."""
    starts_s = [other.start_s for other in channels if other.start_s is not None]
    if channel.start_s is None or len(starts_s) < len(channels):
        reason = "some of its leads say when they start and others do not, so that they cannot be laid side by side"
        raise ReadError(path, reason, code="corrupt")
    exact = (channel.start_s - min(starts_s)) * rate_hz
    if exact > MOST_SAMPLES:
        reason = f"its leads start {exact / rate_hz:,.0f} s apart, which is no one ECG"
        raise ReadError(path, reason, code="too-long")
    offset = round(exact)
    if abs(exact - offset) > _OFF_THE_GRID:
        reason = f"its leads start {exact:.2f} samples apart, expected a whole number"
        raise ReadError(path, reason, code="unsupported-format")
    return offset
