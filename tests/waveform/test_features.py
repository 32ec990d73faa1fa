import math

import numpy as np
import pytest

from hemometric.errors import EcgError
from hemometric.waveform import FEATURES, describe, describe_batch

BEATS_S = np.arange(0.5, 9.8, 0.8)


def named(values):
    return dict(zip(FEATURES, values.tolist(), strict=True))


def test_names_are_distinct_and_carry_units():
    assert len(set(FEATURES)) == len(FEATURES)
    assert all(name.endswith(("_per_min", "_ms", "_share", "_deg", "_mv", "_mv_ms")) for name in FEATURES)


@pytest.mark.parametrize("rate_hz", [100.0, 250.0, 500.0])
def test_a_known_ecg_is_measured_right(make_ecg, rate_hz):
    ecg = make_ecg(BEATS_S, sampling_rate_hz=rate_hz, noise_mv=0.005)
    values = named(describe(ecg, sampling_rate_hz=rate_hz))
    # At 100 Hz the narrow waves of this ECG are sampled once or twice: their peaks are lower by up to a fifth.
    loose = 0.25 if rate_hz == 100 else 0.1
    assert values["heart_rate_per_min"] == pytest.approx(75, abs=0.5)
    assert values["log_rr_rmssd_ms"] < math.log(12)
    assert values["ectopic_share"] == 0
    assert values["r_II_mv"] == pytest.approx(1.0, abs=loose)
    assert values["r_V4_mv"] == pytest.approx(1.4, abs=1.4 * loose)
    assert values["s_V2_mv"] == pytest.approx(-1.4, abs=1.4 * loose)
    assert values["t_II_mv"] == pytest.approx(0.3, abs=0.04)
    assert values["t_V1_mv"] == pytest.approx(-0.1, abs=0.04)
    assert values["p_II_mv"] == pytest.approx(0.12, abs=0.03)
    assert values["t_peak_ms"] == pytest.approx(280, abs=25)
    assert values["p_peak_ms"] == pytest.approx(-160, abs=25)
    # The Q, R and S waves put in span -46 to +63 ms at three standard deviations.
    assert values["qrs_duration_ms"] == pytest.approx(100, abs=30)
    # A Gaussian wave of height h and width s has the area 2.507 h s.
    assert values["t_area_II_mv_ms"] == pytest.approx(2.507 * 0.3 * 45, rel=0.25)


def test_a_wave_that_doubles_doubles_its_feature_and_no_other(make_ecg):
    from hemometric.ecg import LEADS

    ecg = make_ecg(BEATS_S, noise_mv=0.002)
    twice = ecg.copy()
    twice[LEADS.index("V5")] *= 2
    plain, changed = (named(describe(x, sampling_rate_hz=250.0)) for x in (ecg, twice))
    assert changed["r_V5_mv"] == pytest.approx(2 * plain["r_V5_mv"], rel=0.03)
    assert changed["t_V5_mv"] == pytest.approx(2 * plain["t_V5_mv"], rel=0.05)
    for name in ("r_II_mv", "t_II_mv", "s_V2_mv", "heart_rate_per_min"):
        assert changed[name] == pytest.approx(plain[name], rel=0.03)


def test_irregular_beats_vary_more(make_ecg):
    rng = np.random.default_rng(3)
    irregular_s = 0.5 + np.cumsum(rng.uniform(0.5, 1.1, 11))
    regular = named(describe(make_ecg(BEATS_S), sampling_rate_hz=250.0))
    irregular = named(describe(make_ecg(irregular_s), sampling_rate_hz=250.0))
    assert irregular["log_rr_sd_ms"] > regular["log_rr_sd_ms"] + 2
    assert irregular["log_rr_rmssd_ms"] == pytest.approx(
        math.log(np.sqrt(np.mean(np.diff(np.diff(irregular_s[irregular_s < 10]) * 1000) ** 2))), abs=0.1
    )


def test_a_p_wave_that_is_not_there_is_not_measured(make_ecg):
    without_p = np.array([[0.0] * 8, [-0.05] * 8, [1.0] * 8, [-0.4] * 8, [0.3] * 8])
    ecg = make_ecg(BEATS_S, noise_mv=0.02, waves_mv=without_p)
    values = named(describe(ecg, sampling_rate_hz=250.0))
    assert all(math.isnan(value) for name, value in values.items() if name.startswith("p_"))
    assert not math.isnan(values["r_II_mv"])


def test_without_beats_nothing_is_measured_and_with_two_only_some(make_ecg):
    assert np.isnan(describe(np.zeros((12, 2500), dtype=np.float32), sampling_rate_hz=250.0)).all()
    two = named(describe(make_ecg(np.array([1.0, 1.9]), duration_s=2.9), sampling_rate_hz=250.0))
    assert two["heart_rate_per_min"] == pytest.approx(60 / 0.9, abs=1)
    assert math.isnan(two["log_rr_sd_ms"])
    assert two["r_II_mv"] == pytest.approx(1.0, abs=0.1)


def test_a_batch_is_its_ecgs_one_by_one(make_ecg):
    ecgs = np.stack([make_ecg(BEATS_S, noise_mv=0.02, seed=seed) for seed in range(3)])
    together = describe_batch(ecgs, sampling_rate_hz=250.0)
    assert together.shape == (3, len(FEATURES))
    assert together.dtype == np.float64
    for ecg, row in zip(ecgs, together, strict=True):
        assert np.array_equal(describe(ecg, sampling_rate_hz=250.0), row, equal_nan=True)
    assert describe_batch(ecgs[:0], sampling_rate_hz=250.0).shape == (0, len(FEATURES))


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match=r"expected shape \(12, n_samples\)"):
        describe(np.zeros((8, 2500), dtype=np.float32), sampling_rate_hz=250.0)
    with pytest.raises(EcgError, match="not finite"):
        describe(np.full((12, 2500), np.nan, dtype=np.float32), sampling_rate_hz=250.0)
