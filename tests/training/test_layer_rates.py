"""A shortened step is a step at a smaller learning rate."""

import copy

import pytest
import torch
from torch import nn

from hemometric.encoders import ENCODERS
from hemometric.training.layer_rates import layer_factors, shortened_steps


def net() -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 1))


def steps(model: nn.Module, groups, n: int = 5) -> None:
    optimizer = torch.optim.AdamW(groups, lr=0.05, weight_decay=0.3)
    for step in range(n):
        x = torch.randn(8, 4, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        (model(x) - x.sum(dim=1, keepdim=True)).square().mean().backward()
        optimizer.step()


def test_shortened_steps_equal_adamw_with_a_smaller_rate_for_those_weights():
    ours, groups, plain = net(), net(), net()
    with shortened_steps(dict.fromkeys(ours[0].parameters(), 0.2)):
        steps(ours, ours.parameters())
    steps(groups, [{"params": groups[0].parameters(), "lr": 0.01}, {"params": groups[2].parameters()}])
    steps(plain, plain.parameters())
    for one, other in zip(ours.parameters(), groups.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-6)
    assert not torch.allclose(ours[0].weight, plain[0].weight, atol=1e-3)


def test_nothing_is_shortened_after_the_context_nor_in_another_model():
    first, second = net(), net()
    with shortened_steps(dict.fromkeys(net().parameters(), 0.2)):
        steps(first, first.parameters())
    steps(second, second.parameters())
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


@pytest.mark.parametrize("name", ENCODERS)
def test_every_weight_has_a_factor_that_falls_with_its_distance_from_the_heads(name: str):
    encoder = copy.deepcopy(ENCODERS[name]())
    factors = layer_factors(encoder, decay=0.5)
    assert set(factors) == set(encoder.parameters())
    names = {weight: key for key, weight in encoder.named_parameters()}
    found = {names[weight]: factor for weight, factor in factors.items()}
    assert found["embed.weight"] == 0.5
    n_blocks = len(encoder.blocks)
    assert found["stem.0.weight"] == 0.5 ** (n_blocks + 2)
    by_block = [next(v for k, v in found.items() if k.startswith(f"blocks.{place}.")) for place in range(n_blocks)]
    assert by_block == [0.5 ** (n_blocks + 1 - place) for place in range(n_blocks)]


@pytest.mark.parametrize("decay", [0.0, 1.1])
def test_a_decay_out_of_range_is_a_wrong_call(decay: float):
    with pytest.raises(ValueError, match="decay"):
        layer_factors(net(), decay=decay)
