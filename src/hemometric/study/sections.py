"""The parts of a study's page: one target under one panel of labels each."""

from dataclasses import dataclass

from hemometric.study.models import Model
from hemometric.study.plan import Shown
from hemometric.study.replicates import Measure
from hemometric.targets import Target


@dataclass(frozen=True, slots=True)
class Section:
    """One target under one panel of labels.

    Attributes:
        panel: Where the labels come from.
        target: What is estimated.
        shown: Its budgets, in the order of the tables.
        models: Its models, in the order of the tables.
        simulated: Whether the ECGs are.
    """

    panel: str
    target: Target
    shown: tuple[Shown, ...]
    models: tuple[Model, ...]
    simulated: bool

    @property
    def name(self) -> str:
        """Short, for file names."""
        return f"{self.panel}-{self.target.name}"

    @property
    def uses(self) -> list[str]:
        """Uses of pretrained encoders."""
        return list(dict.fromkeys(model.use for model in self.models if model.pretrained))

    @property
    def main_event(self) -> str:
        """Metric of the main event."""
        return f"auroc:{self.target.events[0].key}"

    def measure(self, shown: Shown, metric: str) -> Measure:
        """One metric at one budget."""
        return Measure(self.panel, self.target.name, shown.labels, metric)


def describe_panel(panel: str) -> str:
    """Which labels a panel shows, in few words."""
    return "one random visit of each labeled patient" if panel == "truth" else "labels as they were linked"
