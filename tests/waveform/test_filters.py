import math

import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hemometric.waveform import bandpass

waveforms = arrays(np.float32, (2, 500), elements=st.floats(-4, 4, width=32))


def filtered(waveform, *, rate_hz=250.0, low_hz=0.5, high_hz=40.0):
    return bandpass(waveform, sampling_rate_hz=rate_hz, low_hz=low_hz, high_hz=high_hz)


@pytest.mark.parametrize(
    ("frequency_hz", "gain"),
    [(0.5, 0.5), (40.0, 0.5), (5.0, 1.0), (80.0, 1 / 257), (0.1, 1 / 626), (20.0, 256 / 257)],
)
def test_the_gain_is_that_of_the_stated_butterworth_run_both_ways(frequency_hz, gain):
    times_s = np.arange(250 * 60) / 250.0
    wave = np.sin(2 * np.pi * frequency_hz * times_s).astype(np.float32)
    interior = slice(250 * 20, 250 * 40)
    # Zero phase: the result is the same tone, scaled and not shifted.
    assert np.abs(filtered(wave)[interior] - gain * wave[interior]).max() < 2e-3


def test_it_agrees_with_scipy_forwards_and_backwards():
    rng = np.random.default_rng(4)
    noise = rng.standard_normal(5000)
    low = scipy.signal.butter(2, 0.5, "highpass", fs=250, output="sos")
    high = scipy.signal.butter(4, 20, "lowpass", fs=250, output="sos")
    oracle = scipy.signal.sosfiltfilt(high, scipy.signal.sosfiltfilt(low, noise))
    ours = filtered(noise.astype(np.float32), high_hz=20.0)
    # scipy's filter is bilinear: it differs a little near half the sampling rate, where both let nothing through.
    assert np.corrcoef(ours[500:-500], oracle[500:-500])[0, 1] > 0.999


@settings(max_examples=40, deadline=None)
@given(limb=waveforms)
def test_lead_iii_stays_ii_minus_i(limb):
    leads = np.stack([limb[0], limb[1], limb[1] - limb[0]])
    result = filtered(leads).astype(np.float64)
    assert np.abs(result[2] - (result[1] - result[0])).max() <= 1e-5 * max(np.abs(leads).max(), 1e-30)


@settings(max_examples=40, deadline=None)
@given(pair=waveforms, factor=st.floats(-3, 3))
def test_the_filter_is_linear(pair, factor):
    separate = filtered(pair).astype(np.float64)
    mixed = filtered((pair[0] + factor * pair[1]).astype(np.float32))
    assert np.allclose(mixed, separate[0] + factor * separate[1], atol=1e-4)


@pytest.mark.parametrize("n", [1, 2, 3, 17, 250])
def test_an_offset_vanishes_however_short_the_record(n):
    result = filtered(np.full((12, n), 7.0, dtype=np.float32))
    assert result.shape == (12, n)
    assert result.dtype == np.float32
    assert np.abs(result).max() < 1e-4


def test_the_input_is_left_alone_and_each_row_is_filtered_by_itself():
    waveform = np.random.default_rng(1).standard_normal((2, 12, 500)).astype(np.float32)
    before = waveform.copy()
    together = filtered(waveform)
    assert np.array_equal(waveform, before)
    assert np.allclose(together[1, 3], filtered(waveform[1, 3]), atol=1e-5)


@pytest.mark.parametrize(
    ("rate_hz", "low_hz", "high_hz"),
    [
        (250, 0, 40),
        (250, -1, 40),
        (250, 40, 40),
        (250, 50, 40),
        (100, 0.5, 50),
        (100, 0.5, 60),
        (250, math.nan, 40),
        (math.inf, 0.5, 40),
        (0, 0.5, 40),
    ],
)
def test_impossible_cutoffs_are_refused(rate_hz, low_hz, high_hz):
    with pytest.raises(ValueError, match="0 < low_hz < high_hz"):
        bandpass(np.zeros((12, 100), dtype=np.float32), sampling_rate_hz=rate_hz, low_hz=low_hz, high_hz=high_hz)


def test_no_samples_are_refused():
    with pytest.raises(ValueError, match="at least one sample"):
        filtered(np.zeros((12, 0), dtype=np.float32))
