"""What miners share: their calls are checked here, and rows of a matrix of candidates are narrowed and drawn from."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hemometric.mining.triplets import Booleans, Indices

Floats = NDArray[np.float64]
Codes = NDArray[np.generic]


def check_distances(distances: NDArray[np.floating]) -> Floats:
    """Return (n, n) distances as float64.

    Raises:
        ValueError: Not a square matrix, fewer than three ECGs, or not all finite.
    """
    if distances.ndim != 2 or distances.shape[1] != len(distances) or len(distances) < 3:
        raise ValueError(f"distances must have shape (n, n) with n >= 3, got {distances.shape}")
    if not np.isfinite(distances).all():
        raise ValueError("distances must be finite, some are NaN or infinite")
    return distances.astype(np.float64)


def check_codes(name: str, codes: ArrayLike | None, n: int) -> Codes:
    """Return (n,) codes; None: each ECG by its own.

    Raises:
        ValueError: Another shape.
    """
    checked: Codes = np.arange(n) if codes is None else np.asarray(codes)
    if checked.shape != (n,):
        raise ValueError(f"{name} must have shape ({n},), got {checked.shape}")
    return checked


def check_n_farthest(n_farthest: int | None) -> None:
    """Raise ValueError where there would be nothing to draw from."""
    if n_farthest is not None and n_farthest < 1:
        raise ValueError(f"n_farthest must be >= 1, got {n_farthest}")


def pairs_of_equal(codes: Codes) -> Booleans:
    """Which pairs of (n,) codes are equal: (n, n), true on the diagonal."""
    same: Booleans = codes[:, None] == codes[None, :]
    return same


def strangers_first(pool: Booleans, same_patient: Booleans, *, same_patient_negatives: bool) -> Booleans:
    """Take the anchor's own patient out of each row, but where nothing else is in it; `pool` as it is if asked for."""
    if same_patient_negatives:
        return pool
    strangers = pool & ~same_patient
    return np.where(strangers.any(axis=1, keepdims=True), strangers, pool)


def farthest(pool: Booleans, distances: Floats, n_farthest: int | None) -> Booleans:
    """Narrow each row to its `n_farthest` farthest, and those as far; None: not at all."""
    if n_farthest is None:
        return pool
    farness = np.where(pool, distances, -np.inf)
    rank = max(0, farness.shape[1] - n_farthest)
    return pool & (farness >= np.partition(farness, rank, axis=1)[:, rank, None])


def draw(pool: Booleans, rng: np.random.Generator) -> Indices:
    """Draw one column of each row where `pool` holds, all as likely; every row must have one."""
    # The k-th of those in the pool, k uniform: a fair draw without a loop over anchors.
    taken = rng.integers(0, pool.sum(axis=1))
    drawn: Indices = (np.cumsum(pool, axis=1, dtype=np.int32) <= taken[:, None]).sum(axis=1)
    return drawn


def draw_between(
    distances: Floats, pool: Booleans, rows: Indices, bounds: tuple[Floats, Floats], rng: np.random.Generator
) -> Indices:
    """Draw for each of t `rows` a column of its pool whose distance lies strictly between two bounds, all as likely.

    The rows of the matrix are sorted once, so that t may be of the order of n squared without a (t, n) matrix.

    Args:
        distances: Shape (n, n).
        pool: Shape (n, n).
        rows: Shape (t,), in any order, repeated as often as wanted.
        bounds: Two of shape (t,).
        rng: Where the draws come from.

    Returns:
        Shape (t,); -1 where there is none.
    """
    masked = np.where(pool, distances, np.inf)
    order = np.argsort(masked, axis=1)
    ranked = np.take_along_axis(masked, order, axis=1)
    start = _count_below(ranked, rows, bounds[0], or_equal=True)
    stop = _count_below(ranked, rows, bounds[1], or_equal=False)
    drawn = np.full(len(rows), -1, dtype=np.intp)
    some = stop > start
    drawn[some] = order[rows[some], rng.integers(start[some], stop[some])]
    return drawn


def _count_below(ranked: Floats, rows: Indices, values: Floats, *, or_equal: bool) -> Indices:
    """How many of a row of `ranked` lie below (or at) each value: a binary search for all of them together."""
    n_columns = ranked.shape[1]
    step = 1 << n_columns.bit_length()  # more than the columns: what is beyond them counts as infinite
    padded = np.full((len(ranked), step), np.inf)
    padded[:, :n_columns] = ranked
    flat, before = padded.ravel(), rows * step - 1
    count = np.zeros(len(rows), dtype=np.intp)
    while step > 1:
        step //= 2
        there = flat[before + (count + step)]
        count += step * ((there <= values) if or_equal else (there < values))
    return count
