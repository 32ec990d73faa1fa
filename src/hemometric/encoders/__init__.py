"""Encoders: 12-lead waveforms in, embeddings out, and the heads that stand on them."""

from collections.abc import Callable

import torch

from hemometric.encoders.compact import CompactEncoder
from hemometric.encoders.heads import EventHead, ProjectionHead, RegressionHead
from hemometric.encoders.resnet import ResNet18
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
    "build_encoder",
]

Encoder = CompactEncoder | ResNet18
"""Takes (n, 12, n_samples) float32 mV, gives (n, embedding_dim) float32."""

ENCODERS: dict[str, Callable[[], Encoder]] = {"compact": CompactEncoder, "resnet18": ResNet18}


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
