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

SPIKE_S = 0.02
"""Longest pacing spike; the longest of PTB-XL's six paced records among the first 500 lasts 16 ms (ecg_id 498)."""

SPIKE_QUIET_S = 0.03
"""How long little happens before and after a spike."""

SPIKE_STANDS_OUT = 2.0
"""A peak is a spike if it is this many times larger than what the leads do before, after and from before to after it.

The R peaks of 554 recorded ECGs, at 100, 250, 360 and 500 Hz, come to 1.8 at most (docs/r-peaks.md).
"""

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
_MOST_SPIKES = 3  # of one beat: one in the atrium and two in the ventricles


def find_r_peaks(waveform: Waveform, *, sampling_rate_hz: float) -> NDArray[np.intp]:
    """Find the R peak of each QRS complex.

    The absolute slopes of all leads, each clipped at the height of its own typical QRS and weighted by how far its QRS
    stands out, are added to one envelope, so that no single disturbed lead decides. Peaks of the envelope that pass an
    adaptive threshold, a refractory time and a T-wave rule (after Pan & Tompkins 1985) are beats. The R peak is where
    the leads together are farthest from their level around the complex. A beat whose R peak would be a pacing spike is
    looked for anew with the spike cut out, and is none where nothing follows the spike.

    Args:
        waveform: Shape (n_leads, n_samples), mV; any number of leads, best all twelve. No filter is needed.
        sampling_rate_hz: Samples per second, at least 100.

    Returns:
        Samples of the R peaks, ascending, at least 0.24 s apart; empty where nothing stands out (asystole, flat leads).

    Raises:
        ValueError: Not a (n_leads, n_samples) array, or a rate below 100 Hz.
        EcgError: Samples that are not finite (code "nan").
    """
    from hemometric.waveform import beats_kernel as kernel

    _check(waveform, sampling_rate_hz)
    if waveform.shape[1] < round(_SEGMENT_S * sampling_rate_hz):
        return np.empty(0, dtype=np.intp)
    waveform = np.ascontiguousarray(waveform, dtype=np.float32)
    envelope, least = _envelope_and_threshold(waveform, sampling_rate_hz)
    if least <= 0:
        return np.empty(0, dtype=np.intp)
    rough = kernel.pick_peaks(envelope, least, REFRACTORY_S * sampling_rate_hz)
    rough = _drop_t_waves(rough, envelope, sampling_rate_hz)
    moved = _move_to_r_peaks(waveform, rough, sampling_rate_hz)
    peaks = np.unique(np.clip(moved, 0, waveform.shape[1] - 1))
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
    beat, _ = median_beat_and_interval(waveform, sampling_rate_hz=sampling_rate_hz)
    return beat


def median_beat_and_interval(waveform: Waveform, *, sampling_rate_hz: float) -> tuple[Waveform, float]:
    """Return the typical beat as `median_beat` does, and the median time between R peaks in seconds.

    Args:
        waveform: Shape (n_leads, n_samples), mV.
        sampling_rate_hz: Samples per second, at least 100.

    Raises:
        EcgError: As `median_beat`.
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
    return beat, float(np.median(np.diff(peaks))) / sampling_rate_hz


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
    from hemometric.waveform import beats_kernel as kernel

    before, after = beat_window(sampling_rate_hz)
    n_shift = round(LARGEST_SHIFT_S * sampling_rate_hz)
    inside = peaks[(peaks >= before) & (peaks + after <= waveform.shape[1])]
    waveform = np.ascontiguousarray(waveform, dtype=np.float32)
    beats = kernel.cut_beats(waveform, inside, before, after)
    if len(beats) < 3:
        return beats
    # Beats are matched by their complexes alone.
    reach = round(before * 0.4)
    complex_ = kernel.median_over_beats(beats, before - reach, before + reach + 1)
    complex_ -= complex_.mean(axis=-1, keepdims=True)
    shifts = kernel.best_shifts(waveform, inside, complex_, reach, n_shift)
    moved = np.clip(inside + shifts, before, waveform.shape[1] - after)
    return kernel.cut_beats(waveform, moved, before, after)


def typical_beat(beats: Waveform) -> tuple[Waveform, NDArray[np.bool_]]:
    """Return the median of the beats that resemble one another, and which they are.

    Args:
        beats: Shape (n_beats, n_leads, n_beat), mV, n_beats >= 1.

    Returns:
        The typical beat, shape (n_leads, n_beat), mV; and the beats it is made of, shape (n_beats,).
    """
    from hemometric.waveform import beats_kernel as kernel

    beats = np.ascontiguousarray(beats, dtype=np.float32)
    n_beat = beats.shape[2]
    median = kernel.median_over_beats(beats, 0, n_beat)
    alike = _select_alike(kernel.correlations(beats, median))
    return (median if alike.all() else kernel.median_over_beats(beats[alike], 0, n_beat)), alike


def _select_alike(correlation: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Mark the beats of the prevailing shape: correlation with the median of all, over all leads, of 0.85 or more.

    The better half is always kept, so that a record of two alternating shapes still has a typical beat.
    """
    enough = min(LEAST_CORRELATION, float(np.median(correlation)))
    alike: NDArray[np.bool_] = correlation >= enough
    return alike


def _check(waveform: Waveform, sampling_rate_hz: float) -> None:
    if waveform.ndim != 2 or 0 in waveform.shape:
        raise ValueError(f"expected shape (n_leads, n_samples), got {waveform.shape}")
    if not SLOWEST_RATE_HZ <= sampling_rate_hz < math.inf:
        raise ValueError(f"beats need a sampling rate of at least {SLOWEST_RATE_HZ:g} Hz, got {sampling_rate_hz}")
    if not np.isfinite(waveform).all():
        raise EcgError("the waveform has samples that are not finite; beats cannot be found", code="nan")


def _envelope_and_threshold(waveform: Waveform, sampling_rate_hz: float) -> tuple[NDArray[np.float32], float]:
    """Return how steep the leads are together, and how high this must be at a beat (0 where nothing stands out)."""
    from hemometric.waveform import beats_kernel as kernel

    segment = round(_SEGMENT_S * sampling_rate_hz)
    envelope = kernel.slope_envelope(waveform, max(1, round(_SLOPE_S * sampling_rate_hz)), segment)
    envelope = kernel.smooth(envelope, round(_SMOOTHING_S * sampling_rate_hz) | 1)
    return envelope, THRESHOLD * _typical_height(envelope, kernel.segment_maxima(envelope, segment))


def _typical_height(envelope: NDArray[np.float32], maxima: NDArray[np.float32]) -> float:
    """Return the envelope's height at a typical beat, 0 where it is not 1.5 times that of half the samples."""
    height = float(np.median(maxima))
    n_low = np.count_nonzero(envelope < height / 1.5)
    return height if 2 * n_low > len(envelope) else 0.0


def _move_to_r_peaks(waveform: Waveform, rough: NDArray[np.intp], sampling_rate_hz: float) -> NDArray[np.intp]:
    """Move each beat to its R peak. Those that come to lie on spikes are moved again in a waveform without these."""
    from hemometric.waveform import beats_kernel as kernel
    from hemometric.waveform import beats_spikes as spikes_kernel

    reach, width = round(_PEAK_SEARCH_S * sampling_rate_hz), round(_PEAK_SMOOTHING_S * sampling_rate_hz) | 1
    half, quiet = max(1, math.floor(0.5 * SPIKE_S * sampling_rate_hz)), round(SPIKE_QUIET_S * sampling_rate_hz)
    moved = rough
    for _ in range(_MOST_SPIKES + 1):
        if len(rough) == 0:
            return rough
        moved = kernel.move_to_r_peak(waveform, rough, reach, width)
        spikes = spikes_kernel.find_spikes(waveform, moved, half, quiet, SPIKE_STANDS_OUT)
        if spikes.max() < 0:
            break
        waveform = spikes_kernel.cut_out(waveform, spikes, half)
        rough = _look_behind(waveform, rough, spikes, sampling_rate_hz)
    return moved


def _look_behind(
    waveform: Waveform, rough: NDArray[np.intp], spikes: NDArray[np.intp], sampling_rate_hz: float
) -> NDArray[np.intp]:
    """Put each beat with a spike (-1 for none) to where the leads are steepest in the refractory time after the spike.

    A beat is dropped where they are nowhere steep enough there: the spike has had no effect, or the record ends.
    """
    envelope, least = _envelope_and_threshold(waveform, sampling_rate_hz)
    found: list[int] = []
    for beat, spike in zip(rough.tolist(), spikes.tolist(), strict=True):
        if spike < 0:
            found.append(beat)
            continue
        behind = envelope[spike : spike + round(REFRACTORY_S * sampling_rate_hz)]
        if behind.max() >= least > 0:
            found.append(spike + int(behind.argmax()))
    return np.array(found, dtype=np.intp)


def _drop_t_waves(peaks: NDArray[np.intp], envelope: NDArray[np.float32], sampling_rate_hz: float) -> NDArray[np.intp]:
    kept: list[int] = []
    for peak in peaks.tolist():
        soon = bool(kept) and peak - kept[-1] < T_WAVE_S * sampling_rate_hz
        if not (soon and envelope[peak] < T_WAVE_SHARE * envelope[kept[-1]]):
            kept.append(peak)
    return np.array(kept, dtype=np.intp)
