"""Encoders: 12-lead waveforms in, embeddings out, and the heads that stand on them."""

from collections.abc import Callable
from functools import partial

import torch

from hemometric.encoders.compact import CompactEncoder
from hemometric.encoders.heads import EventHead, ProjectionHead, RegressionHead
from hemometric.encoders.resnet import ResNet18
from hemometric.encoders.time_frequency import TimeFrequencyEncoder
from hemometric.errors import SettingsError
from hemometric.settings import suggest

__all__ = [
    "ENCODERS",
    "CompactEncoder",
    "Encoder",
    "EventHead",
    "ProjectionHead",
    "RegressionHead",
    "ResNet18",
    "TimeFrequencyEncoder",
    "build_encoder",
    "with_spectrum",
]

Encoder = CompactEncoder | ResNet18 | TimeFrequencyEncoder
"""Takes (n, 12, n_samples) float32 mV, gives (n, embedding_dim) float32."""

ENCODERS: dict[str, Callable[[], Encoder]] = {
    "compact": CompactEncoder,
    "compact-tf": partial(TimeFrequencyEncoder, CompactEncoder),
    "resnet18": ResNet18,
    "resnet18-tf": partial(TimeFrequencyEncoder, ResNet18),
}

_TWO_BRANCHES = "-tf"


def with_spectrum(name: str) -> str:
    """The encoder that reads the spectrum as well: "compact-tf" for "compact"; it is its own."""
    return name if name.endswith(_TWO_BRANCHES) else name + _TWO_BRANCHES


def build_encoder(name: str, *, seed: int) -> Encoder:
    """Make a new encoder whose random weights depend on `seed` alone.

    Args:
        name: Key of `ENCODERS`.
        seed: 0 or more; the global random state is left as it was.

    Raises:
        SettingsError: There is no such encoder.
    """
    if name not in ENCODERS:
        raise SettingsError(f"unknown encoder {name!r}{suggest(name, list(ENCODERS))}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return ENCODERS[name]()
