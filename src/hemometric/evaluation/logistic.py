"""Logistic regression of each event on named inputs, fitted by scikit-learn and kept as plain numbers."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from sklearn.linear_model import LogisticRegression

from hemometric.evaluation.classification import happened
from hemometric.evaluation.linear import LogisticCurve, apply_curve, design
from hemometric.evaluation.predictions import BoolArray, FloatArray
from hemometric.targets import Event
from hemometric.training.hand_features import centre_and_spread
from hemometric.training.labelled import assign_folds

STRENGTHS = tuple(float(strength) for strength in 10.0 ** np.arange(-4, 0.1, 0.5))
"""Inverse penalties that are tried, per standardised input."""

MIN_PATIENTS_PER_CLASS = 10
_LEAST_PROBABILITY = 1e-6
_AS_IT_IS = LogisticCurve(intercept=0.0, slope=1.0)


class LogisticModel(BaseModel):
    """One logistic regression for each event on the same inputs.

    Attributes:
        inputs: Names of the inputs, with their units.
        fill: As in `LinearModel`.
        spread: As in `LinearModel`.
        weights: Event key -> one per standardised input, then one per "is missing".
        intercepts: Event key -> log odds at the centre of all inputs.
        strengths: Event key -> inverse penalty, chosen by cross-validation over train patients.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    inputs: tuple[str, ...]
    fill: tuple[float, ...]
    spread: tuple[float, ...]
    weights: dict[str, tuple[float, ...]]
    intercepts: dict[str, float]
    strengths: dict[str, float]

    def probability(self, values: FloatArray) -> dict[str, FloatArray]:
        """Inputs, shape (n, n_inputs), NaN where missing -> event key -> probability, shape (n,)."""
        columns = design(values, fill=np.array(self.fill), spread=np.array(self.spread))
        return {
            key: apply_curve(_AS_IT_IS, columns @ np.array(weights) + self.intercepts[key])
            for key, weights in self.weights.items()
        }


def fit_logistic(
    values: FloatArray,
    measured: FloatArray,
    patient_ids: NDArray[np.str_],
    *,
    inputs: Sequence[str],
    events: Sequence[Event],
    seed: int,
) -> LogisticModel | None:
    """Fit penalised logistic regression with the penalty of least log loss over folds of patients.

    Args:
        values: Shape (n, n_inputs), NaN where missing; standardised as by `fit_linear`.
        measured: Shape (n,), in the target's unit.
        patient_ids: Shape (n,); no patient is in two folds.
        inputs: Names of the columns.
        events: Of the target.
        seed: Of the folds.

    Returns:
        The model, or None where an event has fewer than 10 patients with it or without it.
    """
    outcomes = {event.key: happened(event, measured) for event in events}
    if any(_fewer(patient_ids, outcome) < MIN_PATIENTS_PER_CLASS for outcome in outcomes.values()):
        return None
    fill, spread = centre_and_spread(values)
    columns, folds = design(values, fill=fill, spread=spread), assign_folds(patient_ids, seed=seed)
    fitted = {key: _fit_event(columns, outcome, folds) for key, outcome in outcomes.items()}
    return LogisticModel(
        inputs=tuple(inputs),
        fill=tuple(fill.tolist()),
        spread=tuple(spread.tolist()),
        weights={key: tuple(model.coef_[0].tolist()) for key, model in fitted.items()},
        intercepts={key: float(model.intercept_[0]) for key, model in fitted.items()},
        strengths={key: float(model.C) for key, model in fitted.items()},
    )


def _fewer(patient_ids: NDArray[np.str_], outcome: BoolArray) -> int:
    return min(len(np.unique(patient_ids[outcome])), len(np.unique(patient_ids[~outcome])))


def _fit_event(columns: FloatArray, outcome: BoolArray, folds: NDArray[np.intp]) -> LogisticRegression:
    losses = np.zeros(len(STRENGTHS))
    for place, strength in enumerate(STRENGTHS):
        for fold in np.unique(folds):
            inside = folds != fold
            if np.unique(outcome[inside]).size == 2:
                model = _regress(columns[inside], outcome[inside], strength)
                said = np.clip(model.predict_proba(columns[~inside])[:, 1], _LEAST_PROBABILITY, 1 - _LEAST_PROBABILITY)
                losses[place] -= np.log(np.where(outcome[~inside], said, 1 - said)).sum()
    return _regress(columns, outcome, STRENGTHS[int(np.argmin(losses))])


def _regress(columns: FloatArray, outcome: BoolArray, strength: float) -> LogisticRegression:
    return LogisticRegression(C=strength, max_iter=2000).fit(columns, outcome)
