"""A view sees a part of the time, and time runs forwards in all leads together."""

import pytest
import torch

from hemometric.views import mask_time_, random_crop


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


def test_one_stretch_of_all_leads_is_hidden_and_the_rest_stays():
    x = numbered(n_ecgs=3000, n_samples=40) + 1
    masked = mask_time_(x.clone(), max_samples=10, generator=generator())
    hidden = masked == 0
    assert torch.equal(masked[~hidden], x[~hidden])
    assert torch.equal(hidden.all(dim=1), hidden.any(dim=1)), "all leads together"
    together = hidden[:, 0].int()
    lengths = together.sum(dim=1)
    assert set(lengths.tolist()) == set(range(11)), "from nothing to the longest, and no longer"
    assert torch.bincount(lengths) == pytest.approx(torch.full((11,), 3000 / 11), rel=0.3), "each as likely"
    rises = torch.nn.functional.pad(together, (1, 0)).diff(dim=1) == 1
    assert rises.sum(dim=1).max() == 1, "in one piece"
    assert hidden[:, 0, 0].any(), "the beginning can be hidden"
    assert hidden[:, 0, -1].any(), "and so can the end"


def test_a_stretch_longer_than_the_ecg_is_refused():
    with pytest.raises(ValueError, match="does not fit"):
        mask_time_(numbered(), max_samples=41, generator=generator())
