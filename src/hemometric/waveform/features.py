"""Numbers that a cardiologist would measure: rhythm, amplitudes, areas and times of the typical beat.

They are the input of the `features` baseline. Only the eight independent leads are measured: the others are their sums.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hemometric.ecg import INDEPENDENT_LEADS, INDEPENDENT_ROWS, LEADS, Waveform
from hemometric.waveform.beats import beat_window, cut_beats, find_r_peaks, typical_beat

_RHYTHM = ("heart_rate_per_min", "log_rr_sd_ms", "log_rr_rmssd_ms", "ectopic_share")
_TIMES = ("qrs_duration_ms", "t_peak_ms", "p_peak_ms", "qrs_t_angle_deg", "p_terminal_V1_mv")
_PER_LEAD = ("r_mv", "s_mv", "qrs_area_mv_ms", "st_mv", "t_mv", "t_area_mv_ms", "p_mv", "p_area_mv_ms")

FEATURES: tuple[str, ...] = (
    *_RHYTHM,
    *_TIMES,
    *(f"{name.replace('_mv', f'_{lead}_mv', 1)}" for name in _PER_LEAD for lead in INDEPENDENT_LEADS),
)
"""Names of what `describe` returns, in its order, each with its unit; "log" is the natural logarithm of the ms."""

QRS_SLOPE_SHARE = 0.08
"""The QRS complex begins and ends where the leads together are less steep than this share of their steepest."""

P_NOISE_RATIO = 5.0
"""How far a P wave must stand out of what is left of the beats' noise after taking their median."""

_LONGEST_QRS_BEFORE_S = 0.12
_LONGEST_QRS_AFTER_S = 0.16
_SLOPE_SMOOTHING_S = 0.012
_BASELINE_S = 0.02
_ST_AFTER_S = 0.06
_T_AFTER_QRS_S = 0.08
_T_END_SHARE_OF_RR = 0.65
_P_BEFORE_QRS_S = 0.02


@dataclass(frozen=True, slots=True)
class _Landmarks:
    """Samples within a beat: the QRS complex from `onset` up to `end`, the T window up to `t_end`."""

    onset: int
    end: int
    t_end: int


def describe(waveform: Waveform, *, sampling_rate_hz: float) -> NDArray[np.float64]:
    """Measure rhythm and the typical beat.

    Amplitudes are taken relative to the level in the 20 ms before the QRS complex. R and S are the highest and lowest
    value within the QRS complex; ST is the level 60 ms after its end; T and P are the values of all leads at the one
    time at which they are together farthest from that level, areas are over the whole window of the wave. Times are
    relative to the R peak.

    Args:
        waveform: Shape (12, n_samples), mV, leads in the order of `LEADS`.
        sampling_rate_hz: Samples per second, at least 100.

    Returns:
        Shape (n_features,), named by `FEATURES`. NaN where something cannot be measured: everything about the beat with
        fewer than two whole beats, RR variability with fewer than three R peaks, P where none stands out of the noise
        (atrial fibrillation), T at rates that leave no room for it.

    Raises:
        ValueError: Not twelve leads, or a rate below 100 Hz.
        EcgError: Samples that are not finite (code "nan").
    """
    if waveform.ndim != 2 or waveform.shape[0] != len(LEADS):
        raise ValueError(f"expected shape (12, n_samples), got {waveform.shape}")
    independent = waveform[list(INDEPENDENT_ROWS)]
    peaks = find_r_peaks(independent, sampling_rate_hz=sampling_rate_hz)
    beats = cut_beats(independent, peaks, sampling_rate_hz=sampling_rate_hz)
    values = np.full(len(FEATURES), np.nan)
    values[: len(_RHYTHM) - 1] = _measure_rhythm(peaks, sampling_rate_hz)
    if len(beats) < 2:
        return values
    beat, alike = typical_beat(beats)
    values[len(_RHYTHM) - 1] = 1.0 - alike.mean()
    rr_s = float(np.median(np.diff(peaks))) / sampling_rate_hz
    values[len(_RHYTHM) :] = _measure_beat(beat.astype(np.float64), beats[alike], rr_s, sampling_rate_hz)
    return values


def describe_batch(waveforms: Waveform, *, sampling_rate_hz: float) -> NDArray[np.float64]:
    """Measure many ECGs: shape (n, 12, n_samples) mV -> (n, n_features); see `describe`."""
    measured = [describe(waveform, sampling_rate_hz=sampling_rate_hz) for waveform in waveforms]
    return np.array(measured, dtype=np.float64).reshape(len(waveforms), len(FEATURES))


def _measure_rhythm(peaks: NDArray[np.intp], sampling_rate_hz: float) -> tuple[float, float, float]:
    """Return rate per minute, log SD and log RMSSD of the RR intervals in ms (at least 1 ms each)."""
    if len(peaks) < 2:
        return math.nan, math.nan, math.nan
    rr_ms = np.diff(peaks) / sampling_rate_hz * 1000.0
    rate = 60_000.0 / float(rr_ms.mean())
    if len(rr_ms) < 2:
        return rate, math.nan, math.nan
    rmssd = math.sqrt(float(np.mean(np.diff(rr_ms) ** 2)))
    return rate, math.log(max(float(rr_ms.std()), 1.0)), math.log(max(rmssd, 1.0))


def _measure_beat(
    beat: NDArray[np.float64], beats: Waveform, rr_s: float, sampling_rate_hz: float
) -> NDArray[np.float64]:
    """Return times and per-lead values of the typical `beat` of `beats` (n, 8, n_beat), in the order of `FEATURES`."""
    n_before, _ = beat_window(sampling_rate_hz)
    ms = 1000.0 / sampling_rate_hz
    marks = _find_landmarks(beat, rr_s, sampling_rate_hz)
    n_level = max(1, round(_BASELINE_S * sampling_rate_hz))
    beat = beat - beat[:, max(marks.onset - n_level, 0) : marks.onset].mean(axis=1, keepdims=True)
    qrs = beat[:, marks.onset : marks.end]
    st = beat[:, min(marks.end + round(_ST_AFTER_S * sampling_rate_hz), beat.shape[1] - 1)]
    t_peak, t_values, t_area = _measure_wave(beat, marks.end + round(_T_AFTER_QRS_S * sampling_rate_hz), marks.t_end)
    p_end = marks.onset - round(_P_BEFORE_QRS_S * sampling_rate_hz)
    p_peak, p_values, p_area = _measure_p(beats, beat, p_end)
    times = (
        (marks.end - marks.onset) * ms,
        (t_peak - n_before) * ms,
        (p_peak - n_before) * ms,
        _angle_deg(qrs.sum(axis=1), t_area),
        _terminal_of_p(beat, p_peak, p_end),
    )
    lead_values = (
        qrs.max(axis=1),
        qrs.min(axis=1),
        qrs.sum(axis=1) * ms,
        st,
        t_values,
        t_area * ms,
        p_values,
        p_area * ms,
    )
    return np.concatenate([np.array(times), *lead_values])


def _find_landmarks(beat: NDArray[np.float64], rr_s: float, sampling_rate_hz: float) -> _Landmarks:
    """Find where the QRS complex begins and ends, by the slopes of all leads, and where the T wave must be over."""
    n_before, n_after = beat_window(sampling_rate_hz)
    slope = np.sqrt(np.mean(np.diff(beat, axis=1) ** 2, axis=0))
    width = round(_SLOPE_SMOOTHING_S * sampling_rate_hz) | 1
    slope = np.convolve(slope, np.full(width, 1.0 / width), mode="same")
    first = max(n_before - round(_LONGEST_QRS_BEFORE_S * sampling_rate_hz), 1)
    last = min(n_before + round(_LONGEST_QRS_AFTER_S * sampling_rate_hz), len(slope))
    steep = np.flatnonzero(slope[first:last] > QRS_SLOPE_SHARE * slope[first:last].max())
    # The complex is the run of steep samples around the R peak; pauses of up to 20 ms (the top of R) belong to it.
    pause = max(1, round(0.02 * sampling_rate_hz))
    breaks = np.flatnonzero(np.diff(steep) > pause)
    centre = int(np.searchsorted(steep, n_before - first))
    begin = breaks[breaks < centre].max(initial=-1) + 1
    stop = breaks[breaks >= centre].min(initial=len(steep) - 1)
    t_end = n_before + min(n_after, round(_T_END_SHARE_OF_RR * rr_s * sampling_rate_hz))
    return _Landmarks(onset=first + int(steep[begin]), end=first + int(steep[stop]) + 2, t_end=t_end)


def _measure_wave(
    beat: NDArray[np.float64], start: int, end: int
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Return where the leads are together farthest from zero, their values there, and their sums over the window."""
    n_leads = len(beat)
    if end - start < 3:
        return math.nan, np.full(n_leads, np.nan), np.full(n_leads, np.nan)
    window = beat[:, start:end]
    peak = int(np.einsum("lt,lt->t", window, window).argmax())
    around = window[:, max(peak - 1, 0) : peak + 2]
    return float(start + peak), around.mean(axis=1), window.sum(axis=1)


def _measure_p(
    beats: Waveform, beat: NDArray[np.float64], end: int
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Measure the P wave if it stands out of the noise of the beats and has its peak inside the window."""
    peak, values, area = _measure_wave(beat, 0, end)
    nothing = math.nan, np.full(len(beat), np.nan), np.full(len(beat), np.nan)
    if math.isnan(peak) or not 2 <= peak <= end - 3:
        return nothing
    # 1.25 / sqrt(n) is the standard error of a median in units of the standard deviation.
    before_qrs = beats[:, :, :end]
    deviation = (before_qrs - before_qrs.mean(axis=2, keepdims=True)).std(axis=0).mean(axis=1)
    noise = 1.25 * deviation / math.sqrt(len(beats))
    stands_out = math.sqrt(float(values @ values)) / max(math.sqrt(float(noise @ noise)), 1e-9)
    return (peak, values, area) if stands_out >= P_NOISE_RATIO else nothing


def _terminal_of_p(beat: NDArray[np.float64], p_peak: float, p_end: int) -> float:
    """Return the lowest value of V1 between the peak and the end of P (left atrial load makes it deep)."""
    if math.isnan(p_peak):
        return math.nan
    return float(beat[INDEPENDENT_LEADS.index("V1"), int(p_peak) : p_end].min())


def _angle_deg(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return the angle between two vectors of lead values, 0 to 180 degrees."""
    length = math.sqrt(float(one @ one) * float(other @ other))
    if not length > 0:
        return math.nan
    return math.degrees(math.acos(max(-1.0, min(1.0, float(one @ other) / length))))
