import math

import numpy as np
import pytest
import torch

from hemometric.losses import triplet

TRIPLETS = (torch.tensor([0, 1, 2]), torch.tensor([3, 4, 5]), torch.tensor([6, 7, 0]))


def random_embeddings(n=12, d=5, seed=0, dtype=torch.float32):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(n, d))).to(dtype).requires_grad_()


@pytest.mark.parametrize("squared", [True, False])
def test_triplet_equals_its_definition(squared):
    points = random_embeddings()
    z = points.detach().numpy()
    terms = []
    for a, p, n in zip(*(t.tolist() for t in TRIPLETS), strict=True):
        near, far = np.sum((z[a] - z[p]) ** 2), np.sum((z[a] - z[n]) ** 2)
        terms.append(max(0.0, (near - far if squared else math.sqrt(near) - math.sqrt(far)) + 0.2))
    assert triplet(points, *TRIPLETS, squared=squared).item() == pytest.approx(np.mean(terms), rel=1e-5)


@pytest.mark.parametrize("squared", [True, False])
def test_triplets_of_equal_embeddings_cost_the_margin_and_have_finite_gradients(squared):
    points = torch.ones(12, 5, requires_grad=True)
    value = triplet(points, *TRIPLETS, margin=0.7, squared=squared)
    value.backward()
    assert value.item() == pytest.approx(0.7)
    assert torch.isfinite(points.grad).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype):
    points = random_embeddings(dtype=dtype)
    assert triplet(points, *TRIPLETS).item() == triplet(points.detach().float(), *TRIPLETS).item()


def test_autocast_does_not_coarsen_the_loss():
    points = random_embeddings(n=12, d=64)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        coarse = triplet(points, *TRIPLETS)
    assert coarse.item() == triplet(points, *TRIPLETS).item()


def test_gradients_are_those_of_finite_differences():
    points = random_embeddings(dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda z: triplet(z, *TRIPLETS, squared=False), (points,))


def test_index_tensors_of_different_lengths_are_named():
    with pytest.raises(ValueError, match="as many"):
        triplet(random_embeddings(), TRIPLETS[0], TRIPLETS[1], TRIPLETS[2][:1])
