"""The compiled part of leaving pacing spikes: told by their width, and cut out of all leads. Only `beats.py` calls it.

A spike rises and is back within 20 ms, and little else happens around it; a QRS complex takes longer than that. This
is told from all leads together, so that the narrow r wave of one lead is not taken for a spike.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Samples = NDArray[np.intp]

_REORDERED = {"reassoc", "nnan", "nsz"}


@njit(cache=True, error_model="numpy")
def find_spikes(waveform: Floats, peaks: Samples, half: int, quiet: int, least: float) -> Samples:
    """Find the spike that each peak sits on: its middle sample, or -1 where there is none; shape (n_peaks,).

    Args:
        waveform: Shape (n_leads, n_samples), mV.
        peaks: Samples.
        half: Samples from the middle of a spike to where it is over, >= 1; a peak sits on it within this distance.
        quiet: Samples before and after it in which little happens.
        least: How many times larger a spike is than what happens around it.
    """
    spikes = np.full(len(peaks), -1, dtype=np.intp)
    reach, n = half + quiet, waveform.shape[1]
    for beat in range(len(peaks)):
        most = least
        for middle in range(max(peaks[beat] - half, reach), min(peaks[beat] + half + 1, n - reach), max(1, half // 2)):
            found = _stands_out(waveform, middle, half, quiet, most)
            if found > most:
                spikes[beat], most = middle, found
    return spikes


@njit(cache=True, error_model="numpy")
def cut_out(waveform: Floats, spikes: Samples, half: int) -> Floats:
    """Return a copy of the leads with a straight line in place of each spike; `spikes` may hold -1 for none."""
    cleaned = waveform.copy()
    for middle in spikes:
        if middle < 0:
            continue
        for lead in range(waveform.shape[0]):
            row = cleaned[lead]
            first, slope = row[middle - half], (row[middle + half] - row[middle - half]) / (2 * half)
            for k in range(1, 2 * half):
                row[middle - half + k] = first + slope * k
    return cleaned


@njit(cache=True, error_model="numpy")
def _stands_out(waveform: Floats, middle: int, half: int, quiet: int, least: float) -> float:
    """How many times larger what happens around `middle` is than what happens before, after and from before to after.

    All leads are added up: of the inside its farthest point from the line between its ends, of the outside its range.
    Returns 0 as soon as it is clear that it is not more than `least` times.
    """
    first, last = middle - half, middle + half
    inside, around, step = np.float64(0.0), np.float64(0.0), np.float64(0.0)
    for lead in range(waveform.shape[0]):
        row = waveform[lead]
        inside += _farthest_from_line(row[first : last + 1])
        step += abs(row[last] - row[first])
    if inside <= least * step:
        return 0.0
    for begin in (first - quiet, last):
        outside = np.float64(0.0)
        for lead in range(waveform.shape[0]):
            outside += _range(waveform[lead, begin : begin + quiet + 1])
            if inside <= least * outside:
                return 0.0
        around = max(around, outside)
    return float(inside / max(around, step, np.float64(1e-9)))


@njit(cache=True, error_model="numpy", fastmath=_REORDERED)
def _farthest_from_line(values: Floats) -> np.float32:
    slope = (values[-1] - values[0]) / np.float32(len(values) - 1)
    farthest = np.float32(0.0)
    for k in range(1, len(values) - 1):
        farthest = max(farthest, abs(values[k] - values[0] - slope * np.float32(k)))
    return farthest


@njit(cache=True, error_model="numpy", fastmath=_REORDERED)
def _range(values: Floats) -> np.float32:
    low: np.float32 = values[0]
    high: np.float32 = values[0]
    for k in range(1, len(values)):
        low = min(low, values[k])
        high = max(high, values[k])
    return high - low
