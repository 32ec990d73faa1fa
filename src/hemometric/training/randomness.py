"""Random numbers that depend on seed, purpose and step alone, so that a resumed run draws what it would have drawn."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

import numpy as np
import torch


class Purpose(IntEnum):
    """What random numbers are for; each has a stream of its own. Numbers never change."""

    WEIGHTS = 0
    ORDER = 1
    PAIRS = 2
    VIEWS = 3
    MINING = 4
    DROPOUT = 5
    LABELS = 6
    VALIDATION = 7
    PARTNERS = 8
    ARCHIVE = 9


def numpy_rng(seed: int, purpose: Purpose, step: int = 0) -> np.random.Generator:
    """A numpy generator for one purpose at one step."""
    return np.random.default_rng([seed, int(purpose), step])


def torch_seed(seed: int, purpose: Purpose, step: int = 0) -> int:
    """A whole number that seeds torch for one purpose at one step."""
    return int(np.random.SeedSequence([seed, int(purpose), step]).generate_state(1, np.uint64)[0] >> np.uint64(1))


def torch_generator(seed: int, purpose: Purpose, step: int = 0, *, device: torch.device) -> torch.Generator:
    """A torch generator for one purpose at one step."""
    return torch.Generator(device=device).manual_seed(torch_seed(seed, purpose, step))


@contextmanager
def seeded_layers(seed: int, purpose: Purpose, step: int = 0, *, device: torch.device) -> Iterator[None]:
    """Seed what layers draw themselves (initial weights, dropout); the global state is as before afterwards."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(torch_seed(seed, purpose, step))
        yield
