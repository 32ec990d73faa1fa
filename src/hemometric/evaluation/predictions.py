"""The two sides of every judgement: what was measured, and what a model said."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurements:
    """The judged ECGs: one entry per ECG in each array.

    Attributes:
        measured: Shape (n_ecgs,), in the target's unit.
        patient_ids: Shape (n_ecgs,); ECGs of one patient are resampled together.
        age_years: Shape (n_ecgs,), NaN where unknown.
        sex: Shape (n_ecgs,), "female", "male" or "" where unknown.
    """

    measured: FloatArray
    patient_ids: NDArray[np.str_]
    age_years: FloatArray
    sex: NDArray[np.str_]

    def __post_init__(self) -> None:
        """Check that there are ECGs and that the arrays are of one length."""
        lengths = {len(self.measured), len(self.patient_ids), len(self.age_years), len(self.sex)}
        if len(lengths) != 1 or 0 in lengths:
            raise ValueError(f"expected arrays of one length > 0, got lengths {sorted(lengths)}")
        if not np.isfinite(self.measured).all():
            raise ValueError("every judged ECG needs a finite measurement")

    @property
    def n_patients(self) -> int:
        """Different patients among the judged ECGs."""
        return int(np.unique(self.patient_ids).size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictions:
    """What one model says about the judged ECGs.

    Attributes:
        estimate: Shape (n_ecgs,), in the target's unit.
        probability: Event key -> shape (n_ecgs,), in [0, 1].
        thresholds: Event key -> probability from which a warning is given, frozen on validation patients; None where
            validation had no event.
        low: Shape (n_ecgs,), lower end of the interval a prediction carries, or None for a model without intervals.
        high: Its upper end.
        nominal_coverage: What fraction of the intervals is meant to hold the measurement.
    """

    estimate: FloatArray
    probability: Mapping[str, FloatArray]
    thresholds: Mapping[str, float | None] = field(default_factory=dict)
    low: FloatArray | None = None
    high: FloatArray | None = None
    nominal_coverage: float | None = None

    def __post_init__(self) -> None:
        """Check that a model said something finite about every ECG."""
        for name, values in (("estimate", self.estimate), *self.probability.items()):
            if values.shape != self.estimate.shape or not np.isfinite(values).all():
                raise ValueError(f"{name} needs one finite number per judged ECG")
