"""Every piece of work of a study, with the folder that it fills."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from hemometric.errors import SettingsError, TrainingError
from hemometric.store import Store
from hemometric.study.labels import KnownLabels, LabelView
from hemometric.study.models import Model, list_models
from hemometric.study.settings import Budget, LabelSource, StudySettings
from hemometric.training.labelled import choose_labels

RUN, REPLICATES, PREDICTIONS = "run", "replicates.parquet", "predictions.parquet"


@dataclass(frozen=True, slots=True, order=True)
class Shown:
    """The labels that a piece of work may see.

    Attributes:
        panel: Where they come from.
        target: What is labeled.
        labels: Training patients.
        budget: As the study says it: a number, or "all".
    """

    panel: LabelSource
    target: str
    labels: int
    budget: str


@dataclass(frozen=True, slots=True)
class Pretraining:
    """One pretrained encoder.

    Attributes:
        objective: With what.
        seed: Of it.
        shown: The labels that an objective with labels sees; None: no label has a part in it.
    """

    objective: str
    seed: int
    shown: Shown | None

    @property
    def folder(self) -> Path:
        """Its run, within the study."""
        labels = "-".join((self.shown.panel, self.shown.target, self.shown.budget)) if self.shown else "unlabeled"
        return Path("pretrained", self.objective, labels, f"seed-{self.seed}")


@dataclass(frozen=True, slots=True)
class Cell:
    """One model fitted to the labels of one budget, and judged.

    Attributes:
        model: What is fitted.
        shown: To which labels.
        seed: Of encoder, labels and fit.
    """

    model: Model
    shown: Shown
    seed: int

    @property
    def folder(self) -> Path:
        """Its folder, within the study."""
        name = "-".join(filter(None, (self.model.objective, self.model.use)))
        return Path("cells", f"{self.shown.panel}-{self.shown.target}", self.shown.budget, name, f"seed-{self.seed}")

    @property
    def pretraining(self) -> Pretraining | None:
        """The encoder that it starts from; None for a baseline."""
        if not self.model.pretrained:
            return None
        return Pretraining(self.model.objective, self.seed, self.shown if self.model.with_labels else None)


@dataclass(frozen=True, slots=True)
class Search:
    """The retrieval metrics of one frozen encoder.

    Attributes:
        objective: How it came about; "random" for one that was not trained.
        run: The run that holds it, within the study.
        seed: Of it.
        shown: The budgets whose labels it is asked with.
        labels: That had a part in it; 0 where none had.
    """

    objective: str
    run: Path
    seed: int
    shown: tuple[Shown, ...]
    labels: int

    @property
    def folder(self) -> Path:
        """Its folder, within the study."""
        encoder = self.run.parts[1:] if self.run.parts[0] == "pretrained" else ("random", f"seed-{self.seed}")
        return Path("retrieval", *encoder)


@dataclass(frozen=True, slots=True)
class StudyPlan:
    """All work of a study.

    Attributes:
        models: Panel -> its models, in the order of the tables.
        shown: Every budget.
        cells: The largest budgets first, so that no process is left with a long one at the end.
    """

    models: Mapping[LabelSource, list[Model]]
    shown: tuple[Shown, ...]
    cells: tuple[Cell, ...]

    @property
    def pretrainings(self) -> list[Pretraining]:
        """The encoders that the cells start from, each once."""
        return list(dict.fromkeys(cell.pretraining for cell in self.cells if cell.pretraining is not None))

    def searches(self) -> list[Search]:
        """What is asked of every frozen encoder: that of each pretraining, and a random one of each seed."""
        found = []
        for one in self.pretrainings:
            cells = [cell for cell in self.cells if cell.pretraining == one]
            shown = tuple(sorted({cell.shown for cell in cells}, key=self.shown.index))
            found.append(Search(one.objective, one.folder, one.seed, shown, one.shown.labels if one.shown else 0))
        untrained = [cell for cell in self.cells if cell.model.objective == "random"]
        for seed in dict.fromkeys(cell.seed for cell in untrained):
            # All random encoders of a seed are the same one.
            cells = [cell for cell in untrained if cell.seed == seed]
            shown = tuple(sorted({cell.shown for cell in cells}, key=self.shown.index))
            found.append(Search("random", cells[0].folder / RUN, seed, shown, 0))
        return found


def make_plan(study: StudySettings, store: Store) -> StudyPlan:
    """Lay out a study on a store.

    Raises:
        SettingsError: A budget is larger than the labels there are, or is named twice under two names.
        TrainingError: The labels of a budget are too few to train on or to choose by.
        LabelError: The store has no such labels.
    """
    shown = tuple(_all_shown(study, store))
    models = {panel: list_models(study, panel) for panel in study.panels}
    cells = [
        Cell(model, one, seed)
        for one in sorted(shown, key=lambda one: -one.labels)
        for model in models[one.panel]
        for seed in study.seeds
    ]
    return StudyPlan(models, shown, tuple(cells))


def _all_shown(study: StudySettings, store: Store) -> Iterator[Shown]:
    for source, panel in study.panels.items():
        for target in study.targets:
            known = KnownLabels.read(store, target, source)
            there = known.n_patients("train")
            sizes = [
                _size(budget, there=there, where=f"budget of panel {source}", target=target) for budget in panel.budgets
            ]
            if len(set(sizes)) < len(sizes):
                raise SettingsError(
                    f"panel {source}: {there:,} training patients have a label of {target}, so two of the budgets "
                    f"{', '.join(map(str, panel.budgets))} are the same: leave one out"
                )
            _check_smallest(store, known, target=target, n_patients=min(sizes), seeds=study.seeds)
            pairs = zip(panel.budgets, sizes, strict=True)
            yield from (Shown(source, target, size, str(budget)) for budget, size in pairs)


def _size(budget: Budget, *, there: int, where: str, target: str) -> int:
    if budget == "all":
        return there
    if budget > there:
        raise SettingsError(
            f"{where}: {budget:,} labeled patients are asked for, but {there:,} training patients have a label of "
            f'{target}: lower it, or say "all"'
        )
    return budget


def _check_smallest(store: Store, known: KnownLabels, *, target: str, n_patients: int, seeds: tuple[int, ...]) -> None:
    """Refuse labels that are too few now, and not after hours of pretraining."""
    for seed in seeds:
        view = LabelView.show(store.path, known.of_budget(n_patients, seed=seed), target=target)
        try:
            choose_labels(view, target=target, n_labels=None, seed=seed)
        except TrainingError as error:
            raise TrainingError(f"a budget of {n_patients:,} labeled patients ({known.source}): {error}") from error
