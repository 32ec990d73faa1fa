"""Random views change what they say and nothing else."""

from functools import partial

import numpy as np
import pytest
import torch

from hemometric.ecg import derive_leads
from hemometric.errors import SettingsError
from hemometric.settings import ViewSettings, load_settings
from hemometric.views import (
    add_mains_,
    add_muscle_,
    add_noise_,
    add_wander_,
    drop_leads_,
    mask_time_,
    random_crop,
    random_gain_,
    random_view,
    rotate_frontal_plane_,
    shift_precordials_,
)

STILL = ViewSettings(crop_s=None, gain_sd=0, lead_gain_sd=0, noise_mv=0, lead_dropout=0)
MOVED = {"rotation_deg": 15, "precordial_shift": 0.5}
DISTURBED = {"wander_mv": 0.2, "muscle_mv": 0.1, "mains_mv": 0.1}
ALL_ON = ViewSettings(**MOVED, **DISTURBED, mask_s=1.0)
ONE_BY_ONE = {
    "random_crop": partial(random_crop, n_samples=800),
    "rotate_frontal_plane_": partial(rotate_frontal_plane_, max_deg=15),
    "shift_precordials_": partial(shift_precordials_, max_shift=0.5),
    "random_gain_": partial(random_gain_, sd=0.05, lead_sd=0.05),
    "add_wander_": partial(add_wander_, max_mv=0.2, sampling_rate_hz=250),
    "add_muscle_": partial(add_muscle_, max_sd_mv=0.1, sampling_rate_hz=250),
    "add_mains_": partial(add_mains_, max_mv=0.1, mains_hz=50, sampling_rate_hz=250),
    "add_noise_": partial(add_noise_, max_sd_mv=0.02),
    "drop_leads_": partial(drop_leads_, probability=0.5, ecg_fraction=1.0),
    "mask_time_": partial(mask_time_, max_samples=400),
}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def ecgs(n: int = 4, n_samples: int = 1000, seed: int = 1) -> torch.Tensor:
    """Time before leads in memory, as training has it."""
    return torch.randn(n, n_samples, 8, generator=generator(seed)).transpose(1, 2)


def view(x: torch.Tensor, settings: ViewSettings, seed: int = 0, rate_hz: float = 250) -> torch.Tensor:
    return random_view(x, settings=settings, sampling_rate_hz=rate_hz, generator=generator(seed))


@pytest.mark.parametrize("change", ONE_BY_ONE.values(), ids=ONE_BY_ONE)
def test_each_ecg_and_each_call_draws_its_own(change):
    x = ecgs(1).repeat(8, 1, 1)
    source = generator()
    first, second = change(x.clone(), generator=source), change(x.clone(), generator=source)
    assert not torch.equal(first, second)
    different = {tuple(view.flatten().tolist()) for view in torch.cat([first, second])}
    assert len(different) > 12, "starts and dropped leads may agree by chance"
    assert torch.equal(change(x.clone(), generator=generator()), first), "the generator alone decides"
    assert first.dtype == torch.float32


@pytest.mark.parametrize("name", [name for name in ONE_BY_ONE if name.endswith("_")])
def test_a_name_that_ends_in_an_underscore_changes_what_it_is_given(name):
    x = ecgs()
    before = x.clone()
    assert ONE_BY_ONE[name](x, generator=generator()) is x
    assert not torch.equal(x, before)


def test_a_view_of_everything_is_float32_lies_time_first_and_leaves_the_ecg_as_it_is():
    x = ecgs()
    before = x.clone()
    for settings, n_samples in ((ALL_ON.model_copy(update={"crop_s": 2.0}), 500), (STILL, 1000)):
        seen = view(x, settings)
        assert (seen.shape, seen.dtype) == ((4, 8, n_samples), torch.float32)
        assert seen.transpose(1, 2).is_contiguous()
        assert torch.equal(x, before)
        assert seen.data_ptr() != x.data_ptr()


def test_two_views_of_one_ecg_differ():
    x = torch.randn(1, 8, 1000, generator=generator(1)).expand(2, -1, -1)
    for settings in (ViewSettings(), ALL_ON):
        first, second = view(x, settings, rate_hz=100)
        assert first.shape == (8, 800)
        assert not torch.allclose(first, second)


def test_views_depend_on_the_generator_alone():
    for settings in (ViewSettings(), ALL_ON):
        one, same, other = (view(ecgs(), settings, seed) for seed in (5, 5, 6))
        assert torch.equal(one, same)
        assert not torch.equal(one, other)


def test_views_of_no_range_leave_the_ecg_as_it_is():
    assert torch.equal(view(ecgs(), STILL), ecgs())


@pytest.mark.parametrize("name", [*MOVED, *DISTURBED, "mask_s"])
def test_each_setting_turns_its_view_on(name):
    alone = STILL.model_copy(update={name: getattr(ALL_ON, name)})
    assert not torch.equal(view(ecgs(), alone), ecgs())


def test_what_is_off_draws_nothing():
    """Recipes that leave the further views off see what they saw before there were any."""
    source = generator(3)
    expected = random_crop(ecgs(), n_samples=800, generator=source)
    random_gain_(expected, sd=0.05, lead_sd=0.05, generator=source)
    add_noise_(expected, max_sd_mv=0.02, generator=source)
    drop_leads_(expected, probability=0.1, ecg_fraction=0.5, generator=source)
    assert torch.equal(view(ecgs(), ViewSettings(), seed=3, rate_hz=100), expected)


def test_mistake_11_of_the_method_page_neither_leads_nor_time_are_reversed():
    """Every lead of a view resembles the lead that it comes from, at the same time, upright, and no other as much."""
    x = ecgs(64)
    settings = ALL_ON.model_copy(update={"crop_s": None, "lead_dropout": 0.0})
    seen = view(x, settings)
    likeness = torch.einsum("nlt,nkt->nlk", x, seen) / (x.norm(dim=2)[:, :, None] * seen.norm(dim=2)[:, None, :])
    own = likeness.diagonal(dim1=1, dim2=2)
    assert own.min() > 0.5
    assert torch.equal(likeness.argmax(dim=1), torch.arange(8).expand(64, 8))


def test_mistake_11_of_the_method_page_two_views_do_not_share_their_draw():
    """Over silence a view is its draw alone: those of two rows, and of two calls, have nothing in common on average."""
    x, source = torch.zeros(200, 8, 1000), generator()
    silent = STILL.model_copy(update={**DISTURBED, "noise_mv": 0.02})
    one, other = (random_view(x, settings=silent, sampling_rate_hz=250, generator=source) for _ in range(2))
    likeness = torch.cat([one, other]).flatten(1).corrcoef()
    assert likeness[:200, 200:].diagonal().mean().abs() < 0.05, "the same ECG in two calls"
    assert (likeness[:200, :200] - torch.eye(200)).mean().abs() < 0.01, "two ECGs of one call"


def test_einthoven_holds_in_all_that_is_derived_from_a_view():
    twelve = derive_leads(view(ecgs(), ALL_ON).numpy())
    np.testing.assert_allclose(twelve[:, 1], twelve[:, 0] + twelve[:, 2], atol=1e-5)
    np.testing.assert_allclose(twelve[:, 3:6].sum(axis=1), 0, atol=1e-5)


def test_a_mask_that_hides_most_of_the_crop_is_refused_by_the_settings():
    with pytest.raises(SettingsError, match="half of crop_s"):
        load_settings(ViewSettings, overrides=["crop_s=2", "mask_s=1.5"])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_views_are_made_on_the_device_of_the_ecgs():
    source = torch.Generator(device="cuda").manual_seed(0)
    seen = random_view(ecgs().cuda(), settings=ALL_ON, sampling_rate_hz=250, generator=source)
    assert seen.is_cuda
    assert seen.isfinite().all()
