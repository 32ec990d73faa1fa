"""`conformal.json`: for each target the interval's half width and the events' scaling, by the calibration split."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypedDict

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError
from scipy.stats import beta, spearmanr

from hemometric.errors import RunError
from hemometric.targets import find_target
from hemometric.training.contract import TargetContract
from hemometric.training.files import read_json, write_json
from hemometric.training.labelled import LabelledEcgs
from hemometric.training.members import Estimates
from hemometric.training.ridge import LOGISTIC_PER_NORMAL
from hemometric.uncertainty import MIN_PATIENTS, UNCALIBRATED, PlattScaling, fit_platt, patient_weights, split_conformal

METHOD = "split conformal on absolute residuals; every calibration patient weighs the same"
EventSource = Literal["both", "head", "estimate"]
_SOURCES: tuple[EventSource, ...] = ("both", "head", "estimate")
_SOURCE_NAMES: dict[EventSource, str] = {
    "both": "the mean of the event head's logits and those of the estimate's distance from the threshold",
    "head": "the event head's logits",
    "estimate": "the estimate's distance from the threshold",
}
_LEAST_PROBABILITY = 1e-6
_SPREAD_LEVELS = np.linspace(0, 1, 21)


class _Spread(TypedDict, total=False):
    spread_quantiles: tuple[float, ...]
    spread_rank_r: float


@dataclass(frozen=True, slots=True)
class Judged:
    """Labelled ECGs of one role, and what the model says about them."""

    labels: LabelledEcgs
    said: Estimates


class Scaling(BaseModel):
    """probability = 1 / (1 + exp(-(slope * logit + intercept)))."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slope: float
    intercept: float


class Calibration(BaseModel):
    """What the calibration split says of one target.

    Attributes:
        target: Name of the target.
        level: Nominal coverage.
        half_width: Of the interval, in the target's unit; None where there are too few patients for the level.
        n_patients: Patients of the calibration split with a label.
        n_ecgs: Their labelled ECGs.
        method: How the half width came about.
        platt: For each event its scaling, or None where too few patients left its logits uncalibrated.
        events_from: What the scalings apply to: the logits of the event head, how far the estimate lies beyond the
            event's threshold, or the mean of the two.
        residual_sd: SD of the validation residuals in the target's unit; the measure of "how far".
        spread_quantiles: Of the members' spread over the calibration ECGs, evenly spaced from the least to the largest;
            empty without an ensemble.
        spread_rank_r: Spearman's correlation of that spread with the absolute residual, or None.
        log_loss: Of each source on the calibration split, mean over patients and events; empty where none was chosen.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    target: str
    level: float
    half_width: float | None
    n_patients: int
    n_ecgs: int
    method: str = METHOD
    platt: dict[str, Scaling | None]
    events_from: EventSource = "head"
    residual_sd: float | None = None
    log_loss: dict[EventSource, float] = {}
    spread_quantiles: tuple[float, ...] = ()
    spread_rank_r: float | None = None

    def probabilities(self, said: Estimates, events: tuple[str, ...]) -> dict[str, NDArray[np.float64]]:
        """The probability (n,) of each event, from what the members say."""
        scores = event_scores(said, source=self.events_from, target=self.target, residual_sd=self.residual_sd)
        return {event: self._scaling(event).probability(scores[:, column]) for column, event in enumerate(events)}

    def reliability(self, spread: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
        """How many of the calibration ECGs the members disagree about more than about these, from 0 to 1.

        Args:
            spread: (n,) SD of the members' estimates, or None of a single model.

        Returns:
            (n,), or None where there is no ensemble or there were no calibration ECGs.
        """
        if spread is None or not self.spread_quantiles:
            return None
        return 1 - np.interp(spread, self.spread_quantiles, np.linspace(0, 1, len(self.spread_quantiles)))

    def _scaling(self, event: str) -> PlattScaling:
        found = self.platt.get(event)
        return UNCALIBRATED if found is None else PlattScaling(slope=found.slope, intercept=found.intercept)

    def sentences(self, unit: str) -> list[str]:
        """What the card says."""
        on = f"on {self.n_ecgs:,} ECGs of {self.n_patients:,} calibration patients"
        interval = f"Interval of {self.level:.0%}: none, too few calibration patients ({self.n_patients:,})"
        if self.half_width is not None:
            low, high = coverage_range(self.n_patients, level=self.level)
            interval = (
                f"Interval of {self.level:.0%}: +- {self.half_width:.2f} {unit} ({self.method}), {on}; so few patients "
                f"leave its true coverage between {low:.2f} and {high:.2f} nine times of ten"
            )
        chosen = f"Probabilities: from {_SOURCE_NAMES[self.events_from]}"
        if self.log_loss:
            losses = ", ".join(f"{source} {loss:.4f}" for source, loss in self.log_loss.items())
            chosen += f" (log loss {on}: {losses})"
        if self.spread_rank_r is not None:
            chosen += (
                f"; the members' spread has rank correlation {self.spread_rank_r:.2f} with the size of the residual"
            )
        said = {True: f"uncalibrated: too few patients with or without it {on}, or logits that carry nothing of it"}
        said[False] = f"Platt scaling {on}"
        return [
            interval,
            chosen,
            *(f"Probability of {event}: {said[scale is None]}" for event, scale in self.platt.items()),
        ]


def coverage_range(n_patients: int, *, level: float) -> tuple[float, float]:
    """Where the coverage of a split conformal interval lies nine times of ten, over the choice of calibration patients.

    Coverage is nominal on average only. That of one interval is distributed as Beta(k, K + 1 - k) with
    k = ceil((K + 1) level) for K patients of one ECG each (Vovk 2012, Conditional validity of inductive conformal
    predictors, proposition 2a); with several ECGs of a patient it is near that.

    Args:
        n_patients: K, enough for the level: (K + 1) (1 - level) >= 1.
        level: Nominal coverage.

    Examples:
        >>> [round(end, 2) for end in coverage_range(71, level=0.9)]
        [0.84, 0.95]
    """
    rank = math.ceil((n_patients + 1) * level * (1 - 1e-12))
    low, high = beta.ppf([0.05, 0.95], rank, n_patients + 1 - rank)
    return float(low), float(high)


def event_outcomes(values: NDArray[np.float64], target: str) -> NDArray[np.bool_]:
    """Whether each event of a target is there: (n, n_events), in the order of the target's events."""
    events = find_target(target).events
    columns = [values > event.threshold if event.direction == ">" else values < event.threshold for event in events]
    return np.stack(columns, axis=1)


def event_scores(
    said: Estimates, *, source: EventSource, target: str, residual_sd: float | None
) -> NDArray[np.float64]:
    """Logits (n, n_events) before their scaling, from the event head, from the estimate, or the mean of the two.

    The logit from the estimate is that of a normal distribution around it, with the SD of the validation residuals,
    beyond the event's threshold.

    Raises:
        ValueError: The estimate is asked for without `residual_sd`.
    """
    if source == "head":
        return said.logits
    if residual_sd is None:
        raise ValueError("the distance from a threshold needs residual_sd")
    events = find_target(target).events
    signs = np.array([1.0 if event.direction == ">" else -1.0 for event in events])
    thresholds = np.array([event.threshold for event in events])
    scores: NDArray[np.float64] = signs * LOGISTIC_PER_NORMAL * (said.values[:, None] - thresholds) / residual_sd
    return scores if source == "estimate" else (scores + said.logits) / 2


def calibrate(
    target: TargetContract,
    calibration: Judged,
    validation: Judged,
    *,
    level: float,
    events: Literal["auto", "both", "head", "estimate"] = "auto",
) -> Calibration:
    """Fit interval and probabilities to the calibration split.

    Which source the probabilities come from is chosen on the calibration split too, where each has the same two numbers
    fitted for an event. The validation split cannot choose: it chose the weights by the very error of the estimate,
    which therefore looks better there than it is.

    Args:
        target: Of the model.
        calibration: ECGs that took no part in training or selection.
        validation: ECGs whose residuals measure how far an estimate lies from a threshold.
        level: Nominal coverage.
        events: Where the probabilities come from, or "auto" for the lowest log loss; with too few calibration patients
            to tell, "both".
    """
    labels, residuals = calibration.labels, calibration.labels.values - calibration.said.values
    n_ecgs, n_patients = labels.counts
    half_width = split_conformal(residuals, labels.patients, level=level) if n_ecgs else math.inf
    fitted = Calibration(
        target=target.name,
        level=level,
        half_width=half_width if math.isfinite(half_width) else None,
        n_patients=n_patients,
        n_ecgs=n_ecgs,
        platt={},
        residual_sd=_residual_sd(validation),
        **_describe_spread(calibration.said.spread, residuals),
    )
    if events == "auto" and n_patients < MIN_PATIENTS:
        events = "both"
    if events != "auto":
        return _scale(fitted, calibration, target.events, source=events)
    candidates = [_scale(fitted, calibration, target.events, source=source) for source in _SOURCES]
    losses = {one.events_from: _log_loss(one, calibration, target.events) for one in candidates}
    best = min(candidates, key=lambda one: losses[one.events_from])
    return best.model_copy(update={"log_loss": losses})


def _scale(fitted: Calibration, on: Judged, events: tuple[str, ...], *, source: EventSource) -> Calibration:
    scores = event_scores(on.said, source=source, target=fitted.target, residual_sd=fitted.residual_sd)
    outcomes = event_outcomes(on.labels.values, fitted.target)
    platt: dict[str, Scaling | None] = {}
    for column, event in enumerate(events):
        found = fit_platt(scores[:, column], outcomes[:, column], on.labels.patients)
        platt[event] = None if found is None else Scaling(slope=found.slope, intercept=found.intercept)
    return fitted.model_copy(update={"platt": platt, "events_from": source})


def _residual_sd(on: Judged) -> float:
    weights = patient_weights(on.labels.patients)
    mean_square = float(np.average((on.labels.values - on.said.values) ** 2, weights=weights))
    return max(math.sqrt(mean_square), 1e-3)


def _describe_spread(spread: NDArray[np.float64] | None, residuals: NDArray[np.float64]) -> _Spread:
    if spread is None or len(spread) == 0:
        return {}
    described: _Spread = {"spread_quantiles": tuple(np.quantile(spread, _SPREAD_LEVELS).tolist())}
    if len(spread) > 2 and np.ptp(spread) > 0 and np.ptp(residuals) > 0:
        described["spread_rank_r"] = float(spearmanr(spread, np.abs(residuals)).statistic)
    return described


def _log_loss(calibration: Calibration, on: Judged, events: tuple[str, ...]) -> float:
    said = np.stack(list(calibration.probabilities(on.said, events).values()), axis=1)
    held = np.clip(said, _LEAST_PROBABILITY, 1 - _LEAST_PROBABILITY)
    of_what_was = np.where(event_outcomes(on.labels.values, calibration.target), held, 1 - held)
    return float(np.average(-np.log(of_what_was).mean(axis=1), weights=patient_weights(on.labels.patients)))


class _Calibrations(BaseModel):
    """The content of `conformal.json`; version 1, without a number, was the calibration of a single target."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[2] = 2
    targets: tuple[Calibration, ...]


def write_calibrations(path: Path, calibrations: Sequence[Calibration]) -> None:
    """Write `conformal.json`, the targets in the order of the contract."""
    write_json(path, _Calibrations(targets=tuple(calibrations)).model_dump(mode="json"))


def read_calibrations(path: Path, targets: Sequence[str]) -> tuple[Calibration, ...]:
    """Read `conformal.json`, of this version or of the one that knew a single target.

    Args:
        path: Of the file.
        targets: Names of the targets of the run, in the order of its contract.

    Raises:
        RunError: It is missing, of another version, or of other targets.
    """
    content = read_json(path)
    try:
        if "schema_version" in content:
            found = _Calibrations.model_validate(content).targets
        else:
            found = (Calibration.model_validate(content),)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise RunError(f"{path}: {where}: {first['msg']}: update hemometric, or train the run anew") from error
    names = tuple(calibration.target for calibration in found)
    if names != tuple(targets):
        raise RunError(f"{path}: is of {', '.join(names)}, the run estimates {', '.join(targets)}: copy the run again")
    return found
