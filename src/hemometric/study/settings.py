"""What a study compares, read from a TOML file; see `configs/` for two that are complete."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from hemometric.errors import SettingsError
from hemometric.settings import Count, FinetuneSettings, Frozen, PretrainSettings, load_settings
from hemometric.simulation import CohortSettings

LabelSource = Literal["truth", "links"]
Budget = Count | Literal["all"]
Seed = Annotated[int, Field(ge=0)]
Table = dict[str, Any]

USUAL_VERSUS = ("none", "features", "random")
_OF_THE_STUDY = {
    "pretrain": ("objective", "target", "n_labels", "seed"),
    "finetune": ("target", "more_targets", "n_labels", "seed"),
}
"""Settings that the study itself gives to each step."""
_OBJECTIVES = "objectives"


class Panel(Frozen):
    """Which labels are shown, how many of them, and on what is judged.

    Attributes:
        budgets: Labeled training patients; "all" for as many as there are.
        objectives: Those of the study that are compared here; None for all.
        judged_on: "truth": every measured visit of the test patients. "links": those with a linked label. None: "truth"
            where the store has it.
    """

    budgets: Annotated[tuple[Budget, ...], Field(min_length=1)]
    objectives: tuple[str, ...] | None = None
    judged_on: LabelSource | None = None

    @field_validator("budgets", "objectives")
    @classmethod
    def _differ(cls, given: tuple[object, ...] | None) -> tuple[object, ...] | None:
        return _all_different(given)


class Overrides(Frozen):
    """What is different for one objective.

    Attributes:
        variant_of: The objective that this is, where its name is the study's own for one with other settings
            ("default-2k"); None: the name is that of the objective.
        pretrain: As `StudySettings.pretrain`.
        finetune: As `StudySettings.finetune`.
    """

    variant_of: str | None = None
    pretrain: Table = Field(default_factory=dict)
    finetune: Table = Field(default_factory=dict)


class StudySettings(Frozen):
    """Objectives x uses of the encoder x panels of labels x budgets x seeds x targets.

    Attributes:
        title: Heading of the page.
        store: An existing store, or None.
        cohort: A cohort to simulate into the study's directory instead, or None.
        objectives: Keys of `hemometric.objectives.OBJECTIVES`, variants of them that `per_objective` describes, and
            baselines (none, random, demographics, features, mean), in the order of the tables.
        versus: Those of them that all are compared with; None: `none`, `features` and `random`, where they are named.
        targets: Keys of `hemometric.targets.TARGETS`.
        seeds: Of pretraining, label subsets and fine-tuning.
        panels: "truth": one random measured visit of each labeled patient of a simulated store. "links": the labels as
            they were linked, all of each labeled patient; they are missing not at random.
        uses: What becomes of an encoder: name -> settings on top of `finetune`, and `objectives`, those whose encoders
            are used so (without it, all). Uses that freeze the encoder are for `random`, the others for `none`.
        pretrain: `PretrainSettings` of all objectives, without objective, target, n_labels and seed.
        finetune: `FinetuneSettings` of all uses, without target, n_labels and seed.
        per_objective: Objective -> what is different, whatever the use.
        n_bootstrap: Resamples of the test patients.
        bootstrap_seed: Of the resamples.
        keep_weights: Keep the weights of every fine-tuned encoder; pretrained ones are always kept.
    """

    title: str = "Objectives compared by their labels"
    store: str | None = None
    cohort: CohortSettings | None = None
    objectives: Annotated[tuple[str, ...], Field(min_length=1)]
    versus: tuple[str, ...] | None = None
    targets: Annotated[tuple[str, ...], Field(min_length=1)] = ("mpcwp",)
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)] = (0, 1, 2)
    panels: Annotated[dict[LabelSource, Panel], Field(min_length=1)]
    uses: Annotated[dict[str, Table], Field(min_length=1)] = Field(
        default_factory=lambda: {"finetune": {}, "probe": {"method": "probe"}}
    )
    pretrain: Table = Field(default_factory=dict)
    finetune: Table = Field(default_factory=dict)
    per_objective: dict[str, Overrides] = Field(default_factory=dict)
    n_bootstrap: Count = 1000
    bootstrap_seed: Seed = 0
    keep_weights: bool = False

    @field_validator("objectives", "versus", "targets", "seeds")
    @classmethod
    def _differ(cls, given: tuple[object, ...] | None) -> tuple[object, ...] | None:
        return _all_different(given)

    @model_validator(mode="after")
    def _check(self) -> "StudySettings":
        if (self.store is None) == (self.cohort is None):
            raise ValueError("name either a store or a [cohort] to simulate")
        for name in self.uses:
            if not name.replace("-", "").isalnum():
                raise ValueError(f"a use is named with letters, digits and hyphens, got {name!r}")
        for use, table in self.uses.items():
            if not isinstance(table.get(_OBJECTIVES, []), list):
                raise ValueError(f"uses.{use}.{_OBJECTIVES} must be a list of names, got {table[_OBJECTIVES]!r}")
        named = {
            **{f"uses.{use}.{_OBJECTIVES}": table.get(_OBJECTIVES, []) for use, table in self.uses.items()},
            "versus": self.versus or (),
            "per_objective": self.per_objective,
            **{f"panels.{source}.objectives": panel.objectives or () for source, panel in self.panels.items()},
        }
        for where, names in named.items():
            missing = [name for name in names if name not in self.objectives]
            if missing:
                raise ValueError(f"{where} names {missing[0]!r}, which is not among the objectives")
        return self

    def original(self, objective: str) -> str:
        """The objective that a name of the study stands for: of a variant that which it is one of, else itself."""
        return self.per_objective.get(objective, Overrides()).variant_of or objective

    @property
    def compared_with(self) -> tuple[str, ...]:
        """The objectives that all are compared with."""
        if self.versus is not None:
            return self.versus
        return tuple(name for name in USUAL_VERSUS if name in self.objectives)

    def uses_of(self, objective: str) -> list[str]:
        """The uses of the encoder of an objective, in the order of the study."""
        return [use for use, table in self.uses.items() if objective in table.get(_OBJECTIVES, self.objectives)]

    def use_settings(self, use: str) -> Table:
        """What a use says of the fit, without whom it is for."""
        return {name: value for name, value in self.uses[use].items() if name != _OBJECTIVES}

    def objectives_of(self, panel: LabelSource) -> tuple[str, ...]:
        """The objectives of a panel, in the order of the study."""
        chosen = self.panels[panel].objectives
        return self.objectives if chosen is None else tuple(name for name in self.objectives if name in chosen)


def load_study(config: Path) -> StudySettings:
    """Read a study from a TOML file and check all of its settings; names of objectives are checked when it runs.

    Raises:
        SettingsError: What is wrong, with the nearest known name.
    """
    settings = load_settings(StudySettings, config=config)
    try:
        for objective in settings.objectives:
            pretrain_settings(settings, objective, seed=0)
            for use in settings.uses:
                finetune_settings(settings, objective, use=use, target=settings.targets[0], seed=0)
    except SettingsError as error:
        raise SettingsError(f"{config}: {error}") from error
    return settings


def pretrain_settings(
    study: StudySettings, objective: str, *, seed: int, target: str | None = None
) -> PretrainSettings:
    """How an objective is pretrained.

    Args:
        study: Of which it is part.
        objective: Which.
        seed: Of the pretraining.
        target: Of the labels that it reads, for an objective with labels.

    Raises:
        SettingsError: An unknown setting, a value out of range, or a setting that the study gives itself.
    """
    own = study.per_objective.get(objective, Overrides()).pretrain
    given = [*_as_overrides(study.pretrain, step="pretrain"), *_as_overrides(own, step="pretrain")]
    given += [f"objective={json.dumps(study.original(objective))}", f"seed={seed}"]
    if target is not None:
        given.append(f"target={json.dumps(target)}")
    try:
        return load_settings(PretrainSettings, overrides=given)
    except SettingsError as error:
        raise SettingsError(f"[pretrain] of {objective}: {error}") from error


def finetune_settings(study: StudySettings, objective: str, *, use: str, target: str, seed: int) -> FinetuneSettings:
    """How an objective's encoder, or a new one, is fitted to labels.

    A new encoder (`none`, `random`) reads what the pretrained ones read.

    Raises:
        SettingsError: An unknown setting, a value out of range, or a setting that the study gives itself.
    """
    own = study.per_objective.get(objective, Overrides()).finetune
    tables = (study.finetune, study.use_settings(use), own)
    given = [override for table in tables for override in _as_overrides(table, step="finetune")]
    signal = []
    if objective in ("none", "random"):
        read = pretrain_settings(study, objective, seed=seed)
        seen = {"encoder": read.encoder, "sampling_rate_hz": read.sampling_rate_hz, "duration_s": read.duration_s}
        signal = list(_as_overrides({**seen, "band_hz": read.band_hz or "off"}, step="finetune"))
    try:
        return load_settings(
            FinetuneSettings, overrides=[*signal, *given, f"target={json.dumps(target)}", f"seed={seed}"]
        )
    except SettingsError as error:
        raise SettingsError(f"[finetune] of {objective} with [uses.{use}]: {error}") from error


def _as_overrides(table: Mapping[str, object], *, step: str, prefix: str = "") -> Iterator[str]:
    """The texts `key=value` of a table; "none" is None, which TOML lacks."""
    for name, value in table.items():
        if not prefix and name in _OF_THE_STUDY[step]:
            raise SettingsError(f"[{step}]: {name} is given by the study itself: leave it out")
        if isinstance(value, Mapping):
            yield from _as_overrides(value, step=step, prefix=f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}={'none' if value == 'none' else json.dumps(value, default=str)}"


def _all_different(given: tuple[object, ...] | None) -> tuple[object, ...] | None:
    if given is not None and len(set(given)) < len(given):
        raise ValueError("each may be named once")
    return given
