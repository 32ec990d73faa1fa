"""What is done to leads keeps their order, their sign and Einthoven's law."""

import numpy as np
import pytest
import torch

from hemometric.ecg import INDEPENDENT_LEADS, LEADS, derive_leads
from hemometric.views import drop_leads_, random_gain_, rotate_frontal_plane_, shift_precordials_


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def by_name(independent: torch.Tensor) -> dict[str, np.ndarray]:
    twelve = derive_leads(independent.numpy())
    return {lead: twelve[:, row] for row, lead in enumerate(LEADS)}


def axis_deg(leads: dict[str, np.ndarray]) -> np.ndarray:
    """The angle of the frontal vector as it is read from paper: from I and aVF, the latter brought to I's scale."""
    return np.degrees(np.arctan2(2 / np.sqrt(3) * leads["aVF"], leads["I"]))


def test_the_electrical_axis_turns_by_an_angle_within_the_range_and_keeps_its_length():
    x = torch.randn(500, 8, 20, generator=generator(1))
    turned = rotate_frontal_plane_(x.clone(), max_deg=15, generator=generator())
    before, after = by_name(x), by_name(turned)
    angle = (axis_deg(after) - axis_deg(before) + 180) % 360 - 180
    assert np.ptp(angle, axis=1).max() < 0.01, "all waves of an ECG turn alike"
    drawn = angle.mean(axis=1)
    assert np.abs(drawn).max() <= 15.01
    assert drawn.min() < -13, "to the left"
    assert drawn.max() > 13, "and to the right"
    assert np.unique(drawn.round(3)).size > 450, "each ECG by its own angle"
    length = [np.hypot(leads["I"], 2 / np.sqrt(3) * leads["aVF"]) for leads in (before, after)]
    np.testing.assert_allclose(length[1], length[0], rtol=1e-4)
    assert torch.equal(turned[:, 2:], x[:, 2:]), "chest leads stay"


def test_a_shifted_chest_lead_lies_between_its_neighbours_and_no_two_change_places():
    """Leads that hold their own number tell where the electrode went; any other row must then be interpolated there."""
    assert INDEPENDENT_LEADS[2:] == ("V1", "V2", "V3", "V4", "V5", "V6")
    number = torch.arange(8.0)[None, :, None].repeat(2000, 1, 2) - 2
    number[:, :, 1] = torch.tensor([7.0, 7.0, 0.3, -2.0, 4.0, 4.5, 1.0, -3.0])
    moved = shift_precordials_(number.clone(), max_shift=0.5, generator=generator())
    place = moved[:, 2:, 0].numpy()
    shift = place - np.arange(6)
    assert np.abs(shift).max() <= 0.5
    assert np.abs(shift).max() > 0.45
    assert (np.diff(place, axis=1) > 0).all()
    assert place.min() == 0, "V1 does not leave the row"
    assert place.max() == 5, "nor does V6"
    expected = np.interp(place, np.arange(6), number[0, 2:, 1].numpy())
    np.testing.assert_allclose(moved[:, 2:, 1].numpy(), expected, atol=1e-5)
    assert torch.equal(moved[:, :2], number[:, :2]), "limb leads stay"
    assert np.corrcoef(shift[:, 2], shift[:, 3])[0, 1] == pytest.approx(0.5, abs=0.06), "the row moves in part together"


@pytest.mark.parametrize("shift", [-0.1, 0.6])
def test_a_shift_that_could_change_the_order_is_refused(shift):
    with pytest.raises(ValueError, match=r"0 to 0\.5"):
        shift_precordials_(torch.zeros(2, 8, 5), max_shift=shift, generator=generator())


def test_electrodes_are_moved_only_where_all_eight_leads_are_there():
    with pytest.raises(ValueError, match="V6; got"):
        rotate_frontal_plane_(torch.zeros(2, 12, 5), max_deg=5, generator=generator())
    with pytest.raises(ValueError, match="V6; got"):
        shift_precordials_(torch.zeros(2, 6, 5), max_shift=0.1, generator=generator())


def test_gain_is_constant_in_time_and_differs_between_leads_and_ecgs():
    x = torch.ones(200, 8, 10)
    ratio = random_gain_(x, sd=0.05, lead_sd=0.05, generator=generator())
    assert torch.equal(ratio[:, :, 0], ratio[:, :, -1])
    logarithm = ratio[:, :, 0].log()
    assert logarithm.std().item() == pytest.approx(0.05 * 2**0.5, rel=0.1)
    assert (ratio > 0).all(), "no lead is ever turned upside down"


def test_dropped_leads_are_zero_and_as_frequent_as_said():
    x = torch.ones(4000, 8, 3)
    kept = drop_leads_(x, probability=0.2, ecg_fraction=0.5, generator=generator())
    assert set(kept.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(kept[:, :, 0], kept[:, :, -1])
    assert 1 - kept.mean().item() == pytest.approx(0.1, rel=0.1)
