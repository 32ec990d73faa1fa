import numpy as np
import pytest
import torch
from dtaidistance import dtw_ndim

from hemometric.distances.dtw import dtw
from hemometric.elastic import pairwise_dtw, soft_dtw, soft_dtw_divergence


def draw(*shape, seed=0, dtype=torch.float32):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape)).to(dtype)


@pytest.mark.parametrize(("n_samples", "radius"), [(1, 0), (2, 1), (17, 0), (17, 1), (17, 4), (17, 17), (40, 7)])
def test_tensors_give_the_distances_of_the_kernel(n_samples, radius):
    x, y = draw(5, 12, n_samples), draw(4, 12, n_samples, seed=1)
    np.testing.assert_allclose(
        pairwise_dtw(x, y, radius=radius), dtw(x.numpy(), y.numpy(), radius=radius), rtol=1e-5, atol=1e-5
    )


def test_tensors_give_the_distance_of_dtaidistance():
    x, y = draw(1, 3, 30), draw(1, 3, 30, seed=1)
    expected = dtw_ndim.distance(x[0].T.double().numpy(), y[0].T.double().numpy(), window=6)
    assert abs(float(pairwise_dtw(x, y, radius=5)) - expected) < 1e-4


def test_many_pairs_are_compared_in_pieces(monkeypatch):
    x, y = draw(7, 2, 12), draw(3, 2, 12, seed=1)
    whole = pairwise_dtw(x, y, radius=3)
    monkeypatch.setattr("hemometric.elastic._CELLS_AT_ONCE", 50)
    torch.testing.assert_close(pairwise_dtw(x, y, radius=3), whole, rtol=0.0, atol=0.0)


def brute_force(x, y, gamma):
    """Soft-DTW of two short ECGs cell by cell."""
    n = x.shape[1]
    r = np.full((n + 1, n + 1), np.inf)
    r[0, 0] = 0.0
    for i in range(n):
        for j in range(n):
            three = -np.array([r[i, j + 1], r[i + 1, j], r[i, j]]) / gamma
            r[i + 1, j + 1] = np.sum((x[:, i] - y[:, j]) ** 2) - gamma * np.logaddexp.reduce(three)
    return r[n, n]


def test_soft_dtw_is_that_of_its_definition():
    x, y = draw(3, 2, 9, dtype=torch.float64), draw(3, 2, 9, seed=1, dtype=torch.float64)
    found = soft_dtw(x, y, radius=9, gamma=0.7)
    np.testing.assert_allclose(found, [brute_force(*pair, 0.7) for pair in zip(x.numpy(), y.numpy(), strict=True)])


@pytest.mark.parametrize("radius", [0, 1, 3, 8])
@pytest.mark.parametrize("gamma", [0.05, 1.0])
def test_the_gradient_agrees_with_finite_differences(radius, gamma):
    x = draw(2, 3, 8, dtype=torch.float64).requires_grad_()
    y = draw(2, 3, 8, seed=1, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda a, b: soft_dtw(a, b, radius=radius, gamma=gamma), (x, y))


def test_soft_dtw_comes_to_squared_dtw_as_gamma_goes_to_zero():
    x, y = draw(4, 3, 20, dtype=torch.float64), draw(4, 3, 20, seed=1, dtype=torch.float64)
    hard = pairwise_dtw(x, y, radius=5).diagonal().square()
    gaps = [(soft_dtw(x, y, radius=5, gamma=gamma) - hard).abs().max() for gamma in (1.0, 0.1, 0.001)]
    assert gaps[0] > gaps[1] > gaps[2]
    assert gaps[2] < 0.02
    assert (soft_dtw(x, y, radius=5, gamma=1.0) <= hard).all()


def test_the_divergence_is_a_distance_but_for_the_triangle():
    x, y = draw(6, 2, 25), draw(6, 2, 25, seed=1)
    found = soft_dtw_divergence(x, y, radius=5, gamma=0.5)
    assert (found > 0).all()
    torch.testing.assert_close(soft_dtw_divergence(x, x, radius=5, gamma=0.5), torch.zeros(6))
    torch.testing.assert_close(soft_dtw_divergence(y, x, radius=5, gamma=0.5), found)


def test_gradients_of_equal_ecgs_are_finite_and_zero_for_the_divergence():
    x = draw(2, 2, 15).requires_grad_()
    soft_dtw_divergence(x, x.detach().clone(), radius=3, gamma=0.1).sum().backward()
    torch.testing.assert_close(x.grad, torch.zeros_like(x), atol=1e-5, rtol=0.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"y": draw(2, 3, 9)}, "equal shape"),
        ({"radius": -1}, "radius >= 0"),
        ({"gamma": 0.0}, "gamma > 0"),
        ({"x": draw(2, 3, 0), "y": draw(2, 3, 0)}, "equal shape"),
    ],
)
def test_what_cannot_be_compared_is_named(arguments, message):
    good = {"x": draw(2, 3, 8), "y": draw(2, 3, 8), "radius": 2, "gamma": 1.0}
    with pytest.raises(ValueError, match=message):
        soft_dtw(**(good | arguments))
