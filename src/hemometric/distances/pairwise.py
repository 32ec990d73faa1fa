"""Distance matrices by name: the call is checked once here."""

import difflib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hemometric.distances.dtw import dtw, radius_of_band
from hemometric.distances.euclidean import euclidean

FloatArray = NDArray[np.float32]
Distance = Callable[[FloatArray, FloatArray | None, int, int | None], FloatArray]
"""(x, y or None, radius in samples, number of threads or None) -> (n, m) float32."""


def _euclidean(x: FloatArray, y: FloatArray | None, _radius: int, _n_threads: int | None) -> FloatArray:
    return euclidean(x, y)


def _dtw(x: FloatArray, y: FloatArray | None, radius: int, n_threads: int | None) -> FloatArray:
    return dtw(x, y, radius=radius, n_threads=n_threads)


DISTANCES: dict[str, Distance] = {"euclidean": _euclidean, "dtw": _dtw}
"""Keys as on the command line."""


def pairwise(
    x: NDArray[np.float32],
    y: NDArray[np.float32] | None = None,
    *,
    distance: str,
    sampling_rate_hz: float,
    band_ms: float | None = None,
    n_threads: int | None = None,
) -> FloatArray:
    """Distance of every ECG of `x` to every ECG of `y`.

    Args:
        x: Shape (n, n_leads, n_samples), mV.
        y: Shape (m, n_leads, n_samples), mV; by default `x` itself, each pair once.
        distance: A key of `DISTANCES`: "euclidean" or "dtw".
        sampling_rate_hz: Of both.
        band_ms: How far dtw may warp; samples i and j are matched only where |i - j| <= round(band_ms / 1000 * rate).
            By default a tenth of the duration. "euclidean" warps nothing and ignores it.
        n_threads: By default every core this process may use, or OMP_NUM_THREADS of them. The result is the same.

    Returns:
        Shape (n, m), float32, mV: >= 0; for `y=None` symmetric with an exactly zero diagonal.

    Raises:
        ValueError: Unknown distance, shapes that do not fit, samples that are not finite, a negative band or rate,
            fewer than one thread.
    """
    if distance not in DISTANCES:
        near = difflib.get_close_matches(distance, DISTANCES, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"unknown distance {distance!r}: expected one of {', '.join(DISTANCES)}{hint}")
    if n_threads is not None and n_threads < 1:
        raise ValueError(f"n_threads must be >= 1, got {n_threads}")
    left = _checked(x, "x")
    right = None if y is None else _checked(y, "y")
    if right is not None and left.shape[1:] != right.shape[1:]:
        raise ValueError(f"x and y must agree in leads and samples, got {left.shape[1:]} and {right.shape[1:]}")
    radius = radius_of_band(band_ms, n_samples=left.shape[2], sampling_rate_hz=sampling_rate_hz)
    return DISTANCES[distance](left, right, radius, n_threads)


def _checked(x: NDArray[np.float32], name: str) -> FloatArray:
    if x.ndim != 3 or x.shape[1] == 0 or x.shape[2] == 0:
        raise ValueError(f"{name} must have shape (n, n_leads, n_samples), got {x.shape}")
    broken = np.flatnonzero(~np.isfinite(x).reshape(len(x), x.shape[1] * x.shape[2]).all(axis=1))
    if len(broken):
        raise ValueError(f"{name} has NaN or infinite samples in {len(broken)} of {len(x)} ECGs, first in {broken[0]}")
    return np.ascontiguousarray(x, dtype=np.float32)
