"""How well the best possible reader of the simulated ECGs could do: the ceiling that an encoder cannot pass.

The reader knows the generator's true parameters of each visit (`Morphology`) with age and sex, instead of measuring
them in a noisy waveform. Two readers are fitted, a linear one (ridge, logistic) and gradient-boosted trees, both
cross-validated by patient over every visit; the better one of each measure stands for the best possible.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from hemometric.simulation.circulation import FloatVector
from hemometric.simulation.morphology import Morphology
from hemometric.simulation.patients import BoolVector, IntVector
from hemometric.targets import TARGETS, Target

FloatMatrix = NDArray[np.float64]

_N_FOLDS = 4
_N_BOOTSTRAP = 200
_BOOSTING = {"learning_rate": 0.06, "max_iter": 120, "max_leaf_nodes": 8, "min_samples_leaf": 60, "random_state": 0}
_SCALED = (SimpleImputer(strategy="median"), StandardScaler())


@dataclass(frozen=True, slots=True)
class Score:
    """A cross-validated measure with its 95 % patient-clustered bootstrap interval; NaN where undefined."""

    value: float
    low: float
    high: float


_UNDEFINED = Score(float("nan"), float("nan"), float("nan"))


@dataclass(frozen=True, slots=True)
class Reading:
    """What each reader reaches in one measure.

    Attributes:
        target: Key of `hemometric.targets.TARGETS`.
        measure: "r", "RMSE", or an event's key such as "mpcwp>15" (its AUROC).
        linear: Ridge or logistic regression on the true parameters, age and sex.
        boosting: Gradient-boosted trees on the same.
        demographics: The linear reader with age and sex alone.
    """

    target: str
    measure: str
    linear: Score
    boosting: Score
    demographics: Score

    @property
    def ceiling(self) -> Score:
        """The better reader's score."""
        if np.isnan(self.boosting.value):
            return self.linear
        better = min if self.measure == "RMSE" else max
        return better(self.linear, self.boosting, key=lambda score: score.value)


class KnownEcgs(NamedTuple):
    """m visits as the best possible reader sees them; vectors of shape (m,).

    Attributes:
        morphology: True parameters of the ECG.
        age_years: Age.
        female: Sex.
        patient: Visits of a patient are never in two folds.
        measured: Shape (m, 4): what the catheter shows, in the order of `TARGETS`.
    """

    morphology: Morphology
    age_years: FloatVector
    female: BoolVector
    patient: IntVector
    measured: FloatMatrix


def find_ceiling(ecgs: KnownEcgs, *, targets: tuple[str, ...] = tuple(TARGETS)) -> list[Reading]:
    """Estimate the ceiling: r and RMSE of each target, AUROC of each of its events.

    Args:
        ecgs: Of m visits.
        targets: Keys of `TARGETS`.

    Returns:
        For each target, "r" and "RMSE", then its events. A measure is NaN where a fold lacks one of the classes.
    """
    demographics = np.column_stack([ecgs.age_years, ecgs.female]).astype(np.float64)
    everything = np.column_stack([*ecgs.morphology, demographics])
    folds = list(GroupKFold(_N_FOLDS).split(everything, groups=ecgs.patient))
    weights = _draw_weights(ecgs.patient)
    readings: list[Reading] = []
    with threadpool_limits(1):  # the order of sums, and with it the last digits, must not depend on the machine
        for column, name in enumerate(TARGETS):
            if name in targets:
                values = ecgs.measured[:, column]
                readings.extend(_read_target(TARGETS[name], values, everything, demographics, folds, weights))
    return readings


_Folds = list[tuple[NDArray[np.intp], NDArray[np.intp]]]
_Untyped = Any
"""An estimator of scikit-learn."""
_Measure = Callable[[FloatVector, FloatVector, FloatMatrix], FloatVector]
"""Wanted and estimated (m,), weights (resamples, m) -> (resamples,)."""


def _read_target(
    target: Target,
    values: FloatVector,
    everything: FloatMatrix,
    demographics: FloatMatrix,
    folds: _Folds,
    weights: FloatMatrix,
) -> list[Reading]:
    linear, boosted = make_pipeline(*_SCALED, Ridge(alpha=1.0)), HistGradientBoostingRegressor(**_BOOSTING)
    readers = ((linear, everything), (boosted, everything), (linear, demographics))
    estimates = [_estimate(model, features, values, folds) for model, features in readers]
    readings = [
        Reading(target.name, name, *(_score(measure, values, estimate, weights) for estimate in estimates))
        for name, measure in (("r", _correlation), ("RMSE", _root_mean_square_error))
    ]
    linear, boosted = (
        make_pipeline(*_SCALED, LogisticRegression(max_iter=500)),
        HistGradientBoostingClassifier(**_BOOSTING),
    )
    readers = ((linear, everything), (boosted, everything), (linear, demographics))
    for event in target.events:
        happened = values > event.threshold if event.direction == ">" else values < event.threshold
        scores = [_UNDEFINED] * len(readers)
        if all(0 < happened[rows].mean() < 1 for fold in folds for rows in fold):
            chances = [_estimate(model, features, happened, folds) for model, features in readers]
            scores = [_score(weighted_auroc, happened.astype(np.float64), chance, weights) for chance in chances]
        readings.append(Reading(target.name, event.key, *scores))
    return readings


def _estimate(model: _Untyped, features: FloatMatrix, wanted: NDArray[Any], folds: _Folds) -> FloatVector:
    """Cross-validated estimates, of an event its log odds; shape (m,)."""
    estimates = np.empty(len(wanted))
    for train, test in folds:
        fitted = clone(model).fit(features[train], wanted[train])
        read = fitted.decision_function if wanted.dtype == np.bool_ else fitted.predict
        estimates[test] = read(features[test])
    return estimates


def _draw_weights(patient: IntVector) -> FloatMatrix:
    """How often each visit is drawn when whole patients are drawn with replacement; shape (1 + resamples, m)."""
    names, rows = np.unique(patient, return_inverse=True)
    rng = np.random.default_rng(0)
    counts = [np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names)) for _ in range(_N_BOOTSTRAP)]
    return np.stack([np.ones(len(rows)), *(count[rows].astype(np.float64) for count in counts)])


def _score(measure: _Measure, wanted: FloatVector, estimate: FloatVector, weights: FloatMatrix) -> Score:
    values = measure(wanted, estimate, weights)
    low, high = np.quantile(values[1:], [0.025, 0.975])
    return Score(float(values[0]), float(low), float(high))


def weighted_auroc(happened: FloatVector, chance: FloatVector, weights: FloatMatrix) -> FloatVector:
    """Area under the ROC curve for many weightings at once: the share of pairs in the right order, ties counting half.

    Args:
        happened: Shape (m,), 0 or 1.
        chance: Shape (m,), higher = likelier.
        weights: Shape (resamples, m).
    """
    order = np.argsort(chance, kind="stable")
    starts = np.flatnonzero(np.diff(chance[order], prepend=-np.inf))
    positive = np.add.reduceat((weights * happened)[:, order], starts, axis=1)
    negative = np.add.reduceat((weights * (1.0 - happened))[:, order], starts, axis=1)
    below = np.cumsum(negative, axis=1) - 0.5 * negative
    areas: FloatVector = np.sum(positive * below, axis=1) / (positive.sum(axis=1) * negative.sum(axis=1))
    return areas


def _root_mean_square_error(wanted: FloatVector, estimate: FloatVector, weights: FloatMatrix) -> FloatVector:
    errors: FloatVector = np.sqrt(weights @ (wanted - estimate) ** 2 / weights.sum(axis=1))
    return errors


def _correlation(wanted: FloatVector, estimate: FloatVector, weights: FloatMatrix) -> FloatVector:
    n = weights.sum(axis=1)
    mean_w, mean_e = weights @ wanted / n, weights @ estimate / n
    covariance = weights @ (wanted * estimate) / n - mean_w * mean_e
    variance_w, variance_e = weights @ wanted**2 / n - mean_w**2, weights @ estimate**2 / n - mean_e**2
    r: FloatVector = covariance / np.sqrt(variance_w * variance_e)
    return r
