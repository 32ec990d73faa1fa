import math

import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hemometric.waveform import resample

RATES = [(500, 250), (500, 100), (1000, 250), (400, 250), (977, 250), (1000, 100)]
UP_RATES = [(100, 250), (250, 500), (257, 500)]
waveforms = arrays(np.float32, (2, 400), elements=st.floats(-4, 4, width=32))


def tone(frequency_hz, *, rate_hz, n, phase=0.4):
    return np.sin(2 * np.pi * frequency_hz * np.arange(n) / rate_hz + phase).astype(np.float32)


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
def test_tones_from_one_and_a_fifth_of_the_new_nyquist_up_are_suppressed_by_60_db(from_hz, to_hz):
    for share in np.linspace(1.2 * to_hz / from_hz, 0.999, 25):
        for phase in (0.0, math.pi / 2):
            resampled = resample(
                tone(share * from_hz / 2, rate_hz=from_hz, n=10 * from_hz, phase=phase), from_hz=from_hz, to_hz=to_hz
            )
            interior = resampled[to_hz:-to_hz]
            assert 20 * math.log10(np.abs(interior).max() + 1e-12) < -60


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES + UP_RATES)
def test_tones_below_four_fifths_of_the_nyquist_stay_as_they_are(from_hz, to_hz):
    nyquist = min(from_hz, to_hz) / 2
    for share in (0.01, 0.3, 0.6, 0.8):
        resampled = resample(tone(share * nyquist, rate_hz=from_hz, n=10 * from_hz), from_hz=from_hz, to_hz=to_hz)
        expected = tone(share * nyquist, rate_hz=to_hz, n=len(resampled))
        # 0.1 dB is a factor of 1.0116; the same bound also excludes a shift in time.
        assert np.abs(resampled - expected)[to_hz:-to_hz].max() < 0.0116


@pytest.mark.parametrize(("from_hz", "to_hz"), UP_RATES)
def test_a_higher_rate_adds_no_image_above_the_old_nyquist(from_hz, to_hz):
    resampled = resample(tone(0.7 * from_hz / 2, rate_hz=from_hz, n=10 * from_hz), from_hz=from_hz, to_hz=to_hz)
    spectrum = np.abs(np.fft.rfft(resampled * np.hanning(len(resampled))))
    frequency = np.fft.rfftfreq(len(resampled), 1 / to_hz)
    assert spectrum[frequency > 1.2 * from_hz / 2].max() < 1e-3 * spectrum.max()


@pytest.mark.parametrize(("from_hz", "to_hz"), [(500, 250), (500, 100), (400, 250), (100, 250)])
def test_band_limited_noise_agrees_with_the_fourier_method(from_hz, to_hz):
    n = 20 * from_hz
    rng = np.random.default_rng([2, from_hz])
    spectrum = np.zeros(n // 2 + 1, dtype=complex)
    n_passed = int(0.8 * min(from_hz, to_hz) / from_hz * len(spectrum))
    spectrum[1:n_passed] = rng.standard_normal(n_passed - 1) + 1j * rng.standard_normal(n_passed - 1)
    signal = np.fft.irfft(spectrum, n).astype(np.float32)
    signal /= signal.std()
    ours = resample(signal, from_hz=from_hz, to_hz=to_hz)
    oracle = scipy.signal.resample(signal.astype(np.float64), len(ours))
    assert np.abs(ours - oracle)[to_hz:-to_hz].max() < 5e-3


@settings(max_examples=40, deadline=None)
@given(limb=waveforms, rates=st.sampled_from([(500, 250), (500, 100), (1000, 250), (400, 250), (100, 250), (977, 250)]))
def test_lead_iii_stays_ii_minus_i(limb, rates):
    leads = np.stack([limb[0], limb[1], limb[1] - limb[0]])
    resampled = resample(leads, from_hz=rates[0], to_hz=rates[1]).astype(np.float64)
    residual = np.abs(resampled[2] - (resampled[1] - resampled[0])).max()
    assert residual <= 1e-6 * max(np.abs(leads).max(), 1e-30)


@settings(max_examples=40, deadline=None)
@given(pair=waveforms, factor=st.floats(-3, 3))
def test_resampling_is_linear(pair, factor):
    mixed = (pair[0] + factor * pair[1]).astype(np.float32)
    separate = resample(pair, from_hz=500, to_hz=250).astype(np.float64)
    assert np.allclose(resample(mixed, from_hz=500, to_hz=250), separate[0] + factor * separate[1], atol=2e-5)


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(1, 300),
    rates=st.sampled_from([(500, 250), (500, 100), (400, 250), (977, 250), (100, 250), (250, 257)]),
)
def test_the_length_is_the_old_one_times_the_ratio_rounded_up_and_an_offset_does_not_ring(n, rates):
    resampled = resample(np.full((3, n), 1.5, dtype=np.float32), from_hz=rates[0], to_hz=rates[1])
    assert resampled.shape == (3, -(-n * rates[1] // rates[0]))
    assert resampled.dtype == np.float32
    assert np.abs(resampled - 1.5).max() < 1e-6


def test_a_straight_line_stays_straight_to_its_ends():
    resampled = resample(np.arange(500, dtype=np.float32), from_hz=500, to_hz=250)
    assert np.abs(resampled - np.arange(0, 500, 2)).max() < 1e-3


def test_equal_rates_give_an_independent_copy_of_the_same_values():
    waveform = np.random.default_rng(0).standard_normal((12, 100)).astype(np.float32)
    same = resample(waveform, from_hz=250, to_hz=250.0)
    assert np.array_equal(same, waveform)
    same[:] = 0
    assert waveform.any()


def test_many_ecgs_at_once_are_the_same_as_one_by_one():
    waveforms = np.random.default_rng(0).standard_normal((3, 12, 600)).astype(np.float32)
    together = resample(waveforms, from_hz=500, to_hz=250)
    for waveform, resampled in zip(waveforms, together, strict=True):
        assert np.allclose(resample(waveform, from_hz=500, to_hz=250), resampled, atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "from_hz", "to_hz", "message"),
    [
        ((12, 0), 500, 250, "at least one sample"),
        ((), 500, 250, "at least one sample"),
        ((12, 10), 0, 250, "from_hz must be a positive number"),
        ((12, 10), 500, -1, "to_hz must be a positive number"),
        ((12, 10), math.nan, 250, "from_hz must be a positive number"),
        ((12, 10), 500, math.inf, "to_hz must be a positive number"),
        ((12, 10), 1, 5000, "no fraction of whole numbers"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(shape, from_hz, to_hz, message):
    with pytest.raises(ValueError, match=message):
        resample(np.zeros(shape, dtype=np.float32), from_hz=from_hz, to_hz=to_hz)


def test_a_rate_that_is_no_whole_number_keeps_time():
    rate_hz = 360.05
    resampled = resample(tone(10.0, rate_hz=rate_hz, n=7201), from_hz=rate_hz, to_hz=250)
    assert np.abs(resampled - tone(10.0, rate_hz=250, n=len(resampled)))[250:-250].max() < 0.02
