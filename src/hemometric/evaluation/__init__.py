"""Judging a run: metrics with patient-clustered intervals, baselines, report.json and the page beside it.

Names load on first use, so that the metrics alone need neither torch nor matplotlib.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hemometric.evaluation.baselines import BASELINES, FittedBaselines, fit_baselines
    from hemometric.evaluation.bootstrap import paired_difference
    from hemometric.evaluation.predictions import Measurements, Predictions
    from hemometric.evaluation.report import Interval, Report, kept_schema, paired_auroc_difference
    from hemometric.evaluation.step import evaluate

__all__ = [
    "BASELINES",
    "FittedBaselines",
    "Interval",
    "Measurements",
    "Predictions",
    "Report",
    "evaluate",
    "fit_baselines",
    "kept_schema",
    "paired_auroc_difference",
    "paired_difference",
]

_HOMES = {
    "BASELINES": "baselines",
    "FittedBaselines": "baselines",
    "Interval": "report",
    "Measurements": "predictions",
    "Predictions": "predictions",
    "Report": "report",
    "evaluate": "step",
    "fit_baselines": "baselines",
    "kept_schema": "report",
    "paired_auroc_difference": "report",
    "paired_difference": "bootstrap",
}


def __getattr__(name: str) -> object:
    """Load a public name when it is first asked for."""
    if name in _HOMES:
        return getattr(importlib.import_module(f"hemometric.evaluation.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'hemometric.evaluation' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
