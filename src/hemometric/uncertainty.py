"""How wrong an estimate may be: conformal intervals and calibrated event probabilities, from patients kept aside."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

MIN_PATIENTS = 20
MIN_PATIENTS_PER_CLASS = 5
_NEWTON_STEPS = 100


def split_conformal(residuals: ArrayLike, groups: ArrayLike, *, level: float) -> float:
    """Half width of an interval that covers one ECG of a new patient with probability `level` or more.

    Split conformal prediction on absolute residuals (Vovk 2005; Lei et al. 2018), where patients and not ECGs are
    exchangeable: each of the K patients weighs 1 / (K + 1), shared equally by their ECGs, and the remaining 1 / (K + 1)
    stands for the new patient at infinity (hierarchical conformal prediction; Dunn et al. 2022, Lee et al. 2023).
    With one ECG a patient it is the ordinary rank ceil((K + 1) level).

    Args:
        residuals: (n,) measured minus estimated, of ECGs that took no part in training or selection; sign is ignored.
        groups: (n,) the patient of each.
        level: Nominal coverage, strictly between 0 and 1.

    Returns:
        The half width in the unit of the residuals; infinity where there are too few patients for the level
        (K + 1 < 1 / (1 - level)).

    Raises:
        ValueError: The level is out of range, the lengths differ, or a residual is not finite.

    Examples:
        >>> split_conformal([3.0, -1.0, 2.0, 4.0], ["a", "b", "c", "d"], level=0.8)
        4.0
    """
    sizes = np.abs(np.asarray(residuals, dtype=np.float64))
    if not 0 < level < 1:
        raise ValueError(f"level must lie strictly between 0 and 1, got {level}")
    if not np.isfinite(sizes).all():
        raise ValueError("residuals must be finite")
    weights = patient_weights(groups)
    if weights.shape != sizes.shape:
        raise ValueError(f"residuals have shape {sizes.shape}, groups {weights.shape}: expected the same")
    n_patients = weights.sum()
    order = np.argsort(sizes, kind="stable")
    reached = np.cumsum(weights[order]) >= level * (n_patients + 1) * (1 - 1e-12)
    return float(sizes[order][np.argmax(reached)]) if reached.any() else float("inf")


def patient_weights(groups: ArrayLike) -> NDArray[np.float64]:
    """Weigh each ECG so that the ECGs of one patient sum to 1.

    Examples:
        >>> patient_weights(["a", "a", "b"]).tolist()
        [0.5, 0.5, 1.0]
    """
    _, codes, counts = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
    weights: NDArray[np.float64] = 1.0 / counts[codes]
    return weights


@dataclass(frozen=True, slots=True)
class PlattScaling:
    """probability = 1 / (1 + exp(-(slope * logit + intercept)))."""

    slope: float
    intercept: float

    def probability(self, logits: NDArray[np.floating]) -> NDArray[np.float64]:
        """Turn logits of any shape into probabilities of the same shape."""
        return sigmoid(self.slope * np.asarray(logits, dtype=np.float64) + self.intercept)


UNCALIBRATED = PlattScaling(slope=1.0, intercept=0.0)


def sigmoid(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """1 / (1 + exp(-x)), without overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * np.asarray(logits, dtype=np.float64)))


def fit_platt(logits: ArrayLike, outcomes: ArrayLike, groups: ArrayLike) -> PlattScaling | None:
    """Calibrate an event's logits (Platt 1999, with his smoothed targets), every patient weighing the same.

    Args:
        logits: (n,) of ECGs that took no part in training or selection.
        outcomes: (n,) whether the event was there.
        groups: (n,) the patient of each.

    Returns:
        The scaling, or None with fewer than 20 patients, or fewer than 5 with or without the event, or where the fitted
        slope is not positive (the logits carry nothing that could be calibrated).
    """
    x = np.asarray(logits, dtype=np.float64)
    happened = np.asarray(outcomes, dtype=bool)
    patients = np.asarray(groups)
    n_with, n_without = len(np.unique(patients[happened])), len(np.unique(patients[~happened]))
    if len(np.unique(patients)) < MIN_PATIENTS or min(n_with, n_without) < MIN_PATIENTS_PER_CLASS:
        return None
    targets = np.where(happened, (n_with + 1) / (n_with + 2), 1 / (n_without + 2))
    slope, intercept = _logistic_regression(x, targets, patient_weights(patients))
    return PlattScaling(slope=slope, intercept=intercept) if slope > 0 else None


def _logistic_regression(
    x: NDArray[np.float64], targets: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[float, float]:
    """Slope and intercept by Newton's method on the standardised logits; each step is at most 1 long."""
    centre, scale = x.mean(), max(float(x.std()), 1e-12)
    design = np.stack([(x - centre) / scale, np.ones_like(x)])
    solution = np.zeros(2)
    for _ in range(_NEWTON_STEPS):
        probability = sigmoid(solution @ design)
        gradient = design @ (weights * (probability - targets))
        curvature = (design * (weights * probability * (1 - probability))) @ design.T + 1e-9 * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        solution = solution - step / max(1.0, float(np.abs(step).max()))
        if np.abs(step).max() < 1e-9:
            break
    slope = float(solution[0]) / scale
    return slope, float(solution[1]) - slope * float(centre)
