"""What an objective is."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from hemometric.neighbors import PairDistances
from hemometric.objectives.labels import Labels
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


class View(Protocol):
    """Draws random views of ECGs, other ones at each call."""

    def __call__(self, ecgs: Tensor | None = None, /) -> Tensor:
        """A view (n, 8, n_samples of a view) mV of the batch, or of `ecgs`, such as parts of it.

        Where views are not wanted (validation of most objectives) it gives the ECGs as they are.
        """
        ...


class See(Protocol):
    """What the model makes of ECGs."""

    @property
    def heads(self) -> nn.Module:
        """What is trained beside encoder and projection, as `Objective.heads` made it."""
        ...

    def __call__(self, *ecgs: Tensor) -> Tensor:
        """Embeddings or their projections, (n, d) float32, of ECGs (n, 8, n_samples) mV.

        An encoder of two branches takes two sets of ECGs, one for each branch, where these shall not read the same.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """The ECGs of a step.

    Attributes:
        independent: (n, 8, n_samples) float32 mV, the independent leads as prepared, before any random view.
        patient_codes: (n,) a whole number for each patient.
        sampling_rate_hz: Of the waveforms.
        rows: (n,) rows of the store, which say what is the same ECG.
        view: Draws a random view of the ECGs.
        distances: Distances between ECGs, remembered; for objectives that name a distance.
        neighbors: (n_ecgs of the store, k) rows of neighbours among the training ECGs of other patients, -1 where there
            are not as many; None where none were asked for.
        labels: Of the ECGs, for objectives with labels.
    """

    independent: Tensor
    patient_codes: NDArray[np.int64]
    sampling_rate_hz: float
    rows: NDArray[np.int64]
    view: View
    distances: PairDistances | None = None
    neighbors: NDArray[np.int64] | None = None
    labels: Labels | None = None


@dataclass(frozen=True, slots=True)
class LossParts:
    """A loss, and numbers for the history that say what went into it."""

    loss: Tensor
    facts: dict[str, float] = field(default_factory=dict)


LossFunction = Callable[[See, Batch, PretrainSettings, np.random.Generator], LossParts]

Batches = Literal["ecgs", "patient-pairs", "partners", "labeled-ecgs", "half-labeled"]


def _leave(settings: PretrainSettings) -> PretrainSettings:
    return settings


@dataclass(frozen=True, slots=True)
class Objective:
    """How to pretrain.

    Attributes:
        batches: "ecgs" draws single ECGs; "patient-pairs" two ECGs of each patient who has two; "partners" the same,
            and for a patient with one ECG a neighbour of it. "labeled-ecgs" draws single ECGs that have a label;
            "half-labeled" draws partners, in half of the pairs for an ECG with a label. Pairs are rows k and k + n / 2
            of a batch.
        projection: Whether the loss sees a projection of the embedding (dropped afterwards) or the embedding.
        recipe: What is proposed where the settings leave it open.
        loss: From what the model sees of the batch to the loss.
        labels: Whether labels have a part in it, so that it is another encoder for every choice of labels.
        heads: Makes what the loss needs beside encoder and projection, trained with them and dropped afterwards, from
            the width of the embedding and the settings.
        settle: The settings with what the objective makes of them, or a SettingsError where they contradict it.
        distance: What is near, for objectives that mine the batch; a key of `hemometric.distances.DISTANCES`.
        random_validation: Whether the validation loss, too, is of random views (always the same ones).
    """

    batches: Batches
    projection: bool
    recipe: Recipe
    loss: LossFunction
    labels: bool = False
    heads: Callable[[int, PretrainSettings], nn.Module] | None = None
    settle: Callable[[PretrainSettings], PretrainSettings] = _leave
    distance: str | None = None
    random_validation: bool = False
