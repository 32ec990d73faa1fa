"""How good the answers are, with intervals: patients are resampled, and arms are compared on the same resamples."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from hemometric.evaluation.bootstrap import Resamples, interval_of
from hemometric.evaluation.classification import weighted_auroc
from hemometric.evaluation.regression import weighted_regression
from hemometric.evaluation.report import Interval
from validation.sections import as_table
from validation.transfer_questions import Floats, Question

REFERENCES = ("random", "features")
"""Arms that the others are compared with."""

_OF_VALUES = ("mae", "rmse", "pearson_r")
_SHOWN = {"mae": ("MAE, years", 1), "pearson_r": ("r", 2), "auroc": ("AUROC", 3)}
"""Metrics of the tables, with their digits."""


class Score(NamedTuple):
    """A number of the tables.

    Attributes:
        question: Name of the question.
        metric: "mae" and "rmse" in years, "pearson_r", or "auroc".
        arm: Whose answers.
        versus: The arm whose metric is taken off on the same resamples; None: the metric itself.
        interval: The mean over seeds, with the 95 % interval over resamples of patients.
        by_seed: The metric or the difference of each seed, from the mean of the other arm's seeds.
    """

    question: str
    metric: str
    arm: str
    versus: str | None
    interval: Interval
    by_seed: list[float]


def score(question: Question, answers: Mapping[str, Floats], resamples: Resamples) -> list[Score]:
    """Score all arms, and their differences from `REFERENCES`.

    Args:
        question: About n ECGs.
        answers: Arm -> (n_seeds, n); an arm without random numbers has one row.
        resamples: Of the patients of the n ECGs.
    """
    drawn = resamples.subset(question.known)
    measured = {arm: _measure(question, rows, drawn) for arm, rows in answers.items()}
    found = []
    for arm, metrics in measured.items():
        for metric, values in metrics.items():
            found.append(_sum_up(question.name, metric, arm, None, values, drawn))
            for versus in REFERENCES:
                if versus != arm and versus in measured:
                    apart = values - measured[versus][metric].mean(axis=0)
                    found.append(_sum_up(question.name, metric, arm, versus, apart, drawn))
    return found


def _measure(question: Question, rows: Floats, drawn: Resamples) -> dict[str, Floats]:
    """Metric -> (n_seeds, 1 + n_resamples), the first column of the sample itself."""
    truth = question.values[question.known]
    found: dict[str, list[Floats]] = {}
    for said in rows[:, question.known]:
        pieces = [_metrics(truth, said, weights, is_event=question.is_event) for weights in drawn.weights()]
        for name in pieces[0]:
            found.setdefault(name, []).append(np.concatenate([piece[name] for piece in pieces]))
    return {name: np.stack(values) for name, values in found.items()}


def _metrics(truth: Floats, said: Floats, weights: Floats, *, is_event: bool) -> dict[str, Floats]:
    if is_event:
        return {"auroc": weighted_auroc(truth > 0.5, said, weights)}
    every = weighted_regression(truth, said, weights)
    return {name: every[name] for name in _OF_VALUES}


def _sum_up(question: str, metric: str, arm: str, versus: str | None, values: Floats, drawn: Resamples) -> Score:
    interval = interval_of(values.mean(axis=0), n_patients=drawn.n_patients)
    return Score(question, metric, arm, versus, interval, values[:, 0].tolist())


def scores_table(scores: Sequence[Score], *, versus: str | None) -> str:
    """All questions and arms in Markdown: the metrics themselves, or their differences from one arm."""
    chosen = [one for one in scores if one.versus == versus and one.metric in _SHOWN]
    columns = list(dict.fromkeys((one.question, one.metric) for one in chosen))
    cells = {(one.arm, one.question, one.metric): one for one in chosen}
    header = ("", *(f"{question}, {_SHOWN[metric][0]}" for question, metric in columns))
    rows = [
        (arm, *(_cell(cells.get((arm, *column)), signed=versus is not None) for column in columns))
        for arm in dict.fromkeys(one.arm for one in chosen)
    ]
    return as_table(header, rows)


def _cell(found: Score | None, *, signed: bool) -> str:
    """A number with its interval; nothing where there is none, as of r without variation."""
    if found is None or found.interval.value is None:
        return ""
    digits = _SHOWN[found.metric][1]
    sign = "+" if signed else ""
    ends = [end for end in (found.interval.low, found.interval.high) if end is not None]
    shown = ", ".join(f"{end:{sign}.{digits}f}" for end in ends)
    return f"{found.interval.value:{sign}.{digits}f}" + (f" [{shown}]" if ends else "")
