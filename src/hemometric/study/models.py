"""What is compared: an objective with a use of its encoder, or a baseline."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from hemometric.errors import SettingsError
from hemometric.evaluation import BASELINES
from hemometric.evaluation.figures import BASELINE_TITLES
from hemometric.objectives import OBJECTIVES
from hemometric.settings import suggest
from hemometric.study.settings import LabelSource, StudySettings, finetune_settings
from hemometric.targets import find_target

WITHOUT_ENCODER = ("mean", "demographics", "features")
"""Baselines that have none."""

_USE_TITLES = {
    "finetune": "fine-tuned",
    "probe": "linear probe",
    "probe-then-finetune": "probed, then fine-tuned",
    "probe-with-features": "linear probe with features",
    "finetune-with-features": "fine-tuned with features",
    "ensemble-with-features": "3 fine-tuned with features, averaged",
}

_PLAIN = (("none", "finetune"), ("random", "probe"))
"""Baselines whose usual use goes without saying."""


@dataclass(frozen=True, slots=True, order=True)
class Model:
    """One row of the tables.

    Attributes:
        objective: As the study names it.
        use: What becomes of the encoder; empty for a baseline without one.
        plain: Whether the use goes without saying, whatever the study calls it.
        with_labels: Whether labels have a part in its pretraining, so that there is one for every budget.
    """

    objective: str
    use: str
    plain: bool = field(default=False, compare=False)
    with_labels: bool = field(default=False, compare=False)

    @property
    def pretrained(self) -> bool:
        """Whether an encoder is pretrained for it."""
        return self.objective not in BASELINES

    @property
    def title(self) -> str:
        """What a reader calls it."""
        name = BASELINE_TITLES.get(self.objective, self.objective)
        if self.plain or self.objective in WITHOUT_ENCODER or (self.objective, self.use) in _PLAIN:
            return name
        return f"{name}, {self.use_title}"

    @property
    def use_title(self) -> str:
        """What a reader calls the use of the encoder."""
        return _USE_TITLES.get(self.use, self.use)


def needs_labels(study: StudySettings, objective: str) -> bool:
    """Whether labels have a part in an objective, so that it is pretrained anew for every budget."""
    original = study.original(objective)
    return original in OBJECTIVES and OBJECTIVES[original].labels


def check_names(study: StudySettings) -> None:
    """Refuse objectives and targets that do not exist.

    Raises:
        SettingsError: One does not; the message names the nearest.
    """
    known = [*OBJECTIVES, *BASELINES]
    for name in study.objectives:
        original = study.original(name)
        if original not in known:
            raise SettingsError(f"unknown objective {original!r}{suggest(original, known)}")
        if name != original and (name in known or original not in OBJECTIVES):
            raise SettingsError(
                f"per_objective.{name}: a variant has a name of its own and is one of {', '.join(OBJECTIVES)}, "
                f"got variant_of={original!r}"
            )
    for name in study.targets:
        find_target(name)


def list_models(study: StudySettings, panel: LabelSource) -> list[Model]:
    """The models of a panel, objectives as named, each with its uses.

    Raises:
        SettingsError: `none` or `random` has no use: one trains its encoder, the other must not.
    """
    models: list[Model] = []
    for objective in study.objectives_of(panel):
        uses = [""] if objective in WITHOUT_ENCODER else _uses_of(study, objective)
        plain = objective == "none" and len(uses) == 1 and _is_plain(study, uses[0])
        with_labels = needs_labels(study, objective)
        models.extend(Model(objective, use, plain=plain, with_labels=with_labels) for use in uses)
    return models


def _is_plain(study: StudySettings, use: str) -> bool:
    """Whether `none` is trained as supervised training usually is, although the use has the name of another way."""
    settings = finetune_settings(study, "none", use=use, target=study.targets[0], seed=0)
    return settings.method == "finetune"


def find_counterpart(model: Model, versus: str, among: Sequence[Model]) -> Model | None:
    """The model of another objective with which one is compared: of a baseline the first, else that of the same use."""
    others = [other for other in among if other.objective == versus and versus != model.objective]
    alike = [other for other in others if other.use == model.use and other.pretrained]
    return next(iter([*alike, *others]), None)


def _uses_of(study: StudySettings, objective: str) -> list[str]:
    if objective not in ("none", "random"):
        uses = study.uses_of(objective)
        if not uses:
            raise SettingsError(
                f"no use is for {objective}: name it in the objectives of one of [uses], or leave it out"
            )
        return uses
    wanted = objective == "random"
    uses = [use for use in study.uses_of(objective) if _freezes(study, use) == wanted]
    if not uses:
        needed = "freezes the encoder" if wanted else "trains the encoder"
        raise SettingsError(f"the baseline {objective} needs a use that {needed}: add one to [uses]")
    return uses


def _freezes(study: StudySettings, use: str) -> bool:
    """Whether a use leaves encoders as they are, whatever is different for one objective."""
    as_named = study.model_copy(update={"per_objective": {}})
    settings = finetune_settings(as_named, study.objectives[0], use=use, target=study.targets[0], seed=0)
    return settings.freeze or settings.method == "probe"
