"""The page of a report: report.html from a Report, every number with its full value and its place in report.json."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import jinja2
from markupsafe import Markup

from hemometric.evaluation.figures import BASELINE_TITLES, describe_event
from hemometric.evaluation.report import Interval, Report
from hemometric.targets import Event, Target

NOT_DEFINED = "–"

_AGREEMENT = (
    ("rmse", "RMSE", True, "root mean squared error: a typical miss, large ones weigh more"),
    ("mae", "MAE", True, "mean absolute error: the average miss"),
    ("pearson_r", "Pearson r", False, "how closely estimates follow measurements; 1 is perfect, 0 none"),
    ("r2", "R²", False, "share of the variance explained; 0 is no better than the mean of these ECGs"),
    ("bias", "Bias", True, "mean of estimate minus measurement; above 0 the model reads too high"),
    ("loa_low", "Lower limit of agreement", True, "bias - 1.96 SD of the differences"),
    ("loa_high", "Upper limit of agreement", True, "bias + 1.96 SD of the differences"),
)
_SOURCES = {"none": "supervised from scratch, no pretraining", "random": "frozen random encoder"}


def render_page(report: Report, *, target: Target, figures: Mapping[str, str]) -> str:
    """Print a report as a page that needs no network and nothing but `figures/` beside it.

    Args:
        report: All numbers of the page; each number of it stands in the page as
            `<span data-key="regression/rmse/value" data-value="6.1198">6.12</span>`.
        target: What was estimated.
        figures: Name -> file name in `figures/`, from `draw_figures`.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("hemometric.evaluation"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2").render(
        report=report,
        target=target,
        figures=figures,
        agreement_rows=_AGREEMENT,
        verdicts=say_verdicts(report, target.events[0]),
        source_text=_SOURCES.get(report.provenance.source, f"pretrained with {report.provenance.source}"),
        event_text=lambda event: describe_event(event, target),
        group_text=_describe_group,
        baseline_text=lambda name: BASELINE_TITLES.get(name, name),
        **_printers(report.model_dump(mode="json")),
    )


def say_verdicts(report: Report, event: Event) -> list[str]:
    """One sentence against each baseline that a claim must be held to, whichever way it went."""
    sentences = []
    for name in ("none", "features"):
        if name not in report.baselines:
            continue
        found = report.baselines[name].difference.auroc[event.key]
        numbers = [format_number(one, digits=3, sign=True) for one in (found.value, found.low, found.high)]
        sentences.append(
            f"In AUROC this run {_verdict(found)} the baseline “{BASELINE_TITLES[name]}” "
            f"(difference {numbers[0]} [{numbers[1]}, {numbers[2]}])."
        )
    return sentences


def _verdict(difference: Interval) -> str:
    if difference.low is None or difference.high is None:
        return "cannot be compared with"
    if difference.low > 0:
        return "is better than"
    if difference.high < 0:
        return "is WORSE than"
    return "was not told apart from"


def format_number(value: float | None, *, digits: int, sign: bool = False) -> str:
    """A number as the page prints it: rounded, thousands apart, a dash where undefined."""
    if value is None:
        return NOT_DEFINED
    text = f"{value:{'+' if sign else ''},.{digits}f}"
    # A rounded -0.00 is no negative number.
    return text.replace("-", "", 1) if text.startswith("-") and not text.strip("-0.,") else text


def _printers(numbers: Mapping[str, Any]) -> dict[str, partial[Markup]]:
    """What the template calls to print a number, by its path in report.json."""
    return {
        "n": partial(_print_number, numbers),
        "ci": partial(_print_interval, numbers),
        "again": partial(_repeat_interval, numbers),
    }


def _find(numbers: Mapping[str, Any], path: Sequence[str | int]) -> float | None:
    found: Any = numbers
    for part in path:
        found = found[part]
    value: float | None = found
    return value


def _print_number(numbers: Mapping[str, Any], *path: str | int, digits: int = 3, sign: bool = False) -> Markup:
    value = _find(numbers, path)
    return Markup('<span data-key="{}" data-value="{}" data-digits="{}">{}</span>').format(
        "/".join(map(str, path)),
        "null" if value is None else repr(value),
        digits,
        format_number(value, digits=digits, sign=sign),
    )


def _print_interval(numbers: Mapping[str, Any], *path: str | int, digits: int = 3, sign: bool = False) -> Markup:
    ends = (_print_number(numbers, *path, end, digits=digits, sign=sign) for end in ("value", "low", "high"))
    # Ends that are undefined stay in the page for programs, but a row of dashes tells a reader nothing.
    hidden = Markup(" hidden") if _find(numbers, (*path, "low")) is None else ""
    value, low, high = ends
    return Markup('{} <span class="ci"{}>[{}, {}]</span>').format(value, hidden, low, high)


def _repeat_interval(numbers: Mapping[str, Any], *path: str | int, digits: int = 3, parts: str = "both") -> Markup:
    """A number that stands elsewhere on the page with its place: its value, its ends, or both."""
    value, low, high = (format_number(_find(numbers, (*path, end)), digits=digits) for end in ("value", "low", "high"))
    undefined = low == high == NOT_DEFINED
    ends = Markup("") if undefined else Markup('<span class="ci">[{}, {}]</span>').format(low, high)
    return {"value": Markup.escape(value), "ends": ends, "both": Markup("{} {}").format(value, ends)}[parts]


def _describe_group(name: str) -> str:
    kind, _, value = name.partition("=")
    if kind != "age":
        return value
    low, high = value.strip("[)").split(",")
    return f"{low} years and older" if high == "+" else f"{low} to under {high} years"
