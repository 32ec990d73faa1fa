"""The papers' ResNet-18, held against one written with plain one-dimensional layers."""

import torch
from torch import nn
from torch.nn import functional

from hemometric.encoders import ResNet18, build_encoder


def plain_forward(weights: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """ResNet-18 from its description (He et al. 2016, table 1), one-dimensional, written apart from ours."""

    def conv(h, name, stride, padding):
        return functional.conv1d(h, weights[f"{name}.weight"].squeeze(2), stride=stride, padding=padding)

    def norm(h, name):
        w = [weights[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
        return functional.batch_norm(h, *w)

    h = functional.relu(norm(conv(x, "stem.0", 2, 7), "stem.1"))
    h = functional.max_pool1d(h, 3, 2, 1)
    for block in range(8):
        name = f"blocks.{block}"
        stride = 2 if block in (2, 4, 6) else 1
        inner = functional.relu(norm(conv(h, f"{name}.body.0", stride, 3), f"{name}.body.1"))
        inner = norm(conv(inner, f"{name}.body.3", 1, 3), f"{name}.body.4")
        if stride == 2:
            h = norm(conv(h, f"{name}.shortcut.0", 2, 0), f"{name}.shortcut.1")
        h = functional.relu(inner + h)
    return functional.linear(h.mean(2), weights["embed.weight"], weights["embed.bias"])


def test_it_equals_a_plain_resnet18_with_the_same_weights():
    generator = torch.Generator().manual_seed(0)
    encoder = build_encoder("resnet18", seed=0).eval()
    for module in encoder.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5, generator=generator)
            nn.init.normal_(module.running_mean, 0.0, 0.1, generator=generator)
    x = torch.randn(2, 12, 500, generator=generator)
    with torch.no_grad():
        ours, plain = encoder(x), plain_forward(encoder.state_dict(), x)
    assert ours.shape == (2, 128)
    assert torch.allclose(ours, plain, rtol=1e-3, atol=1e-4)


def test_it_has_the_size_that_was_measured_for_the_papers_network():
    assert 8.6e6 < sum(p.numel() for p in ResNet18().parameters()) < 9.0e6
