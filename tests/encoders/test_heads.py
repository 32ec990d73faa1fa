"""Heads keep their weights, and are still in eval."""

import pytest
import torch
from torch import nn

from hemometric.encoders import EventHead, ProjectionHead, RegressionHead


def embeddings(n: int = 16) -> torch.Tensor:
    return torch.randn(n, 128, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    "head",
    [
        RegressionHead(128, kind="mlp", label_mean=15.0, label_sd=8.0),
        EventHead(128, kind="mlp", events=["mpcwp>15", "mpcwp>18"]),
        ProjectionHead(128),
    ],
    ids=["regression", "event", "projection"],
)
def test_eval_is_deterministic_and_a_call_adds_no_weights(head: nn.Module):
    x = embeddings()
    names = [name for name, _ in head.named_parameters()]
    head.eval()
    first, second = head(x), head(x)
    assert torch.equal(first, second)
    assert torch.allclose(head(x[:1]), first[:1], atol=1e-5), "one ECG alone gets what it gets in a batch"
    assert [name for name, _ in head.named_parameters()] == names


def test_dropout_is_on_in_training_and_off_in_eval():
    head = RegressionHead(128, kind="mlp", label_mean=0.0, label_sd=1.0).train()
    x = embeddings()
    assert not torch.equal(head(x), head(x))
    head.eval()
    assert torch.equal(head(x), head(x))


def test_label_mean_and_sd_are_undone_inside_the_head():
    head = RegressionHead(128, kind="linear", label_mean=15.7, label_sd=8.1).eval()
    nn.init.zeros_(head.layers[0].weight)
    nn.init.ones_(head.layers[0].bias)
    assert head(embeddings()).tolist() == pytest.approx([15.7 + 8.1] * 16)
    values = torch.tensor([7.6, 15.7])
    assert torch.allclose(head.standardise(values), torch.tensor([-1.0, 0.0]), atol=1e-6)


def test_label_mean_and_sd_travel_with_the_weights():
    saved = RegressionHead(8, kind="linear", label_mean=15.7, label_sd=8.1).state_dict()
    head = RegressionHead(8, kind="linear", label_mean=0.0, label_sd=1.0)
    head.load_state_dict(saved)
    assert head.label_mean.item() == pytest.approx(15.7)
    assert head.label_sd.item() == pytest.approx(8.1)


def test_labels_that_never_vary_are_refused():
    with pytest.raises(ValueError, match="label_sd"):
        RegressionHead(8, kind="linear", label_mean=0.0, label_sd=0.0)


def test_there_is_one_logit_for_each_event():
    assert EventHead(128, kind="mlp", events=["a", "b", "c"]).eval()(embeddings()).shape == (16, 3)
