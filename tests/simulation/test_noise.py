import numpy as np

from hemometric.simulation.noise import N_KINDS, noise_bank


def _power_above(waveform, cutoff_hz, rate_hz):
    power = np.abs(np.fft.rfft(waveform.astype(np.float64))) ** 2
    return power[np.fft.rfftfreq(len(waveform), 1.0 / rate_hz) > cutoff_hz].sum() / power.sum()


def test_each_kind_keeps_to_its_frequencies_and_has_variance_one():
    wander, muscle, motion = bank = noise_bank(sampling_rate_hz=500.0, rng=np.random.default_rng(0))
    assert bank.shape[0] == N_KINDS
    assert bank.dtype == np.float32
    np.testing.assert_allclose(bank.std(axis=1), 1.0, atol=0.01)
    assert _power_above(wander, 0.7, 500.0) < 1e-6
    assert _power_above(muscle, 30.0, 500.0) > 0.8
    assert _power_above(motion, 31.0, 500.0) < 1e-6


def test_at_a_low_rate_the_muscle_noise_that_it_cannot_carry_is_missing():
    at_100 = noise_bank(sampling_rate_hz=100.0, rng=np.random.default_rng(0))
    at_500 = noise_bank(sampling_rate_hz=500.0, rng=np.random.default_rng(0))
    below_50 = 1.0 - _power_above(at_500[1], 50.0, 500.0)
    assert abs(at_100[1].var() - below_50) < 0.02
    assert abs(at_100[0].var() - 1.0) < 0.01
