import numpy as np
import pytest

from hemometric.distances import DISTANCES, pairwise, whiten_independent
from hemometric.ecg import derive_leads


@pytest.mark.parametrize("distance", DISTANCES)
def test_eight_whitened_channels_give_the_distances_of_all_twelve_leads(distance):
    independent = np.random.default_rng(0).normal(size=(6, 8, 50)).astype(np.float32)
    twelve = pairwise(derive_leads(independent), distance=distance, sampling_rate_hz=100.0)
    eight = pairwise(whiten_independent(independent), distance=distance, sampling_rate_hz=100.0)
    np.testing.assert_allclose(eight, twelve, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("distance", DISTANCES)
def test_no_ecgs_give_an_empty_matrix(distance):
    x = np.zeros((0, 12, 50), np.float32)
    assert pairwise(x, np.zeros((3, 12, 50), np.float32), distance=distance, sampling_rate_hz=1.0).shape == (0, 3)


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
