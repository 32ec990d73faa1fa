"""The same model in groups of patients: sex and age."""

from types import MappingProxyType

import numpy as np

from hemometric.evaluation.bootstrap import Resamples, intervals
from hemometric.evaluation.classification import happened, weighted_auroc
from hemometric.evaluation.predictions import BoolArray, FloatArray, Measurements, Predictions
from hemometric.evaluation.regression import weighted_fraction, weighted_rmse
from hemometric.evaluation.report import Interval, Subgroup
from hemometric.targets import Event

AGE_BANDS = MappingProxyType(
    {
        "age=[18,35)": (18.0, 35.0),
        "age=[35,50)": (35.0, 50.0),
        "age=[50,75)": (50.0, 75.0),
        "age=[75,+)": (75.0, np.inf),
    }
)
"""Name -> years, lower end inclusive, upper end exclusive."""

NOTHING = Interval(value=None, low=None, high=None)


def subgroup_members(measurements: Measurements) -> dict[str, BoolArray]:
    """Name -> which ECGs belong, shape (n_ecgs,). ECGs of unknown age or sex belong to no group of that kind."""
    members = {f"sex={sex}": measurements.sex == sex for sex in ("female", "male")}
    age = measurements.age_years
    return {**members, **{name: (age >= low) & (age < high) for name, (low, high) in AGE_BANDS.items()}}


def judge_subgroups(
    measurements: Measurements, predictions: Predictions, event: Event, resamples: Resamples
) -> tuple[Subgroup, ...]:
    """AUROC of one event, RMSE and coverage in each group of sex and age, all groups, empty ones too.

    Args:
        measurements: What was measured.
        predictions: What the model said.
        event: Whose AUROC is given; the target's first.
        resamples: Draws over the same ECGs; a group uses the draws of its own patients.
    """
    return tuple(
        _judge_one(name, inside, measurements, predictions, event=event, resamples=resamples)
        for name, inside in subgroup_members(measurements).items()
    )


def covered(measurements: Measurements, predictions: Predictions) -> BoolArray | None:
    """Whether each prediction's interval holds the measurement, shape (n_ecgs,); None for a model without intervals."""
    if predictions.low is None or predictions.high is None:
        return None
    return (predictions.low <= measurements.measured) & (measurements.measured <= predictions.high)


def _judge_one(
    name: str,
    inside: BoolArray,
    measurements: Measurements,
    predictions: Predictions,
    *,
    event: Event,
    resamples: Resamples,
) -> Subgroup:
    if not inside.any():
        return Subgroup(name=name, n_patients=0, auroc=NOTHING, rmse=NOTHING, coverage=NOTHING)
    measured, estimate = measurements.measured[inside], predictions.estimate[inside]
    events, probability = happened(event, measured), predictions.probability[event.key][inside]
    hits = covered(measurements, predictions)

    def metrics(weights: FloatArray) -> dict[str, FloatArray]:
        held = np.full(len(weights), np.nan) if hits is None else weighted_fraction(hits[inside], weights)
        return {
            "auroc": weighted_auroc(events, probability, weights),
            "rmse": weighted_rmse(measured, estimate, weights),
            "coverage": held,
        }

    kept = resamples.subset(inside)
    return Subgroup(name=name, n_patients=kept.n_patients, **intervals(metrics, kept))
