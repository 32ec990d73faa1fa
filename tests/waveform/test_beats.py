import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hemometric.ecg import derive_leads
from hemometric.errors import EcgError
from hemometric.waveform import find_r_peaks, median_beat
from hemometric.waveform.beats import beat_window, cut_beats, typical_beat


def assert_found(peaks, beats_s, rate_hz, tolerance_s=0.02):
    """Every beat has its peak and every peak its beat."""
    assert len(peaks) == len(beats_s)
    assert np.abs(peaks / rate_hz - beats_s).max() <= tolerance_s


@pytest.mark.parametrize("rate_hz", [100.0, 250.0, 360.0, 500.0, 1000.0])
@pytest.mark.parametrize("rate_per_min", [32, 60, 95, 160, 200])
def test_regular_beats_are_found_where_they_are(make_ecg, rate_hz, rate_per_min):
    beats_s = np.arange(0.3, 9.9, 60 / rate_per_min)
    ecg = make_ecg(beats_s, sampling_rate_hz=rate_hz, noise_mv=0.02)
    assert_found(find_r_peaks(ecg, sampling_rate_hz=rate_hz), beats_s, rate_hz)


@pytest.mark.parametrize("seed", range(10))
def test_irregular_beats_are_found(make_ecg, seed):
    rng = np.random.default_rng([seed, 2])
    beats_s = 0.3 + np.cumsum(rng.uniform(0.36, 1.3, 20))
    beats_s = beats_s[beats_s < 9.8]
    ecg = make_ecg(beats_s, noise_mv=0.03, seed=seed)
    assert_found(find_r_peaks(ecg, sampling_rate_hz=250.0), beats_s, 250.0)


@pytest.mark.parametrize("gain", [0.15, 1.0, 4.0])
def test_low_and_high_voltage_make_no_difference(make_ecg, gain):
    beats_s = np.arange(0.5, 9.8, 0.75)
    ecg = gain * make_ecg(beats_s, noise_mv=0.02)
    assert_found(find_r_peaks(ecg, sampling_rate_hz=250.0), beats_s, 250.0)


@pytest.mark.parametrize("n_spikes", [3, 40])
def test_one_lead_that_is_full_of_artefacts_does_not_decide(make_ecg, n_spikes):
    beats_s = np.arange(0.5, 9.8, 0.75)
    ecg = make_ecg(beats_s, noise_mv=0.01)
    rng = np.random.default_rng(5)
    for start in rng.integers(0, 2485, n_spikes):
        ecg[8, start : start + 15] -= 30.0
    assert_found(find_r_peaks(ecg, sampling_rate_hz=250.0), beats_s, 250.0)


def test_wandering_baseline_and_mains_do_not_matter(make_ecg):
    beats_s = np.arange(0.5, 9.8, 0.75)
    times_s = np.arange(2500) / 250.0
    ecg = make_ecg(beats_s) + (np.sin(2 * np.pi * 0.3 * times_s) + 0.05 * np.sin(2 * np.pi * 50 * times_s))
    assert_found(find_r_peaks(ecg.astype(np.float32), sampling_rate_hz=250.0), beats_s, 250.0)


def with_ectopic_beats(ecg, times_s, *, rate_hz):
    """Add wide complexes of another direction (ventricular ectopics) at the times."""
    seconds = np.arange(ecg.shape[1]) / rate_hz
    wide = sum(
        1.3 * np.exp(-0.5 * ((seconds - t) / 0.035) ** 2) - 0.5 * np.exp(-0.5 * ((seconds - t - 0.25) / 0.06) ** 2)
        for t in times_s
    )
    direction = np.array([-0.6, 0.9, 1.2, 1.4, 0.9, 0.3, -0.5, -0.8])
    return (ecg + derive_leads(np.outer(direction, wide).astype(np.float32))).astype(np.float32)


def test_ventricular_ectopics_are_found_but_do_not_enter_the_median_beat(make_ecg):
    sinus_s = np.array([0.5, 1.3, 2.1, 3.7, 4.5, 5.3, 6.9, 7.7, 8.5, 9.3])
    ectopic_s = np.array([2.65, 5.85])
    plain = make_ecg(sinus_s, noise_mv=0.005)
    ecg = with_ectopic_beats(plain, ectopic_s, rate_hz=250.0)
    assert_found(find_r_peaks(ecg, sampling_rate_hz=250.0), np.sort(np.r_[sinus_s, ectopic_s]), 250.0, tolerance_s=0.05)
    beats = cut_beats(ecg, find_r_peaks(ecg, sampling_rate_hz=250.0), sampling_rate_hz=250.0)
    _, alike = typical_beat(beats)
    assert np.flatnonzero(~alike).tolist() == [3, 7]
    beat = median_beat(ecg, sampling_rate_hz=250.0)
    clean = median_beat(plain, sampling_rate_hz=250.0)
    assert np.abs(beat - clean).max() < 0.05


@settings(max_examples=20, deadline=None)
@given(shift=st.integers(0, 100), gain=st.floats(0.3, 3.0))
def test_peaks_move_with_the_signal_and_not_with_its_scale(shift, gain):
    seconds = np.arange(2600) / 250.0
    beat = sum(np.exp(-0.5 * ((seconds - t) / 0.012) ** 2) for t in np.arange(0.8, 10.2, 0.7))
    sizes = np.array([0.6, 1.0, -0.8, 0.5, 0.9, 1.5, 1.2, 0.9], dtype=np.float32)
    ecg = derive_leads((sizes[:, None] * beat).astype(np.float32))
    reference = find_r_peaks(ecg, sampling_rate_hz=250.0)
    moved = find_r_peaks((gain * np.roll(ecg, -shift, axis=1)).astype(np.float32), sampling_rate_hz=250.0)
    interior = moved[(moved > 60) & (moved < 2600 - 160)]
    assert set((interior + shift).tolist()) <= set(reference.tolist())


@pytest.mark.parametrize("n_leads", [1, 8, 12])
def test_any_number_of_leads_will_do(make_ecg, n_leads):
    beats_s = np.arange(0.5, 9.8, 0.75)
    ecg = make_ecg(beats_s, noise_mv=0.01)[1 : 1 + n_leads]
    assert_found(find_r_peaks(ecg, sampling_rate_hz=250.0), beats_s, 250.0, tolerance_s=0.05)


def test_flat_leads_and_too_short_records_have_no_peaks():
    assert len(find_r_peaks(np.zeros((12, 2500), dtype=np.float32), sampling_rate_hz=250.0)) == 0
    assert len(find_r_peaks(np.full((12, 2500), 3.0, dtype=np.float32), sampling_rate_hz=250.0)) == 0
    assert len(find_r_peaks(np.zeros((12, 3), dtype=np.float32), sampling_rate_hz=250.0)) == 0


@pytest.mark.parametrize("rate_hz", [100.0, 250.0, 500.0])
def test_the_median_beat_is_the_beat_that_was_put_in(make_ecg, rate_hz):
    ecg = make_ecg(np.arange(0.5, 9.8, 0.8), sampling_rate_hz=rate_hz, noise_mv=0.02)
    beat = median_beat(ecg, sampling_rate_hz=rate_hz)
    before, after = beat_window(rate_hz)
    assert (before, after) == (int(0.25 * rate_hz + 0.5), int(0.45 * rate_hz + 0.5))
    assert beat.shape == (12, before + after)
    assert beat.dtype == np.float32
    one = make_ecg(np.array([0.25 if rate_hz != 250.0 else 63 / 250]), sampling_rate_hz=rate_hz, duration_s=1.0)
    one = one[:, : before + after]
    one = one - one.mean(axis=1, keepdims=True)
    # Lead II has its R peak at the stated sample; the whole shape agrees but for noise and alignment by whole samples.
    assert abs(int(beat[1].argmax()) - before) <= 1
    shifts = [np.abs(np.roll(beat, k, axis=1) - one)[:, 2:-2].max() for k in (-1, 0, 1)]
    assert min(shifts) < (0.12 if rate_hz > 100 else 0.35)


def test_lead_iii_of_the_median_beat_is_ii_minus_i_but_for_noise(make_ecg):
    beat = median_beat(make_ecg(np.arange(0.5, 9.8, 0.8)), sampling_rate_hz=250.0)
    assert np.abs(beat[2] - (beat[1] - beat[0])).max() < 0.01


def test_fewer_than_two_whole_beats_have_no_median(make_ecg):
    with pytest.raises(EcgError, match="a typical beat needs two") as caught:
        median_beat(make_ecg(np.array([5.0])), sampling_rate_hz=250.0)
    assert caught.value.code == "no-beats"


@pytest.mark.parametrize("function", [find_r_peaks, median_beat])
def test_wrong_input_is_refused(function):
    with pytest.raises(ValueError, match="at least 100 Hz"):
        function(np.zeros((12, 500), dtype=np.float32), sampling_rate_hz=50.0)
    with pytest.raises(ValueError, match="expected shape"):
        function(np.zeros(500, dtype=np.float32), sampling_rate_hz=250.0)
    broken = np.zeros((12, 500), dtype=np.float32)
    broken[3, 7] = np.nan
    with pytest.raises(EcgError, match="not finite") as caught:
        function(broken, sampling_rate_hz=250.0)
    assert caught.value.code == "nan"


def read_leads(real_data, number):
    from hemometric.formats import read_ecg

    return read_ecg(real_data / "ptbxl" / "records500" / "00000" / f"{number:05d}_hr.hea")


# Counted by eye in a plot of all leads: sinus, bradycardia, paced, atrial fibrillation, supraventricular tachycardia.
@pytest.mark.parametrize(("number", "n_beats"), [(1, 11), (191, 5), (477, 5), (307, 9), (500, 28), (336, 25)])
def test_beats_of_real_records_are_counted_right(real_data, number, n_beats):
    ecg = read_leads(real_data, number)
    assert len(find_r_peaks(ecg.waveform, sampling_rate_hz=ecg.sampling_rate_hz)) == n_beats


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:scipy.misc is deprecated")  # loaded by neurokit2
def test_recorded_beats_are_those_on_which_two_other_programs_agree(real_data):
    from validation.r_peaks import mark, score

    got = score(list(mark(real_data)), reference="in two leads")
    assert got.n_reference > 6000
    assert got.sensitivity >= 0.995
    assert got.predictivity >= 0.995
