"""Choose anchor, positive and negative from a distance matrix."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Indices = NDArray[np.intp]


class Triplets(NamedTuple):
    """Row numbers into a batch, three arrays of one length."""

    anchor: Indices
    positive: Indices
    negative: Indices


class MiningCounts(NamedTuple):
    """What mining did with ECGs of the same patient.

    Attributes:
        n_anchors: Anchors of the batch that got a triplet.
        n_same_patient_positives: Positives that are another ECG of the anchor's patient (welcome, but to be known).
        n_same_patient_negatives: Negatives of the anchor's patient, taken only where no other ECG was left.
    """

    n_anchors: int
    n_same_patient_positives: int
    n_same_patient_negatives: int


def mine_by_distance(
    distances: NDArray[np.float32],
    *,
    patient_codes: ArrayLike | None = None,
    n_farthest: int | None = None,
    rng: np.random.Generator,
) -> tuple[Triplets, MiningCounts]:
    """Take as positive the nearest other ECG, as negative a random or a far one (Jeong, Stultz, Ghassemi 2022).

    Args:
        distances: Shape (n, n), symmetric; smaller is closer.
        patient_codes: Shape (n,), equal where the patient is the same; None where each ECG is a patient of its own.
        n_farthest: None: the negative is any other ECG but the positive (the paper); k: one of the k farthest of those.
        rng: Where the draws come from.

    Returns:
        One triplet for each anchor, and how often the same patient was involved. A negative of the anchor's patient is
        taken only where the batch has no other choice, and counted.

    Raises:
        ValueError: Not a square matrix, fewer than three ECGs, NaN, codes of another length, or n_farthest < 1.
    """
    n = len(distances)
    if distances.ndim != 2 or distances.shape[1] != n or n < 3:
        raise ValueError(f"distances must have shape (n, n) with n >= 3, got {distances.shape}")
    if np.isnan(distances).any():
        raise ValueError("distances have NaN")
    if n_farthest is not None and n_farthest < 1:
        raise ValueError(f"n_farthest must be >= 1, got {n_farthest}")
    codes = np.arange(n) if patient_codes is None else np.asarray(patient_codes)
    if codes.shape != (n,):
        raise ValueError(f"patient_codes must have shape ({n},), got {codes.shape}")

    anchor = np.arange(n)
    others = distances.astype(np.float64)
    np.fill_diagonal(others, np.inf)
    positive = np.argmin(others, axis=1)

    same = codes[:, None] == codes[None, :]
    allowed = np.ones((n, n), dtype=bool)
    allowed[anchor, anchor] = False
    allowed[anchor, positive] = False
    stranger = allowed & ~same
    pool = np.where(stranger.any(axis=1)[:, None], stranger, allowed)
    negative = _draw(pool, others, n_farthest=n_farthest, rng=rng)
    counts = MiningCounts(
        n_anchors=n,
        n_same_patient_positives=int(same[anchor, positive].sum()),
        n_same_patient_negatives=int(same[anchor, negative].sum()),
    )
    return Triplets(anchor, positive, negative), counts


def _draw(
    pool: NDArray[np.bool_], distances: NDArray[np.float64], *, n_farthest: int | None, rng: np.random.Generator
) -> Indices:
    """Draw one column of each row where `pool` holds, among the `n_farthest` farthest (and ties) if asked for."""
    if n_farthest is not None:
        farness = np.where(pool, distances, -np.inf)
        rank = max(0, farness.shape[1] - n_farthest)
        pool &= farness >= np.partition(farness, rank, axis=1)[:, rank, None]
    # The k-th of those in the pool, k uniform: a fair draw without a loop over anchors.
    taken = rng.integers(0, pool.sum(axis=1))
    drawn: Indices = np.argmax(np.cumsum(pool, axis=1, dtype=np.int32) > taken[:, None], axis=1)
    return drawn
