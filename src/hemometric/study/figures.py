"""The pictures of a study: label efficiency, objective by objective, and forests of paired differences.

Colours are those of Okabe and Ito (2008), which colour-blind readers can tell apart; markers differ too.
"""

import math
import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from hemometric.evaluation import BASELINES
from hemometric.evaluation.figures import STYLES, describe_event, drawing_style
from hemometric.evaluation.report import Interval
from hemometric.study.models import WITHOUT_ENCODER, Model, find_counterpart
from hemometric.study.results import Findings
from hemometric.study.sections import Section, describe_panel

_USE_STYLES = (("#0072b2", "o"), ("#d55e00", "s"), ("#009e73", "^"), ("#cc79a7", "D"), ("#7a5c00", "v"))
"""Colour and marker of the first, second ... use of an encoder."""

_REFERENCES = ("none", "features", "random", "demographics")
"""Baselines that stand behind every objective, those there are."""

_GREY, _PALE = "#555555", "#bbbbbb"
_MOST_COLUMNS = 4
_LETTERS_PER_INCH = 12
_LEAST_WIDTH = 7.5
_MARGIN = 1.25

Compared = tuple[Model, Model]
"""A model and the one that it is compared with."""


def draw_study(directory: Path, findings: Findings, section: Section, *, versus: Sequence[str]) -> dict[str, str]:
    """Draw every figure of a section as SVG and PNG.

    Args:
        directory: An existing one.
        findings: Of the study.
        section: What is drawn.
        versus: Objectives with which all are compared; a forest for each.

    Returns:
        Name -> file name of the SVG.
    """
    drawn = {}
    with drawing_style():
        drawn["label-efficiency"] = _save(
            _draw_label_efficiency(findings, section), directory, f"label-efficiency-{section.name}"
        )
        for name in versus:
            rows = _compared(section, versus=name)
            if rows:
                figure = _draw_forest(findings, section, rows, versus=name)
                drawn[f"versus {name}"] = _save(figure, directory, f"paired-{section.name}-{name}")
    return drawn


def _draw_label_efficiency(findings: Findings, section: Section) -> Figure:
    """A small picture for each pretrained objective, the same baselines behind all of them."""
    objectives = list(dict.fromkeys(model.objective for model in section.models if model.pretrained))
    n_columns = min(max(len(objectives), 1), _MOST_COLUMNS)
    n_rows = max(1, math.ceil(len(objectives) / n_columns))
    figure = Figure(figsize=(max(3.2 * n_columns, _LEAST_WIDTH), 2.9 * n_rows + 1.0), layout="constrained")
    grid = figure.subplots(n_rows, n_columns, sharex=True, sharey=True, squeeze=False)
    for axes in grid.flat[len(objectives) :]:
        axes.set_visible(False)
    for axes, objective in zip(grid.flat, objectives or [""], strict=False):
        _draw_references(axes, findings, section)
        own = [model for model in section.models if model.objective == objective]
        for number, model in enumerate(own):
            colour, marker = _USE_STYLES[section.uses.index(model.use) % len(_USE_STYLES)]
            # Beside each other, so that no interval hides another.
            shift = _spread_of_budgets(section) ** (0.018 * (number - (len(own) - 1) / 2))
            _draw_curve(axes, findings, section, model, style=(colour, marker), shift=shift)
        axes.set_title(objective)
        _mark_budgets(axes, section)
    # A use that is for some objectives only is drawn in their pictures alone.
    named = {
        label: handle for axes in grid.flat for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        list(named.values()), list(named), loc="outside lower center", ncols=3 if n_columns > 2 else 2, fontsize=9
    )
    event = describe_event(section.target.events[0], section.target)
    for number, axes in enumerate(grid.flat[: max(len(objectives), 1)]):
        if number + n_columns >= len(objectives):
            axes.set_xlabel("labeled training patients")
            axes.tick_params(labelbottom=True)
    figure.supylabel(f"AUROC, {event}", fontsize=10)
    _give_title(figure, section, f"AUROC by number of labels: {describe_panel(section.panel)}")
    return figure


def _draw_references(axes: Axes, findings: Findings, section: Section) -> None:
    for name in _REFERENCES:
        model = next((model for model in section.models if model.objective == name), None)
        if model is None:
            continue
        colour, dash = STYLES[name]
        points = _points(findings, section, model)
        x, y = [at for at, _, _ in points], [value for _, value, _ in points]
        axes.plot(x, y, color=colour, linestyle=dash, marker=".", linewidth=1.3, label=model.title, zorder=1.5)


def _draw_curve(
    axes: Axes, findings: Findings, section: Section, model: Model, *, style: tuple[str, str], shift: float
) -> None:
    colour, marker = style
    points = _points(findings, section, model)
    x, y = np.array([at * shift for at, _, _ in points]), [value for _, value, _ in points]
    axes.plot(
        x, y, color=colour, marker=marker, markersize=5, linewidth=1.8, label=f"pretrained, {model.use_title}", zorder=3
    )
    for at, (_, _, interval) in zip(x, points, strict=True):
        if interval.low is not None and interval.high is not None:
            axes.plot([at, at], [interval.low, interval.high], color=colour, linewidth=1.3, zorder=2.5)


def _points(findings: Findings, section: Section, model: Model) -> list[tuple[int, float, Interval]]:
    """Labels, AUROC and its interval at each budget at which it is defined, the smallest first."""
    found = []
    for shown in sorted(section.shown, key=lambda one: one.labels):
        interval = findings.interval(model, section.measure(shown, section.main_event))
        if interval is not None and interval.value is not None:
            found.append((shown.labels, interval.value, interval))
    return found


def _spread_of_budgets(section: Section) -> float:
    """The right end of the axis of labels over its left end."""
    labels = [shown.labels for shown in section.shown]
    return _MARGIN**2 * max(labels) / min(labels)


def _mark_budgets(axes: Axes, section: Section) -> None:
    labels = sorted({shown.labels for shown in section.shown})
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(labels))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(labels, [f"{n:,}" for n in labels], fontsize=9)
    axes.set_xlim(labels[0] / _MARGIN, labels[-1] * _MARGIN)
    axes.axhline(0.5, color=_PALE, linewidth=0.8, zorder=1)


def _compared(section: Section, *, versus: str) -> list[Compared]:
    """The models that can be compared with another objective, but the mean, which ranks nobody."""
    pairs = [(model, find_counterpart(model, versus, section.models)) for model in section.models]
    return [(model, other) for model, other in pairs if other is not None and model.objective != "mean"]


def _draw_forest(findings: Findings, section: Section, rows: Sequence[Compared], *, versus: str) -> Figure:
    """A row for each model, a column for each budget: the difference in AUROC with its interval."""
    shown = sorted(section.shown, key=lambda one: one.labels)
    figure = Figure(figsize=(max(2.6 * len(shown) + 2.6, _LEAST_WIDTH), 0.27 * len(rows) + 1.6), layout="constrained")
    grid = figure.subplots(1, len(shown), sharey=True, sharex=True, squeeze=False)[0]
    places = _places([model for model, _ in rows])
    for axes, budget in zip(grid, shown, strict=True):
        measure = section.measure(budget, section.main_event)
        for place, (model, other) in zip(places, rows, strict=True):
            difference = findings.difference(model, other, measure)
            if difference is not None:
                _draw_difference(axes, place, difference, style=_style_of(model, section))
        axes.axvline(0, color="black", linewidth=1, zorder=1)
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.set_title(f"{budget.labels:,} labeled patients", fontsize=10)
        axes.grid(visible=False, axis="y")
    grid[0].set_yticks(places, [model.title for model, _ in rows], fontsize=9)
    grid[0].set_ylim(max(places) + 0.7, min(places) - 0.7)
    event = describe_event(section.target.events[0], section.target)
    title = rows[0][1].title if len({other for _, other in rows}) == 1 else versus
    figure.supxlabel(f"difference in AUROC, {event}", fontsize=10)
    _give_title(figure, section, f"Against {title}: {describe_panel(section.panel)}")
    return figure


def _places(models: Sequence[Model]) -> list[float]:
    """Heights of the rows, with a gap before the first baseline."""
    n_pretrained = sum(model.pretrained for model in models)
    ordered = all(model.pretrained for model in models[:n_pretrained])
    gap = 0.6 if ordered and 0 < n_pretrained < len(models) else 0.0
    return [number + (gap if number >= n_pretrained else 0.0) for number in range(len(models))]


def _style_of(model: Model, section: Section) -> tuple[str, str]:
    if model.objective in WITHOUT_ENCODER or model.use not in section.uses:
        return _GREY, "D"
    colour, marker = _USE_STYLES[section.uses.index(model.use) % len(_USE_STYLES)]
    return (_GREY, marker) if model.objective in BASELINES else (colour, marker)


def _draw_difference(axes: Axes, place: float, difference: Interval, *, style: tuple[str, str]) -> None:
    colour, marker = style
    if difference.value is None:
        return
    apart = difference.low is not None and difference.high is not None and difference.low * difference.high > 0
    if difference.low is not None and difference.high is not None:
        axes.plot([difference.low, difference.high], [place, place], color=colour, linewidth=1.6, zorder=2)
    face = colour if apart else "white"
    axes.plot(difference.value, place, marker, color=colour, markerfacecolor=face, markersize=5.5, zorder=3)


def _give_title(figure: Figure, section: Section, title: str) -> None:
    said = f"SIMULATED. {title}" if section.simulated else title
    lines = textwrap.wrap(said, width=round(_LETTERS_PER_INCH * figure.get_figwidth()))
    figure.suptitle("\n".join(lines), fontsize=11, x=0.01, ha="left")


def _save(figure: Figure, directory: Path, name: str) -> str:
    figure.savefig(directory / f"{name}.svg", format="svg", metadata={"Date": None, "Creator": None})
    figure.savefig(directory / f"{name}.png", format="png", dpi=130, metadata={"Software": None})
    return f"{name}.svg"
