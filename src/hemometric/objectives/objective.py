"""What an objective is."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from hemometric.settings import PretrainSettings


@dataclass(frozen=True, slots=True)
class Recipe:
    """What an objective proposes where the settings leave it open.

    Attributes:
        batch_size: ECGs in a step.
        optimizer: "adam" or "adamw".
        learning_rate: After warm-up.
        weight_decay: As the optimizer understands it.
    """

    batch_size: int
    optimizer: Literal["adam", "adamw"]
    learning_rate: float
    weight_decay: float

    def as_settings(self) -> dict[str, object]:
        """The recipe under the names of `PretrainSettings`."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Batch:
    """The ECGs of a step.

    Attributes:
        independent: (n, 8, n_samples) float32 mV, the independent leads as prepared, before any random view.
        patient_codes: (n,) a whole number for each patient.
        sampling_rate_hz: Of the waveforms.
    """

    independent: Tensor
    patient_codes: NDArray[np.int64]
    sampling_rate_hz: float


@dataclass(frozen=True, slots=True)
class LossParts:
    """A loss, and numbers for the history that say what went into it."""

    loss: Tensor
    facts: dict[str, float] = field(default_factory=dict)


LossFunction = Callable[[Tensor, Batch, PretrainSettings, np.random.Generator], LossParts]


@dataclass(frozen=True, slots=True)
class Objective:
    """How to pretrain without labels.

    Attributes:
        batches: "patient-pairs" draws two ECGs of each patient, "ecgs" draws single ECGs.
        views: Whether the encoder sees random views of the ECGs, or the ECGs as they are.
        projection: Whether the loss sees a projection of the embedding (dropped afterwards) or the embedding.
        recipe: What is proposed where the settings leave it open.
        loss: From what the model makes of the batch, (n, d) float32, to the loss.
    """

    batches: Literal["patient-pairs", "ecgs"]
    views: bool
    projection: bool
    recipe: Recipe
    loss: LossFunction
