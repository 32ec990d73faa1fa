import numpy as np
from scipy.spatial.distance import cdist

from hemometric.distances import pairwise


def test_mistake_3_of_the_method_page_euclidean_is_the_root_of_the_sum_of_squares_and_not_a_mean_absolute_difference():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(7, 12, 40)).astype(np.float32)
    y = rng.normal(size=(5, 12, 40)).astype(np.float32)
    ours = pairwise(x, y, distance="euclidean", sampling_rate_hz=100.0)
    np.testing.assert_allclose(ours, cdist(x.reshape(7, -1), y.reshape(5, -1)), rtol=1e-6)


def test_a_tiny_difference_on_a_large_offset_is_not_lost():
    x = np.full((2, 1, 100), 5.0, dtype=np.float32)
    x[1, 0, 3] += 1e-3
    ours = pairwise(x, distance="euclidean", sampling_rate_hz=100.0)
    assert ours[0, 0] == 0.0
    np.testing.assert_allclose(ours[0, 1], x[1, 0, 3] - x[0, 0, 3], rtol=1e-5)


def test_equal_ecgs_of_any_size_are_at_zero_and_blocks_do_not_show(monkeypatch):
    x = (np.random.default_rng(1).normal(size=(9, 12, 50)) * 1000).astype(np.float32)
    x[7] = x[2]
    whole = pairwise(x, distance="euclidean", sampling_rate_hz=100.0)
    assert whole[2, 7] == whole[7, 2] == 0.0
    np.testing.assert_array_equal(whole, whole.T)
    monkeypatch.setattr("hemometric.distances.euclidean._BLOCK_BYTES", 8 * 600 * 4)
    np.testing.assert_allclose(pairwise(x, distance="euclidean", sampling_rate_hz=100.0), whole, rtol=1e-6)
    np.testing.assert_allclose(pairwise(x, x[:5], distance="euclidean", sampling_rate_hz=1.0), whole[:, :5], rtol=1e-6)
