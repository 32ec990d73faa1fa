"""Random views change what they say and nothing else."""

import pytest
import torch

from hemometric.settings import ViewSettings
from hemometric.views import add_noise, drop_leads, random_crop, random_gain, random_view


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def numbered(n_ecgs: int = 6, n_leads: int = 8, n_samples: int = 40) -> torch.Tensor:
    """Each sample tells its ECG, its lead and its time."""
    ecg = 10_000 * torch.arange(n_ecgs)[:, None, None]
    lead = 100 * torch.arange(n_leads)[None, :, None]
    return (ecg + lead + torch.arange(n_samples)[None, None, :]).float()


def test_a_crop_keeps_leads_in_order_and_time_running_forwards():
    x = numbered()
    crops = random_crop(x, n_samples=25, generator=generator())
    starts = []
    for ecg, crop in enumerate(crops):
        start = int(crop[0, 0] - x[ecg, 0, 0])
        assert torch.equal(crop, x[ecg, :, start : start + 25])
        starts.append(start)
    assert len(set(starts)) > 1, "each ECG draws its own start"


def test_a_crop_longer_than_the_ecg_is_refused():
    with pytest.raises(ValueError, match="does not fit"):
        random_crop(numbered(), n_samples=41, generator=generator())


def test_gain_is_constant_in_time_and_differs_between_leads_and_ecgs():
    x = torch.ones(200, 8, 10)
    ratio = random_gain(x, sd=0.05, lead_sd=0.05, generator=generator())
    assert torch.equal(ratio[:, :, 0], ratio[:, :, -1])
    logarithm = ratio[:, :, 0].log()
    assert logarithm.std().item() == pytest.approx(0.05 * 2**0.5, rel=0.1)
    assert (ratio > 0).all(), "no lead is ever turned upside down"


def test_noise_stays_within_its_stated_range():
    x = torch.zeros(300, 8, 100)
    sd = add_noise(x, max_sd_mv=0.02, generator=generator()).std(dim=(1, 2))
    assert sd.max().item() < 0.02 * 1.1
    assert sd.min().item() < 0.002
    assert sd.mean().item() == pytest.approx(0.01, rel=0.1)


def test_dropped_leads_are_zero_and_as_frequent_as_said():
    x = torch.ones(4000, 8, 3)
    kept = drop_leads(x, probability=0.2, ecg_fraction=0.5, generator=generator())
    assert set(kept.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(kept[:, :, 0], kept[:, :, -1])
    assert 1 - kept.mean().item() == pytest.approx(0.1, rel=0.1)


def test_two_views_of_one_ecg_differ():
    x = torch.randn(1, 8, 1000, generator=generator(1)).expand(2, -1, -1)
    first, second = random_view(x, settings=ViewSettings(), sampling_rate_hz=100, generator=generator())
    assert first.shape == (8, 800)
    assert not torch.allclose(first, second)


def test_views_depend_on_the_generator_alone():
    x = torch.randn(4, 8, 1000, generator=generator(1))
    one, same, other = (
        random_view(x, settings=ViewSettings(), sampling_rate_hz=100, generator=generator(seed)) for seed in (5, 5, 6)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_views_of_no_range_leave_the_ecg_as_it_is():
    still = ViewSettings(crop_s=None, gain_sd=0, lead_gain_sd=0, noise_mv=0, lead_dropout=0)
    x = torch.randn(4, 8, 100, generator=generator(1))
    assert torch.equal(random_view(x, settings=still, sampling_rate_hz=100, generator=generator()), x)
