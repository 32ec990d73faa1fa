"""Kernel ridge regression on a few named inputs, kept as plain numbers."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from hemometric.evaluation.classification import happened
from hemometric.evaluation.linear import LogisticCurve, apply_curve, design, fit_curve
from hemometric.evaluation.predictions import FloatArray
from hemometric.targets import Event
from hemometric.training.hand_features import centre_and_spread
from hemometric.training.kernel_ridge import fit_kernel_ridge, kernel
from hemometric.training.labelled import assign_folds

_DECIMALS = 4
"""Of standardised inputs; what is stored is what is computed with."""


class KernelModel(BaseModel):
    """A fitted kernel ridge regression with its preparation of the inputs and its curves for events.

    Attributes:
        inputs: Names of the inputs, with their units.
        fill: As in `LinearModel`.
        spread: As in `LinearModel`.
        landmarks: Standardised training ECGs that every ECG is compared with, and whether an input is missing there.
        gamma: Of the Gaussian kernel.
        weights: One per landmark, in the target's unit.
        intercept: In the target's unit.
        curves: Event key -> probability from the estimate.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    inputs: tuple[str, ...]
    fill: tuple[float, ...]
    spread: tuple[float, ...]
    landmarks: tuple[tuple[float, ...], ...]
    gamma: float
    weights: tuple[float, ...]
    intercept: float
    curves: dict[str, LogisticCurve]

    def estimate(self, values: FloatArray) -> FloatArray:
        """Inputs, shape (n, n_inputs), NaN where missing -> estimates in the target's unit, shape (n,)."""
        columns = _columns(values, fill=np.array(self.fill), spread=np.array(self.spread))
        near = kernel(columns, np.array(self.landmarks), gamma=self.gamma)
        out: FloatArray = near @ np.array(self.weights) + self.intercept
        return out

    def probability(self, estimate: FloatArray) -> dict[str, FloatArray]:
        """Event key -> probability, shape (n,), from estimates of this model."""
        return {key: apply_curve(curve, estimate) for key, curve in self.curves.items()}


def fit_kernel(
    values: FloatArray,
    measured: FloatArray,
    patient_ids: NDArray[np.str_],
    *,
    inputs: Sequence[str],
    events: Sequence[Event],
    seed: int,
) -> KernelModel | None:
    """Fit kernel ridge regression (`hemometric.training.kernel_ridge`), width and penalty by folds of patients.

    Args:
        values: Shape (n, n_inputs), NaN where missing; standardised as by `fit_linear`.
        measured: Shape (n,), in the target's unit.
        patient_ids: Shape (n,); no patient is in two folds.
        inputs: Names of the columns.
        events: Of the target.
        seed: Of the folds and of the landmarks.

    Returns:
        None for a single patient, by whom nothing can be chosen.
    """
    folds = assign_folds(patient_ids, seed=seed)
    if folds.max() == 0:
        return None
    fill, spread = centre_and_spread(values)
    fit = fit_kernel_ridge((_columns(values, fill=fill, spread=spread), measured), folds=folds, seed=seed)
    return KernelModel(
        inputs=tuple(inputs),
        fill=tuple(fill.tolist()),
        spread=tuple(spread.tolist()),
        landmarks=tuple(map(tuple, fit.landmarks.tolist())),
        gamma=fit.gamma,
        weights=tuple(fit.weights.tolist()),
        intercept=fit.intercept,
        curves={event.key: fit_curve(happened(event, measured), fit.out_of_fold) for event in events},
    )


def _columns(values: FloatArray, *, fill: FloatArray, spread: FloatArray) -> FloatArray:
    rounded: FloatArray = np.round(design(values, fill=fill, spread=spread), _DECIMALS)
    return rounded
