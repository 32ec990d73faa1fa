import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from hemometric.losses import nt_xent, triplet


def random_embeddings(n=12, d=5, seed=0, dtype=torch.float32):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(n, d))).to(dtype).requires_grad_()


TRIPLETS = (torch.tensor([0, 1, 2]), torch.tensor([3, 4, 5]), torch.tensor([6, 7, 0]))
CODES = torch.tensor([0, 0, 0, 1, 1, 2, 3, 3, 4, 5, 5, 5])


@pytest.mark.parametrize("squared", [True, False])
def test_triplet_equals_its_definition(squared):
    points = random_embeddings()
    z = points.detach().numpy()
    terms = []
    for a, p, n in zip(*(t.tolist() for t in TRIPLETS), strict=True):
        near, far = np.sum((z[a] - z[p]) ** 2), np.sum((z[a] - z[n]) ** 2)
        terms.append(max(0.0, (near - far if squared else math.sqrt(near) - math.sqrt(far)) + 0.2))
    assert triplet(points, *TRIPLETS, squared=squared).item() == pytest.approx(np.mean(terms), rel=1e-5)


def test_nt_xent_equals_its_definition():
    points = random_embeddings()
    z = points.detach().numpy()
    z = z / np.linalg.norm(z, axis=1, keepdims=True)
    terms = []
    for i in range(12):
        others = [j for j in range(12) if j != i]
        positives = [j for j in others if CODES[j] == CODES[i]]
        if positives:
            total = sum(math.exp(z[i] @ z[j] / 0.3) for j in others)
            terms.append(np.mean([-math.log(math.exp(z[i] @ z[j] / 0.3) / total) for j in positives]))
    assert nt_xent(points, CODES, temperature=0.3).item() == pytest.approx(np.mean(terms), rel=1e-5)


def test_losses_of_equal_embeddings_have_a_closed_form_and_finite_gradients():
    points = torch.ones(12, 5, requires_grad=True)
    value = nt_xent(points, CODES)
    value.backward()
    assert value.item() == pytest.approx(math.log(11), rel=1e-6)
    assert torch.isfinite(points.grad).all()
    for squared in (True, False):
        points.grad = None
        value = triplet(points, *TRIPLETS, margin=0.7, squared=squared)
        value.backward()
        assert value.item() == pytest.approx(0.7)
        assert torch.isfinite(points.grad).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype):
    points = random_embeddings(dtype=dtype)
    exact = points.detach().float()
    assert nt_xent(points, CODES, temperature=0.01).item() == nt_xent(exact, CODES, temperature=0.01).item()
    assert triplet(points, *TRIPLETS).item() == triplet(exact, *TRIPLETS).item()


def test_autocast_does_not_coarsen_the_losses():
    points = random_embeddings(n=12, d=64)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        coarse = nt_xent(points, CODES, temperature=0.01), triplet(points, *TRIPLETS)
    assert coarse[0].item() == nt_xent(points, CODES, temperature=0.01).item()
    assert coarse[1].item() == triplet(points, *TRIPLETS).item()


def test_an_embedding_of_zeros_has_a_finite_gradient():
    points = torch.zeros(12, 5, requires_grad=True)
    nt_xent(points, CODES).backward()
    assert torch.isfinite(points.grad).all()


def test_an_anchor_without_a_positive_still_repels_but_is_no_term():
    points = random_embeddings(n=3)
    z = functional.normalize(points.detach(), dim=1)
    logits = z @ z.T
    pair = torch.logsumexp(logits[0, [1, 2]], 0) + torch.logsumexp(logits[1, [0, 2]], 0) - 2 * logits[0, 1]
    assert nt_xent(points, torch.tensor([7, 7, 8]), temperature=1.0).item() == pytest.approx(pair.item() / 2, rel=1e-5)


def test_gradients_are_those_of_finite_differences():
    points = random_embeddings(dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda z: nt_xent(z, CODES), (points,))
    assert torch.autograd.gradcheck(lambda z: triplet(z, *TRIPLETS, squared=False), (points,))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda z: nt_xent(z, torch.arange(12)), "no two rows"),
        (lambda z: nt_xent(z, CODES[:3]), "codes"),
        (lambda z: nt_xent(z, CODES, temperature=0.0), "temperature"),
        (lambda z: triplet(z, TRIPLETS[0], TRIPLETS[1], TRIPLETS[2][:1]), "as many"),
    ],
)
def test_a_wrong_call_is_named(call, said):
    with pytest.raises(ValueError, match=said):
        call(random_embeddings())
