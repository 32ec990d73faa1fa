"""hemometric: deep metric learning on 12-lead ECGs for calibrated estimates of intracardiac pressures and flow.

Importing the package is light; submodules and the names below load on first use.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hemometric.ecg import LEADS, Ecg
    from hemometric.errors import HemometricError
    from hemometric.formats import read_ecg
    from hemometric.inference import Prediction, Predictor
    from hemometric.store import Store

__version__ = "0.1.0"

__all__ = ["LEADS", "Ecg", "HemometricError", "Prediction", "Predictor", "Store", "__version__", "read_ecg"]

_HOMES = {
    "LEADS": "hemometric.ecg",
    "Ecg": "hemometric.ecg",
    "HemometricError": "hemometric.errors",
    "Prediction": "hemometric.inference",
    "Predictor": "hemometric.inference",
    "Store": "hemometric.store",
    "read_ecg": "hemometric.formats",
}
_ROOMS = (
    "datasets",
    "distances",
    "download",
    "ecg",
    "encoders",
    "errors",
    "evaluation",
    "formats",
    "inference",
    "ingest",
    "labels",
    "losses",
    "mining",
    "objectives",
    "settings",
    "simulation",
    "store",
    "targets",
    "training",
    "views",
    "waveform",
)


def __getattr__(name: str) -> object:
    """Load a public name or a submodule when it is first asked for."""
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name in _ROOMS:
        return importlib.import_module(f"hemometric.{name}")
    raise AttributeError(f"module 'hemometric' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_ROOMS})
