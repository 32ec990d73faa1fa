import numpy as np

from hemometric.simulation.noise import FIBRILLATION_HZ, noise_bank


def _draw(rate_hz=500.0, low_pass_hz=(150.0,)):
    return noise_bank(low_pass_hz=low_pass_hz, sampling_rate_hz=rate_hz, rng=np.random.default_rng(0))


def _power_above(waveform, cutoff_hz, rate_hz):
    power = np.abs(np.fft.rfft(waveform.astype(np.float64))) ** 2
    return power[np.fft.rfftfreq(len(waveform), 1.0 / rate_hz) > cutoff_hz].sum() / power.sum()


def test_each_kind_keeps_to_its_frequencies_and_has_variance_one():
    bank = _draw(low_pass_hz=(1e9,))
    for waveform in (bank.wander, bank.motion, bank.muscle[0]):
        assert waveform.dtype == np.float32
        assert abs(waveform.std() - 1.0) < 0.01
    assert _power_above(bank.wander, 0.7, 500.0) < 1e-6
    assert _power_above(bank.muscle[0], 30.0, 500.0) > 0.6
    assert _power_above(bank.motion, 31.0, 500.0) < 1e-6


def test_a_filter_halves_the_power_at_its_edge():
    bank = _draw(low_pass_hz=(40.0, 1e9))
    np.testing.assert_array_equal(bank.low_pass_hz, [40.0, 1e9])
    narrow, open_ = np.abs(np.fft.rfft(bank.muscle.astype(np.float64), axis=1)) ** 2
    at_edge = slice(round(39.5 / 500.0 * bank.muscle.shape[1]), round(40.5 / 500.0 * bank.muscle.shape[1]))
    assert abs(narrow[at_edge].sum() / open_[at_edge].sum() - 0.5) < 0.02


def test_at_a_low_rate_the_muscle_noise_that_it_cannot_carry_is_missing():
    at_100, at_500 = _draw(100.0), _draw(500.0)
    below_50 = at_500.muscle[0].var() * (1.0 - _power_above(at_500.muscle[0], 50.0, 500.0))
    assert abs(at_100.muscle[0].var() - below_50) < 0.02
    assert abs(at_100.wander.var() - 1.0) < 0.01


def test_fibrillation_waves_are_fast_irregular_and_of_amplitude_one():
    waves = _draw().fibrillation
    assert abs(waves.std() - np.sqrt(0.5)) < 0.03
    crossings = np.flatnonzero((waves[:-1] < 0) & (waves[1:] >= 0))
    cycle_s = np.diff(crossings) / 500.0
    assert abs(1.0 / cycle_s.mean() - FIBRILLATION_HZ) < 0.5
    assert 0.10 < cycle_s.std() / cycle_s.mean() < 0.35
    peaks = np.maximum.reduceat(waves, crossings)[:-1]
    assert peaks.std() / peaks.mean() > 0.3
