import json
from importlib.resources import files

import numpy as np
import pytest

from hemometric.distances.representations import (
    BEAT_RATE_HZ,
    LARGEST_DEVIATION,
    NEXT_QRS_S,
    align_to_r,
    to_beats,
    to_beats_and_intervals,
    to_features,
    to_strips,
)
from hemometric.ecg import INDEPENDENT_ROWS, derive_leads
from hemometric.simulation import CohortSettings, draw_people, render_people
from hemometric.waveform import FEATURES, find_r_peaks, median_beat


@pytest.fixture(scope="module")
def ecgs():
    settings = CohortSettings(n_patients=4, sampling_rate_hz=500.0)
    microvolts, _ = render_people(settings, draw_people(settings, 0))
    return derive_leads(microvolts[:6].astype(np.float32) / 1000.0)


def test_a_beat_has_its_r_peak_at_the_same_sample_whatever_the_rate(ecgs):
    beats = to_beats(ecgs, 500.0)
    assert beats.shape == (6, 12, 140)
    whole = median_beat(ecgs[0], sampling_rate_hz=500.0)
    np.testing.assert_allclose(beats[0, INDEPENDENT_ROWS, 50], whole[INDEPENDENT_ROWS, 125], atol=1e-6)
    half = to_beats(np.ascontiguousarray(ecgs[:, :, ::2]), 250.0)
    assert np.corrcoef(beats.ravel(), half.ravel())[0, 1] > 0.98


def test_the_typical_beat_obeys_einthoven_where_the_ecg_does(ecgs):
    beats = to_beats(ecgs, 500.0)
    np.testing.assert_allclose(beats, derive_leads(beats[:, INDEPENDENT_ROWS]), atol=1e-6)
    free = ecgs.copy()
    free[:, 2] = ecgs[:, 7]
    np.testing.assert_allclose(to_beats(free, 500.0)[0, 2, 50], median_beat(free[0], sampling_rate_hz=500.0)[2, 125])


@pytest.mark.parametrize(("rate_per_min", "cut"), [(60, False), (100, False), (120, True), (150, True), (200, True)])
def test_the_typical_beat_of_a_fast_heart_does_not_contain_the_next_qrs(rate_per_min, cut):
    time, rr = np.arange(2500) / 250.0, 60.0 / rate_per_min
    phase = (time + 0.2) % rr - 0.2  # seconds from the R peak at which a beat begins
    wave = np.exp(-0.5 * (phase / 0.012) ** 2) + np.exp(-0.5 * ((phase - rr) / 0.012) ** 2)
    strip = np.linspace(0.5, 1.5, 12)[:, None] * wave
    beats, intervals_s = to_beats_and_intervals(strip[None].astype(np.float32), 250.0)
    assert intervals_s[0] == pytest.approx(rr, abs=0.005)
    after = beats[0, :, 50 + round(0.1 * BEAT_RATE_HZ) :]
    assert np.ptp(after, axis=1).max() < 0.02
    held = round((rr - NEXT_QRS_S) * BEAT_RATE_HZ) + 51
    assert (held < 140) == cut
    if cut:
        assert np.ptp(beats[0, :, held:], axis=1).max() < 1e-6


def test_strips_are_filtered_and_slow_and_keep_the_laws_of_the_leads(ecgs):
    time = np.arange(ecgs.shape[2]) / 500.0
    wandering = ecgs + np.sin(2 * np.pi * 0.05 * time).astype(np.float32)
    strips, wandered = to_strips(ecgs, 500.0), to_strips(wandering, 500.0)
    assert strips.shape == (6, 12, 500)
    np.testing.assert_allclose(wandered, strips, atol=0.05)
    np.testing.assert_allclose(strips, derive_leads(strips[:, INDEPENDENT_ROWS]), atol=1e-5)


def test_strips_that_are_slow_already_stay_at_their_rate():
    assert to_strips(np.zeros((1, 12, 250), np.float32), 25.0).shape == (1, 12, 250)


def test_an_ecg_without_beats_is_named():
    with pytest.raises(ValueError, match="ECG 1 has no typical beat"):
        to_beats(_one_silent(), 250.0)


def test_an_ecg_of_which_nothing_can_be_measured_is_no_median_ecg():
    with pytest.raises(ValueError, match="ECG 1 has no typical beat to measure"):
        to_features(_one_silent(), 250.0)


def _one_silent():
    settings = CohortSettings(n_patients=1)
    microvolts, _ = render_people(settings, draw_people(settings, 0))
    heard = derive_leads(microvolts[:1].astype(np.float32) / 1000.0)
    return np.concatenate([heard, np.zeros_like(heard)])


def test_features_are_in_robust_sds_and_limited(ecgs):
    found = to_features(ecgs, 500.0)
    assert found.shape == (6, 1, len(FEATURES))
    assert np.isfinite(found).all()
    assert np.abs(found).max() <= LARGEST_DEVIATION
    assert 0.3 < np.median(np.abs(found)) < 1.5


def test_noise_does_not_set_copies_of_an_ecg_as_far_apart_as_strangers(ecgs):
    noise = 0.05 * np.random.default_rng(0).normal(size=(6, 8, ecgs.shape[2]))
    noisy = ecgs + derive_leads(noise.astype(np.float32))
    found, again = to_features(ecgs, 500.0)[:, 0], to_features(noisy, 500.0)[:, 0]
    between = np.linalg.norm(found[:, None] - again[None], axis=2)
    copies, strangers = np.diag(between), between[~np.eye(6, dtype=bool)]
    assert np.median(copies) < 0.5 * np.median(strangers)


def test_features_need_twelve_leads(ecgs):
    with pytest.raises(ValueError, match="twelve leads, got 8"):
        to_features(ecgs[:, :8], 500.0)


def test_the_scale_knows_every_feature():
    text = files("hemometric.distances").joinpath("feature_scale.json").read_text(encoding="utf-8")
    table = json.loads(text)["features"]
    assert set(table) == set(FEATURES)
    assert all(spread > 0 for _, spread in table.values())


def test_aligned_strips_begin_a_quarter_of_a_second_before_an_r_peak(ecgs):
    aligned = align_to_r(ecgs, 500.0)
    assert aligned.shape == (6, 12, 3750)
    for strip in aligned:
        assert np.abs(find_r_peaks(strip, sampling_rate_hz=500.0) - 125).min() <= 2


def test_strips_that_cannot_be_aligned_are_named():
    with pytest.raises(ValueError, match="ECG 1 has no R peak"):
        align_to_r(_one_silent(), 250.0)
    with pytest.raises(ValueError, match=r"longer than 2\.5 s"):
        align_to_r(np.zeros((1, 12, 500), np.float32), 250.0)
