"""Settings of the learning steps: frozen, range-checked, read from TOML and `key=value`, written back resolved as JSON.

A setting that is None takes the recipe of its objective (or of the source run); the resolved value stands in the run's
`settings.json`. Names of objectives, encoders and targets are checked where their registry lives.
"""

from hemometric.settings.finetuning import FinetuneSettings
from hemometric.settings.frozen import Count, Fraction, Frozen, NotNegative, Positive, Precision
from hemometric.settings.pretraining import PretrainSettings
from hemometric.settings.reading import differences, load_settings, suggest
from hemometric.settings.views import ViewSettings

__all__ = [
    "Count",
    "FinetuneSettings",
    "Fraction",
    "Frozen",
    "NotNegative",
    "Positive",
    "Precision",
    "PretrainSettings",
    "ViewSettings",
    "differences",
    "load_settings",
    "suggest",
]
