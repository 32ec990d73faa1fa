"""How well a probability ranks patients and warns of an event."""

import math

import numpy as np
from numpy.typing import ArrayLike

from hemometric.evaluation.predictions import BoolArray, FloatArray
from hemometric.evaluation.weighted import defined, defined_all, floats, one_sample, quotient
from hemometric.targets import Event

WARNING_METRICS = ("sensitivity", "specificity", "ppv", "npv")
FROZEN_SENSITIVITY = 0.8
"""Thresholds are chosen so that at least this fraction of the validation ECGs with the event is warned of."""


def happened(event: Event, measured: ArrayLike) -> BoolArray:
    """Whether the event is there, shape (n_ecgs,). Strict: a value equal to the threshold is no event."""
    values = np.asarray(measured, dtype=np.float64)
    return values > event.threshold if event.direction == ">" else values < event.threshold


def auroc(events: ArrayLike, scores: ArrayLike) -> float | None:
    """Area under the ROC curve: P(score with event > score without), ties count half (Hanley and McNeil 1982).

    Args:
        events: Shape (n_ecgs,), bool.
        scores: Shape (n_ecgs,), higher means more likely; never hard labels.

    Returns:
        In [0, 1], or None without both kinds of ECG.
    """
    scores = floats(scores)
    return defined(weighted_auroc(_bools(events), scores, one_sample(scores.size)))


def average_precision(events: ArrayLike, scores: ArrayLike) -> float | None:
    """Area under the precision-recall curve as average precision, sum of (R_k - R_k-1) P_k, no interpolation.

    Args:
        events: Shape (n_ecgs,), bool.
        scores: Shape (n_ecgs,), higher means more likely.

    Returns:
        In (0, 1], to be read beside the prevalence; None without both kinds of ECG.
    """
    scores = floats(scores)
    return defined(weighted_ranking(_bools(events), scores, one_sample(scores.size))["auprc"])


def brier(events: ArrayLike, probability: ArrayLike) -> float | None:
    """Mean squared error of the probability (Brier 1950); 0 is perfect."""
    probability = floats(probability)
    return defined(weighted_brier(_bools(events), probability, one_sample(probability.size)))


def warning_metrics(events: ArrayLike, probability: ArrayLike, *, threshold: float | None) -> dict[str, float | None]:
    """Sensitivity, specificity, PPV and NPV of warning where probability >= threshold.

    Args:
        events: Shape (n_ecgs,), bool.
        probability: Shape (n_ecgs,), in [0, 1].
        threshold: From `freeze_threshold` on other patients; None leaves all four undefined.
    """
    probability = floats(probability)
    return defined_all(weighted_warning(_bools(events), probability, one_sample(probability.size), threshold=threshold))


def freeze_threshold(
    events: ArrayLike, probability: ArrayLike, *, sensitivity: float = FROZEN_SENSITIVITY
) -> float | None:
    """The highest threshold that still warns of `sensitivity` of the events, to be chosen on validation patients.

    Args:
        events: Shape (n_ecgs,), bool, of the validation ECGs.
        probability: Shape (n_ecgs,), in [0, 1].
        sensitivity: In (0, 1].

    Returns:
        A probability t: warn where probability >= t. None without an event.
    """
    if not 0 < sensitivity <= 1:
        raise ValueError(f"sensitivity is {sensitivity}, expected in (0, 1]")
    of_events = np.sort(np.asarray(probability, dtype=np.float64)[_bools(events)])[::-1]
    if of_events.size == 0:
        return None
    needed = max(1, math.ceil(sensitivity * of_events.size - 1e-9))
    return float(of_events[needed - 1])


def weighted_auroc(events: BoolArray, scores: FloatArray, weights: FloatArray) -> FloatArray:
    """`auroc` for many resamples by one sort.

    Args:
        events: Shape (n_ecgs,).
        scores: Shape (n_ecgs,).
        weights: Shape (n_resamples, n_ecgs), how often each ECG counts.

    Returns:
        Shape (n_resamples,), NaN where undefined.
    """
    with_event, without = _counts_by_score(events, scores, weights)
    return _auroc_of_counts(with_event, without)


def weighted_ranking(events: BoolArray, scores: FloatArray, weights: FloatArray) -> dict[str, FloatArray]:
    """`auroc` and `average_precision` ("auprc") for many resamples by one sort; shapes as in `weighted_auroc`."""
    with_event, without = _counts_by_score(events, scores, weights)
    n_event = with_event.sum(axis=1)
    both = (n_event > 0) & (without.sum(axis=1) > 0)
    descending = with_event[:, ::-1]
    true_positive = np.cumsum(descending, axis=1)
    warned = np.cumsum(with_event[:, ::-1] + without[:, ::-1], axis=1)
    precision_sum = np.einsum("bn,bn->b", descending, true_positive / np.maximum(warned, 1))
    return {
        "auroc": _auroc_of_counts(with_event, without),
        "auprc": quotient(precision_sum, np.where(both, n_event, 0)),
    }


def weighted_brier(events: BoolArray, probability: FloatArray, weights: FloatArray) -> FloatArray:
    """`brier` for many resamples; shapes as in `weighted_auroc`."""
    return quotient(weights @ (probability - events) ** 2, weights.sum(axis=1))


def weighted_warning(
    events: BoolArray, probability: FloatArray, weights: FloatArray, *, threshold: float | None
) -> dict[str, FloatArray]:
    """`warning_metrics` for many resamples; shapes as in `weighted_auroc`."""
    if threshold is None:
        return {name: np.full(len(weights), np.nan) for name in WARNING_METRICS}
    warned = probability >= threshold
    cells = np.stack([warned & events, warned & ~events, ~warned & events, ~warned & ~events], axis=1)
    tp, fp, fn, tn = (weights @ cells.astype(np.float64)).T
    return {
        "sensitivity": quotient(tp, tp + fn),
        "specificity": quotient(tn, tn + fp),
        "ppv": quotient(tp, tp + fp),
        "npv": quotient(tn, tn + fn),
    }


def weighted_classification(
    events: BoolArray, probability: FloatArray, weights: FloatArray, *, threshold: float | None
) -> dict[str, FloatArray]:
    """AUROC, AUPRC, Brier and the warning metrics for many resamples; shapes as in `weighted_auroc`."""
    return {
        **weighted_ranking(events, probability, weights),
        "brier": weighted_brier(events, probability, weights),
        **weighted_warning(events, probability, weights, threshold=threshold),
    }


def roc_curve(events: BoolArray, scores: FloatArray) -> tuple[FloatArray, FloatArray]:
    """False and true positive rates from the highest score down, shape (n_scores + 1,) each; both kinds needed."""
    with_event, without = _counts_by_score(events, scores, one_sample(scores.size))
    rates = [np.concatenate([[0.0], np.cumsum(counts[0, ::-1]) / counts.sum()]) for counts in (without, with_event)]
    return rates[0], rates[1]


def _auroc_of_counts(with_event: FloatArray, without: FloatArray) -> FloatArray:
    below = np.cumsum(without, axis=1) - without / 2
    return quotient(np.einsum("bn,bn->b", with_event, below), with_event.sum(axis=1) * without.sum(axis=1))


def _counts_by_score(events: BoolArray, scores: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Weight with and without the event at each different score, ascending: shape (n_resamples, n_scores) each."""
    order = np.argsort(scores, kind="stable")
    ranked, ranked_events = scores[order], events[order]
    ranked_weights = weights[:, order]
    first_of_score = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))
    with_event = ranked_weights * ranked_events
    without = ranked_weights - with_event
    if first_of_score.size < ranked.size:
        with_event = np.add.reduceat(with_event, first_of_score, axis=1)
        without = np.add.reduceat(without, first_of_score, axis=1)
    return with_event, without


def _bools(events: ArrayLike) -> BoolArray:
    return np.asarray(events, dtype=np.bool_)
