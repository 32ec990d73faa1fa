import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hemometric.errors import EcgError
from hemometric.waveform import cut_windows


def ramp(n):
    return np.tile(np.arange(n, dtype=np.float32), (12, 1))


@given(n=st.integers(100, 1200))
def test_windows_follow_one_another_from_the_first_sample_and_the_rest_is_dropped(n):
    windows = cut_windows(ramp(n), sampling_rate_hz=10.0, duration_s=10.0)
    assert [window.start_sample for window in windows] == list(range(0, n - 99, 100))
    for window in windows:
        assert np.array_equal(window.waveform[5], np.arange(window.start_sample, window.start_sample + 100))
        assert window.n_recorded == 100


def test_a_record_one_sample_short_counts_as_whole():
    (window,) = cut_windows(ramp(4999), sampling_rate_hz=500.0)
    assert window.waveform.shape == (12, 5000)
    assert window.waveform[0, -2:].tolist() == [4998.0, 4998.0]
    assert window.n_recorded == 4999


def test_a_short_record_is_refused_with_what_to_do():
    with pytest.raises(EcgError, match=r"lasts 9\.996 s.*10 s.*--pad fills it up") as caught:
        cut_windows(ramp(4998), sampling_rate_hz=500.0)
    assert caught.value.code == "too-short"


def test_a_short_record_is_padded_at_its_last_value_when_asked():
    (window,) = cut_windows(ramp(300), sampling_rate_hz=100.0, pad=True)
    assert window.waveform.shape == (12, 1000)
    assert window.n_recorded == 300
    assert np.array_equal(window.waveform[:, :300], ramp(300))
    assert (window.waveform[:, 300:] == 299).all()


def test_a_long_record_is_never_padded():
    assert len(cut_windows(ramp(1500), sampling_rate_hz=100.0, pad=True)) == 1


@pytest.mark.parametrize(
    ("shape", "rate_hz", "duration_s"), [((12, 0), 250, 10), ((500,), 250, 10), ((12, 500), 0, 10), ((12, 500), 250, 0)]
)
def test_a_wrong_call_is_refused(shape, rate_hz, duration_s):
    with pytest.raises(ValueError, match=r"expected shape|must be positive"):
        cut_windows(np.zeros(shape, dtype=np.float32), sampling_rate_hz=rate_hz, duration_s=duration_s)
