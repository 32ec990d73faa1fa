import itertools
import re

import numpy as np
import pytest

from hemometric.waveform import assess
from hemometric.waveform.quality_limbs import LIMB_LEADS, explain_mismatch

BEATS_S = np.arange(0.4, 10.0, 0.8)


@pytest.fixture
def good(make_ecg):
    ecg = make_ecg(BEATS_S, sampling_rate_hz=500.0, noise_mv=0.01)
    return np.round(ecg, 3).astype(np.float32)


def with_gains(waveform, gains):
    wrong = waveform.copy()
    wrong[:6] *= np.asarray(gains, dtype=np.float32)[:, None]
    return wrong


def gains_of(detail):
    """The gains that a detail tells, of all six leads."""
    told = detail.partition("other gains (")[2].partition(", or a common")[0]
    factors = dict(part.split(" x ") for part in told.split(", "))
    return np.array([float(factors.get(lead, 1.0)) for lead in LIMB_LEADS])


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(range(6), 2)))
def test_two_leads_with_each_others_name_are_named(good, one, other):
    good[[one, other]] = good[[other, one]]
    found = explain_mismatch(good[:6])
    assert found.kind == "order"
    assert f"({LIMB_LEADS[other]} as {LIMB_LEADS[one]}, {LIMB_LEADS[one]} as {LIMB_LEADS[other]})" in found.detail


def test_three_leads_in_a_circle_are_named(good):
    good[[3, 4, 5]] = good[[4, 5, 3]]
    assert "(aVF as aVR, aVR as aVL, aVL as aVF)" in explain_mismatch(good[:6]).detail


@pytest.mark.parametrize(("lead", "gain"), list(itertools.product(range(6), (0.5, 0.9, 1.1, 2.0, -1.0))))
def test_the_gain_of_one_lead_is_found(good, lead, gain):
    gains = np.ones(6)
    gains[lead] = gain
    found = explain_mismatch(with_gains(good, gains)[:6])
    assert found.kind == "gain"
    told = found.detail.partition("(")[2].partition(", or a common")[0]
    name, _, factor = told.partition(" x ")
    assert name == LIMB_LEADS[lead]
    assert float(factor) == pytest.approx(1 / gain, rel=0.01)


def test_gains_that_are_all_wrong_are_found_up_to_a_common_multiple(good):
    gains = np.array([2.0, 1.0, 4.0, 0.5, 1.6, 0.8])
    found = explain_mismatch(with_gains(good, gains)[:6])
    np.testing.assert_allclose(gains_of(found.detail) * gains, np.full(6, gains[0]), rtol=0.01)


def test_a_zero_that_is_wrong_is_told_from_a_gain(good):
    good[2] += 0.3
    found = explain_mismatch(good[:6])
    assert found.kind == "offset"
    assert "III +0.3 mV" in found.detail


def test_where_lead_i_and_ii_have_one_shape_no_gains_are_claimed():
    beat = np.tile(np.exp(-0.5 * ((np.arange(400) - 200) / 6.0) ** 2), 10).astype(np.float32)
    limb = np.array([0.5, 1.0, 0.9, -0.75, 0.0, 0.75], dtype=np.float32)[:, None] * beat
    limb[4] = 0.01 * np.sin(np.arange(4000))
    assert explain_mismatch(limb).kind == "unknown"


def test_noise_is_explained_by_nothing():
    noise = np.random.default_rng(3).normal(size=(6, 5000)).astype(np.float32)
    assert explain_mismatch(noise).kind == "unknown"
    noise[3] = 0.0
    assert explain_mismatch(noise).detail == "a limb lead is flat"


def test_real_counts_with_gains_of_another_header_are_refused_with_those_that_obey(real_data):
    """As in LUDB 1.0.1, whose counts obey and whose millivolts do not."""
    from hemometric.formats import read_ecg

    ecg = read_ecg(real_data / "ptbxl" / "records500" / "00000" / "00001_hr.hea")
    header_gains = np.array([31.2, 52.8, 23.6, 40.4, 21.9, 37.0])
    wrong = with_gains(ecg.waveform, 30.0 / header_gains)
    one, two, three = wrong[:3] - wrong[:3].mean(axis=1, keepdims=True)
    assert np.sqrt(np.mean((two - one - three) ** 2)) / two.std() > 0.4
    findings = [finding for finding in assess(wrong, sampling_rate_hz=500.0) if finding.refuse]
    assert [finding.code for finding in findings] == ["einthoven", "goldberger"]
    np.testing.assert_allclose(gains_of(findings[0].detail), header_gains / header_gains[0], rtol=0.01)
    assert re.search(r"\|II - I - III\| / \|II\| goes from 0\.[4-9]\d to 0\.00", findings[0].detail)


def test_every_pair_of_exchanged_labels_is_named_in_real_ecgs(real_data):
    from hemometric.formats import find_records, read_ecg

    for record in find_records(real_data / "ptbxl")[::25]:
        waveform = read_ecg(record).waveform
        for one, other in itertools.combinations(range(6), 2):
            wrong = waveform.copy()
            wrong[[one, other]] = wrong[[other, one]]
            (finding, *_) = [one for one in assess(wrong, sampling_rate_hz=500.0) if one.refuse]
            assert f"{LIMB_LEADS[other]} as {LIMB_LEADS[one]}" in finding.detail
