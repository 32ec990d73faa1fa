"""Triplets and n-pairs from classes: ECGs of one class are positives of each other, all others negatives.

A class is a group of labels (pressure elevated or not) or, without labels, the patient. `distances` are those of the
embeddings, as the loss takes them: squared where the loss squares them, so that a margin means the same in both.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hemometric.mining.pools import (
    Codes,
    Floats,
    check_codes,
    check_distances,
    draw,
    draw_between,
    pairs_of_equal,
    strangers_first,
)
from hemometric.mining.triplets import Booleans, MiningCounts, NPairs, Triplets, count_patients


class _Candidates(NamedTuple):
    """Who may be whose positive and negative: two of shape (n, n); distances, or zeros; codes of patients."""

    positives: Booleans
    negatives: Booleans
    distances: Floats
    codes: Codes


def mine_semi_hard(
    distances: NDArray[np.floating],
    classes: ArrayLike,
    *,
    margin: float = 0.2,
    patient_codes: ArrayLike | None = None,
    same_patient_negatives: bool = False,
    rng: np.random.Generator,
) -> tuple[Triplets, MiningCounts]:
    """All pairs of a class, each with a random negative that is farther than the positive, but by less than the margin.

    Schroff, Kalenichenko, Philbin (FaceNet, CVPR 2015), section 3.2: all positives, semi-hard negatives.

    Args:
        distances: Shape (n, n), n >= 3; smaller is closer.
        classes: Shape (n,), equal where the class is.
        margin: That of the loss, > 0.
        patient_codes: Shape (n,), equal where the patient is the same; None where each ECG is a patient of its own.
        same_patient_negatives: Whether the anchor's patient may give the negative like any other; with False it does
            only for an anchor that has no negative of another patient.
        rng: Where the draws come from.

    Returns:
        A triplet for each pair that has a semi-hard negative (it may be none: a pair without has no loss, or only
        harder negatives), and how often the same patient was involved.

    Raises:
        ValueError: Not a square matrix, fewer than three ECGs, not finite, margin <= 0, or classes or codes of
            another length.
    """
    if not margin > 0:
        raise ValueError(f"margin must be positive, got {margin:g}")
    found = _find_candidates(distances, classes, patient_codes, same_patient_negatives=same_patient_negatives)
    anchor, positive = np.nonzero(found.positives)
    near = found.distances[anchor, positive]
    negative = draw_between(found.distances, found.negatives, anchor, (near, near + margin), rng)
    kept = negative >= 0
    triplets = Triplets(anchor[kept], positive[kept], negative[kept])
    return triplets, count_patients(triplets, found.codes)


def mine_soft_hard(
    distances: NDArray[np.floating],
    classes: ArrayLike,
    *,
    patient_codes: ArrayLike | None = None,
    same_patient_negatives: bool = False,
    rng: np.random.Generator,
) -> tuple[Triplets, MiningCounts]:
    """Draw for each anchor a positive and a negative that are hard, where it has such.

    A hard positive is farther than the anchor's nearest negative, a hard negative nearer than its farthest positive;
    where there is none, any positive or any negative is drawn. "Soft-hard" sampling of the code that goes with Roth et
    al. (Revisiting Training Strategies and Generalization Performance in Deep Metric Learning, ICML 2020).

    Args:
        distances: Shape (n, n), n >= 3; smaller is closer.
        classes: Shape (n,), equal where the class is.
        patient_codes: Shape (n,), equal where the patient is the same; None where each ECG is a patient of its own.
        same_patient_negatives: As for `mine_semi_hard`.
        rng: Where the draws come from.

    Returns:
        One triplet for each anchor that has a positive and a negative, and how often the same patient was involved.

    Raises:
        ValueError: Not a square matrix, fewer than three ECGs, not finite, classes or codes of another length.
    """
    found = _find_candidates(distances, classes, patient_codes, same_patient_negatives=same_patient_negatives)
    nearest_negative = np.where(found.negatives, found.distances, np.inf).min(axis=1, keepdims=True)
    farthest_positive = np.where(found.positives, found.distances, -np.inf).max(axis=1, keepdims=True)
    positives = _where_any(found.positives & (found.distances > nearest_negative), found.positives)
    negatives = _where_any(found.negatives & (found.distances < farthest_positive), found.negatives)
    anchor = np.flatnonzero(positives.any(axis=1) & negatives.any(axis=1))
    triplets = Triplets(anchor, draw(positives[anchor], rng), draw(negatives[anchor], rng))
    return triplets, count_patients(triplets, found.codes)


def mine_batch_hard(
    distances: NDArray[np.floating],
    classes: ArrayLike,
    *,
    patient_codes: ArrayLike | None = None,
    same_patient_negatives: bool = False,
) -> tuple[Triplets, MiningCounts]:
    """For each anchor its farthest positive and its nearest negative.

    Hermans, Beyer, Leibe (In Defense of the Triplet Loss for Person Re-Identification, arXiv 1703.07737), equation 5.
    Of several at one distance the first is taken.

    Args:
        distances: Shape (n, n), n >= 3; smaller is closer.
        classes: Shape (n,), equal where the class is.
        patient_codes: Shape (n,), equal where the patient is the same; None where each ECG is a patient of its own.
        same_patient_negatives: As for `mine_semi_hard`.

    Returns:
        One triplet for each anchor that has a positive and a negative, and how often the same patient was involved.

    Raises:
        ValueError: Not a square matrix, fewer than three ECGs, not finite, classes or codes of another length.
    """
    found = _find_candidates(distances, classes, patient_codes, same_patient_negatives=same_patient_negatives)
    anchor = np.flatnonzero(found.positives.any(axis=1) & found.negatives.any(axis=1))
    positive = np.where(found.positives, found.distances, -np.inf).argmax(axis=1)[anchor]
    negative = np.where(found.negatives, found.distances, np.inf).argmin(axis=1)[anchor]
    triplets = Triplets(anchor, positive, negative)
    return triplets, count_patients(triplets, found.codes)


def mine_n_pairs(
    classes: ArrayLike,
    *,
    patient_codes: ArrayLike | None = None,
    same_patient_negatives: bool = False,
    rng: np.random.Generator,
) -> tuple[NPairs, MiningCounts]:
    """Draw one pair of each class; its negatives are the positives of all other pairs.

    Sohn (Improved Deep Metric Learning with Multi-class N-pair Loss Objective, NeurIPS 2016), section 3.2.

    Args:
        classes: Shape (n,), equal where the class is. Many classes with two ECGs each serve best.
        patient_codes: Shape (n,), equal where the patient is the same; None where each ECG is a patient of its own.
        same_patient_negatives: Whether the anchor's patient may give negatives like any other; with False it does only
            for a pair that has no other.
        rng: Where the draws come from.

    Returns:
        A pair for each class with two or more ECGs (none where there is but one such class), and how often the same
        patient was involved.

    Raises:
        ValueError: Classes not one-dimensional, or codes of another length.
    """
    kinds = np.asarray(classes)
    if kinds.ndim != 1:
        raise ValueError(f"classes must have shape (n,), got {kinds.shape}")
    codes = check_codes("patient_codes", patient_codes, len(kinds))
    shuffled = rng.permutation(len(kinds))
    by_class = shuffled[np.argsort(kinds[shuffled], kind="stable")]
    _, start, size = np.unique(kinds[by_class], return_index=True, return_counts=True)
    first = start[size >= 2]
    anchor, positive = by_class[first], by_class[first + 1]

    positives = np.zeros((len(anchor), len(kinds)), dtype=bool)
    positives[:, positive] = True
    positives[np.arange(len(anchor)), positive] = False
    same = codes[anchor][:, None] == codes[None, :]
    negatives = strangers_first(positives, same, same_patient_negatives=same_patient_negatives)
    kept = negatives.any(axis=1)
    pairs = NPairs(anchor[kept], positive[kept], negatives[kept])
    return pairs, MiningCounts(
        n_anchors=len(pairs.anchor),
        n_same_patient_positives=int((codes[pairs.anchor] == codes[pairs.positive]).sum()),
        n_same_patient_negatives=int((pairs.negatives & same[kept]).sum()),
    )


def _find_candidates(
    distances: NDArray[np.floating],
    classes: ArrayLike,
    patient_codes: ArrayLike | None,
    *,
    same_patient_negatives: bool,
) -> _Candidates:
    """Check the call and tell positives from negatives."""
    checked = check_distances(distances)
    same_class = pairs_of_equal(check_codes("classes", classes, len(checked)))
    codes = check_codes("patient_codes", patient_codes, len(checked))
    negatives = strangers_first(~same_class, pairs_of_equal(codes), same_patient_negatives=same_patient_negatives)
    np.fill_diagonal(same_class, val=False)
    return _Candidates(same_class, negatives, checked, codes)


def _where_any(wanted: Booleans, otherwise: Booleans) -> Booleans:
    """Rows of `wanted`, or of `otherwise` where nothing is wanted."""
    return np.where(wanted.any(axis=1, keepdims=True), wanted, otherwise)
