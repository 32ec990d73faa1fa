"""The compiled part of beat detection: slope envelope, R peaks, aligned beats and medians over beats.

The public functions, with what is done and why, are in `beats.py`; nothing else calls this module. Arrays are
C-contiguous and finite. Sums and maxima are left to be reordered into vector instructions: their last bits may differ
between machines, as those of a matrix product do, but not from run to run.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Samples = NDArray[np.intp]

_REORDERED = {"reassoc", "nnan", "nsz"}

_LEAST_SLOPE_MV = np.float32(1e-4)
_HALF = np.float32(0.5)
_ONE_AND_A_HALF = np.float32(1.5)


@njit(cache=True, error_model="numpy")
def slope_envelope(waveform: Floats, reach: int, segment: int) -> Floats:
    """How steep the leads (n_leads, n) are together, shape (n,), before smoothing.

    Args:
        waveform: mV.
        reach: Samples over which a slope is taken.
        segment: Samples in which a lead's steepest slope is looked for; the median over segments is its typical one.
    """
    n_leads, n = waveform.shape
    half = reach // 2
    slopes = np.zeros((n_leads, n), dtype=np.float32)
    weights = np.zeros(n_leads, dtype=np.float32)
    typical = np.empty(n_leads, dtype=np.float32)
    for lead in range(n_leads):
        row = slopes[lead]
        _absolute_slopes(waveform[lead], reach, row[half:])
        maxima = np.empty(n // segment, dtype=np.float32)
        for k in range(len(maxima)):
            maxima[k] = _largest(row[k * segment : (k + 1) * segment])
        typical[lead] = _median(maxima)
        if typical[lead] > _LEAST_SLOPE_MV:
            mean = _limit_and_average(row, _ONE_AND_A_HALF * typical[lead])
            stands_out = typical[lead] / max(mean, np.float32(1e-9))
            weights[lead] = min(max(stands_out - np.float32(2.0), np.float32(0.1)), np.float32(4.0))
    together = np.zeros(n, dtype=np.float32)
    total = np.sum(weights)
    for lead in range(n_leads):
        if weights[lead] > 0:
            _add_scaled(slopes[lead], weights[lead] / (total * typical[lead]), together)
    return together


@njit(cache=True, error_model="numpy")
def smooth(values: Floats, width: int) -> Floats:
    """Centred moving average over an odd number of samples, ends held; shape (n,)."""
    n, half = len(values), width // 2
    smoothed = np.empty(n, dtype=np.float32)
    total = (half + 1) * np.float64(values[0])
    for k in range(half):
        total += values[min(k, n - 1)]
    for k in range(n):
        total += values[min(k + half, n - 1)] - np.float64(values[max(k - half - 1, 0)])
        smoothed[k] = total / (2 * half + 1)
    return smoothed


@njit(cache=True, error_model="numpy")
def segment_maxima(values: Floats, segment: int) -> Floats:
    """Maxima over consecutive whole stretches of `segment` samples."""
    maxima = np.empty(len(values) // segment, dtype=np.float32)
    for k in range(len(maxima)):
        maxima[k] = _largest(values[k * segment : (k + 1) * segment])
    return maxima


@njit(cache=True, error_model="numpy")
def pick_peaks(envelope: Floats, threshold: float, refractory: float) -> Samples:
    """Local maxima above the threshold, the higher of two within the refractory time (in samples)."""
    chosen = np.empty(len(envelope), dtype=np.intp)
    n = 0
    for k in range(1, len(envelope) - 1):
        here = envelope[k]
        if not (here > threshold and here >= envelope[k - 1] and here > envelope[k + 1]):
            continue
        if n > 0 and k - chosen[n - 1] < refractory:
            if here > envelope[chosen[n - 1]]:
                chosen[n - 1] = k
        else:
            chosen[n] = k
            n += 1
    return chosen[:n].copy()


@njit(cache=True, error_model="numpy")
def move_to_r_peak(waveform: Floats, rough: Samples, reach: int, width: int) -> Samples:
    """Move each beat to where the leads together point farthest in the direction of the typical R peak.

    The typical R peak is the farthest point of the median complex from its level on both sides. A beat that hardly
    points there (a ventricular ectopic) is moved to its own farthest point instead. No lead may outvote the others by
    artefacts: each is limited to 1.5 times its own typical size, and to three times the leads' median size.

    Args:
        waveform: Shape (n_leads, n), mV.
        rough: At least one beat.
        reach: Samples that a beat may be moved.
        width: Odd number of samples over which leads are smoothed.
    """
    n_beats, n_leads, n_offsets = len(rough), waveform.shape[0], 2 * reach + 1
    around = _cut_smoothed(waveform, rough, reach, width)
    sizes = np.empty(n_leads, dtype=np.float32)
    heights = np.empty(n_beats, dtype=np.float32)
    for lead in range(n_leads):
        for beat in range(n_beats):
            heights[beat] = _largest_size(around[lead, beat])
        sizes[lead] = _median(heights)
    highest = np.float32(3.0) * _median(sizes)
    typical = np.empty((n_leads, n_offsets), dtype=np.float32)
    length = np.zeros(n_offsets, dtype=np.float32)
    for lead in range(n_leads):
        limit = min(_ONE_AND_A_HALF * sizes[lead], highest)
        for beat in range(n_beats):
            for k in range(n_offsets):
                around[lead, beat, k] = min(max(around[lead, beat, k], -limit), limit)
        _median_of_rows(around[lead].copy(), typical[lead])
        for k in range(n_offsets):
            length[k] += typical[lead, k] * typical[lead, k]
    direction = typical[:, np.argmax(length)].copy()
    return _farthest(around, direction, rough, reach)


@njit(cache=True, error_model="numpy")
def cut_beats(waveform: Floats, peaks: Samples, before: int, after: int) -> Floats:
    """Shape (n_beats, n_leads, before + after), each lead's mean at zero."""
    n = before + after
    beats = np.empty((len(peaks), waveform.shape[0], n), dtype=np.float32)
    for beat in range(len(peaks)):
        first = peaks[beat] - before
        for lead in range(waveform.shape[0]):
            stretch = waveform[lead, first : first + n]
            mean = _mean(stretch)
            for k in range(n):
                beats[beat, lead, k] = stretch[k] - mean
    return beats


@njit(cache=True, error_model="numpy")
def median_over_beats(beats: Floats, first: int, last: int) -> Floats:
    """Median of (n_beats, n_leads, n) over its first axis, of the samples from `first` up to `last`."""
    n_beats, n_leads, _ = beats.shape
    median = np.empty((n_leads, last - first), dtype=np.float32)
    rows = np.empty((n_beats, last - first), dtype=np.float32)
    for lead in range(n_leads):
        for beat in range(n_beats):
            rows[beat] = beats[beat, lead, first:last]
        _median_of_rows(rows, median[lead])
    return median


@njit(cache=True, error_model="numpy")
def best_shifts(waveform: Floats, peaks: Samples, complex_: Floats, reach: int, n_shift: int) -> Samples:
    """By how many samples each beat must move to match `complex_` (n_leads, 2 * reach + 1) best, by inner product.

    Leads stand side by side in time, so that a shifted window of all leads is one stretch of memory.
    """
    n_leads = waveform.shape[0]
    n_around = complex_.shape[1] + 2 * n_shift
    side_by_side = complex_.T.copy().ravel()
    lead_around = np.empty(n_around, dtype=np.float32)
    around = np.empty((n_around, n_leads), dtype=np.float32)
    match = np.empty(2 * n_shift + 1, dtype=np.float32)
    shifts = np.empty(len(peaks), dtype=np.intp)
    for beat in range(len(peaks)):
        for lead in range(n_leads):
            _copy_held(waveform[lead], peaks[beat] - reach - n_shift, lead_around)
            mean = _mean(lead_around)
            for k in range(n_around):
                around[k, lead] = lead_around[k] - mean
        flat = around.ravel()
        for k in range(len(match)):
            match[k] = _dot(flat[k * n_leads : k * n_leads + len(side_by_side)], side_by_side)
        shifts[beat] = np.argmax(match) - n_shift
    return shifts


@njit(cache=True, error_model="numpy")
def correlations(beats: Floats, typical: Floats) -> Floats:
    """Correlation of each of (n_beats, n_leads, n) with the typical beat (n_leads, n), over all leads together."""
    n_beats, n_leads, _ = beats.shape
    found = np.empty(n_beats, dtype=np.float32)
    own = np.float32(0.0)
    for lead in range(n_leads):
        own += _dot(typical[lead], typical[lead])
    for beat in range(n_beats):
        both, size = np.float32(0.0), np.float32(0.0)
        for lead in range(n_leads):
            both += _dot(beats[beat, lead], typical[lead])
            size += _dot(beats[beat, lead], beats[beat, lead])
        found[beat] = both / max(np.sqrt(size * own), np.float32(1e-12))
    return found


@njit(cache=True, error_model="numpy")
def _absolute_slopes(lead: Floats, reach: int, slopes: Floats) -> None:
    for k in range(len(lead) - reach):
        slopes[k] = abs(lead[k + reach] - lead[k])


@njit(cache=True, error_model="numpy", fastmath=_REORDERED)
def _limit_and_average(values: Floats, limit: np.float32) -> np.float32:
    """Clip values at the limit in place and return their mean."""
    total = np.float32(0.0)
    for k in range(len(values)):
        values[k] = min(values[k], limit)
        total += values[k]
    return total / np.float32(len(values))


@njit(cache=True, error_model="numpy", fastmath=_REORDERED)
def _dot(a: Floats, b: Floats) -> np.float32:
    total = np.float32(0.0)
    for k in range(len(a)):
        total += a[k] * b[k]
    return total


@njit(cache=True, error_model="numpy", fastmath=_REORDERED)
def _mean(values: Floats) -> np.float32:
    total = np.float32(0.0)
    for k in range(len(values)):
        total += values[k]
    return total / np.float32(len(values))


@njit(cache=True, error_model="numpy")
def _add_scaled(values: Floats, factor: np.float32, total: Floats) -> None:
    for k in range(len(values)):
        total[k] += factor * values[k]


@njit(cache=True, error_model="numpy", fastmath=_REORDERED)
def _largest(values: Floats) -> np.float32:
    largest: np.float32 = values[0]
    for k in range(1, len(values)):
        largest = max(largest, values[k])
    return largest


@njit(cache=True, error_model="numpy", fastmath=_REORDERED)
def _largest_size(values: Floats) -> np.float32:
    largest = np.float32(0.0)
    for k in range(len(values)):
        largest = max(largest, abs(values[k]))
    return largest


@njit(cache=True, error_model="numpy")
def _copy_held(values: Floats, first: int, out: Floats) -> None:
    """Copy the stretch that begins at `first`; beyond the ends of `values` their last value is held."""
    n = len(values)
    if first >= 0 and first + len(out) <= n:
        out[:] = values[first : first + len(out)]
    else:
        for k in range(len(out)):
            out[k] = values[min(max(first + k, 0), n - 1)]


@njit(cache=True, error_model="numpy")
def _median(values: Floats) -> np.float32:
    ordered = np.sort(values)
    n = len(ordered)
    median: np.float32 = _HALF * (ordered[(n - 1) // 2] + ordered[n // 2])
    return median


@njit(cache=True, error_model="numpy")
def _median_of_rows(rows: Floats, median: Floats) -> None:
    """Median over the first axis of (n, m), which is put in order: Batcher's odd-even merge sort (1968).

    Its comparisons do not depend on the data, so that each is done for all columns at once by vector instructions.
    """
    n = len(rows)
    part = 1
    while part < n:
        step = part
        while step >= 1:
            for first in range(step % part, n - step, 2 * step):
                for k in range(first, first + min(step, n - first - step)):
                    if k // (2 * part) == (k + step) // (2 * part):
                        _order(rows[k], rows[k + step])
            step //= 2
        part *= 2
    below, above = rows[(n - 1) // 2], rows[n // 2]
    for k in range(rows.shape[1]):
        median[k] = _HALF * (below[k] + above[k])


@njit(cache=True, error_model="numpy")
def _order(low: Floats, high: Floats) -> None:
    for k in range(len(low)):
        a, b = low[k], high[k]
        low[k] = a if a < b else b
        high[k] = b if a < b else a


@njit(cache=True, error_model="numpy")
def _cut_smoothed(waveform: Floats, rough: Samples, reach: int, width: int) -> Floats:
    """Each lead around each peak, smoothed, from the level on both sides: (n_leads, n_beats, 2 * reach + 1)."""
    n_leads, n_offsets = waveform.shape[0], 2 * reach + 1
    n_window = n_offsets + 2 * width
    half = width // 2
    window = np.empty(n_window, dtype=np.float32)
    around = np.empty((n_leads, len(rough), n_offsets), dtype=np.float32)
    for lead in range(n_leads):
        row = waveform[lead]
        for beat in range(len(rough)):
            _copy_held(row, rough[beat] - reach - width, window)
            level = _HALF * (_mean(window[:width]) + _mean(window[n_window - width :]))
            total = np.float64(0.0)
            for k in range(width - half, width + half):
                total += window[k]
            for k in range(n_offsets):
                total += window[width + k + half]
                around[lead, beat, k] = np.float32(total / width) - level
                total -= window[width + k - half]
    return around


@njit(cache=True, error_model="numpy")
def _farthest(around: Floats, direction: Floats, rough: Samples, reach: int) -> Samples:
    """Where each beat points farthest in the direction, or where it is longest if it hardly points there."""
    n_leads, n_beats, n_offsets = around.shape
    least = np.float32(0.3) * _dot(direction, direction)
    moved = np.empty(n_beats, dtype=np.intp)
    along = np.empty(n_offsets, dtype=np.float32)
    length = np.empty(n_offsets, dtype=np.float32)
    for beat in range(n_beats):
        along[:] = 0.0
        length[:] = 0.0
        for lead in range(n_leads):
            for k in range(n_offsets):
                value = around[lead, beat, k]
                along[k] += value * direction[lead]
                length[k] += value * value
        points_there = along.max() >= least
        moved[beat] = rough[beat] + (np.argmax(along) if points_there else np.argmax(length)) - reach
    return moved
