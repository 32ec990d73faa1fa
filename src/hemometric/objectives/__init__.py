"""Pretraining objectives: how a batch is drawn and what loss it gives, without labels."""

from hemometric.errors import SettingsError
from hemometric.objectives.default import DEFAULT
from hemometric.objectives.distance_mining import remember_distances
from hemometric.objectives.dml_beat import DML_BEAT
from hemometric.objectives.dml_dtw import DML_DTW
from hemometric.objectives.dml_euclidean import DML_EUCLIDEAN
from hemometric.objectives.objective import Batch, LossParts, Objective, Recipe, See
from hemometric.objectives.pclr import PCLR
from hemometric.objectives.simclr import SIMCLR
from hemometric.settings import PretrainSettings, suggest

__all__ = [
    "OBJECTIVES",
    "Batch",
    "LossParts",
    "Objective",
    "Recipe",
    "See",
    "find_objective",
    "remember_distances",
    "resolve",
]

OBJECTIVES: dict[str, Objective] = {
    "default": DEFAULT,
    "dml-beat": DML_BEAT,
    "dml-dtw": DML_DTW,
    "dml-euclidean": DML_EUCLIDEAN,
    "pclr": PCLR,
    "simclr": SIMCLR,
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
    """Fill in, from the objective's recipe, every setting that was left to it.

    Raises:
        SettingsError: There is no such objective.

    Examples:
        >>> resolve(PretrainSettings(objective="pclr")).batch_size
        256
    """
    recipe = find_objective(settings.objective).recipe
    left = {name: value for name, value in recipe.as_settings().items() if getattr(settings, name) is None}
    return settings.model_copy(update=left)
