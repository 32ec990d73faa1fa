"""The pictures of a report: ROC, reliability, predicted against measured with Bland-Altman. SVG, the same bytes again.

Colours are those of Okabe and Ito (2008), which colour-blind readers can tell apart; lines also differ by dash.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hemometric.evaluation.bootstrap import Resamples, draw_patients
from hemometric.evaluation.calibration import reliability_bins
from hemometric.evaluation.classification import happened, roc_curve
from hemometric.evaluation.predictions import BoolArray, FloatArray, Measurements, Predictions
from hemometric.evaluation.report import Report
from hemometric.targets import Event, Target

RUN_COLOUR = "#0072b2"
Dash = tuple[float, tuple[float, ...]]
STYLES: Mapping[str, tuple[str, Dash]] = {
    "features": ("#d55e00", (0, (5, 2))),
    "none": ("#009e73", (0, (6, 2, 1.5, 2))),
    "random": ("#cc79a7", (0, (1.2, 1.2))),
    "demographics": ("#e69f00", (0, (3, 1.5, 1, 1.5, 1, 1.5))),
    "mean": ("#999999", (0, ())),
}
"""Baseline -> colour and dash."""

BASELINE_TITLES: Mapping[str, str] = {
    "mean": "mean of the labels",
    "demographics": "age and sex",
    "features": "hand-made ECG features",
    "random": "random frozen encoder",
    "none": "supervised from scratch",
}
"""Baseline -> what a reader calls it."""

SYMBOLS: Mapping[str, str] = {"mpcwp": "mPCWP", "mpap": "mPAP", "rap": "RAP", "co": "CO"}
"""Target -> how clinicians write it."""

_GREY = "#555555"


def draw_figures(
    directory: Path,
    report: Report,
    measurements: Measurements,
    run: Predictions,
    baselines: Mapping[str, Predictions],
    *,
    target: Target,
) -> dict[str, str]:
    """Draw every figure of a report.

    Args:
        directory: An existing directory, beside the report.
        report: The numbers that the figures' legends repeat.
        measurements: What was measured.
        run: What the judged model said.
        baselines: What the simpler models said.
        target: What was estimated.

    Returns:
        Name -> file name, for those that can be drawn: no ROC where every ECG is of one kind.
    """
    drawn = {}
    resamples = draw_patients(
        measurements.patient_ids, n_bootstrap=report.provenance.n_bootstrap, seed=report.provenance.seed
    )
    with drawing_style():
        if any(_both_kinds(happened(event, measurements.measured)) for event in target.events):
            drawn["roc"] = _save(_draw_roc(report, measurements, run, baselines, target=target), directory / "roc.svg")
        drawn["calibration"] = _save(
            _draw_calibration(report, measurements, run, resamples, target=target), directory / "calibration.svg"
        )
        drawn["agreement"] = _save(
            _draw_agreement(report, measurements, run, target=target), directory / "agreement.svg"
        )
    return drawn


def drawing_style() -> AbstractContextManager[None]:
    """How figures of reports and studies look; the same input gives the same bytes."""
    return mpl.rc_context(
        {
            "font.size": 10,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": 11,
            "axes.titleweight": "bold",
            "axes.titlelocation": "left",
            "axes.grid": True,
            "grid.color": "#e6e6e6",
            "axes.axisbelow": True,
            "legend.frameon": False,
            "svg.hashsalt": "hemometric",
            "svg.fonttype": "path",
        }
    )


def _draw_roc(
    report: Report,
    measurements: Measurements,
    run: Predictions,
    baselines: Mapping[str, Predictions],
    *,
    target: Target,
) -> Figure:
    judged = [event for event in target.events if _both_kinds(happened(event, measurements.measured))]
    figure = Figure(figsize=(4.9 * len(judged) + 0.3, 5.0), layout="constrained")
    for number, event in enumerate(judged, start=1):
        axes = figure.add_subplot(1, len(judged), number)
        events = happened(event, measurements.measured)
        for name, model in sorted(baselines.items(), key=lambda one: -_area(report, one[0], event)):
            colour, dash = STYLES.get(name, (_GREY, (0, ())))
            false_rate, true_rate = roc_curve(events, model.probability[event.key])
            label = f"{BASELINE_TITLES.get(name, name)}  {_area(report, name, event):.3f}"
            axes.plot(100 * false_rate, 100 * true_rate, color=colour, linestyle=dash, linewidth=1.4, label=label)
        false_rate, true_rate = roc_curve(events, run.probability[event.key])
        own = report.classification[event.key]
        axes.plot(
            100 * false_rate, 100 * true_rate, color=RUN_COLOUR, linewidth=2.4, label=f"this run  {own.auroc.value:.3f}"
        )
        if own.sensitivity.value is not None and own.specificity.value is not None:
            at = (100 - 100 * own.specificity.value, 100 * own.sensitivity.value)
            axes.plot(*at, "o", color=RUN_COLOUR, markeredgecolor="white", markersize=9, label="frozen threshold")
        axes.plot([0, 100], [0, 100], color="#bbbbbb", linewidth=1)
        axes.set(xlim=(0, 100), ylim=(0, 100), aspect="equal", title=describe_event(event, target))
        axes.set_xlabel("1 - specificity (% of ECGs without the event warned of)")
        axes.set_ylabel("sensitivity (% of events warned of)")
        handles, labels = axes.get_legend_handles_labels()
        order = [len(baselines), *range(len(baselines)), *range(len(baselines) + 1, len(handles))]
        axes.legend(
            [handles[i] for i in order], [labels[i] for i in order], loc="lower right", title="AUROC", fontsize=9
        )
    return figure


def _draw_calibration(
    report: Report, measurements: Measurements, run: Predictions, resamples: Resamples, *, target: Target
) -> Figure:
    figure = Figure(figsize=(4.9 * len(target.events) + 0.3, 5.0), layout="constrained")
    for number, event in enumerate(target.events, start=1):
        axes = figure.add_subplot(1, len(target.events), number)
        bins = reliability_bins(happened(event, measurements.measured), run.probability[event.key], resamples)
        said = [100 * one.predicted for one in bins]
        seen = [100 * (one.observed.value or 0.0) for one in bins]
        axes.plot([0, 100], [0, 100], color="#bbbbbb", linewidth=1, label="perfect")
        for x, one in zip(said, bins, strict=True):
            if one.observed.low is not None and one.observed.high is not None:
                axes.plot([x, x], [100 * one.observed.low, 100 * one.observed.high], color=RUN_COLOUR, linewidth=1.6)
        axes.plot(said, seen, "o", color=RUN_COLOUR, markersize=6, label="tenths of the ECGs, 95 % interval")
        _draw_histogram(axes, 100 * run.probability[event.key])
        found = report.calibration[event.key]
        lines = [
            f"slope {_number(found.slope.value)}",
            f"intercept {_number(found.intercept.value)}",
            f"observed : expected {_number(found.oe_ratio.value)}",
        ]
        axes.text(0.03, 0.86, "\n".join(lines), transform=axes.transAxes, va="top", fontsize=9, color=_GREY)
        axes.set(xlim=(0, 100), ylim=(0, 100), aspect="equal", title=describe_event(event, target))
        axes.set_xlabel("predicted probability (%)")
        axes.set_ylabel("observed frequency (%)")
        axes.legend(loc="upper left", fontsize=9)
    return figure


def _draw_histogram(axes: Axes, percent: FloatArray) -> None:
    counts, edges = np.histogram(percent, bins=np.arange(0, 101, 2.5))
    heights = 12 * counts / counts.max()
    axes.bar(edges[:-1], heights, width=2.5, align="edge", color="#d9d9d9", linewidth=0, zorder=0.5)


def _draw_agreement(report: Report, measurements: Measurements, run: Predictions, *, target: Target) -> Figure:
    measured, estimate, unit = measurements.measured, run.estimate, target.unit
    figure = Figure(figsize=(10.1, 4.8), layout="constrained")
    first = figure.add_subplot(1, 2, 1)
    low = float(min(measured.min(), estimate.min()))
    high = float(max(measured.max(), estimate.max()))
    _draw_density(figure, first, measured, estimate)
    first.plot([low, high], [low, high], color="black", linewidth=1.2, label="estimate = measurement")
    for event in target.events:
        first.axvline(event.threshold, color=_GREY, linewidth=0.8, linestyle=":")
    first.set(xlim=(low, high), ylim=(low, high), aspect="equal", title="Estimate against measurement")
    first.set_xlabel(f"measured {symbol(target.name)} ({unit})")
    first.set_ylabel(f"estimated {symbol(target.name)} ({unit})")
    first.legend(loc="upper left", fontsize=9)
    second = figure.add_subplot(1, 2, 2)
    _draw_density(figure, second, (measured + estimate) / 2, estimate - measured)
    found = report.regression
    lines = (("bias", found.bias.value), ("lower limit", found.loa_low.value), ("upper limit", found.loa_high.value))
    for name, value in lines:
        if value is None:
            continue
        second.axhline(value, color="black", linewidth=1.2, linestyle="-" if name == "bias" else "--")
        second.annotate(
            f"{name} {value:+.1f} {unit}",
            (1, value),
            xycoords=("axes fraction", "data"),
            xytext=(-4, 4),
            textcoords="offset points",
            ha="right",
            fontsize=9,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1},
        )
    second.axhline(0, color="#bbbbbb", linewidth=0.8)
    second.set_title("Bland-Altman")
    second.set_xlabel(f"mean of estimate and measurement ({unit})")
    second.set_ylabel(f"estimate - measurement ({unit})")
    return figure


def _draw_density(figure: Figure, axes: Axes, x: FloatArray, y: FloatArray) -> None:
    """Dots for few ECGs, hexagons shaded by their number for many."""
    if x.size <= 400:
        axes.plot(x, y, "o", color=RUN_COLOUR, alpha=0.5, markersize=4, markeredgewidth=0)
        return
    hexagons = axes.hexbin(x, y, gridsize=38, mincnt=1, bins="log", cmap="viridis_r", linewidths=0.1)
    bar = figure.colorbar(hexagons, ax=axes, label="ECGs", shrink=0.7)
    counts = hexagons.get_array()
    most = 1.0 if counts is None else float(counts.max())
    bar.set_ticks([count for count in (1, 3, 10, 30, 100, 300, 1000, 3000, 10000) if count <= most], minor=False)
    bar.ax.yaxis.set_major_formatter("{x:,.0f}")
    bar.ax.minorticks_off()


def symbol(target: str) -> str:
    """A target as clinicians write it, such as "mPCWP"; its name where there is no custom."""
    return SYMBOLS.get(target, target)


def describe_event(event: Event, target: Target) -> str:
    """An event as a person writes it, such as "mPCWP > 15 mmHg"."""
    return f"{symbol(event.target)} {event.direction} {event.threshold:g} {target.unit}"


def _area(report: Report, baseline: str, event: Event) -> float:
    value = report.baselines[baseline].classification[event.key].auroc.value
    return 0.5 if value is None else value


def _both_kinds(events: BoolArray) -> bool:
    return bool(events.any() and not events.all())


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.2f}"


def _save(figure: Figure, path: Path) -> str:
    figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
    return path.name
