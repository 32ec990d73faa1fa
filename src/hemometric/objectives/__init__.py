"""Pretraining objectives: how a batch is drawn and what loss it gives."""

from hemometric.errors import SettingsError
from hemometric.objectives.clocs import CLOCS
from hemometric.objectives.default import DEFAULT
from hemometric.objectives.distance_mining import remember_distances
from hemometric.objectives.dml_beat import DML_BEAT
from hemometric.objectives.dml_dtw import DML_DTW
from hemometric.objectives.dml_euclidean import DML_EUCLIDEAN
from hemometric.objectives.joint import JOINT
from hemometric.objectives.labels import Labels
from hemometric.objectives.objective import Batch, Batches, LossParts, Objective, Recipe, See
from hemometric.objectives.pclr import PCLR
from hemometric.objectives.simclr import SIMCLR
from hemometric.objectives.supervised_dml import SUPERVISED_DML
from hemometric.objectives.tfc import TFC
from hemometric.settings import PretrainSettings, suggest

__all__ = [
    "OBJECTIVES",
    "Batch",
    "Batches",
    "Labels",
    "LossParts",
    "Objective",
    "Recipe",
    "See",
    "find_objective",
    "remember_distances",
    "resolve",
]

PROPOSED_TARGET = "mpcwp"

OBJECTIVES: dict[str, Objective] = {
    "clocs": CLOCS,
    "default": DEFAULT,
    "dml-beat": DML_BEAT,
    "dml-dtw": DML_DTW,
    "dml-euclidean": DML_EUCLIDEAN,
    "joint": JOINT,
    "pclr": PCLR,
    "simclr": SIMCLR,
    "supervised-dml": SUPERVISED_DML,
    "tfc": TFC,
}


def find_objective(name: str) -> Objective:
    """Return the objective called `name`.

    Raises:
        SettingsError: There is none; the message names the nearest.
    """
    if name not in OBJECTIVES:
        raise SettingsError(f"unknown objective {name!r}{suggest(name, list(OBJECTIVES))}")
    return OBJECTIVES[name]


def resolve(settings: PretrainSettings) -> PretrainSettings:
    """Fill in what was left to the objective: its recipe, the target of one with labels, what else it makes of them.

    Raises:
        SettingsError: There is no such objective, or the settings contradict it.

    Examples:
        >>> resolve(PretrainSettings(objective="pclr")).batch_size
        256
    """
    objective = find_objective(settings.objective)
    proposed = objective.recipe.as_settings()
    if objective.labels:
        proposed["target"] = PROPOSED_TARGET
        if settings.n_patients is not None:
            raise SettingsError(
                f"n_patients is for objectives without labels: leave it out with {settings.objective}, whose labeled "
                "patients are chosen by n_labels"
            )
    elif settings.target is not None or settings.n_labels is not None:
        with_labels = ", ".join(name for name, one in OBJECTIVES.items() if one.labels)
        raise SettingsError(
            f"target and n_labels are for objectives with labels ({with_labels}): leave them out with "
            f"{settings.objective}"
        )
    left = {name: value for name, value in proposed.items() if getattr(settings, name) is None}
    return objective.settle(settings.model_copy(update=left))
