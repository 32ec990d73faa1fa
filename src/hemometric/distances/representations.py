"""What a distance looks at: whole strips, the typical beat, or measured features. Computed once for each ECG."""

import json
from functools import lru_cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from hemometric.distances.dtw import obeys_einthoven
from hemometric.ecg import INDEPENDENT_ROWS, derive_leads
from hemometric.errors import EcgError
from hemometric.waveform import FEATURES, bandpass, describe_batch, find_r_peaks, resample
from hemometric.waveform.beats import BEAT_AFTER_S, BEAT_BEFORE_S, beat_window, median_beat_and_interval

FloatArray = NDArray[np.float32]

BEAT_RATE_HZ = 200.0
"""Rate of the typical beats that are compared: 140 samples from 250 ms before R to 450 ms after it."""

STRIP_RATE_HZ = 50.0
"""Rate at which whole strips are warped: distances rank as at the full rate (Spearman .99), at 1 % of the cost."""

STRIP_BAND_HZ = (0.5, 40.0)
"""Strips are filtered to this before they are compared, and ECGs before they are measured."""

LARGEST_DEVIATION = 6.0
"""A feature counts as no farther from the median than this many robust SDs, so that no artefact decides alone."""

NEXT_QRS_S = 0.12
"""A QRS complex begins no earlier than this before its R peak (a wide one takes as long to rise)."""

_SHORTEST_AFTER_R_S = 0.2
_ALIGNED_BEFORE_S = 0.25
_LATEST_R_S = 2.5


def to_beats(waveforms: FloatArray, sampling_rate_hz: float) -> FloatArray:
    """Take the typical beat of each ECG (`hemometric.waveform.median_beat`).

    The median of III is not the difference of the medians of II and I. Where an ECG obeys Einthoven's law its typical
    beat shall too: III, aVR, aVL and aVF are then those that follow from its I and II.

    Args:
        waveforms: Shape (n, n_leads, n_samples), mV.
        sampling_rate_hz: At least 100.

    Returns:
        Shape (n, n_leads, 140), mV, at `BEAT_RATE_HZ`, R at the same sample in all.

    Raises:
        ValueError: An ECG has no typical beat, or the rate is below 100 Hz.
    """
    beats, _ = to_beats_and_intervals(waveforms, sampling_rate_hz)
    return beats


def to_beats_and_intervals(waveforms: FloatArray, sampling_rate_hz: float) -> tuple[FloatArray, NDArray[np.float64]]:
    """Typical beats as `to_beats` gives them, and the median time between R peaks of each ECG, (n,) seconds.

    Args:
        waveforms: Shape (n, n_leads, n_samples), mV.
        sampling_rate_hz: At least 100.

    Raises:
        ValueError: As `to_beats`.
    """
    to_rate = _interpolation(sampling_rate_hz)
    n_before, _ = beat_window(sampling_rate_hz)
    out = np.empty((len(waveforms), waveforms.shape[1], to_rate.shape[1]), dtype=np.float32)
    intervals_s = np.empty(len(waveforms))
    for row, waveform in enumerate(waveforms):
        try:
            beat, intervals_s[row] = median_beat_and_interval(waveform, sampling_rate_hz=sampling_rate_hz)
        except EcgError as error:
            raise ValueError(f"ECG {row} has no typical beat to compare: {error}") from error
        if obeys_einthoven(waveform[None]):
            beat = derive_leads(beat[list(INDEPENDENT_ROWS)])
        kept_s = max(intervals_s[row] - NEXT_QRS_S, _SHORTEST_AFTER_R_S)
        end = n_before + round(kept_s * sampling_rate_hz)
        beat[:, end:] = beat[:, end - 1 : end]
        out[row] = beat @ to_rate
    return out, intervals_s


@lru_cache(maxsize=8)
def _interpolation(sampling_rate_hz: float) -> NDArray[np.float32]:
    """Linear interpolation from a beat at its rate to one at `BEAT_RATE_HZ`, as a matrix (n_have, n_want)."""
    n_before, n_after = beat_window(sampling_rate_hz)
    have_s = np.arange(-n_before, n_after) / sampling_rate_hz
    want_s = np.arange(-round(BEAT_BEFORE_S * BEAT_RATE_HZ), round(BEAT_AFTER_S * BEAT_RATE_HZ)) / BEAT_RATE_HZ
    columns = [np.interp(want_s, have_s, unit) for unit in np.eye(len(have_s))]
    return np.array(columns, dtype=np.float32)


def to_strips(waveforms: FloatArray, sampling_rate_hz: float, *, to_hz: float = STRIP_RATE_HZ) -> FloatArray:
    """Filter whole strips to `STRIP_BAND_HZ` and take them at a rate that is enough to warp them.

    Args:
        waveforms: Shape (n, n_leads, n_samples), mV.
        sampling_rate_hz: Theirs; a lower one than `to_hz` is left as it is.
        to_hz: The rate wanted.

    Returns:
        Shape (n, n_leads, n_samples at `to_hz`), mV.
    """
    filtered = _filter(waveforms, sampling_rate_hz)
    return resample(filtered, from_hz=sampling_rate_hz, to_hz=min(to_hz, sampling_rate_hz))


def _filter(waveforms: FloatArray, sampling_rate_hz: float) -> FloatArray:
    low_hz, high_hz = STRIP_BAND_HZ[0], min(STRIP_BAND_HZ[1], 0.45 * sampling_rate_hz)
    return bandpass(waveforms, sampling_rate_hz=sampling_rate_hz, low_hz=low_hz, high_hz=high_hz)


def to_features(waveforms: FloatArray, sampling_rate_hz: float) -> FloatArray:
    """Measure each ECG (`hemometric.waveform.describe`), each feature in robust SDs from its median in recorded ECGs.

    They are measured after filtering to `STRIP_BAND_HZ`: in unfiltered ECGs noise alone can set two copies of one as
    far apart as strangers. Medians and SDs (interquartile range / 1.349) are those of PTB-XL's records 1 to 500
    (Wagner et al. 2020, CC BY 4.0; `python -m validation.fit_feature_scale`), so the distance of two ECGs does not
    depend on a third. What cannot be measured (P in atrial fibrillation) counts as the median.

    Args:
        waveforms: Shape (n, 12, n_samples), mV, leads in the order of `hemometric.ecg.LEADS`.
        sampling_rate_hz: At least 100.

    Returns:
        Shape (n, 1, n_features), at most `LARGEST_DEVIATION` in size.

    Raises:
        ValueError: Not twelve leads, a rate below 100 Hz, or an ECG of which nothing can be measured.
    """
    if waveforms.shape[1:2] != (12,):
        raise ValueError(f"features are measured in twelve leads, got {waveforms.shape[1]}")
    centre, spread = _load_scale()
    filtered = _filter(waveforms, sampling_rate_hz)
    measured = describe_batch(filtered, sampling_rate_hz=sampling_rate_hz)
    silent = np.flatnonzero(np.isnan(measured).all(axis=1))
    if len(silent):
        raise ValueError(f"ECG {silent[0]} has no typical beat to measure")
    standardised = (measured - centre) / spread
    limited = np.clip(np.nan_to_num(standardised, nan=0.0), -LARGEST_DEVIATION, LARGEST_DEVIATION)
    return limited[:, None, :].astype(np.float32)


def align_to_r(waveforms: FloatArray, sampling_rate_hz: float) -> FloatArray:
    """Let each strip begin 250 ms before an R peak, all with the same number of samples.

    Args:
        waveforms: Shape (n, n_leads, n_samples), mV.
        sampling_rate_hz: At least 100.

    Returns:
        Shape (n, n_leads, n_samples - 2.5 s), mV.

    Raises:
        ValueError: An ECG has no R peak in its first 2.5 s, lasts no longer than that, or the rate is below 100 Hz.
    """
    before, latest = round(_ALIGNED_BEFORE_S * sampling_rate_hz), round(_LATEST_R_S * sampling_rate_hz)
    n_left = waveforms.shape[2] - latest
    if n_left < 1:
        raise ValueError(f"to align strips to R they must last longer than {_LATEST_R_S:g} s")
    out = np.empty((*waveforms.shape[:2], n_left), dtype=np.float32)
    for row, waveform in enumerate(waveforms):
        peaks = find_r_peaks(waveform, sampling_rate_hz=sampling_rate_hz)
        usable = peaks[(peaks >= before) & (peaks - before <= latest)]
        if not len(usable):
            raise ValueError(f"ECG {row} has no R peak between {_ALIGNED_BEFORE_S:g} and {_LATEST_R_S:g} s to align to")
        out[row] = waveform[:, usable[0] - before : usable[0] - before + n_left]
    return out


@lru_cache(maxsize=1)
def _load_scale() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    text = files("hemometric.distances").joinpath("feature_scale.json").read_text(encoding="utf-8")
    table = json.loads(text)["features"]
    scale = np.array([table[name] for name in FEATURES], dtype=np.float64)
    return scale[:, 0], scale[:, 1]
