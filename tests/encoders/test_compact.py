"""The compact encoder."""

import torch
from torch.nn import functional

from hemometric.ecg import INDEPENDENT_ROWS
from hemometric.encoders import build_encoder
from hemometric.encoders.compact import CompactEncoder


def waveforms(n_ecgs: int = 3, n_samples: int = 1000) -> torch.Tensor:
    return torch.randn(n_ecgs, 12, n_samples, generator=torch.Generator().manual_seed(1))


def test_any_memory_layout_and_length_gives_an_embedding_of_128():
    encoder = build_encoder("compact", seed=0).eval()
    x = waveforms()
    time_first = x.transpose(1, 2).contiguous().transpose(1, 2)
    assert encoder(x).shape == (3, 128)
    assert torch.allclose(encoder(x), encoder(time_first), atol=1e-5)
    assert encoder(x[:, :, :803]).shape == (3, 128)


def test_weights_depend_on_the_seed_alone_and_leave_the_global_state():
    before = torch.random.get_rng_state()
    one, same, other = (build_encoder("compact", seed=seed).state_dict() for seed in (0, 0, 1))
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(torch.equal(one[key], same[key]) for key in one)
    assert not torch.equal(one["stem.0.weight"], other["stem.0.weight"])


def test_the_stem_equals_a_plain_strided_convolution_over_time():
    """Patches of four samples under three taps are one convolution of twelve samples with stride four."""
    encoder = CompactEncoder().eval()
    x = waveforms(2, 400)
    weight = encoder.stem[0].weight.detach()  # (48, 4 * 8, 1, 3): sample in patch, lead; tap
    kernel = weight.reshape(48, 4, 8, 3).permute(0, 2, 3, 1).reshape(48, 8, 12)
    plain = functional.conv1d(x[:, list(INDEPENDENT_ROWS)], kernel, stride=4, padding=4)
    by_time = x.transpose(1, 2)[:, :, list(INDEPENDENT_ROWS)].reshape(2, 1, 100, 32)
    ours = encoder.stem[0](by_time.permute(0, 3, 1, 2))[:, :, 0]
    assert torch.allclose(ours, plain, atol=1e-4)


def test_every_weight_gets_a_gradient():
    encoder = CompactEncoder()
    encoder(waveforms(8)).pow(2).mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in encoder.parameters())
