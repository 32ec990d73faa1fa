"""Pacing spikes are not taken for R peaks, and the compiled part does what plain numpy does."""

import numpy as np
import pytest

from hemometric.formats import read_ecg
from hemometric.waveform import find_r_peaks, resample
from hemometric.waveform.beats_spikes import cut_out, find_spikes

BEATS_S = np.arange(0.5, 9.8, 0.8)
SPIKE_DIRECTION = np.array([0.4, 1.0, 0.5, -0.3, 0.7, -0.7, -0.9, 1.0, 0.8, 0.6, 0.5, 0.4])


def with_spikes(ecg, times_s, *, size_mv, rate_hz, width_s=0.004):
    spiked = ecg.copy()
    for time_s in times_s:
        first = round(time_s * rate_hz)
        spiked[:, first : first + max(1, round(width_s * rate_hz))] += (size_mv * SPIKE_DIRECTION[:, None]).astype("f4")
    return spiked


@pytest.mark.parametrize("rate_hz", [250.0, 360.0, 500.0, 1000.0])
@pytest.mark.parametrize("size_mv", [1.0, 4.0, 12.0])
@pytest.mark.parametrize("before_s", [0.06, 0.12])
def test_a_paced_beat_is_found_at_its_complex_however_large_the_spike(make_ecg, rate_hz, size_mv, before_s):
    ecg = make_ecg(BEATS_S, sampling_rate_hz=rate_hz, noise_mv=0.01)
    spiked = with_spikes(ecg, BEATS_S - before_s, size_mv=size_mv, rate_hz=rate_hz)
    peaks = find_r_peaks(spiked, sampling_rate_hz=rate_hz) / rate_hz
    assert len(peaks) == len(BEATS_S)
    assert np.abs(peaks - BEATS_S).max() <= 0.02


def test_spikes_in_atrium_and_ventricle_leave_one_beat_each(make_ecg):
    ecg = make_ecg(BEATS_S, sampling_rate_hz=500.0, noise_mv=0.01)
    spikes_s = np.concatenate([BEATS_S - 0.2, BEATS_S - 0.06])
    spiked = with_spikes(ecg, spikes_s, size_mv=6.0, rate_hz=500.0)
    peaks = find_r_peaks(spiked, sampling_rate_hz=500.0) / 500.0
    assert len(peaks) == len(BEATS_S)
    assert np.abs(peaks - BEATS_S).max() <= 0.02


@pytest.mark.parametrize("rate_hz", [250.0, 500.0])
def test_a_spike_that_nothing_follows_is_no_beat(make_ecg, rate_hz):
    conducted = BEATS_S[::3]
    ecg = make_ecg(conducted, sampling_rate_hz=rate_hz, noise_mv=0.01)
    spiked = with_spikes(ecg, BEATS_S - 0.06, size_mv=6.0, rate_hz=rate_hz)
    peaks = find_r_peaks(spiked, sampling_rate_hz=rate_hz) / rate_hz
    assert len(peaks) == len(conducted)
    assert np.abs(peaks - conducted).max() <= 0.02


@pytest.mark.parametrize("rate_hz", [100.0, 250.0, 360.0, 500.0, 1000.0])
def test_narrow_complexes_are_not_spikes(make_ecg, rate_hz):
    ecg = make_ecg(BEATS_S, sampling_rate_hz=rate_hz)
    peaks = find_r_peaks(ecg, sampling_rate_hz=rate_hz)
    half, quiet = max(1, int(0.01 * rate_hz)), round(0.03 * rate_hz)
    assert (find_spikes(ecg, peaks, half, quiet, 2.0) == -1).all()


# What was seen in plots of all leads; 143 and 144 are one recording, the last spike of 498 has its complex cut off.
@pytest.mark.parametrize("rate_hz", [100.0, 250.0, 500.0])
@pytest.mark.parametrize(("number", "n_beats"), [(143, 12), (190, 12), (382, 13), (385, 12), (498, 10)])
def test_the_beats_of_recorded_paced_ecgs_are_their_complexes(real_data, number, n_beats, rate_hz):
    ecg = read_ecg(real_data / "ptbxl" / "records500" / "00000" / f"{number:05d}_hr.hea")
    waveform = resample(ecg.waveform, from_hz=ecg.sampling_rate_hz, to_hz=rate_hz)
    peaks = find_r_peaks(waveform, sampling_rate_hz=rate_hz) / rate_hz
    assert len(peaks) == n_beats
    if number == 498:
        assert peaks[-1] < 9.0


def plain_ratio(waveform, middle, half, quiet):
    inside = waveform[:, middle - half : middle + half + 1].astype(np.float64)
    line = np.linspace(inside[:, 0], inside[:, -1], 2 * half + 1, axis=1)
    before = np.ptp(waveform[:, middle - half - quiet : middle - half + 1], axis=1).sum()
    after = np.ptp(waveform[:, middle + half : middle + half + quiet + 1], axis=1).sum()
    step = np.abs(inside[:, -1] - inside[:, 0]).sum()
    return np.abs(inside - line).max(axis=1).sum() / max(before, after, step)


@pytest.mark.parametrize(("half", "quiet"), [(1, 3), (2, 8), (5, 15)])
def test_spikes_are_found_as_in_plain_numpy(half, quiet):
    rng = np.random.default_rng(half)
    waveform = np.cumsum(rng.normal(0.0, 0.05, (12, 600)), axis=1).astype(np.float32)
    places = np.array([100, 200, 300, 400, 500])
    waveform[:, places] += np.array([0.2, 0.5, 1.0, 2.0, 4.0], dtype=np.float32)
    peaks = np.array([5, *places, 597])
    expected = []
    for peak in peaks:
        shifts = range(peak - half, peak + half + 1, max(1, half // 2))
        inside = [at for at in shifts if half + quiet <= at < 600 - half - quiet]
        ratios = [plain_ratio(waveform, at, half, quiet) for at in inside]
        expected.append(inside[int(np.argmax(ratios))] if ratios and max(ratios) > 1.5 else -1)
    found = find_spikes(waveform, peaks, half, quiet, 1.5)
    assert found.tolist() == expected
    assert 0 < (found >= 0).sum() < len(peaks)


def test_a_line_takes_the_place_of_a_spike_and_nothing_else_changes():
    waveform = np.random.default_rng(3).normal(size=(2, 40)).astype(np.float32)
    cleaned = cut_out(waveform, np.array([-1, 20]), 3)
    expected = waveform.copy()
    expected[:, 17:24] = np.linspace(waveform[:, 17], waveform[:, 23], 7, axis=1)
    np.testing.assert_allclose(cleaned, expected, atol=1e-6)
    assert not np.shares_memory(cleaned, waveform)
