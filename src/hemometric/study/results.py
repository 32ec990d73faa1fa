"""results.parquet and paired.parquet, from the replicates of every cell."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from hemometric.evaluation.bootstrap import interval_of
from hemometric.evaluation.predictions import FloatArray
from hemometric.evaluation.report import Interval
from hemometric.study.models import Model, find_counterpart
from hemometric.study.plan import REPLICATES, StudyPlan
from hemometric.study.replicates import Measure, mean_over_seeds, read_replicates

EMBEDDING = "embedding"
"""The use of an encoder of which only distances are asked."""

RESULTS_SCHEMA = pa.schema(
    [
        pa.field("objective", pa.string(), nullable=False),
        pa.field("labels", pa.int64(), nullable=False),
        pa.field("seed", pa.int64()),
        pa.field("target", pa.string(), nullable=False),
        pa.field("metric", pa.string(), nullable=False),
        pa.field("value", pa.float64()),
        pa.field("low", pa.float64()),
        pa.field("high", pa.float64()),
        pa.field("panel", pa.string(), nullable=False),
        pa.field("use", pa.string(), nullable=False),
    ]
)
"""`results.parquet`. seed: null for the mean over seeds. labels: training patients; 0 where no label has a part in it.
use: what became of the encoder; "embedding" for retrieval metrics, empty for a baseline without an encoder."""

PAIRED_SCHEMA = pa.schema(
    [
        pa.field("objective", pa.string(), nullable=False),
        pa.field("versus", pa.string(), nullable=False),
        pa.field("labels", pa.int64(), nullable=False),
        pa.field("metric", pa.string(), nullable=False),
        pa.field("difference", pa.float64()),
        pa.field("low", pa.float64()),
        pa.field("high", pa.float64()),
        pa.field("target", pa.string(), nullable=False),
        pa.field("panel", pa.string(), nullable=False),
        pa.field("use", pa.string(), nullable=False),
        pa.field("versus_use", pa.string(), nullable=False),
        pa.field("n_seeds", pa.int64(), nullable=False),
    ]
)
"""`paired.parquet`: objective minus versus, the mean over seeds, on the same resampled patients."""

_PAIRED = ("auroc:", "rmse", "pearson_r")


@dataclass(frozen=True, slots=True)
class Findings:
    """All replicates of a study.

    Attributes:
        of_seed: Model -> measure -> seed -> replicates.
        n_patients: (panel, target) -> judged patients.
    """

    of_seed: Mapping[Model, Mapping[Measure, Mapping[int, FloatArray]]]
    n_patients: Mapping[tuple[str, str], int]
    _means: dict[tuple[Model, Measure], FloatArray] = field(default_factory=dict)

    def measures(self, model: Model) -> list[Measure]:
        """What was measured of a model."""
        return list(self.of_seed.get(model, {}))

    def mean(self, model: Model, measure: Measure) -> FloatArray | None:
        """Replicates of the mean over seeds, or None where it was not measured."""
        seeds = self.of_seed.get(model, {}).get(measure)
        if not seeds:
            return None
        if (model, measure) not in self._means:
            self._means[model, measure] = mean_over_seeds(list(seeds.values()))
        return self._means[model, measure]

    def interval(self, model: Model, measure: Measure) -> Interval | None:
        """The mean over seeds with its interval, or None where it was not measured."""
        values = self.mean(model, measure)
        return None if values is None else self._interval(values, measure)

    def difference(self, model: Model, versus: Model, measure: Measure) -> Interval | None:
        """The mean of model - versus over the seeds that both have, paired in patients and seeds; None without one."""
        ours, theirs = (self.of_seed.get(one, {}).get(measure, {}) for one in (model, versus))
        seeds = self.shared_seeds(model, versus, measure)
        if not seeds:
            return None
        apart = [ours[seed] - theirs[seed] for seed in seeds]
        return self._interval(mean_over_seeds(apart), measure)

    def shared_seeds(self, model: Model, versus: Model, measure: Measure) -> list[int]:
        """The seeds with which both were measured."""
        ours, theirs = (self.of_seed.get(one, {}).get(measure, {}) for one in (model, versus))
        return sorted(set(ours) & set(theirs))

    def of_one_seed(self, model: Model, measure: Measure, seed: int) -> Interval:
        """One seed's value with its interval."""
        return self._interval(self.of_seed[model][measure][seed], measure)

    def _interval(self, values: FloatArray, measure: Measure) -> Interval:
        return interval_of(values, n_patients=self.n_patients[measure.panel, measure.target])


def gather(out: Path, plan: StudyPlan, *, n_patients: Mapping[tuple[str, str], int]) -> Findings:
    """Read the replicates of every cell and encoder of a finished study.

    Raises:
        RunError: A cell is missing or damaged.
    """
    found: defaultdict[Model, defaultdict[Measure, dict[int, FloatArray]]]
    found = defaultdict(lambda: defaultdict(dict))
    sources = [(cell.model, cell.seed, cell.folder) for cell in plan.cells]
    sources += [(Model(one.objective, EMBEDDING), one.seed, one.folder) for one in plan.searches()]
    for model, seed, folder in sources:
        for measure, values in read_replicates(out / folder / REPLICATES).items():
            found[model][measure][seed] = values
    return Findings({model: dict(measures) for model, measures in found.items()}, n_patients)


def results_table(findings: Findings) -> pa.Table:
    """The content of `results.parquet`."""
    return pa.Table.from_pylist(list(_results(findings)), RESULTS_SCHEMA)


def _results(findings: Findings) -> Iterator[dict[str, object]]:
    for model, measures in findings.of_seed.items():
        for measure, seeds in measures.items():
            each: list[tuple[int | None, Interval | None]] = [
                (seed, findings.of_one_seed(model, measure, seed)) for seed in sorted(seeds)
            ]
            for seed, interval in [*each, (None, findings.interval(model, measure))]:
                yield {
                    "objective": model.objective,
                    "labels": measure.labels,
                    "seed": seed,
                    "target": measure.target,
                    "metric": measure.metric,
                    **_ends(interval, value="value"),
                    "panel": measure.panel,
                    "use": model.use,
                }


def paired_table(findings: Findings, plan: StudyPlan, *, versus: Sequence[str]) -> pa.Table:
    """The content of `paired.parquet`.

    Args:
        findings: Of the study.
        plan: Of the study.
        versus: Objectives that all are compared with.
    """
    return pa.Table.from_pylist(list(_pairs(findings, plan, versus)), PAIRED_SCHEMA)


def _pairs(findings: Findings, plan: StudyPlan, versus: Sequence[str]) -> Iterator[dict[str, object]]:
    for panel, models in plan.models.items():
        pairs = [(model, find_counterpart(model, name, models)) for name in versus for model in models]
        for model, other in pairs:
            if other is None:
                continue
            for measure in findings.measures(model):
                if measure.panel != panel or not measure.metric.startswith(_PAIRED):
                    continue
                yield {
                    "objective": model.objective,
                    "versus": other.objective,
                    "labels": measure.labels,
                    "metric": measure.metric,
                    **_ends(findings.difference(model, other, measure), value="difference"),
                    "target": measure.target,
                    "panel": panel,
                    "use": model.use,
                    "versus_use": other.use,
                    "n_seeds": len(findings.shared_seeds(model, other, measure)),
                }


def _ends(interval: Interval | None, *, value: str) -> dict[str, float | None]:
    if interval is None:
        return {value: None, "low": None, "high": None}
    return {value: interval.value, "low": interval.low, "high": interval.high}
