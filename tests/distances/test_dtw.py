import numpy as np
import pytest
from dtaidistance import dtw_ndim
from hypothesis import given, settings
from hypothesis import strategies as st

from hemometric.distances import dtw_path, pairwise
from hemometric.ecg import derive_leads

RATE = 25.0


def random_ecgs(n, n_leads=12, n_samples=50, seed=0):
    steps = np.random.default_rng(seed).normal(size=(n, n_leads, n_samples))
    return np.cumsum(steps, axis=2).astype(np.float32)


def cost_along(path, a, b):
    return np.sqrt(((a[:, path[:, 0]].astype(np.float64) - b[:, path[:, 1]]) ** 2).sum())


@pytest.mark.parametrize("radius", [0, 1, 5, 49])
@pytest.mark.parametrize("n_leads", [1, 8, 12])
def test_dtw_equals_dtaidistance(radius, n_leads):
    x = random_ecgs(5, n_leads)
    ours = pairwise(x, distance="dtw", sampling_rate_hz=RATE, band_ms=1000 * radius / RATE)
    for i in range(5):
        for j in range(5):
            theirs = dtw_ndim.distance(x[i].T.astype(float), x[j].T.astype(float), window=radius + 1)
            assert ours[i, j] == pytest.approx(theirs, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("radius", [0, 3, 500])
@pytest.mark.parametrize(
    "x",
    [
        random_ecgs(4, 12, 1),
        np.full((4, 12, 30), 0.7, np.float32),
        np.arange(4.0, dtype=np.float32).repeat(360).reshape(4, 12, 30),
    ],
    ids=["one sample", "all the same", "constant, each at its own level"],
)
def test_dtw_equals_dtaidistance_where_there_is_little_to_warp(x, radius):
    ours = pairwise(x, x.copy(), distance="dtw", sampling_rate_hz=RATE, band_ms=1000 * radius / RATE)
    theirs = [[dtw_ndim.distance(a.T.astype(float), b.T.astype(float), window=radius + 1) for b in x] for a in x]
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("n", "m"), [(5, 23), (16, 16), (33, 2)])
def test_x_to_y_is_y_to_x_transposed_to_the_last_bit_though_both_are_computed(n, m):
    x, y = random_ecgs(n, n_samples=61), random_ecgs(m, n_samples=61, seed=4)
    there = pairwise(x, y, distance="dtw", sampling_rate_hz=RATE, band_ms=240)
    back = pairwise(y, x, distance="dtw", sampling_rate_hz=RATE, band_ms=240)
    np.testing.assert_array_equal(there, back.T)


def test_the_fast_version_equals_the_cost_of_the_plain_path():
    x, y = random_ecgs(3), random_ecgs(20, seed=1)
    fast = pairwise(x, y, distance="dtw", sampling_rate_hz=RATE, band_ms=200)
    plain = [[cost_along(dtw_path(a, b, sampling_rate_hz=RATE, band_ms=200), a, b) for b in y] for a in x]
    np.testing.assert_allclose(fast, plain, rtol=1e-5)


def test_a_path_goes_from_start_to_end_in_single_steps_inside_the_band():
    a, b = random_ecgs(2)
    path = dtw_path(a, b, sampling_rate_hz=1000.0, band_ms=4)
    assert path[0].tolist() == [0, 0]
    assert path[-1].tolist() == [49, 49]
    assert np.isin(np.diff(path, axis=0), (0, 1)).all()
    assert np.abs(path[:, 0] - path[:, 1]).max() <= 4


def test_mistake_1_of_the_method_page_dtw_warps_time_and_not_leads():
    beat = np.exp(-0.5 * ((np.arange(100) - 50) / 3.0) ** 2)
    gains = np.linspace(-1.0, 1.0, 12)[:, None]
    ecg = (gains * beat).astype(np.float32)
    later = np.roll(ecg, 4, axis=1)
    swapped = np.roll(ecg, 1, axis=0)
    distances = pairwise(np.stack([ecg, later, swapped]), distance="dtw", sampling_rate_hz=100.0, band_ms=50)
    straight = pairwise(np.stack([ecg, later]), distance="euclidean", sampling_rate_hz=100.0)
    assert distances[0, 1] < 1e-3 * straight[0, 1]
    assert distances[0, 2] > 0.5


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), narrow=st.integers(0, 10), more=st.integers(0, 10))
def test_a_wider_band_is_never_farther(seed, narrow, more):
    x = random_ecgs(3, 3, 20, seed)
    near = pairwise(x, distance="dtw", sampling_rate_hz=1000.0, band_ms=narrow)
    wide = pairwise(x, distance="dtw", sampling_rate_hz=1000.0, band_ms=narrow + more)
    assert (wide <= near * (1 + 1e-6)).all()


@pytest.mark.parametrize("n", [1, 15, 16, 17, 33])
def test_dtw_is_symmetric_and_zero_on_itself_for_any_number_of_ecgs(n):
    x = random_ecgs(n, 4, 30)
    matrix = pairwise(x, distance="dtw", sampling_rate_hz=RATE)
    assert matrix.shape == (n, n)
    assert (np.diag(matrix) == 0).all()
    np.testing.assert_array_equal(matrix, matrix.T)
    np.testing.assert_allclose(matrix, pairwise(x, x.copy(), distance="dtw", sampling_rate_hz=RATE), rtol=1e-6)


def test_without_a_band_nothing_is_warped():
    x = random_ecgs(4)
    banded = pairwise(x, distance="dtw", sampling_rate_hz=RATE, band_ms=0)
    np.testing.assert_allclose(banded, pairwise(x, distance="euclidean", sampling_rate_hz=RATE), rtol=1e-5)


@pytest.mark.parametrize("n_threads", [2, 3, 64])
def test_the_number_of_threads_changes_nothing(n_threads):
    x = random_ecgs(40, 8, 60)
    one = pairwise(x, distance="dtw", sampling_rate_hz=RATE, n_threads=1)
    np.testing.assert_array_equal(one, pairwise(x, distance="dtw", sampling_rate_hz=RATE, n_threads=n_threads))


def test_derived_leads_are_compared_in_eight_channels_at_the_same_distance(monkeypatch):
    x = derive_leads(random_ecgs(6, 8))
    eight = pairwise(x, distance="dtw", sampling_rate_hz=RATE)
    monkeypatch.setattr("hemometric.distances.dtw._ROUNDING", -1.0)
    twelve = pairwise(x, distance="dtw", sampling_rate_hz=RATE)
    np.testing.assert_allclose(eight, twelve, rtol=1e-5)
    assert (eight != twelve).any()


def test_a_lead_that_breaks_einthoven_is_not_lost():
    x = derive_leads(random_ecgs(2, 8))
    x[1] = x[0]
    x[1, 2, 10] += 0.5
    distance = pairwise(x, distance="dtw", sampling_rate_hz=RATE, band_ms=0)[0, 1]
    assert distance == pytest.approx(0.5, rel=1e-3)


def test_a_path_needs_two_ecgs_of_one_shape():
    with pytest.raises(ValueError, match="one shape"):
        dtw_path(np.zeros((2, 5), np.float32), np.zeros((2, 6), np.float32), sampling_rate_hz=1.0)
