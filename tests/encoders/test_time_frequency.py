"""The encoder of two branches: waveform and spectrum."""

import copy
import math

import numpy as np
import pytest
import torch

from hemometric.encoders import CompactEncoder, TimeFrequencyEncoder, build_encoder, with_spectrum
from hemometric.encoders.time_frequency import N_BINS, spectrum


def waveforms(n_ecgs: int = 3, n_samples: int = 1000) -> torch.Tensor:
    return torch.randn(n_ecgs, 12, n_samples, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("n_samples", [800, 1000, 2500])
def test_a_sinusoid_is_at_the_place_of_its_frequency_whatever_the_length(n_samples):
    """At 100 Hz 512 frequencies reach to 50 Hz: 12.5 Hz lies in the middle of the first half."""
    wave = torch.sin(2 * math.pi * 12.5 / 100 * torch.arange(n_samples)).expand(1, 12, -1)
    found = spectrum(wave)
    assert found.shape == (1, 12, N_BINS)
    assert abs(int(found[0, 0].argmax()) - N_BINS // 4) <= 2


def test_the_spectrum_is_the_size_of_the_fourier_transform():
    noise = waveforms(2, 1022)  # 512 frequencies: nothing is averaged
    expected = np.abs(np.fft.rfft(noise.numpy(), axis=2)) / math.sqrt(1022)
    np.testing.assert_allclose(spectrum(noise), expected, rtol=1e-4, atol=1e-5)


def test_a_shift_in_time_around_the_window_changes_the_waveform_branch_alone():
    encoder = build_encoder("compact-tf", seed=0).eval()
    x = waveforms()
    found, shifted = encoder(x), encoder(x.roll(333, dims=2))
    assert torch.allclose(found[:, 128:], shifted[:, 128:], atol=1e-5)
    assert not torch.allclose(found[:, :128], shifted[:, :128], atol=1e-2)


def test_each_branch_is_the_encoder_of_its_kind_on_what_it_reads():
    time, frequency = CompactEncoder().eval(), CompactEncoder().eval()
    made = iter((time, frequency))

    class Kind(CompactEncoder):
        def __new__(cls):
            return next(made)

    encoder = TimeFrequencyEncoder(Kind).eval()
    x, other = waveforms(), waveforms().flip(0)
    expected = torch.cat([time(x), frequency(spectrum(other))], dim=1)
    assert torch.allclose(encoder(x, other), expected, atol=1e-5)
    assert torch.allclose(encoder(x), torch.cat([time(x), frequency(spectrum(x))], dim=1), atol=1e-5)


@pytest.mark.parametrize("name", ["compact-tf", "resnet18-tf"])
def test_both_branches_are_trained_and_copied_and_differ(name):
    encoder = build_encoder(name, seed=0)
    encoder(waveforms(4, 400)).pow(2).mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in encoder.parameters())
    assert not torch.equal(encoder.embed.weight[0], encoder.embed.weight[1])
    again = copy.deepcopy(build_encoder(name, seed=1))
    again.load_state_dict(encoder.state_dict())
    x = waveforms(2, 400)
    assert torch.equal(again.eval()(x), encoder.eval()(x))
    one = build_encoder(name.removesuffix("-tf"), seed=0)
    n_weights = sum(p.numel() for p in encoder.parameters())
    assert n_weights == 2 * sum(p.numel() for p in one.parameters())


def test_an_encoder_has_one_name_with_the_spectrum():
    assert with_spectrum("compact") == with_spectrum("compact-tf") == "compact-tf"
