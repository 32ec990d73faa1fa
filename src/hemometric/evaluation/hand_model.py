"""The `features` baseline: linear, kernel and tree models on hand-made inputs, of which validation chooses."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from hemometric.evaluation.boosting import BoostedModel, fit_boosting
from hemometric.evaluation.classification import happened
from hemometric.evaluation.hand_made import MEASURED, BeatAxes, HandMade, fit_beat_axes
from hemometric.evaluation.kernel import KernelModel, fit_kernel
from hemometric.evaluation.linear import LinearModel, fit_linear
from hemometric.evaluation.logistic import LogisticModel, fit_logistic
from hemometric.evaluation.predictions import FloatArray
from hemometric.targets import Event

Estimator = Literal["ridge", "ridge-beats", "kernel", "boosting"]
Prober = Literal["curve", "logistic", "logistic-beats"]
_WITH_BEATS = ("ridge-beats", "boosting")
_LEAST_PROBABILITY = 1e-6


@dataclass(frozen=True, slots=True)
class HandMadeLabels:
    """Hand-made inputs of labelled ECGs.

    Attributes:
        inputs: Of n ECGs.
        measured: (n,) in the target's unit.
        patient_ids: (n,).
    """

    inputs: HandMade
    measured: FloatArray
    patient_ids: NDArray[np.str_]


class HandMadeModel(BaseModel):
    """The chosen models of the `features` baseline.

    Attributes:
        axes: Principal components of the training ECGs' typical beats; none where no chosen model reads them.
        estimator: Which model estimates: ridge on the measurements, ridge on them and the beats' components, kernel
            ridge on the measurements, or boosted trees on both.
        ridge: The ridge regression, where one estimates.
        kernel: The kernel ridge regression, where it estimates.
        boosting: The trees, where they estimate.
        prober: Where probabilities come from: a logistic curve of the estimate, or logistic regression.
        logistic: The logistic regressions, where probabilities come from them.
        validation: What chose: root mean squared error of each estimator in the target's unit, log loss of each prober.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    axes: BeatAxes
    estimator: Estimator
    ridge: LinearModel | None
    kernel: KernelModel | None = None
    boosting: BoostedModel | None
    prober: Prober
    logistic: LogisticModel | None
    validation: dict[str, float]

    def estimate(self, inputs: HandMade) -> FloatArray:
        """Estimates in the target's unit, shape (n,)."""
        model = self.ridge or self.kernel or self.boosting
        if model is None:
            raise ValueError("a baseline without a model cannot estimate")
        return model.estimate(_columns(inputs, self.axes, beats=self.estimator in _WITH_BEATS))

    def probability(self, inputs: HandMade) -> dict[str, FloatArray]:
        """Event key -> probability, shape (n,)."""
        if self.logistic is not None:
            return self.logistic.probability(_columns(inputs, self.axes, beats=self.prober == "logistic-beats"))
        model = self.ridge or self.kernel or self.boosting
        return {} if model is None else model.probability(self.estimate(inputs))


def fit_hand_made(
    train: HandMadeLabels, validation: HandMadeLabels, *, events: Sequence[Event], seed: int
) -> HandMadeModel:
    """Fit every model to the training labels, and keep those that say the validation labels best.

    What a model has to choose for itself (penalty, number of trees) it chooses over folds of the training patients.

    Args:
        train: Fitted to.
        validation: Chooses; where it is empty, ridge on the measurements and its curve are kept.
        events: Of the target.
        seed: Of folds and trees.
    """
    axes = fit_beat_axes(train.inputs.beats)
    names = {False: MEASURED, True: (*MEASURED, *axes.names)}
    columns = {beats: _columns(train.inputs, axes, beats=beats) for beats in names}
    estimators: dict[Estimator, LinearModel | KernelModel | BoostedModel] = {}
    probers: dict[Prober, LogisticModel] = {}
    for beats, ridge, prober in ((False, "ridge", "logistic"), (True, "ridge-beats", "logistic-beats")):
        known = columns[beats], train.measured, train.patient_ids
        estimators[ridge] = fit_linear(*known, inputs=names[beats], events=events, seed=seed)  # type: ignore[index]
        logistic = fit_logistic(*known, inputs=names[beats], events=events, seed=seed)
        if logistic is not None:
            probers[prober] = logistic  # type: ignore[index]
    curved = fit_kernel(columns[False], train.measured, train.patient_ids, inputs=MEASURED, events=events, seed=seed)
    if curved is not None:
        estimators["kernel"] = curved
    estimators["boosting"] = fit_boosting(
        columns[True], train.measured, train.patient_ids, inputs=names[True], events=events, seed=seed
    )
    candidates = {
        name: HandMadeModel(
            axes=axes,
            estimator=name,
            ridge=model if isinstance(model, LinearModel) else None,
            kernel=model if isinstance(model, KernelModel) else None,
            boosting=model if isinstance(model, BoostedModel) else None,
            prober="curve",
            logistic=None,
            validation={},
        )
        for name, model in estimators.items()
    }
    if len(validation.measured) == 0:
        return candidates["ridge"].model_copy(update={"axes": BeatAxes.none()})
    errors = {name: _error(model, validation) for name, model in candidates.items()}
    best = candidates[min(errors, key=lambda name: errors[name])]
    with_probers = [best, *(best.model_copy(update={"prober": k, "logistic": v}) for k, v in probers.items())]
    losses = {model.prober: _log_loss(model, validation, events) for model in with_probers}
    chosen = min(with_probers, key=lambda model: losses[model.prober])
    record = {f"rmse {name}": value for name, value in errors.items()}
    record |= {f"log loss {name}": value for name, value in losses.items()}
    without_beats = chosen.estimator not in _WITH_BEATS and chosen.prober != "logistic-beats"
    return chosen.model_copy(update={"validation": record, **({"axes": BeatAxes.none()} if without_beats else {})})


def _columns(inputs: HandMade, axes: BeatAxes, *, beats: bool) -> FloatArray:
    return np.concatenate([inputs.measured, axes.scores(inputs.beats)], axis=1) if beats else inputs.measured


def _error(model: HandMadeModel, validation: HandMadeLabels) -> float:
    return float(np.sqrt(np.mean((model.estimate(validation.inputs) - validation.measured) ** 2)))


def _log_loss(model: HandMadeModel, validation: HandMadeLabels, events: Sequence[Event]) -> float:
    said = model.probability(validation.inputs)
    losses = []
    for event in events:
        held = np.clip(said[event.key], _LEAST_PROBABILITY, 1 - _LEAST_PROBABILITY)
        losses.append(-np.log(np.where(happened(event, validation.measured), held, 1 - held)).mean())
    return float(np.mean(losses))
