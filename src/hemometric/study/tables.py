"""The tables of a study as a reader sees them; each cell is a text that both table.md and table.html print."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from hemometric.evaluation import BASELINES
from hemometric.evaluation.figures import BASELINE_TITLES, describe_event
from hemometric.evaluation.page import NOT_DEFINED, format_number
from hemometric.evaluation.report import Interval
from hemometric.study.models import Model, find_counterpart
from hemometric.study.plan import Search, Shown
from hemometric.study.replicates import Measure
from hemometric.study.results import EMBEDDING, Findings
from hemometric.study.retrieval import N_NEIGHBORS, RECALL_AT
from hemometric.study.sections import Section

Mark = Literal["", "better", "worse"]
_DIFFERENCE = ": difference from "


@dataclass(frozen=True, slots=True)
class Entry:
    """One cell of a table.

    Attributes:
        value: The number.
        ends: Its interval, or empty.
        mark: Whether an interval of a difference is on the better or on the worse side of 0.
    """

    value: str
    ends: str = ""
    mark: Mark = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One model.

    Attributes:
        title: What a reader calls it.
        entries: One for each column.
        baseline: Whether it is one of the simpler models.
    """

    title: str
    entries: tuple[Entry, ...]
    baseline: bool


@dataclass(frozen=True, slots=True)
class TableView:
    """A table.

    Attributes:
        title: What it shows.
        note: How it is to be read; empty where the title says it.
        columns: Headings.
        rows: Models.
        folded: Whether the page shows it on demand only.
    """

    title: str
    note: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Printed:
    """A metric and how it is printed.

    Attributes:
        metric: Its name in results.parquet.
        title: For people.
        digits: After the point.
        note: How it is to be read.
    """

    metric: str
    title: str
    digits: int = 3
    note: str = ""


def section_tables(findings: Findings, section: Section, *, versus: Sequence[str]) -> list[TableView]:
    """Every table of a section, the most important first; what is folded comes last."""
    main = describe_event(section.target.events[0], section.target)
    auroc = Printed(section.main_event, f"AUROC, {main}", note="Higher is better; 0.5 is chance.")
    rmse = Printed("rmse", f"RMSE ({section.target.unit})", digits=2, note="Lower is better.")
    return [
        *(_by_budget(findings, section, printed) for printed in (auroc, rmse)),
        *(_against(findings, section, auroc, versus=name) for name in versus),
        *(_against(findings, section, rmse, versus=name, folded=True) for name in versus),
        _seed_spread(findings, section, auroc),
        *(_by_budget(findings, section, printed, folded=True) for printed in _further(section)),
    ]


def _further(section: Section) -> list[Printed]:
    unit = section.target.unit
    printed = [Printed("mae", f"MAE ({unit})", 2), Printed("pearson_r", "Pearson r"), Printed("r2", "R²")]
    printed.append(Printed("bias", f"Bias ({unit})", 2))
    for number, event in enumerate(section.target.events):
        said, key = describe_event(event, section.target), event.key
        printed += [Printed(f"auroc:{key}", f"AUROC, {said}")] if number else []
        printed += [
            Printed(f"auprc:{key}", f"AUPRC, {said}"),
            Printed(f"brier:{key}", f"Brier score, {said}"),
            Printed(f"calibration_slope:{key}", f"Calibration slope, {said}", 2),
            Printed(f"calibration_intercept:{key}", f"Calibration intercept, {said}", 2),
            Printed(f"oe_ratio:{key}", f"Observed : expected, {said}", 2),
        ]
    return printed


def retrieval_tables(findings: Findings, searches: Sequence[Search], shown: Sequence[Shown]) -> list[TableView]:
    """What embeddings know without any training: identity and the target, then the target from neighbours.

    Args:
        findings: Of the study.
        searches: Of the study.
        shown: The budgets of its first panel and target.
    """
    first, asked = shown[0], dict.fromkeys((search.objective, search.labels) for search in searches)
    encoders = [one for one in asked if one[1] in (0, *(budget.labels for budget in shown))]

    def rows(measures: Callable[[int], Sequence[Measure | None]]) -> tuple[Row, ...]:
        return tuple(_encoder_row(findings, objective, labels, measures(labels)) for objective, labels in encoders)

    def free(labels: int) -> list[Measure | None]:
        return [Measure(first.panel, first.target, labels, metric) for metric in (*recalls, "label_spearman")]

    def by_budget(labels: int) -> list[Measure | None]:
        return [
            Measure(one.panel, one.target, one.labels, "neighbor_r2") if labels in (0, one.labels) else None
            for one in shown
        ]

    recalls = [f"recall@{k}" for k in RECALL_AT]
    notes = (
        "recall@k: share of the test ECGs that have another one of the same patient among the k nearest. Rank "
        "correlation: Spearman, of the distance with the difference of the target, over pairs of different patients.",
        f"R² on the test ECGs of the mean label of their {N_NEIGHBORS} nearest labeled training ECGs.",
    )
    columns = (*recalls, "rank correlation with the target")
    tables = [
        TableView("Who is near whom", notes[0], columns, rows(free)),
        TableView("The target from neighbours", notes[1], tuple(map(_heading, shown)), rows(by_budget)),
    ]
    return tables if encoders else []


def _encoder_row(findings: Findings, objective: str, labels: int, measures: Sequence[Measure | None]) -> Row:
    model = Model(objective, EMBEDDING)
    intervals = [findings.interval(model, measure) if measure is not None else None for measure in measures]
    title = BASELINE_TITLES.get(objective, objective)
    return Row(
        title=f"{title}, pretrained with {labels:,} labels" if labels else title,
        entries=tuple(_entry(interval, digits=3) for interval in intervals),
        baseline=objective in BASELINES,
    )


def overview_table(findings: Findings, section: Section, *, versus: Sequence[str]) -> TableView | None:
    """How many pretrained models are told apart from each that they are compared with; None where there are none."""
    rows = []
    for name in versus:
        table = _against(findings, section, Printed(section.main_event, ""), versus=name)
        columns = zip(*(row.entries for row in table.rows if not row.baseline), strict=True)
        marks = [[entry.mark for entry in column] for column in columns]
        entries = tuple(Entry(f"{one.count('better')} of {len(one)}", _say_worse(one.count("worse"))) for one in marks)
        if entries:
            rows.append(Row(table.title.removeprefix(_DIFFERENCE), entries, baseline=False))
    event = describe_event(section.target.events[0], section.target)
    title = f"How many pretrained models have a higher AUROC, {event}, than ..."
    note = "A model counts where the 95 % interval of its paired difference from the one named lies above 0."
    return TableView(title, note, _headings(section), tuple(rows)) if rows else None


def _say_worse(n: int) -> str:
    return f"({n} worse)" if n else ""


def _by_budget(findings: Findings, section: Section, printed: Printed, *, folded: bool = False) -> TableView:
    def entry(model: Model, shown: Shown) -> Entry:
        return _entry(findings.interval(model, section.measure(shown, printed.metric)), digits=printed.digits)

    return TableView(printed.title, printed.note, _headings(section), _rows(section, section.models, entry), folded)


def _against(findings: Findings, section: Section, printed: Printed, *, versus: str, folded: bool = False) -> TableView:
    pairs = {model: find_counterpart(model, versus, section.models) for model in section.models}
    others = {model: other for model, other in pairs.items() if other is not None}
    lower_is_better = printed.metric == "rmse"

    def entry(model: Model, shown: Shown) -> Entry:
        difference = findings.difference(model, others[model], section.measure(shown, printed.metric))
        mark = _mark(difference, lower_is_better=lower_is_better)
        return _entry(difference, digits=printed.digits, sign=True, mark=mark)

    names = {other.title for other in others.values()}
    name = names.pop() if len(names) == 1 else f"{versus}, used in the same way"
    return TableView(
        title=f"{printed.title}{_DIFFERENCE}{name}",
        note=f"Paired: the same resampled patients and seeds. {'Below' if lower_is_better else 'Above'} 0 is better.",
        columns=_headings(section),
        rows=_rows(section, list(others), entry),
        folded=folded,
    )


def _seed_spread(findings: Findings, section: Section, printed: Printed) -> TableView:
    def entry(model: Model, shown: Shown) -> Entry:
        seeds = findings.of_seed.get(model, {}).get(section.measure(shown, printed.metric), {})
        values = [float(values[0]) for values in seeds.values()]
        return Entry(f"{np.std(values, ddof=1):.3f}" if len(values) > 1 else NOT_DEFINED)

    note = "The luck of pretraining, of the label subset and of the fit, which the intervals do not cover."
    rows = _rows(section, section.models, entry)
    return TableView(f"{printed.title}: standard deviation over seeds", note, _headings(section), rows, folded=True)


def _rows(section: Section, models: Sequence[Model], entry: Callable[[Model, Shown], Entry]) -> tuple[Row, ...]:
    return tuple(
        Row(model.title, tuple(entry(model, shown) for shown in section.shown), not model.pretrained)
        for model in models
    )


def _headings(section: Section) -> tuple[str, ...]:
    return tuple(_heading(shown) for shown in section.shown)


def _heading(shown: Shown) -> str:
    return f"all ({shown.labels:,})" if shown.budget == "all" else f"{shown.labels:,}"


def _entry(interval: Interval | None, *, digits: int, sign: bool = False, mark: Mark = "") -> Entry:
    if interval is None or interval.value is None:
        return Entry(NOT_DEFINED)
    value = format_number(interval.value, digits=digits, sign=sign)
    if interval.low is None or interval.high is None:
        return Entry(value)
    low, high = (format_number(end, digits=digits, sign=sign) for end in (interval.low, interval.high))
    return Entry(value, f"[{low}, {high}]", mark)


def _mark(difference: Interval | None, *, lower_is_better: bool) -> Mark:
    if difference is None or difference.low is None or difference.high is None:
        return ""
    if difference.low <= 0 <= difference.high:
        return ""
    return "better" if (difference.low > 0) != lower_is_better else "worse"
