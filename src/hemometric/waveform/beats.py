"""Where the beats are, and what a typical one looks like, from all leads together."""

import math

import numpy as np
from numpy.typing import NDArray

from hemometric.ecg import Waveform
from hemometric.errors import EcgError

SLOWEST_RATE_HZ = 100.0
"""Sampling rate below which the slopes of the QRS complex are not resolved."""

REFRACTORY_S = 0.24
"""Two R peaks are never nearer than this (250 beats per minute)."""

THRESHOLD = 0.30
"""Least height of the slope envelope at a beat, as a share of the height of a typical beat."""

T_WAVE_S = 0.40
"""A peak of the envelope this soon after a much steeper one is that beat's T wave (Pan & Tompkins 1985: 0.36 s)."""

T_WAVE_SHARE = 0.45
"""What "much steeper" means: the later peak has less than this share of the height of the earlier one."""

BEAT_BEFORE_S = 0.25
"""How much of a beat stands before its R peak: the whole P wave at PR intervals up to 0.2 s."""

BEAT_AFTER_S = 0.45
"""How much of a beat stands after its R peak: the T wave at rest."""

LARGEST_SHIFT_S = 0.04
"""Most that a beat is moved to match the others."""

LEAST_CORRELATION = 0.85
"""Beats that resemble the typical one less, over all leads, are ectopic, fused or disturbed and are left out."""

_SLOPE_S = 0.024
_SMOOTHING_S = 0.08
_SEGMENT_S = 1.5
_PEAK_SEARCH_S = 0.07
_PEAK_SMOOTHING_S = 0.02


def find_r_peaks(waveform: Waveform, *, sampling_rate_hz: float) -> NDArray[np.intp]:
    """Find the R peak of each QRS complex.

    The absolute slopes of all leads, each clipped at the height of its own typical QRS and weighted by how far its QRS
    stands out, are added to one envelope, so that no single disturbed lead decides. Peaks of the envelope that pass an
    adaptive threshold, a refractory time and a T-wave rule (after Pan & Tompkins 1985) are beats. The R peak is where
    the leads together are farthest from their level around the complex.

    Args:
        waveform: Shape (n_leads, n_samples), mV; any number of leads, best all twelve. No filter is needed.
        sampling_rate_hz: Samples per second, at least 100.

    Returns:
        Samples of the R peaks, ascending, at least 0.24 s apart; empty where nothing stands out (asystole, flat leads).

    Raises:
        ValueError: Not a (n_leads, n_samples) array, or a rate below 100 Hz.
        EcgError: Samples that are not finite (code "nan").
    """
    _check(waveform, sampling_rate_hz)
    if waveform.shape[1] < round(_SEGMENT_S * sampling_rate_hz):
        return np.empty(0, dtype=np.intp)
    envelope = _slope_envelope(waveform, sampling_rate_hz)
    level = _typical_height(envelope, sampling_rate_hz)
    if level <= 0:
        return np.empty(0, dtype=np.intp)
    rough = _pick_peaks(envelope, THRESHOLD * level, sampling_rate_hz)
    rough = _drop_t_waves(rough, envelope, sampling_rate_hz)
    peaks = _move_to_r_peak(waveform, rough, sampling_rate_hz)
    too_close = np.flatnonzero(np.diff(peaks) < REFRACTORY_S * sampling_rate_hz) + 1
    return np.delete(peaks, too_close)


def median_beat(waveform: Waveform, *, sampling_rate_hz: float) -> Waveform:
    """Return the typical beat of each lead: the median over aligned beats of the prevailing shape.

    Beats that do not lie wholly within the record are left out. The others are shifted by up to 40 ms to where they
    match their median best; those that still correlate with it by less than 0.85 over all leads (ectopic, disturbed)
    are left out as well, and the median is taken anew.

    Args:
        waveform: Shape (n_leads, n_samples), mV.
        sampling_rate_hz: Samples per second, at least 100.

    Returns:
        Shape (n_leads, n_beat), float32 mV, from 250 ms before the R peak to 450 ms after it:
        round(0.25 rate) + round(0.45 rate) samples (halves up), the R peak at sample round(0.25 rate). Each lead has
        its mean at 0 mV, as near as the median of centred beats is.

    Raises:
        EcgError: Fewer than two whole beats (code "no-beats"), or samples that are not finite (code "nan").
        ValueError: As `find_r_peaks`.
    """
    peaks = find_r_peaks(waveform, sampling_rate_hz=sampling_rate_hz)
    beats = cut_beats(waveform, peaks, sampling_rate_hz=sampling_rate_hz)
    if len(beats) < 2:
        raise EcgError(
            f"{len(beats)} whole beats found in {waveform.shape[1] / sampling_rate_hz:.1f} s, a typical beat needs two",
            code="no-beats",
        )
    beat, _ = typical_beat(beats)
    return beat


def beat_window(sampling_rate_hz: float) -> tuple[int, int]:
    """Return how many samples of a beat lie before its R peak, and how many from it on."""
    return math.floor(BEAT_BEFORE_S * sampling_rate_hz + 0.5), math.floor(BEAT_AFTER_S * sampling_rate_hz + 0.5)


def cut_beats(waveform: Waveform, peaks: NDArray[np.intp], *, sampling_rate_hz: float) -> Waveform:
    """Cut the beats that lie wholly in the record, each lead's mean at zero, aligned to one another.

    Args:
        waveform: Shape (n_leads, n_samples), mV.
        peaks: Samples of the R peaks.
        sampling_rate_hz: Samples per second.

    Returns:
        Shape (n_beats, n_leads, n_beat), mV.
    """
    before, after = beat_window(sampling_rate_hz)
    n_shift = round(LARGEST_SHIFT_S * sampling_rate_hz)
    inside = peaks[(peaks >= before) & (peaks + after <= waveform.shape[1])]
    beats = _cut(waveform, inside, before, after)
    if len(beats) < 3:
        return beats
    template = _median_over_beats(beats)
    shifts = _best_shifts(waveform, inside, template, before=before, n_shift=n_shift)
    moved = np.clip(inside + shifts, before, waveform.shape[1] - after)
    return _cut(waveform, moved, before, after)


def typical_beat(beats: Waveform) -> tuple[Waveform, NDArray[np.bool_]]:
    """Return the median of the beats that resemble one another, and which they are.

    Args:
        beats: Shape (n_beats, n_leads, n_beat), mV, n_beats >= 1.

    Returns:
        The typical beat, shape (n_leads, n_beat), mV; and the beats it is made of, shape (n_beats,).
    """
    median = _median_over_beats(beats)
    alike = _select_alike(beats, median)
    return (median if alike.all() else _median_over_beats(beats[alike])), alike


def _select_alike(beats: Waveform, median: Waveform) -> NDArray[np.bool_]:
    """Mark the beats of the prevailing shape: correlation with the median of all, over all leads, of 0.85 or more.

    The better half is always kept, so that a record of two alternating shapes still has a typical beat.
    """
    flat, typical = beats.reshape(len(beats), -1), median.reshape(-1)
    norms = np.sqrt(np.einsum("ij,ij->i", flat, flat) * (typical @ typical))
    correlation = (flat @ typical) / np.maximum(norms, 1e-12)
    enough = min(LEAST_CORRELATION, float(np.median(correlation)))
    alike: NDArray[np.bool_] = correlation >= enough
    return alike


def _check(waveform: Waveform, sampling_rate_hz: float) -> None:
    if waveform.ndim != 2 or 0 in waveform.shape:
        raise ValueError(f"expected shape (n_leads, n_samples), got {waveform.shape}")
    if not SLOWEST_RATE_HZ <= sampling_rate_hz < math.inf:
        raise ValueError(f"beats need a sampling rate of at least {SLOWEST_RATE_HZ:g} Hz, got {sampling_rate_hz}")
    if not np.isfinite(waveform.sum(dtype=np.float64)):
        raise EcgError("the waveform has samples that are not finite; beats cannot be found", code="nan")


def _smooth(values: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """Return the centred moving average over an odd number of samples, ends held; the last axis is time."""
    half = width // 2
    padded = np.pad(values, [(0, 0)] * (values.ndim - 1) + [(half + 1, half)], mode="edge")
    total = np.cumsum(padded, axis=-1, dtype=np.float64)
    smoothed: NDArray[np.float32] = (
        (total[..., 2 * half + 1 :] - total[..., : -2 * half - 1]) / (2 * half + 1)
    ).astype(np.float32)
    return smoothed


def _segment_maxima(values: NDArray[np.float32], sampling_rate_hz: float) -> NDArray[np.float32]:
    """Return the maxima over consecutive stretches of 1.5 s; the last axis is time."""
    segment = round(_SEGMENT_S * sampling_rate_hz)
    n_segments = values.shape[-1] // segment
    maxima: NDArray[np.float32] = (
        values[..., : n_segments * segment].reshape(*values.shape[:-1], n_segments, segment).max(axis=-1)
    )
    return maxima


def _slope_envelope(waveform: Waveform, sampling_rate_hz: float) -> NDArray[np.float32]:
    """Return how steep the leads are together, shape (n_samples,); about 1 at a typical QRS complex."""
    reach = max(1, round(_SLOPE_S * sampling_rate_hz))
    slopes = np.zeros(waveform.shape, dtype=np.float32)
    half = reach // 2
    np.subtract(waveform[:, reach:], waveform[:, :-reach], out=slopes[:, half : half - reach or None])
    np.abs(slopes, out=slopes)
    typical = np.median(_segment_maxima(slopes, sampling_rate_hz), axis=1)
    usable = typical > 1e-4
    slopes, typical = slopes[usable], typical[usable]
    if len(slopes) == 0:
        return np.zeros(waveform.shape[1], dtype=np.float32)
    np.minimum(slopes, 1.5 * typical[:, None], out=slopes)
    stands_out = typical / np.maximum(slopes.mean(axis=1), 1e-9)
    weights = np.clip(stands_out - 2.0, 0.1, 4.0)
    weights = weights / (weights.sum() * typical)
    together = (weights.astype(np.float32) @ slopes).astype(np.float32)
    return _smooth(together, round(_SMOOTHING_S * sampling_rate_hz) | 1)


def _typical_height(envelope: NDArray[np.float32], sampling_rate_hz: float) -> float:
    """Return the envelope's height at a typical beat above its floor, 0 where nothing stands out."""
    height = float(np.median(_segment_maxima(envelope, sampling_rate_hz)))
    floor = float(np.median(envelope))
    return height if height > 1.5 * floor else 0.0


def _pick_peaks(envelope: NDArray[np.float32], threshold: float, sampling_rate_hz: float) -> NDArray[np.intp]:
    """Return local maxima above the threshold, the higher of two within the refractory time."""
    inner = envelope[1:-1]
    candidates = np.flatnonzero((inner >= envelope[:-2]) & (inner > envelope[2:]) & (inner > threshold)) + 1
    refractory = REFRACTORY_S * sampling_rate_hz
    chosen: list[int] = []
    for candidate in candidates.tolist():
        if chosen and candidate - chosen[-1] < refractory:
            if envelope[candidate] > envelope[chosen[-1]]:
                chosen[-1] = candidate
        else:
            chosen.append(candidate)
    return np.array(chosen, dtype=np.intp)


def _drop_t_waves(peaks: NDArray[np.intp], envelope: NDArray[np.float32], sampling_rate_hz: float) -> NDArray[np.intp]:
    kept: list[int] = []
    for peak in peaks.tolist():
        soon = bool(kept) and peak - kept[-1] < T_WAVE_S * sampling_rate_hz
        if not (soon and envelope[peak] < T_WAVE_SHARE * envelope[kept[-1]]):
            kept.append(peak)
    return np.array(kept, dtype=np.intp)


def _move_to_r_peak(waveform: Waveform, rough: NDArray[np.intp], sampling_rate_hz: float) -> NDArray[np.intp]:
    """Move each beat to where the leads together point farthest in the direction of the typical R peak.

    The typical R peak is the farthest point of the median complex from its level on both sides. A beat that hardly
    points there (a ventricular ectopic) is moved to its own farthest point instead.
    """
    if len(rough) == 0:
        return rough
    reach = round(_PEAK_SEARCH_S * sampling_rate_hz)
    smooth = round(_PEAK_SMOOTHING_S * sampling_rate_hz) | 1
    offsets = np.arange(-reach - smooth, reach + smooth + 1)
    around = waveform[:, np.clip(rough[:, None] + offsets, 0, waveform.shape[1] - 1)]
    level = 0.5 * (around[..., :smooth].mean(axis=-1) + around[..., -smooth:].mean(axis=-1))
    smoothed = _smooth(around - level[..., None], smooth)[..., smooth:-smooth]
    sizes = np.median(np.abs(smoothed).max(axis=-1), axis=1)
    # No lead may outvote the others by artefacts, neither beyond its own typical size nor by a size that no heart has.
    limit = np.minimum(1.5 * sizes, 3.0 * np.median(sizes))[:, None, None]
    smoothed = np.clip(smoothed, -limit, limit)
    typical = np.median(smoothed, axis=1)
    direction = typical[:, np.einsum("lt,lt->t", typical, typical).argmax()]
    along = np.einsum("lbt,l->bt", smoothed, direction)
    length = np.einsum("lbt,lbt->bt", smoothed, smoothed)
    points_there = along.max(axis=1) >= 0.3 * float(direction @ direction)
    moved = rough + np.where(points_there, along.argmax(axis=1), length.argmax(axis=1)) - reach
    return np.unique(np.clip(moved, 0, waveform.shape[1] - 1))


def _cut(waveform: Waveform, peaks: NDArray[np.intp], before: int, after: int) -> Waveform:
    """Return (n_beats, n_leads, before + after), each lead's mean at zero."""
    beats = waveform[:, peaks[:, None] + np.arange(-before, after)].transpose(1, 0, 2)
    centred: Waveform = beats - beats.mean(axis=2, keepdims=True)
    return centred


def _median_over_beats(beats: Waveform) -> Waveform:
    """Return the median over the first axis; sorting short contiguous rows is 5 times as fast as np.median."""
    n_beats = len(beats)
    ordered = np.sort(np.ascontiguousarray(beats.reshape(n_beats, -1).T), axis=1)
    middle = 0.5 * (ordered[:, (n_beats - 1) // 2] + ordered[:, n_beats // 2])
    return middle.reshape(beats.shape[1:]).astype(np.float32)


def _best_shifts(
    waveform: Waveform, peaks: NDArray[np.intp], template: Waveform, *, before: int, n_shift: int
) -> NDArray[np.intp]:
    """Return by how many samples each beat's complex must move to match the template's best, by inner product."""
    reach = round(before * 0.4)
    offsets = np.arange(-reach - n_shift, reach + n_shift + 1)
    around = waveform[:, np.clip(peaks[:, None] + offsets, 0, waveform.shape[1] - 1)]
    around = around - around.mean(axis=-1, keepdims=True)
    complex_ = template[:, before - reach : before + reach + 1]
    complex_ = complex_ - complex_.mean(axis=-1, keepdims=True)
    windows = np.lib.stride_tricks.sliding_window_view(around, 2 * reach + 1, axis=-1)
    n_beats, n_shifts = windows.shape[1:3]
    match = np.ascontiguousarray(windows.transpose(1, 2, 0, 3)).reshape(n_beats * n_shifts, -1) @ complex_.reshape(-1)
    shifts: NDArray[np.intp] = match.reshape(n_beats, n_shifts).argmax(axis=1) - n_shift
    return shifts
