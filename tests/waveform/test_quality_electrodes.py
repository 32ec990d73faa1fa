"""Swapped electrodes: each swap is made by arithmetic, as the leads are differences of potentials."""

import numpy as np
import pytest

from hemometric.ecg import INDEPENDENT_ROWS, derive_leads
from hemometric.waveform import assess
from hemometric.waveform.quality_electrodes import find_swaps

BEATS_S = np.arange(0.4, 10.0, 0.8)

# Which electrode's potential the cables named RA, LA, LL, RL carry: 0 right arm, 1 left arm, 2 left leg, 3 right leg.
SWAPS = {
    "none": (0, 1, 2),
    "right and left arm": (1, 0, 2),
    "right arm and left leg": (2, 1, 0),
    "left arm and left leg": (0, 2, 1),
    "clockwise": (1, 2, 0),
    "counter-clockwise": (2, 0, 1),
    "right arm and right leg": (3, 1, 2),
    "left arm and right leg": (0, 3, 2),
    "both arms and both legs": (2, 3, 0),
}
LEGS_DIFFER = 0.03
"""Potential of the right leg: that of the left leg, and this share of lead II less."""


def swap_electrodes(waveform, how):
    """Potentials against the right arm are 0, I, II; the chest leads are measured against the mean of RA, LA, LL."""
    one, two, *chest = waveform[list(INDEPENDENT_ROWS)]
    potentials = np.stack([np.zeros_like(one), one, two, two * (1 - LEGS_DIFFER)])
    right, left, leg = potentials[list(SWAPS[how])]
    moved = np.mean([right, left, leg], axis=0) - potentials[:3].mean(axis=0)
    return derive_leads(np.stack([left - right, leg - right, *(lead - moved for lead in chest)]).astype(np.float32))


def codes(waveform, rate_hz=500.0):
    return [code for code, _ in find_swaps(waveform, sampling_rate_hz=rate_hz)]


@pytest.fixture
def good(make_ecg):
    return make_ecg(BEATS_S, sampling_rate_hz=500.0, noise_mv=0.01)


def test_the_arithmetic_of_the_swaps_is_that_of_the_textbook(good):
    one, two, three, right, left, foot = good[:6]
    arms = swap_electrodes(good, "right and left arm")
    np.testing.assert_allclose(arms[:6], [-one, three, two, left, right, foot], atol=1e-5)
    np.testing.assert_allclose(arms[6:], good[6:], atol=1e-5)
    leg = swap_electrodes(good, "right arm and left leg")
    np.testing.assert_allclose(leg[:6], [-three, -two, -one, foot, left, right], atol=1e-5)
    assert np.abs(swap_electrodes(good, "right arm and right leg")[1]).max() < 0.05 * np.abs(two).max()
    assert np.abs(swap_electrodes(good, "left arm and right leg")[2]).max() < 0.05 * np.abs(two).max()


@pytest.mark.parametrize(
    ("how", "expected", "told"),
    [
        ("right and left arm", ["electrode-swap"], "right and left arm"),
        ("right arm and left leg", ["electrode-swap"], "right arm and"),
        ("right arm and right leg", ["electrode-swap", "leg-electrode-swap"], "right arm and right leg"),
        ("left arm and right leg", ["leg-electrode-swap"], "left arm and right leg"),
        ("both arms and both legs", ["electrode-swap", "leg-electrode-swap"], "both arms and both legs"),
    ],
)
def test_a_swap_is_flagged_and_named_and_never_refused(good, how, expected, told):
    swapped = swap_electrodes(good, how)
    findings = assess(swapped, sampling_rate_hz=500.0)
    assert [finding.code for finding in findings] == expected
    assert told in findings[-1].detail
    assert not any(finding.refuse for finding in findings)


def test_a_heart_on_the_right_is_no_swap(good):
    """Mirrored left to right: I is inverted, II and III change places, and V6 sees what a lead on the right does."""
    mirrored = swap_electrodes(good, "right and left arm")
    mirrored[11] = -0.3 * good[11]
    assert codes(mirrored) == []


def test_an_ecg_that_is_small_in_all_limb_leads_is_no_swap(good):
    good[:6] *= 0.1
    assert codes(good) == []


def test_where_beats_cannot_be_seen_nothing_is_claimed(good):
    assert codes(swap_electrodes(good, "right and left arm")[:, ::10], rate_hz=50.0) == []


@pytest.fixture(scope="module")
def real_ecgs(real_data):
    """The first ten seconds of each of the 554 real records that are not refused."""
    from hemometric.formats import find_records, read_ecg
    from hemometric.waveform import cut_windows

    sources = ("ptbxl", "ptbdb", "challenge2021")
    ecgs = [read_ecg(record) for source in sources for record in find_records(real_data / source)]
    windows = [(cut_windows(e.waveform, sampling_rate_hz=e.sampling_rate_hz)[0].waveform, e) for e in ecgs]
    good = [(window, e.sampling_rate_hz) for window, e in windows if e.ecg_id not in ("JS20004", "JS20008")]
    assert len(good) == 554
    return good


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "code", "least", "most"),
    [
        ("none", "electrode-swap", 0.0, 0.01),
        ("none", "leg-electrode-swap", 0.0, 0.01),
        ("right and left arm", "electrode-swap", 0.9, 1.0),
        ("right arm and left leg", "electrode-swap", 0.9, 1.0),
        ("clockwise", "electrode-swap", 0.9, 1.0),
        ("counter-clockwise", "electrode-swap", 0.9, 1.0),
        ("left arm and left leg", "electrode-swap", 0.0, 0.01),
        ("right arm and right leg", "leg-electrode-swap", 0.9, 1.0),
        ("left arm and right leg", "leg-electrode-swap", 0.9, 1.0),
        ("both arms and both legs", "leg-electrode-swap", 0.9, 1.0),
    ],
)
def test_rates_on_real_ecgs(real_ecgs, how, code, least, most):
    """The rates are those of docs/quality.md."""
    found = [code in codes(swap_electrodes(ecg, how), rate_hz) for ecg, rate_hz in real_ecgs]
    assert least <= np.mean(found) <= most, f"{code} in {sum(found)} of {len(found)}"
