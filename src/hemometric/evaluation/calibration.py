"""Whether probabilities mean what they say: logistic recalibration, observed against expected, reliability bins."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hemometric.evaluation.bootstrap import Resamples, intervals
from hemometric.evaluation.predictions import BoolArray, FloatArray
from hemometric.evaluation.report import Interval
from hemometric.evaluation.weighted import defined_all, floats, one_sample, quotient

CALIBRATION_METRICS = ("intercept", "slope", "oe_ratio")
PROBABILITY_FLOOR = 1e-6
"""Probabilities are held in [floor, 1 - floor] before their logit is taken."""

_STEPS = 50
_TOLERANCE = 1e-9
_LARGEST_LOGIT = 30.0


def calibration_metrics(events: ArrayLike, probability: ArrayLike) -> dict[str, float | None]:
    """Calibration intercept, slope and observed:expected ratio.

    Args:
        events: Shape (n_ecgs,), bool.
        probability: Shape (n_ecgs,), in [0, 1].

    Returns:
        `slope` b of logit P(event) = a + b logit(p) (Cox 1958, Biometrika 45:562); `intercept` a of
        logit P(event) = a + logit(p), that is with b fixed at 1: calibration in the large, as Van Calster et al.
        (2016, J. Clin. Epidemiol. 74:167) and TRIPOD+AI report it; `oe_ratio` events / sum of p. None where
        undefined: one kind of ECG only, all probabilities equal (slope), or complete separation.
    """
    probability = floats(probability)
    weights = one_sample(probability.size)
    return defined_all(weighted_calibration(np.asarray(events, dtype=np.bool_), probability, weights))


def weighted_calibration(events: BoolArray, probability: FloatArray, weights: FloatArray) -> dict[str, FloatArray]:
    """`calibration_metrics` for many resamples.

    Args:
        events: Shape (n_ecgs,).
        probability: Shape (n_ecgs,), in [0, 1].
        weights: Shape (n_resamples, n_ecgs), how often each ECG counts.

    Returns:
        Name -> shape (n_resamples,), NaN where undefined.
    """
    logit = to_logit(probability)
    observed = weights @ events.astype(np.float64)
    both = (observed > 0) & (observed < weights.sum(axis=1))
    return {
        "intercept": np.where(both, fit_intercept(events, logit, weights), np.nan),
        "slope": np.where(both, fit_line(events, logit, weights)[1], np.nan),
        "oe_ratio": quotient(observed, weights @ probability),
    }


def to_logit(probability: FloatArray) -> FloatArray:
    """Log odds of probabilities, held away from 0 and 1 by `PROBABILITY_FLOOR`."""
    held = np.clip(probability, PROBABILITY_FLOOR, 1 - PROBABILITY_FLOOR)
    return np.log(held) - np.log1p(-held)


def fit_intercept(events: BoolArray, logit: FloatArray, weights: FloatArray) -> FloatArray:
    """Maximum likelihood a of logit P(event) = a + logit by Newton's method, shape (n_resamples,); NaN if none."""
    observed = weights @ events.astype(np.float64)
    a = np.zeros(len(weights))
    for _ in range(_STEPS):
        p = _sigmoid(a[:, None] + logit)
        weighted_p = weights * p
        step = quotient(observed - weighted_p.sum(axis=1), (weighted_p * (1 - p)).sum(axis=1))
        a = a + np.clip(step, -2, 2)
        if _settled(step[np.abs(a) < _LARGEST_LOGIT]):
            break
    return np.where(np.abs(a) < _LARGEST_LOGIT, a, np.nan)


def fit_line(events: BoolArray | FloatArray, logit: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Maximum likelihood a, b of logit P(event) = a + b logit by Newton's method.

    Returns:
        a and b, shape (n_resamples,) each; NaN where there is no finite maximum or the logits do not vary.
    """
    centre, spread = float(logit.mean()), float(logit.std())
    if spread < 1e-9:
        nothing = np.full(len(weights), np.nan)
        return nothing, nothing
    x = (logit - centre) / spread
    a, b = np.zeros(len(weights)), np.zeros(len(weights))
    designs = np.stack([np.ones_like(x), x, x * x], axis=1)
    for _ in range(_STEPS):
        p = _sigmoid(a[:, None] + b[:, None] * x)
        gradient = (weights * (events - p)) @ designs[:, :2]
        h0, h1, h2 = ((weights * p * (1 - p)) @ designs).T
        determinant = h0 * h2 - h1 * h1
        step_a = quotient(h2 * gradient[:, 0] - h1 * gradient[:, 1], determinant)
        step_b = quotient(h0 * gradient[:, 1] - h1 * gradient[:, 0], determinant)
        a, b = a + np.clip(step_a, -2, 2), b + np.clip(step_b, -2, 2)
        finite = np.abs(a) + np.abs(b) < _LARGEST_LOGIT
        if _settled(step_a[finite]) and _settled(step_b[finite]):
            break
    finite = np.abs(a) + np.abs(b) < _LARGEST_LOGIT
    slope = np.where(finite, b / spread, np.nan)
    return np.where(finite, a, np.nan) - slope * centre, slope


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """ECGs of similar probability: what was said, and what happened.

    Attributes:
        predicted: Mean probability.
        observed: Fraction with the event.
        n_ecgs: How many.
    """

    predicted: float
    observed: Interval
    n_ecgs: int


def reliability_bins(
    events: BoolArray, probability: FloatArray, resamples: Resamples, *, n_bins: int = 10
) -> list[ReliabilityBin]:
    """Cut ECGs into `n_bins` of equal number by probability; equal probabilities stay in one bin."""
    edges = np.quantile(probability, np.linspace(0, 1, n_bins + 1)[1:-1])
    index = np.searchsorted(edges, probability, side="left")
    bins = []
    for number in np.unique(index):
        inside = index == number
        happened = events[inside].astype(np.float64)

        def observed(weights: FloatArray, happened: FloatArray = happened) -> dict[str, FloatArray]:
            return {"observed": quotient(weights @ happened, weights.sum(axis=1))}

        interval = intervals(observed, resamples.subset(inside))["observed"]
        bins.append(ReliabilityBin(float(probability[inside].mean()), interval, int(inside.sum())))
    return bins


def _sigmoid(logit: FloatArray) -> FloatArray:
    out: FloatArray = 0.5 * (1 + np.tanh(0.5 * logit))
    return out


def _settled(step: FloatArray) -> bool:
    finite = step[np.isfinite(step)]
    return bool(finite.size == 0 or np.abs(finite).max() < _TOLERANCE)
