"""Random numbers, each ECG its own, on the device of the generator."""

import torch
from torch import Tensor


def uniform(*shape: int, generator: torch.Generator) -> Tensor:
    """Draw float32 from [0, 1)."""
    return torch.rand(shape, generator=generator, device=generator.device)


def either_way(*shape: int, generator: torch.Generator) -> Tensor:
    """Draw float32 from [-1, 1)."""
    return 2.0 * uniform(*shape, generator=generator) - 1.0


def normal(*shape: int, generator: torch.Generator) -> Tensor:
    """Draw float32 from the standard normal distribution."""
    return torch.randn(shape, generator=generator, device=generator.device)
