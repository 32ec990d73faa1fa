"""Dynamic time warping of all leads together, over time, inside a Sakoe-Chiba band.

Sakoe and Chiba, *Dynamic programming algorithm optimization for spoken word recognition*, IEEE TASSP 1978; "dependent"
multivariate warping after Shokoohi-Yekta et al., DMKD 2017: one path for all leads, squared Euclidean local cost.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from hemometric.ecg import INDEPENDENT_LEADS, INDEPENDENT_ROWS, LEADS, LEADS_FROM_INDEPENDENT

FloatArray = NDArray[np.float32]

DEFAULT_BAND_SHARE = 0.1
"""Half-width of the band where none is given, as a share of the duration (1 s of 10 s)."""

_N_LANES = 16  # partners that are compared with one anchor at once
_CACHE_LINE_BYTES = 64
_CELLS_PER_CALL = 2**26  # sixteen pairs each: about half a second, which is how long an interrupt may have to wait
_ROUNDING = 4 * float(np.finfo(np.float32).eps)

_EINTHOVEN = LEADS_FROM_INDEPENDENT.astype(np.float64)
_WHITENING = np.linalg.cholesky(_EINTHOVEN.T @ _EINTHOVEN).T


def dtw(x: FloatArray, y: FloatArray | None = None, *, radius: int, n_threads: int | None = None) -> FloatArray:
    """Distances of every ECG of `x` to every ECG of `y`, time being warped and leads kept together.

    Symmetric and zero between equals; the triangle inequality does not hold. Twelve leads of which III, aVR, aVL and
    aVF follow from I and II to rounding are compared in eight channels, at the same distance (`whiten_independent`).

    Args:
        x: Shape (n, n_leads, n_samples), mV, finite.
        y: Shape (m, n_leads, n_samples), mV, finite; None compares x with itself, each pair once.
        radius: Largest |i - j| between matched samples, >= 0; 0 is the Euclidean distance.
        n_threads: Default: every core this process may use, or OMP_NUM_THREADS of them. The result is the same.

    Returns:
        Shape (n, m), float32: root of the sum of squared differences over leads along the best path, mV.
    """
    if len(x) == 0 or (y is not None and len(y) == 0):
        return np.zeros((len(x), len(x) if y is None else len(y)), dtype=np.float32)
    if obeys_einthoven(x) and (y is None or obeys_einthoven(y)):
        x = whiten_independent(x[:, INDEPENDENT_ROWS])
        y = None if y is None else whiten_independent(y[:, INDEPENDENT_ROWS])
    groups = _interleave(x if y is None else y)
    n_groups = np.full(len(x), len(groups)) if y is not None else np.arange(len(x)) // _N_LANES + 1
    out = _compare(np.ascontiguousarray(x.transpose(0, 2, 1)), groups, n_groups, radius=radius, n_threads=n_threads)
    if y is not None:
        return np.ascontiguousarray(out[:, : len(y)])
    below = np.tril(out[:, : len(x)], -1)
    return below + below.T


def dtw_of_pairs(
    x: FloatArray, y: FloatArray, pairs: NDArray[np.int64], *, radius: int, n_threads: int | None = None
) -> FloatArray:
    """Distances of listed pairs, the same to the last bit as in the matrix of `dtw`.

    Sixteen pairs of one anchor are compared at once, so lists with many pairs of an anchor are the fastest.

    Args:
        x: Shape (n, n_leads, n_samples), mV, finite.
        y: Shape (m, n_leads, n_samples), mV, finite.
        pairs: Shape (p, 2), a row of `x` and one of `y`.
        radius: As in `dtw`.
        n_threads: As in `dtw`.

    Returns:
        Shape (p,), float32.
    """
    from hemometric.distances.dtw_kernel import compare

    if not len(pairs):
        return np.zeros(0, dtype=np.float32)
    if obeys_einthoven(x) and obeys_einthoven(y):
        x, y = (whiten_independent(ecgs[:, INDEPENDENT_ROWS]) for ecgs in (x, y))
    _, n_channels, n_samples = x.shape
    order = np.argsort(pairs[:, 0], kind="stable")
    anchors, starts = np.unique(pairs[order, 0], return_index=True)
    ends = np.append(starts[1:], len(pairs))
    out = np.empty(len(pairs), dtype=np.float32)
    channels, band = (0.0,) * n_channels, min(radius, n_samples - 1)

    def call(k: int) -> None:
        of_anchor = order[starts[k] : ends[k]]
        groups = _interleave(y[pairs[of_anchor, 1]])
        found = np.zeros((1, len(groups) * _N_LANES), dtype=np.float32)
        anchor = np.ascontiguousarray(x[anchors[k]].T).reshape(1, n_samples * n_channels)
        compare(anchor, groups, np.array([[0, len(groups)]]), band, channels, found)
        out[of_anchor] = found[0, : len(of_anchor)]

    _call_all(call, len(anchors), usable_threads() if n_threads is None else n_threads)
    return out


def whiten_independent(independent: NDArray[np.float32]) -> FloatArray:
    """Turn the eight stored leads into eight channels whose distances are those of all twelve leads.

    With M the (12, 8) matrix that derives the leads and M'M = L L' its Cholesky factorisation, |M v| = |L' v| for every
    v: the local cost over twelve leads is had from eight channels, a third cheaper and exact.

    Args:
        independent: Shape (..., 8, n_samples), mV, leads in the order of `hemometric.ecg.INDEPENDENT_LEADS`.

    Returns:
        The same shape, float32; channels of no clinical meaning.

    Raises:
        ValueError: The lead axis does not have eight entries.
    """
    if independent.ndim < 2 or independent.shape[-2] != len(INDEPENDENT_LEADS):
        raise ValueError(f"expected shape (..., 8, n_samples), got {independent.shape}")
    whitened: FloatArray = np.matmul(_WHITENING, independent).astype(np.float32)
    return whitened


def dtw_path(
    a: NDArray[np.float32], b: NDArray[np.float32], *, sampling_rate_hz: float, band_ms: float | None = None
) -> NDArray[np.intp]:
    """Best path between two ECGs, for plots and as the plain version that the fast one is tested against.

    Args:
        a: Shape (n_leads, n_samples), mV.
        b: The same shape.
        sampling_rate_hz: Of both.
        band_ms: As in `pairwise`.

    Returns:
        Shape (n_steps, 2): matched samples of `a` and of `b`, from (0, 0) to the last of both. Where two paths cost the
        same, the diagonal step is taken.

    Raises:
        ValueError: The shapes differ, a negative band, or a rate that is not positive.
    """
    if a.shape != b.shape or a.ndim != 2 or a.shape[1] == 0:
        raise ValueError(f"expected two ECGs of one shape (n_leads, n_samples), got {a.shape} and {b.shape}")
    n = a.shape[1]
    radius = radius_of_band(band_ms, n_samples=n, sampling_rate_hz=sampling_rate_hz)
    first, second = a.astype(np.float64), b.astype(np.float64)
    total = np.full((n + 1, n + 1), np.inf)
    total[0, 0] = 0.0
    for i in range(n):
        for j in range(max(0, i - radius), min(n, i + radius + 1)):
            cost = np.sum((first[:, i] - second[:, j]) ** 2)
            total[i + 1, j + 1] = cost + min(total[i, j], total[i, j + 1], total[i + 1, j])
    steps = [(n - 1, n - 1)]
    while steps[-1] != (0, 0):
        i, j = steps[-1]
        # In `total` the cell of (i, j) is (i + 1, j + 1); the diagonal is preferred where costs are equal.
        candidates = [(total[i, j], i - 1, j - 1), (total[i, j + 1], i - 1, j), (total[i + 1, j], i, j - 1)]
        _, i, j = min(candidates, key=lambda candidate: candidate[0])
        steps.append((i, j))
    return np.array(steps[::-1], dtype=np.intp)


def radius_of_band(band_ms: float | None, *, n_samples: int, sampling_rate_hz: float) -> int:
    """Half-width of the band in samples: round(band_ms / 1000 * rate), or a tenth of the duration.

    Raises:
        ValueError: The rate is not positive and finite, or the band is negative or not finite.
    """
    if not (np.isfinite(sampling_rate_hz) and sampling_rate_hz > 0):
        raise ValueError(f"sampling_rate_hz must be positive, got {sampling_rate_hz}")
    if band_ms is None:
        return max(1, round(DEFAULT_BAND_SHARE * n_samples))
    if not (np.isfinite(band_ms) and band_ms >= 0):
        raise ValueError(f"band_ms must be finite and >= 0, got {band_ms}")
    return round(band_ms / 1000.0 * sampling_rate_hz)


def obeys_einthoven(x: FloatArray) -> bool:
    """Whether twelve leads hold no more than eight, to the rounding of float32 (Einthoven 1913, Goldberger 1942).

    Args:
        x: Shape (n, n_leads, n_samples).
    """
    if x.shape[1] != len(LEADS):
        return False
    residual = np.matmul(LEADS_FROM_INDEPENDENT[2:6, :2], x[:, :2]) - x[:, 2:6]
    return bool(np.abs(residual).max() <= _ROUNDING * np.abs(x[:, :6]).max())


def _interleave(x: FloatArray) -> FloatArray:
    """Lay sixteen ECGs side by side: (n_groups, n_samples * n_leads * 16), the last group filled up with zeros."""
    n, n_leads, n_samples = x.shape
    n_groups = -(-n // _N_LANES)
    # Beginning with a cache line, a vector of sixteen never straddles two: a fifth faster.
    room = np.zeros(n_groups * n_samples * n_leads * _N_LANES + _CACHE_LINE_BYTES // 4, dtype=np.float32)
    skip = -room.ctypes.data % _CACHE_LINE_BYTES // 4
    groups = room[skip : len(room) - _CACHE_LINE_BYTES // 4 + skip].reshape(n_groups, n_samples, n_leads, _N_LANES)
    for group in range(n_groups):
        members = x[group * _N_LANES : (group + 1) * _N_LANES]
        groups[group, :, :, : len(members)] = members.transpose(2, 1, 0)
    return groups.reshape(n_groups, -1)


def _compare(
    anchors: FloatArray, groups: FloatArray, n_groups: NDArray[np.intp], *, radius: int, n_threads: int | None
) -> FloatArray:
    """Compare each anchor with its first n_groups[anchor] groups, on several threads; zero elsewhere.

    Python's threads (the kernel releases the lock) and not numba's: those do not survive a fork, may not be entered
    from two threads at once, and take longer to compile.

    Args:
        anchors: Shape (n, n_samples, n_channels).
        groups: See `_interleave`.
        n_groups: Shape (n,).
        radius: In samples.
        n_threads: None for all that may be used.

    Returns:
        Shape (n, 16 * len(groups)).
    """
    from hemometric.distances.dtw_kernel import compare

    n, n_samples, n_channels = anchors.shape
    radius = min(radius, n_samples - 1)
    threads = usable_threads() if n_threads is None else n_threads
    cells = int(n_groups.sum()) * n_samples * (2 * radius + 1)
    n_calls = min(n, max(4 * threads if threads > 1 else 1, -(-cells // _CELLS_PER_CALL)))
    tasks = np.stack([np.arange(n), n_groups], axis=1).astype(np.int64)
    flat = anchors.reshape(n, n_samples * n_channels)
    channels = (0.0,) * n_channels
    out = np.zeros((n, len(groups) * _N_LANES), dtype=np.float32)

    def call(k: int) -> None:
        compare(flat, groups, np.ascontiguousarray(tasks[k::n_calls]), radius, channels, out)

    _call_all(call, n_calls, threads)
    return out


def _call_all(call: Callable[[int], None], n_calls: int, n_threads: int) -> None:
    """Call with 0 to n_calls - 1, on several threads where there are several."""
    if n_threads == 1:
        for k in range(n_calls):
            call(k)
        return
    pool = ThreadPoolExecutor(n_threads)
    try:
        for done in [pool.submit(call, k) for k in range(n_calls)]:
            done.result()
    finally:
        pool.shutdown(cancel_futures=True)


def usable_threads() -> int:
    """Cores that this process may use, or fewer where OMP_NUM_THREADS says so."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return min(cores, int(limit)) if limit.isdecimal() and int(limit) > 0 else cores
