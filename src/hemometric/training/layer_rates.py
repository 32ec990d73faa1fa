"""Layer-wise learning rates: the nearer a layer is to the waveform, the more slowly it moves."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn import Parameter
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

Factors = Mapping[Parameter, float]


def layer_factors(encoder: nn.Module, *, decay: float) -> dict[Parameter, float]:
    """What each weight's learning rate is multiplied by: decay for the last layer, decay ** depth for the first.

    Layers are the encoder's children in their order; those of a sequence of blocks count one by one (Clark et al. 2020,
    ELECTRA, section 3.2). Heads are not in it: theirs is 1.

    Args:
        encoder: Its children in the order in which a waveform goes through them.
        decay: In (0, 1].
    """
    if not 0 < decay <= 1:
        raise ValueError(f"decay must lie in (0, 1], got {decay}")
    layers = [
        layer
        for name, child in encoder.named_children()
        for layer in (child.children() if name == "blocks" else (child,))
    ]
    depth = len(layers)
    return {weight: decay ** (depth - place) for place, layer in enumerate(layers) for weight in layer.parameters()}


@contextmanager
def shortened_steps(factors: Factors) -> Iterator[None]:
    """Shorten every optimizer step of some weights while the context lasts.

    The whole step of AdamW, its decoupled weight decay included, is proportional to the learning rate, and its moments
    do not depend on it (Loshchilov & Hutter 2019, algorithm 2). So a step shortened by a factor is the step at a
    learning rate times that factor. Nothing is kept between steps, so a resumed run does what an undisturbed one does.

    Args:
        factors: Of the weights, in (0, 1]; those that are not in it, and weights of factor 1, step as they are.
    """
    slowed = [(weight, factor) for weight, factor in factors.items() if factor < 1]
    if not slowed:
        yield
        return
    weights = [weight for weight, _ in slowed]
    shares = [factor for _, factor in slowed]
    before: list[torch.Tensor] = []

    def remember(optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        del args, kwargs
        before.clear()
        if _trains(optimizer, weights):
            before.extend(weight.detach().clone() for weight in weights)

    def shorten(optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        del optimizer, args, kwargs
        with torch.no_grad():
            for weight, share, old in zip(weights, shares, before, strict=False):
                weight.copy_(torch.lerp(old, weight, share))

    handles = [register_optimizer_step_pre_hook(remember), register_optimizer_step_post_hook(shorten)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _trains(optimizer: Optimizer, weights: list[Parameter]) -> bool:
    return any(weights[0] is weight for group in optimizer.param_groups for weight in group["params"])
