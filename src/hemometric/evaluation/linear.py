"""Linear models of a few named inputs: ridge for the value, a logistic curve of its estimate for each event.

The logistic curve is fitted to out-of-fold estimates (Platt 1999), so that a few hundred labels are used in full as
values before any is cut into an event, and probabilities do not inherit the optimism of the fit.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from hemometric.evaluation.calibration import fit_line
from hemometric.evaluation.classification import happened
from hemometric.evaluation.predictions import BoolArray, FloatArray
from hemometric.targets import Event
from hemometric.training.hand_features import CLIP, centre_and_spread
from hemometric.training.labelled import assign_folds

ALPHAS = tuple(float(alpha) for alpha in 10.0 ** np.arange(-2, 5.1, 0.5))
"""Penalties that are tried, per standardised input."""


class LogisticCurve(BaseModel):
    """logit P(event) = intercept + slope * estimate."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    intercept: float
    slope: float


def apply_curve(curve: LogisticCurve, estimate: FloatArray) -> FloatArray:
    """Probability, shape (n,), from estimates."""
    out: FloatArray = 0.5 * (1 + np.tanh(0.5 * (curve.intercept + curve.slope * estimate)))
    return out


class LinearModel(BaseModel):
    """A fitted ridge regression with its preparation of the inputs and its curves for events.

    Attributes:
        inputs: Names of the inputs, with their units.
        fill: What stands for a missing input, and the centre of its standardisation (train median).
        spread: Robust standard deviation of each input over the train ECGs, 1 where it does not vary.
        weights: One per standardised input, then one per "is missing".
        intercept: In the target's unit.
        alpha: The penalty, chosen by cross-validation over train patients.
        curves: Event key -> probability from the estimate.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    inputs: tuple[str, ...]
    fill: tuple[float, ...]
    spread: tuple[float, ...]
    weights: tuple[float, ...]
    intercept: float
    alpha: float
    curves: dict[str, LogisticCurve]

    def estimate(self, values: FloatArray) -> FloatArray:
        """Inputs, shape (n, n_inputs), NaN where missing -> estimates in the target's unit, shape (n,)."""
        columns = design(values, fill=np.array(self.fill), spread=np.array(self.spread))
        out: FloatArray = columns @ np.array(self.weights) + self.intercept
        return out

    def probability(self, estimate: FloatArray) -> dict[str, FloatArray]:
        """Event key -> probability, shape (n,), from estimates of this model."""
        return {key: apply_curve(curve, estimate) for key, curve in self.curves.items()}


def fit_linear(
    values: FloatArray,
    measured: FloatArray,
    patient_ids: NDArray[np.str_],
    *,
    inputs: Sequence[str],
    events: Sequence[Event],
    seed: int,
) -> LinearModel:
    """Fit ridge regression with the penalty of least error over folds of patients, and a curve for each event.

    Args:
        values: Shape (n, n_inputs), NaN where missing. Inputs are centred by the median, scaled by the interquartile
            range and clipped; a missing one counts as the median and sets a flag of its own.
        measured: Shape (n,), in the target's unit.
        patient_ids: Shape (n,); no patient is in two folds.
        inputs: Names of the columns.
        events: Of the target.
        seed: Of the folds.
    """
    if values.shape != (len(measured), len(inputs)) or len(measured) == 0:
        raise ValueError(f"expected values of shape ({len(measured)}, {len(inputs)}), n >= 1, got {values.shape}")
    fill, spread = centre_and_spread(values)
    folds = assign_folds(patient_ids, seed=seed)
    out_of_fold = np.stack([np.full(len(measured), measured.mean())] * len(ALPHAS))
    for fold in np.unique(folds) if folds.max() > 0 else ():
        inside = folds != fold
        fold_fill, fold_spread = centre_and_spread(values[inside])
        weights, intercepts = _ridge(design(values[inside], fill=fold_fill, spread=fold_spread), measured[inside])
        held_out = design(values[~inside], fill=fold_fill, spread=fold_spread)
        out_of_fold[:, ~inside] = weights @ held_out.T + intercepts[:, None]
    errors = np.mean((out_of_fold - measured) ** 2, axis=1)
    # Of penalties that are equally good up to rounding the largest, so that machines do not differ.
    best = int(np.flatnonzero(errors <= errors.min() * (1 + 1e-9))[-1])
    weights, intercepts = _ridge(design(values, fill=fill, spread=spread), measured)
    return LinearModel(
        inputs=tuple(inputs),
        fill=tuple(fill.tolist()),
        spread=tuple(spread.tolist()),
        weights=tuple(weights[best].tolist()),
        intercept=float(intercepts[best]),
        alpha=ALPHAS[best],
        curves={event.key: fit_curve(happened(event, measured), out_of_fold[best]) for event in events},
    )


def constant_curves(measured: FloatArray, events: Sequence[Event]) -> Mapping[str, float]:
    """Event key -> fraction of the ECGs with it: all that a model without inputs can say."""
    return {event.key: float(happened(event, measured).mean()) for event in events}


def design(values: FloatArray, *, fill: FloatArray, spread: FloatArray) -> FloatArray:
    """Standardised and clipped inputs, missing ones at the centre, then whether each is missing: (n, 2 n_inputs)."""
    missing = ~np.isfinite(values)
    standard = np.clip((np.where(missing, fill, values) - fill) / spread, -CLIP, CLIP)
    return np.concatenate([standard, missing.astype(np.float64)], axis=1)


def _ridge(columns: FloatArray, measured: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Ridge for every alpha by one SVD (Hoerl and Kennard 1970): weights (n_alphas, n_columns), intercepts."""
    centre, mean = columns.mean(axis=0), measured.mean()
    u, s, vt = np.linalg.svd(columns - centre, full_matrices=False)
    shrink = s / (s**2 + np.array(ALPHAS)[:, None])
    weights: FloatArray = (shrink * (u.T @ (measured - mean))) @ vt
    return weights, mean - weights @ centre


def fit_curve(events: BoolArray, estimate: FloatArray) -> LogisticCurve:
    """Logistic curve with Platt's smoothed targets, which keep it finite when the estimates separate the events."""
    n_event, n_without = int(events.sum()), int((~events).sum())
    targets = np.where(events, (n_event + 1) / (n_event + 2), 1 / (n_without + 2))
    intercept, slope = fit_line(targets, estimate, np.ones((1, len(estimate))))
    # Out-of-fold estimates that fall while the risk rises are noise: the model says the prevalence instead.
    if np.isfinite(slope[0]) and slope[0] > 0:
        return LogisticCurve(intercept=float(intercept[0]), slope=float(slope[0]))
    smoothed = (n_event + 1) / (len(events) + 2)
    return LogisticCurve(intercept=float(np.log(smoothed / (1 - smoothed))), slope=0.0)
