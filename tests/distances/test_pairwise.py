import numpy as np
import pytest

from hemometric.distances import DISTANCES, of_pairs, pairwise, whiten_independent
from hemometric.ecg import derive_leads
from hemometric.simulation import CohortSettings, draw_people, render_people


@pytest.mark.parametrize("distance", ["euclidean", "dtw", "soft-dtw"])
def test_eight_whitened_channels_give_the_distances_of_all_twelve_leads(distance):
    independent = np.random.default_rng(0).normal(size=(6, 8, 50)).astype(np.float32)
    twelve = pairwise(derive_leads(independent), distance=distance, sampling_rate_hz=100.0)
    eight = pairwise(whiten_independent(independent), distance=distance, sampling_rate_hz=100.0)
    np.testing.assert_allclose(eight, twelve, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("distance", DISTANCES)
def test_no_ecgs_give_an_empty_matrix(distance):
    x = np.zeros((0, 12, 50), np.float32)
    assert pairwise(x, x, distance=distance, sampling_rate_hz=100.0).shape == (0, 0)
    assert pairwise(x, distance=distance, sampling_rate_hz=100.0).shape == (0, 0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"distance": "dwt"}, "did you mean 'dtw'"),
        ({"x": np.zeros((12, 50), np.float32)}, "shape"),
        ({"x": np.full((2, 12, 50), np.nan, np.float32)}, "NaN"),
        ({"y": np.zeros((2, 12, 60), np.float32)}, "agree"),
        ({"band_ms": -1}, "band_ms"),
        ({"band_ms": float("nan")}, "band_ms"),
        ({"sampling_rate_hz": 0}, "sampling_rate_hz"),
        ({"n_threads": 0}, "n_threads"),
    ],
)
def test_a_wrong_call_is_named(changes, said):
    call = {"x": np.zeros((2, 12, 50), np.float32), "distance": "dtw", "sampling_rate_hz": 100.0} | changes
    with pytest.raises(ValueError, match=said):
        pairwise(call.pop("x"), call.pop("y", None), **call)


def test_whitening_needs_the_eight_stored_leads():
    with pytest.raises(ValueError, match="8"):
        whiten_independent(np.zeros((2, 12, 50), np.float32))


@pytest.fixture(scope="module")
def ecgs():
    """Five simulated ECGs of three patients, 250 Hz."""
    settings = CohortSettings(n_patients=3, sampling_rate_hz=250.0)
    microvolts, _ = render_people(settings, draw_people(settings, 0))
    return derive_leads(microvolts[:5].astype(np.float32) / 1000.0)


@pytest.mark.parametrize("distance", DISTANCES)
def test_every_distance_is_one_but_for_the_triangle(ecgs, distance):
    strips = ecgs[:, :, :600] if DISTANCES[distance].prepare is None else ecgs
    found = pairwise(strips, distance=distance, sampling_rate_hz=250.0, band_ms=40.0)
    other = pairwise(strips, strips[::-1].copy(), distance=distance, sampling_rate_hz=250.0, band_ms=40.0)
    back = pairwise(strips[::-1].copy(), strips, distance=distance, sampling_rate_hz=250.0, band_ms=40.0)
    assert (found >= 0).all()
    assert (np.diag(found) == 0).all()
    assert (found[~np.eye(5, dtype=bool)] > 0).all()
    np.testing.assert_array_equal(found, found.T)
    np.testing.assert_allclose(other, back.T, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(other[:, ::-1], found, rtol=1e-4, atol=2e-3)


@pytest.mark.parametrize("distance", DISTANCES)
def test_a_distance_is_the_same_for_any_number_of_threads(ecgs, distance):
    strips = ecgs[:, :, :600] if DISTANCES[distance].prepare is None else ecgs
    one, three = (pairwise(strips, distance=distance, sampling_rate_hz=250.0, n_threads=n) for n in (1, 3))
    np.testing.assert_array_equal(one, three)


@pytest.mark.parametrize("distance", ["beat-euclidean", "beat-dtw", "features"])
def test_what_is_typical_of_an_ecg_does_not_depend_on_where_it_begins(ecgs, distance):
    early, late = ecgs[:, :, :2000], ecgs[:, :, 400:2400]
    between = pairwise(early, late, distance=distance, sampling_rate_hz=250.0)
    assert (between.argmin(axis=1) == np.arange(5)).all()


@pytest.mark.parametrize("distance", DISTANCES)
def test_listed_pairs_have_the_distances_of_the_matrix(ecgs, distance):
    strips = ecgs[:, :, :600] if DISTANCES[distance].prepare is None else ecgs
    pairs = np.array([(4, 0), (1, 1), (0, 3), (4, 2), (0, 4), (0, 3)])
    matrix = pairwise(strips, strips.copy(), distance=distance, sampling_rate_hz=250.0, band_ms=40.0)
    for other in (strips, strips.copy()):
        listed = of_pairs(strips, other, pairs, distance=distance, sampling_rate_hz=250.0, band_ms=40.0)
        np.testing.assert_allclose(listed, matrix[tuple(pairs.T)], rtol=1e-6, atol=1e-6)
    assert of_pairs(strips, strips, np.zeros((0, 2), int), distance=distance, sampling_rate_hz=250.0).shape == (0,)


def test_dtw_of_listed_pairs_is_that_of_the_matrix_to_the_last_bit_either_way_round():
    x = np.cumsum(np.random.default_rng(1).normal(size=(40, 8, 60)), axis=2).astype(np.float32)
    rows = np.stack(np.triu_indices(40, 1), axis=1)
    matrix = pairwise(x, distance="dtw", sampling_rate_hz=100.0, band_ms=60.0)
    for pairs in (rows, rows[:, ::-1], rows[np.random.default_rng(2).permutation(len(rows))][:101]):
        listed = of_pairs(x, x, pairs, distance="dtw", sampling_rate_hz=100.0, band_ms=60.0)
        np.testing.assert_array_equal(listed, matrix[tuple(pairs.T)])


@pytest.mark.parametrize(
    ("pairs", "said"), [(np.zeros(4, int), "shape"), (np.array([[0, 2]]), "below 2 and 2"), (np.array([[-1, 0]]), "-1")]
)
def test_pairs_that_are_not_there_are_refused(pairs, said):
    x = np.zeros((2, 3, 20), np.float32)
    with pytest.raises(ValueError, match=said):
        of_pairs(x, x, pairs, distance="dtw", sampling_rate_hz=100.0)
