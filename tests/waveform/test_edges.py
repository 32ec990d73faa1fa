import numpy as np
import pytest

from hemometric.waveform.edges import extend


@pytest.mark.parametrize("n_samples", [1, 2, 5, 100])
@pytest.mark.parametrize(("n_before", "n_after"), [(0, 0), (3, 0), (0, 4), (30, 50)])
def test_an_offset_goes_on_unchanged(n_samples, n_before, n_after):
    extended = extend(
        np.full((2, n_samples), 3.5, dtype=np.float32), n_before=n_before, n_after=n_after, dtype=np.float64
    )
    assert extended.shape == (2, n_before + n_samples + n_after)
    assert (extended == 3.5).all()


def test_a_straight_line_goes_on_as_a_straight_line():
    line = np.arange(20, dtype=np.float32)[None]
    extended = extend(line, n_before=5, n_after=7, dtype=np.float64)
    assert np.array_equal(extended[0], np.arange(-5.0, 27.0))


def test_beyond_its_length_a_record_is_held_at_the_farthest_value():
    extended = extend(np.array([[1.0, 2.0, 4.0]], dtype=np.float32), n_before=4, n_after=4, dtype=np.float64)
    assert extended[0].tolist() == [-2.0, -2.0, -2.0, 0.0, 1.0, 2.0, 4.0, 6.0, 7.0, 7.0, 7.0]
