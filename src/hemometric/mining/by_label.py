"""Triplets from a continuous label, such as a measured pressure."""

import numpy as np
from numpy.typing import ArrayLike

from hemometric.mining.pools import check_codes, check_n_farthest, draw, farthest, pairs_of_equal, strangers_first
from hemometric.mining.triplets import MiningCounts, Triplets, count_patients


def mine_by_label(
    labels: ArrayLike,
    *,
    n_farthest: int | None = 1,
    patient_codes: ArrayLike | None = None,
    same_patient_positives: bool = True,
    same_patient_negatives: bool = False,
    rng: np.random.Generator,
) -> tuple[Triplets, MiningCounts]:
    """Take as positive the ECG nearest in label, as negative a far one (label-nearest and label-farthest mining).

    The supervised miners of Jeong, Stultz, Ghassemi (MLHC 2023, arXiv 2308.04650). Among positives that are equally
    near one is drawn. A negative is farther in label than the positive, so that an anchor with none such is left out
    (all labels equal: there are no triplets).

    Args:
        labels: Shape (n,), n >= 3, in any unit. Leave out ECGs without a label before the call.
        n_farthest: The negative is one of the k farthest in label; None: any that is farther than the positive.
        patient_codes: Shape (n,), equal where the patient is the same; None where each ECG is a patient of its own.
        same_patient_positives: Whether the anchor's patient may give the positive. Two ECGs of one catheterisation have
            the same label, and with True are always the positive of each other.
        same_patient_negatives: Whether the anchor's patient may give the negative like any other (another visit with
            another pressure); with False it does only where no other ECG is left.
        rng: Where the draws come from.

    Returns:
        At most one triplet for each anchor, and how often the same patient was involved.

    Raises:
        ValueError: Labels not (n,) with n >= 3 or with NaN, codes of another length, or n_farthest < 1.
    """
    values = np.asarray(labels, dtype=np.float64)
    if values.ndim != 1 or len(values) < 3:
        raise ValueError(f"labels must have shape (n,) with n >= 3, got {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError("labels must be finite: leave out ECGs without a label")
    check_n_farthest(n_farthest)
    codes = check_codes("patient_codes", patient_codes, len(values))
    same = pairs_of_equal(codes)

    gaps = np.abs(values[:, None] - values[None, :])
    allowed = ~same if not same_patient_positives else np.ones_like(same)
    np.fill_diagonal(allowed, val=False)
    nearest = np.where(allowed, gaps, np.inf).min(axis=1, keepdims=True)
    positives = allowed & (gaps == nearest)
    negatives = strangers_first(gaps > nearest, same, same_patient_negatives=same_patient_negatives)
    negatives = farthest(negatives, gaps, n_farthest)

    anchor = np.flatnonzero(positives.any(axis=1) & negatives.any(axis=1))
    triplets = Triplets(anchor, draw(positives[anchor], rng), draw(negatives[anchor], rng))
    return triplets, count_patients(triplets, codes)
