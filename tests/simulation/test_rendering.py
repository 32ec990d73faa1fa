import numpy as np
import pytest

from hemometric.ecg import LEADS, derive_leads
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


def test_samples_are_whole_steps_of_five_microvolts(make_morphology, render_ecgs):
    microvolts, _ = render_ecgs(make_morphology(2))
    assert microvolts.dtype == np.int16
    assert (microvolts % 5 == 0).all()


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
    assert rms_uv(fine[:, :, ::5].astype(float) - coarse) > 5.0


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


def test_premature_beats_and_fast_rhythms_leave_no_step(make_morphology, render_ecgs):
    for changes in ({"pvc": 8.0, "heart_rate_bpm": 95.0}, {"heart_rate_bpm": 128.0, "pr_ms": 200.0}):
        microvolts, _ = render_ecgs(make_morphology(12, **changes), sampling_rate_hz=500.0, clean=True)
        bend = np.abs(np.diff(microvolts.astype(int), n=3, axis=2))
        normal, _ = render_ecgs(make_morphology(12), sampling_rate_hz=500.0, clean=True)
        usual = np.abs(np.diff(normal.astype(int), n=3, axis=2))
        assert (bend.max(axis=2) <= 1.5 * usual.max(axis=2) + 60).all()


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


def test_noise_has_the_size_that_the_recording_says(make_morphology, render_ecgs):
    noisy, _ = render_ecgs(make_morphology(40, log_rr_variation=-9.0), seed=3)
    above_40_hz = np.fft.rfft(noisy.astype(float), axis=2)[:, :, 800:]
    muscle_uv = np.sqrt(2.0 * np.sum(np.abs(above_40_hz) ** 2, axis=2)) / noisy.shape[2]
    assert 3.0 < np.median(muscle_uv) < 15.0


def test_wrong_calls_are_refused(make_morphology, render_ecgs):
    with pytest.raises(ValueError, match="at least 100 Hz"):
        render_ecgs(make_morphology(), sampling_rate_hz=50.0)
