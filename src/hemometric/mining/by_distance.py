"""Triplets from distances alone, without labels."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hemometric.mining.pools import (
    check_codes,
    check_distances,
    check_n_farthest,
    draw,
    farthest,
    pairs_of_equal,
    strangers_first,
)
from hemometric.mining.triplets import MiningCounts, Triplets, count_patients


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
        ValueError: Not a square matrix, fewer than three ECGs, not finite, codes of another length, or n_farthest < 1.
    """
    others = check_distances(distances)
    n = len(others)
    check_n_farthest(n_farthest)
    codes = check_codes("patient_codes", patient_codes, n)

    anchor = np.arange(n)
    np.fill_diagonal(others, np.inf)
    positive = np.argmin(others, axis=1)

    allowed = np.ones((n, n), dtype=bool)
    allowed[anchor, anchor] = False
    allowed[anchor, positive] = False
    pool = strangers_first(allowed, pairs_of_equal(codes), same_patient_negatives=False)
    negative = draw(farthest(pool, others, n_farthest), rng)
    triplets = Triplets(anchor, positive, negative)
    return triplets, count_patients(triplets, codes)
