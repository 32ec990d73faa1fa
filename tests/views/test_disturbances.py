"""What is added is as large as said at most, in its band, and each ECG has its own."""

import math

import pytest
import torch

from hemometric.views import add_mains_, add_muscle_, add_noise_, add_wander_


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def power_between(x: torch.Tensor, low_hz: float, high_hz: float, rate_hz: float) -> float:
    """Share of the power (without the mean) from low to high, of (n, n_leads, n_samples)."""
    x = (x - x.mean(dim=2, keepdim=True)) * torch.hann_window(x.shape[2])
    power = torch.fft.rfft(x).abs().square().sum(dim=(0, 1))
    frequency = torch.fft.rfftfreq(x.shape[2], 1 / rate_hz)
    inside = (frequency >= low_hz) & (frequency <= high_hz)
    return float(power[inside].sum() / power.sum())


def test_a_wandering_baseline_is_slow_and_no_larger_than_said():
    wander = add_wander_(torch.zeros(300, 8, 2000), max_mv=0.2, sampling_rate_hz=20, generator=generator())
    assert power_between(wander, 0.03, 0.52, 20) > 0.999
    largest = wander.abs().amax(dim=2)
    assert largest.max() <= 0.2
    assert largest.max() > 0.15
    assert largest.min() < 0.005, "some ECGs lie still"
    lead = wander[:, :2] / wander[:, :2].square().mean(dim=2, keepdim=True).sqrt()
    assert (lead[:, 0] * lead[:, 1]).mean(dim=1).abs().max() < 0.999, "each lead at its own weights"


@pytest.mark.parametrize(("mains_hz", "rate_hz"), [(50, 250), (60, 250), (60, 125), (50, 500)])
def test_mains_hums_at_its_frequency_and_no_louder_than_said(mains_hz, rate_hz):
    x = torch.zeros(200, 8, 10 * rate_hz)
    hum = add_mains_(x, max_mv=0.1, mains_hz=mains_hz, sampling_rate_hz=rate_hz, generator=generator())
    assert power_between(hum, mains_hz - 0.4, mains_hz + 0.4, rate_hz) > 0.999
    assert hum.abs().max() <= 0.1
    assert hum.abs().max() > 0.08
    assert hum.abs().amax(dim=(1, 2)).min() < 0.01


@pytest.mark.parametrize(("mains_hz", "rate_hz"), [(50, 100), (60, 100), (60, 120), (50, 60)])
def test_mains_that_would_alias_is_left_out(mains_hz, rate_hz):
    x = torch.zeros(20, 8, 10 * rate_hz)
    assert not add_mains_(x, max_mv=0.1, mains_hz=mains_hz, sampling_rate_hz=rate_hz, generator=generator()).any()


@pytest.mark.parametrize(("rate_hz", "n_samples"), [(100, 1000), (250, 2500), (500, 4999)])
def test_muscle_noise_lies_in_its_band_and_is_no_larger_than_said(rate_hz, n_samples):
    noise = add_muscle_(torch.zeros(150, 8, n_samples), max_sd_mv=0.1, sampling_rate_hz=rate_hz, generator=generator())
    assert power_between(noise, 19, 151, rate_hz) > 0.99, "bursts widen the band by little"
    a_second = noise.unfold(2, rate_hz, rate_hz).std(dim=3)
    assert a_second.max() < 0.1 * 1.3, "the SD of a second is itself uncertain"
    assert a_second.max() > 0.07
    assert a_second.amax(dim=(1, 2)).min() < 0.005, "some ECGs are at rest"


def test_muscle_noise_has_the_stated_sd_where_it_is_steady(monkeypatch):
    monkeypatch.setattr("hemometric.views.disturbances._draw_bursts", lambda *_, **__: torch.ones(1, 1, 1))
    monkeypatch.setattr("hemometric.views.disturbances.uniform", lambda *shape, **_: torch.ones(shape))
    noise = add_muscle_(torch.zeros(200, 8, 1000), max_sd_mv=0.1, sampling_rate_hz=250, generator=generator())
    assert noise.std(dim=2).mean().item() == pytest.approx(0.1, rel=0.01)


def test_muscle_noise_comes_in_bursts():
    noise = add_muscle_(torch.zeros(300, 8, 1000), max_sd_mv=0.1, sampling_rate_hz=100, generator=generator())
    a_second = noise.square().mean(dim=1).unfold(1, 100, 100).mean(dim=2).sqrt()
    swell = a_second.amax(dim=1) / a_second.amin(dim=1)
    assert swell.median() > 1.5, "most ECGs have quiet and loud seconds"
    at = a_second.argmax(dim=1)
    assert set(at.tolist()) == set(range(10)), "anywhere in the window"


def test_a_rate_too_low_for_muscle_noise_gets_none():
    x = torch.zeros(4, 8, 300)
    assert not add_muscle_(x, max_sd_mv=0.1, sampling_rate_hz=30, generator=generator()).any()


def test_noise_stays_within_its_stated_range():
    x = torch.zeros(300, 8, 100)
    sd = add_noise_(x, max_sd_mv=0.02, generator=generator()).std(dim=(1, 2))
    assert sd.max().item() < 0.02 * 1.1
    assert sd.min().item() < 0.002
    assert sd.mean().item() == pytest.approx(0.01, rel=0.1)


def test_white_noise_differs_between_leads():
    """III = II - I is then noisier than either alone."""
    x = add_noise_(torch.zeros(300, 8, 1000), max_sd_mv=0.02, generator=generator())
    third = x[:, 1] - x[:, 0]
    ratio = third.std(dim=1) / x[:, 0].std(dim=1)
    assert ratio.median().item() == pytest.approx(math.sqrt(2), rel=0.02)
