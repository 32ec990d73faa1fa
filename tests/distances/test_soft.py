import numpy as np
import pytest
import torch

from hemometric.distances import pairwise
from hemometric.distances.soft import soft_dtw_divergence
from hemometric.elastic import soft_dtw_divergence as of_tensors


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("radius", [0, 1, 6, 20])
def test_the_divergence_is_that_of_the_tensors(radius):
    x, y = draw(4, 3, 20), draw(4, 3, 20, seed=1)
    found = soft_dtw_divergence(x, y, radius=radius, gamma=0.3).diagonal()
    expected = of_tensors(*(torch.from_numpy(part).double() for part in (x, y)), radius=radius, gamma=0.3)
    np.testing.assert_allclose(found**2, expected.clamp(min=0.0), rtol=1e-5, atol=1e-6)


def test_a_hard_minimum_gives_the_dtw_distance():
    x, y = draw(3, 12, 30), draw(3, 12, 30, seed=1)
    soft = soft_dtw_divergence(x, y, radius=3, gamma=1e-4)
    hard = pairwise(x, y, distance="dtw", sampling_rate_hz=100.0, band_ms=30.0)
    np.testing.assert_allclose(soft, hard, rtol=1e-4)


def test_softness_must_be_positive():
    with pytest.raises(ValueError, match="gamma > 0"):
        soft_dtw_divergence(draw(2, 1, 5), radius=1, gamma=0.0)
