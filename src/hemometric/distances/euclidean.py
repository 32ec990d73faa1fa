"""The Euclidean distance between waveforms, over all leads and samples."""

import numpy as np
from numpy.typing import NDArray

_BLOCK_BYTES = 64 * 1024 * 1024
_NEAR = 1e-4
"""Below this share of |x|² + |y|² the product form has lost digits and the differences themselves are squared."""


def euclidean(x: NDArray[np.float32], y: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
    """Root of the sum of squared differences over leads and samples (not their mean, not absolute values).

    |x - y|² = |x|² + |y|² - 2 x·y in float64, one matrix product a block. Where that cancels, the differences are
    squared, so small distances are exact and equal ECGs at exactly zero.

    Args:
        x: Shape (n, n_leads, n_samples), mV, finite.
        y: Shape (m, n_leads, n_samples), mV, finite; None compares x with itself.

    Returns:
        Shape (n, m), float32, in mV.
    """
    left = x.reshape(len(x), x.shape[1] * x.shape[2])
    right = left if y is None else y.reshape(len(y), left.shape[1])
    size = max(1, _BLOCK_BYTES // (8 * max(1, left.shape[1])))
    out = np.empty((len(left), len(right)), dtype=np.float32)
    for i in range(0, len(left), size):
        rows = left[i : i + size].astype(np.float64)
        for j in range(0, len(right), size):
            out[i : i + size, j : j + size] = np.sqrt(_squared(rows, right[j : j + size].astype(np.float64)))
    if y is None:
        lower = np.tril(out, -1)
        return lower + lower.T
    return out


def euclidean_of_pairs(x: NDArray[np.float32], y: NDArray[np.float32], pairs: NDArray[np.int64]) -> NDArray[np.float32]:
    """Distances of listed pairs.

    Args:
        x: Shape (n, n_leads, n_samples), mV, finite.
        y: Shape (m, n_leads, n_samples), mV, finite.
        pairs: Shape (p, 2), a row of `x` and one of `y`.

    Returns:
        Shape (p,), float32, in mV.
    """
    left, right = x.reshape(len(x), -1), y.reshape(len(y), -1)
    out = np.empty(len(pairs), dtype=np.float32)
    room = max(1, _BLOCK_BYTES // (8 * max(1, left.shape[1])))
    for start in range(0, len(pairs), room):
        i, j = pairs[start : start + room].T
        difference = left[i].astype(np.float64) - right[j]
        out[start : start + room] = np.sqrt(np.einsum("kd,kd->k", difference, difference))
    return out


def _squared(rows: NDArray[np.float64], columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared distances (n, m) of (n, d) to (m, d)."""
    scale = np.einsum("id,id->i", rows, rows)[:, None] + np.einsum("id,id->i", columns, columns)[None, :]
    squared: NDArray[np.float64] = scale - 2.0 * (rows @ columns.T)
    near_rows, near_columns = np.nonzero(squared <= _NEAR * scale)
    room = max(1, _BLOCK_BYTES // (8 * max(1, rows.shape[1])))
    for start in range(0, len(near_rows), room):
        i, j = near_rows[start : start + room], near_columns[start : start + room]
        difference = rows[i] - columns[j]
        squared[i, j] = np.einsum("kd,kd->k", difference, difference)
    return squared
