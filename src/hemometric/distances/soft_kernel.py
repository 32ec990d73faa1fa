"""The loops of soft-DTW, compiled on first use; the lock of Python is released while they run."""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

_F64 = NDArray[np.float64]


@njit(cache=True, nogil=True, error_model="numpy")
def _soft_minimum(a: float, b: float, c: float, gamma: float) -> float:
    least = min(a, b, c)
    if least == math.inf:
        return math.inf
    total = math.exp((least - a) / gamma) + math.exp((least - b) / gamma) + math.exp((least - c) / gamma)
    return least - gamma * math.log(total)


@njit(cache=True, nogil=True, error_model="numpy")
def soft_dtw_of_pairs(left: _F64, right: _F64, pairs: NDArray[np.int64], radius: int, gamma: float, out: _F64) -> None:
    """Fill `out` (n_pairs,) with soft-DTW of left[pairs[k, 0]] and right[pairs[k, 1]], (n, n_samples, n_leads) each."""
    n_samples, n_leads = left.shape[1], left.shape[2]
    before, now = np.empty(n_samples + 1), np.empty(n_samples + 1)
    for k in range(len(pairs)):
        x, y = left[pairs[k, 0]], right[pairs[k, 1]]
        before[:] = math.inf
        before[0] = 0.0
        for i in range(n_samples):
            now[:] = math.inf
            for j in range(max(0, i - radius), min(n_samples, i + radius + 1)):
                cost = 0.0
                for lead in range(n_leads):
                    difference = x[i, lead] - y[j, lead]
                    cost += difference * difference
                now[j + 1] = cost + _soft_minimum(before[j], before[j + 1], now[j], gamma)
            before, now = now, before
        out[k] = before[n_samples]
