"""What a model says about an ECG, as a value, as text and as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hemometric.targets import known_targets

SIMULATED_WARNING = "trained on SIMULATED patients: not a clinical estimate"


@dataclass(frozen=True, slots=True)
class TargetEstimate:
    """The estimate of one target.

    Attributes:
        target: Name of the target.
        unit: Of value, low and high.
        value: The estimate.
        low: Lower end of the interval, or None where the run had too few calibration patients for one.
        high: Upper end of the interval, or None.
        probability: Of each event, from 0 to 1.
        reliability: Of an ensemble, how many of the calibration ECGs its members disagree about more, from 0 to 1; None
            of a single model.
    """

    target: str
    unit: str
    value: float
    low: float | None
    high: float | None
    probability: dict[str, float]
    reliability: float | None = None


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model says about one ECG.

    Attributes:
        ecg_id: As the ECG names itself.
        part: Which ECG of its file, where that holds several.
        refused: Whether the ECG is outside what the model may read; then there are no estimates.
        reason: Why it was refused.
        estimates: By target; means over the windows that were good.
        coverage: Nominal coverage of the intervals.
        n_windows: Windows that the estimates are means of.
        n_windows_refused: Windows of the record that were not good.
        trained_on_simulated: Whether simulated ECGs or labels had a part in the weights.
        reliability: The least of those of the targets; None of a single model.
        neighbours: Similar ECGs; none are searched for.
    """

    ecg_id: str
    refused: bool
    reason: str | None = None
    estimates: dict[str, TargetEstimate] = field(default_factory=dict)
    coverage: float | None = None
    n_windows: int = 0
    n_windows_refused: int = 0
    trained_on_simulated: bool = False
    reliability: float | None = None
    neighbours: tuple[str, ...] = ()
    part: str | None = None


@dataclass(frozen=True, slots=True)
class RowPredictions:
    """What a model says of one target about n ECGs of a store.

    Attributes:
        target: Name of the target.
        estimate: (n,) in the target's unit.
        low: (n,) lower ends of the intervals, -inf where the run had too few calibration patients.
        high: (n,) upper ends, +inf likewise.
        probability: For each event (n,), from 0 to 1.
        reliability: (n,) as in `TargetEstimate`, or None of a single model.
    """

    target: str
    estimate: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    probability: dict[str, NDArray[np.float64]]
    reliability: NDArray[np.float64] | None = None


Answers = Sequence[tuple[Path, Prediction]]


def predictions_text(answers: Answers) -> str:
    """One or more lines for each ECG: values with unit and interval, probabilities, or why it was refused."""
    return "\n".join(_text(path, prediction) for path, prediction in answers)


def _text(path: Path, prediction: Prediction) -> str:
    name = str(path) if prediction.part is None else f"{path}, part {prediction.part}"
    if prediction.refused:
        return f"{name}: refused: {prediction.reason}"
    lines = []
    for estimate in prediction.estimates.values():
        digits, interval = _digits(estimate.target), ""
        if estimate.low is not None and estimate.high is not None and prediction.coverage is not None:
            interval = f" ({prediction.coverage:.0%} interval {estimate.low:.{digits}f} to {estimate.high:.{digits}f})"
        chances = "".join(f", P({event}) = {chance:.2f}" for event, chance in estimate.probability.items())
        lines.append(f"{name}: {estimate.target} {estimate.value:.{digits}f} {estimate.unit}{interval}{chances}")
    if prediction.n_windows + prediction.n_windows_refused > 1:
        refused = f", {prediction.n_windows_refused} refused" if prediction.n_windows_refused else ""
        lines.append(f"  mean over {prediction.n_windows} windows{refused}")
    reliable = {one.target: one.reliability for one in prediction.estimates.values() if one.reliability is not None}
    if reliable:
        named = [f"{target} {found:.2f}" if len(reliable) > 1 else f"{found:.2f}" for target, found in reliable.items()]
        lines.append(f"  reliability {', '.join(named)} of 1 (the models agree more than on so many ECGs)")
    if prediction.trained_on_simulated:
        lines.append(f"  {SIMULATED_WARNING}")
    return "\n".join(lines)


def _digits(target: str) -> int:
    """Digits after the point, as the target has them where it is known."""
    known = known_targets().get(target)
    return 1 if known is None else known.decimals


def predictions_json(answers: Answers) -> str:
    """One JSON array with an object for each ECG; unknown numbers are null."""
    content = [{"file": str(path), **asdict(prediction)} for path, prediction in answers]
    return json.dumps(content, indent=2, allow_nan=False)
