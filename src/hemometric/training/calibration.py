"""`conformal.json`: the interval's half width and the events' Platt scaling, from the calibration split."""

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from hemometric.errors import RunError
from hemometric.targets import find_target
from hemometric.training.contract import TargetContract
from hemometric.training.files import read_json
from hemometric.training.labelled import LabelledEcgs
from hemometric.uncertainty import UNCALIBRATED, PlattScaling, fit_platt, split_conformal

METHOD = "split conformal on absolute residuals; every calibration patient weighs the same"


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
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    target: str
    level: float
    half_width: float | None
    n_patients: int
    n_ecgs: int
    method: str = METHOD
    platt: dict[str, Scaling | None]

    def probabilities(self, logits: NDArray[np.float64], events: tuple[str, ...]) -> dict[str, NDArray[np.float64]]:
        """Turn logits (n, n_events) into the probability (n,) of each event."""
        return {event: self._scaling(event).probability(logits[:, column]) for column, event in enumerate(events)}

    def _scaling(self, event: str) -> PlattScaling:
        found = self.platt.get(event)
        return UNCALIBRATED if found is None else PlattScaling(slope=found.slope, intercept=found.intercept)

    def sentences(self, unit: str) -> list[str]:
        """What the card says."""
        on = f"on {self.n_ecgs:,} ECGs of {self.n_patients:,} calibration patients"
        interval = f"Interval of {self.level:.0%}: none, too few calibration patients ({self.n_patients:,})"
        if self.half_width is not None:
            interval = f"Interval of {self.level:.0%}: +- {self.half_width:.2f} {unit} ({self.method}), {on}"
        said = {True: f"uncalibrated: too few patients with or without it {on}, or logits that carry nothing of it"}
        said[False] = f"Platt scaling {on}"
        return [interval, *(f"Probability of {event}: {said[scale is None]}" for event, scale in self.platt.items())]


def event_outcomes(values: NDArray[np.float64], target: str) -> NDArray[np.bool_]:
    """Whether each event of a target is there: (n, n_events), in the order of the target's events."""
    events = find_target(target).events
    columns = [values > event.threshold if event.direction == ">" else values < event.threshold for event in events]
    return np.stack(columns, axis=1)


def calibrate(
    target: TargetContract,
    labels: LabelledEcgs,
    *,
    estimates: NDArray[np.float64],
    logits: NDArray[np.float64],
    level: float,
) -> Calibration:
    """Fit interval and probabilities to the calibration split.

    Args:
        target: Of the model.
        labels: n ECGs of the calibration split.
        estimates: (n,) in the target's unit.
        logits: (n, n_events).
        level: Nominal coverage.
    """
    n_ecgs, n_patients = labels.counts
    half_width = split_conformal(labels.values - estimates, labels.patients, level=level) if n_ecgs else math.inf
    outcomes = event_outcomes(labels.values, target.name)
    platt: dict[str, Scaling | None] = {}
    for column, event in enumerate(target.events):
        fitted = fit_platt(logits[:, column], outcomes[:, column], labels.patients)
        platt[event] = None if fitted is None else Scaling(slope=fitted.slope, intercept=fitted.intercept)
    return Calibration(
        target=target.name,
        level=level,
        half_width=half_width if math.isfinite(half_width) else None,
        n_patients=n_patients,
        n_ecgs=n_ecgs,
        platt=platt,
    )


def read_calibration(path: Path) -> Calibration:
    """Read `conformal.json`.

    Raises:
        RunError: It is missing or of another version.
    """
    try:
        return Calibration.model_validate(read_json(path))
    except ValidationError as error:
        raise RunError(f"{path}: {error.errors(include_url=False)[0]['msg']}: train the run anew") from error
