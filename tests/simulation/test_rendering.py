import numpy as np
import pytest

from hemometric.ecg import INDEPENDENT_LEADS, INDEPENDENT_ROWS, LEADS, derive_leads
from hemometric.waveform import find_r_peaks

RATES = (100.0, 250.0, 500.0)


def _leads(microvolts):
    """Twelve leads in mV."""
    return derive_leads(microvolts.astype(np.float32) / np.float32(1000.0))


def _lead(microvolts, name):
    return _leads(microvolts)[:, LEADS.index(name)]


def _at(waveform, beats, ecg, offset_s, rate=500.0):
    """Values of a lead at an offset from each R that is well inside the strip."""
    inside = beats.r_s[ecg][(beats.r_s[ecg] > 1.0) & (beats.r_s[ecg] < 9.0)]
    return waveform[ecg][np.round((inside + offset_s) * rate).astype(int)]


def test_limb_leads_obey_einthoven_and_goldberger_to_the_last_bit(make_morphology, render_ecgs):
    microvolts, _ = render_ecgs(make_morphology(4))
    i, ii = microvolts[:, 0].astype(np.int64), microvolts[:, 1].astype(np.int64)
    leads = np.round(_leads(microvolts).astype(np.float64) * 1000.0, 1)
    np.testing.assert_array_equal(leads[:, 2], ii - i)
    np.testing.assert_allclose(leads[:, 3], -(i + ii) / 2, atol=0.051)
    np.testing.assert_allclose(leads[:, 3] + leads[:, 4] + leads[:, 5], 0.0, atol=0.16)


@pytest.mark.parametrize("step_uv", [1, 3, 5])
def test_samples_are_whole_steps_of_the_converter(make_morphology, render_ecgs, step_uv):
    microvolts, _ = render_ecgs(make_morphology(2), lsb_uv=step_uv)
    assert microvolts.dtype == np.int16
    assert (microvolts % step_uv == 0).all()
    exact, _ = render_ecgs(make_morphology(2), lsb_uv=1)
    assert np.abs(microvolts - exact).max() <= step_uv / 2 + 1


def test_twelve_leads_are_those_derived_from_eight(make_morphology, render_ecgs):
    eight, _ = render_ecgs(make_morphology(3))
    twelve, _ = render_ecgs(make_morphology(3), out=np.empty((3, 12, 5000), dtype=np.int16))
    assert twelve.shape == (3, 12, 5000)
    np.testing.assert_array_equal(twelve[:, INDEPENDENT_ROWS], eight)
    assert np.abs(_leads(eight).astype(np.float64) * 1000.0 - twelve).max() <= 0.51


@pytest.mark.parametrize("step_uv", [1, 5, 20])
def test_einthoven_and_goldberger_hold_within_one_and_a_half_steps_of_the_finest_signal(
    make_morphology, render_ecgs, step_uv
):
    fine, _ = render_ecgs(make_morphology(3), lsb_uv=1)
    exact = derive_leads(fine.astype(np.float32)).astype(np.float64)
    rounded, _ = render_ecgs(make_morphology(3), lsb_uv=step_uv, out=np.empty((3, 12, 5000), dtype=np.int16))
    assert np.abs(rounded - exact).max() <= 1.5 * step_uv + 1.5
    i, ii, iii, avr, avl, avf = np.moveaxis(rounded[:, :6].astype(np.int64), 1, 0)
    np.testing.assert_array_equal(iii, ii - i)
    for augmented, twice in ((avr, -i - ii), (avl, 2 * i - ii), (avf, 2 * ii - i)):
        assert np.abs(2 * augmented - twice).max() <= 1


def test_gain_makes_everything_larger_noise_included(make_morphology, render_ecgs):
    once, _ = render_ecgs(make_morphology(4, atrial_fibrillation=1.0), lsb_uv=1, mains=1.0)
    twice, _ = render_ecgs(make_morphology(4, atrial_fibrillation=1.0), lsb_uv=1, mains=1.0, gain=2.0)
    assert np.abs(2 * once.astype(int) - twice).max() <= 2


def test_a_high_pass_of_half_a_hertz_tilts_the_st_segment_and_the_usual_one_does_not(make_morphology, render_ecgs):
    def st_uv(high_pass_hz):
        microvolts, beats = render_ecgs(
            make_morphology(log_rr_variation=-9.0), clean=True, high_pass_hz=high_pass_hz, lsb_uv=1
        )
        lead = _lead(microvolts, "V5")
        return 1000.0 * (_at(lead, beats, 0, 0.09) - _at(lead, beats, 0, -0.05)).mean()

    assert abs(st_uv(0.05) - st_uv(0.0)) < 25.0
    assert abs(st_uv(0.5) - st_uv(0.0)) > 30.0


def test_the_high_pass_removes_drift(make_morphology, render_ecgs):
    def drift_uv(high_pass_hz):
        microvolts, _ = render_ecgs(make_morphology(12), high_pass_hz=high_pass_hz, lsb_uv=1)
        below = np.abs(np.fft.rfft(microvolts.astype(float), axis=2))[:, :, 1:4]
        return np.sqrt(2.0 * np.sum(below**2, axis=2)).mean() / microvolts.shape[2]

    assert drift_uv(0.05) < 1.1 * drift_uv(0.0)
    assert drift_uv(0.5) < 0.5 * drift_uv(0.0)


@pytest.mark.parametrize("rate", RATES)
def test_the_heart_rate_is_the_one_asked_for(make_morphology, render_ecgs, rate):
    microvolts, beats = render_ecgs(make_morphology(6, heart_rate_bpm=84.0), sampling_rate_hz=rate)
    for ecg, waveform in enumerate(_leads(microvolts)):
        peaks = find_r_peaks(waveform, sampling_rate_hz=rate)
        inside = beats.r_s[ecg][(beats.r_s[ecg] > 0.3) & (beats.r_s[ecg] < 9.7)]
        distance = np.abs(inside[:, None] - peaks / rate)
        assert distance.min(axis=1).max() < 0.05
        assert len(inside) <= len(peaks) <= len(inside) + 2
        assert abs(60.0 / np.diff(peaks / rate).mean() - 84.0) < 6.0


def test_a_lower_rate_shows_the_same_ecg(make_morphology, render_ecgs):
    fine, _ = render_ecgs(make_morphology(2), sampling_rate_hz=500.0, clean=True)
    coarse, _ = render_ecgs(make_morphology(2), sampling_rate_hz=250.0, clean=True)
    assert np.abs(fine[:, :, ::2].astype(int) - coarse).max() <= 5


def test_at_100_hz_nothing_is_left_that_100_hz_cannot_carry(make_morphology, render_ecgs):
    fine, _ = render_ecgs(make_morphology(2, qrs_ms=70.0), sampling_rate_hz=500.0, clean=True)
    coarse, _ = render_ecgs(make_morphology(2, qrs_ms=70.0), sampling_rate_hz=100.0, clean=True)
    spectrum = np.fft.rfft(fine, axis=2)
    edge = np.clip((np.fft.rfftfreq(fine.shape[2], 1.0 / 500.0) - 40.0) / 10.0, 0.0, 1.0)
    smooth = np.fft.irfft(spectrum * 0.5 * (1.0 + np.cos(np.pi * edge)), fine.shape[2], axis=2)

    def rms_uv(difference):
        return np.sqrt(np.mean(difference[:, :, 50:-50] ** 2))

    assert rms_uv(smooth[:, :, ::5] - coarse) < 2.5
    assert rms_uv(fine[:, :, ::5].astype(float) - coarse) > 3.5


def test_a_normal_ecg_looks_normal(make_morphology, render_ecgs):
    microvolts, beats = render_ecgs(make_morphology(log_rr_variation=-9.0), clean=True)
    r_waves = {name: _at(_lead(microvolts, name), beats, 0, 0.0).mean() for name in ("I", "II", "aVR", "V1", "V5")}
    assert r_waves["I"] > 0.2
    assert r_waves["II"] > 0.4
    assert r_waves["V5"] > 0.8
    assert r_waves["aVR"] < -0.3
    s_in_v2 = _lead(microvolts, "V2").min()
    assert s_in_v2 < -0.5
    p_in_ii = (
        _at(_lead(microvolts, "II"), beats, 0, -0.15).mean() - _at(_lead(microvolts, "II"), beats, 0, -0.25).mean()
    )
    assert 0.04 < p_in_ii < 0.3
    assert _at(_lead(microvolts, "V5"), beats, 0, 0.25).mean() > 0.1


def test_atrial_fibrillation_shows_no_p_wave(make_morphology, render_ecgs):
    sinus, beats = render_ecgs(make_morphology(40), clean=True)
    fibrillation, irregular = render_ecgs(make_morphology(40, atrial_fibrillation=1.0), clean=True)

    def p_wave(microvolts, beats):
        lead = _lead(microvolts, "II")
        return np.mean([_at(lead, beats, k, -0.15).mean() - _at(lead, beats, k, -0.05).mean() for k in range(40)])

    assert p_wave(sinus, beats) > 0.05
    assert abs(p_wave(fibrillation, irregular)) < 0.02


def test_left_bundle_branch_block_is_wide_and_points_back(make_morphology, render_ecgs):
    def width_ms(microvolts):
        steep = np.abs(np.diff(_lead(microvolts, "V6"), axis=1)) > 0.015
        return steep.sum() / 10.0 / 68.0 * 60.0 * 2.0

    normal, _ = render_ecgs(make_morphology(), clean=True)
    blocked, beats = render_ecgs(make_morphology(lbbb=1.0, qrs_ms=148.0, qrs_t_angle_deg=110.0), clean=True)
    assert width_ms(blocked) > 1.5 * width_ms(normal)
    assert _at(_lead(blocked, "V1"), beats, 0, 0.02).mean() < -0.5
    assert _lead(blocked, "V6").max() > 0.5
    assert _at(_lead(blocked, "V6"), beats, 0, 0.26).mean() < -0.05


def test_strong_strain_inverts_t_in_v5_and_v6(make_morphology, render_ecgs):
    usual, beats = render_ecgs(make_morphology(log_rr_variation=-9.0), clean=True)
    strained, same = render_ecgs(make_morphology(log_rr_variation=-9.0, strain=1.0, qrs_t_angle_deg=90.0), clean=True)
    for name in ("V5", "V6"):
        assert _at(_lead(usual, name), beats, 0, 0.25).mean() > 0.05
        assert _at(_lead(strained, name), same, 0, 0.25).mean() < -0.05


def test_right_ventricular_hypertrophy_makes_r_in_v1_and_s_in_i(make_morphology, render_ecgs):
    microvolts, _ = render_ecgs(make_morphology(log_r_v1=0.3, axis_deg=125.0, rv_strain=0.9), clean=True)
    v1, i = _lead(microvolts, "V1"), _lead(microvolts, "I")
    assert v1.max() > 0.4
    assert v1.max() > -v1.min()
    assert -i.min() > i.max()


def test_low_voltage_is_low(make_morphology, render_ecgs):
    usual, _ = render_ecgs(make_morphology(), clean=True)
    low, _ = render_ecgs(make_morphology(log_voltage=-0.7), clean=True)
    assert np.ptp(_lead(low, "II")) < 0.6 * np.ptp(_lead(usual, "II"))


@pytest.mark.parametrize(
    "changes",
    [
        {"pvc": 8.0, "heart_rate_bpm": 95.0},
        {"heart_rate_bpm": 128.0, "pr_ms": 200.0},
        {"pvc": 4.0, "atrial_fibrillation": 1.0, "heart_rate_bpm": 100.0},
        {"pvc": 4.0, "lbbb": 1.0, "qrs_ms": 160.0, "qtc_ms": 470.0},
    ],
)
def test_outside_qrs_there_is_no_step_and_no_bend(make_morphology, render_ecgs, changes):
    """P, ST and T have third differences below 1 microvolt and rounding adds 4 or 5; a step of 5 would add 10."""
    microvolts, beats = render_ecgs(make_morphology(12, **changes), clean=True, lsb_uv=1)
    third_difference = np.abs(np.diff(microvolts.astype(int), n=3, axis=2)).max(axis=1)
    t = (np.arange(third_difference.shape[1]) + 1.5) / 500.0
    since_r = t - beats.r_s[:, :, None]
    is_qrs = ((since_r > -0.13) & (since_r < np.where(beats.premature, 0.2, 0.16)[:, :, None])).any(axis=1)
    assert 0.2 < (~is_qrs).mean() < 0.9
    assert third_difference[~is_qrs].max() <= 8


def test_a_premature_beat_is_wide_and_unlike_the_others(make_morphology, render_ecgs):
    microvolts, beats = render_ecgs(make_morphology(20, pvc=4.0), clean=True)
    v1 = _lead(microvolts, "V1")
    at_r = {True: [], False: []}
    for ecg in range(20):
        for r_s, premature in zip(beats.r_s[ecg], beats.premature[ecg], strict=True):
            if 0.5 < r_s < 9.5:
                at_r[bool(premature)].append(v1[ecg][round((r_s + 0.06) * 500)])
    assert len(at_r[True]) > 10
    assert np.std(at_r[True]) > 3.0 * np.std(at_r[False])


def test_fibrillation_waves_are_largest_in_v1_and_small_in_i_and_v6(make_morphology, render_ecgs):
    def rest_uv(**changes):
        microvolts, beats = render_ecgs(make_morphology(40, heart_rate_bpm=50.0, **changes), clean=True, lsb_uv=1)
        pieces = []
        for ecg, r_s in enumerate(beats.r_s):
            is_long = (r_s[:-1] > 0.0) & (r_s[1:] < 10.0) & (np.diff(r_s) > 1.2) & ~beats.premature[ecg, :-1]
            starts = np.round((r_s[:-1][is_long] + 0.6) * 500.0).astype(int)
            pieces += [microvolts[ecg, :, start : start + 150].std(axis=1) for start in starts]
        return dict(zip(INDEPENDENT_LEADS, np.mean(pieces, axis=0), strict=True))

    assert max(rest_uv().values()) < 5.0
    fibrillating = rest_uv(atrial_fibrillation=1.0)
    assert 20.0 < fibrillating["V1"] < 100.0
    assert fibrillating["V1"] == max(fibrillating.values())
    assert fibrillating["II"] > 0.4 * fibrillating["V1"]
    assert max(fibrillating["I"], fibrillating["V5"], fibrillating["V6"]) < 0.4 * fibrillating["V1"]


def test_noise_between_beats_is_that_of_quiet_recorded_ecgs(make_morphology, render_ecgs):
    """Median of PTB-XL's 344 records that are not marked as noisy: 1.2 (10th to 90th percentile 0.9 to 1.8)."""
    noisy, _ = render_ecgs(make_morphology(60, log_rr_variation=-9.0), seed=3, low_pass_hz=[150.0])
    assert 0.9 < _between_beats_uv(noisy, 102.0, 125.0) < 1.8


def test_a_low_pass_of_40_hz_takes_muscle_noise_away(make_morphology, render_ecgs):
    wide, _ = render_ecgs(make_morphology(20), seed=3, low_pass_hz=[150.0], lsb_uv=1)
    narrow, _ = render_ecgs(make_morphology(20), seed=3, low_pass_hz=[40.0], lsb_uv=1)
    assert _between_beats_uv(narrow, 60.0, 125.0) < 0.5 * _between_beats_uv(wide, 60.0, 125.0)


def test_each_ecg_has_the_noise_of_the_filter_that_it_was_recorded_with(make_morphology, render_ecgs):
    microvolts, _ = render_ecgs(make_morphology(40), low_pass_hz=[150.0, 40.0], lsb_uv=1)
    level_uv = [_between_beats_uv(ecg[None], 80.0, 125.0) for ecg in microvolts]
    assert np.percentile(level_uv, 85) > 3.0 * np.percentile(level_uv, 15)


def _between_beats_uv(microvolts, low_hz, high_hz):
    """Median root mean square in a band, of 200 ms at a time, of all leads and ECGs."""
    spectrum = np.fft.rfft(microvolts.astype(float), axis=2)
    frequency = np.fft.rfftfreq(microvolts.shape[2], 1.0 / 500.0)
    band = np.fft.irfft(spectrum * ((frequency > low_hz) & (frequency < high_hz)), axis=2)
    pieces = band.reshape(*band.shape[:2], -1, 100)
    return np.median(np.sqrt(np.mean(pieces**2, axis=3)))


def test_wrong_calls_are_refused(make_morphology, render_ecgs):
    with pytest.raises(ValueError, match="at least 100 Hz"):
        render_ecgs(make_morphology(), sampling_rate_hz=50.0)
    with pytest.raises(ValueError, match="too few for an ECG of 200000"):
        render_ecgs(make_morphology(), duration_s=400.0)


@pytest.mark.parametrize(
    "out",
    [
        np.empty((2, 9, 5000), dtype=np.int16),
        np.empty((3, 8, 5000), dtype=np.int16),
        np.empty((2, 8, 4999), dtype=np.int16),
        np.empty((2, 8, 5000), dtype=np.int32),
        np.empty((2, 8, 10000), dtype=np.int16)[:, :, ::2],
    ],
)
def test_a_buffer_that_does_not_fit_is_refused(make_morphology, render_ecgs, out):
    with pytest.raises(ValueError, match=r"expected a C-contiguous int16 buffer of shape \(2, 8, 5000\)"):
        render_ecgs(make_morphology(2), out=out)


def test_the_callers_buffer_is_filled(make_morphology, render_ecgs):
    out = np.full((2, 12, 5000), -1, dtype=np.int16)
    filled, _ = render_ecgs(make_morphology(2), out=out)
    assert filled is out
    usual, _ = render_ecgs(make_morphology(2))
    np.testing.assert_array_equal(out[:, INDEPENDENT_ROWS], usual)
