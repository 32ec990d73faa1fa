import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from hemometric.losses import multi_positive_info_nce, nt_xent

CODES = torch.tensor([0, 0, 0, 1, 1, 2, 3, 3, 4, 5, 5, 5])


def random_embeddings(n=12, d=5, seed=0, dtype=torch.float32):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(n, d))).to(dtype).requires_grad_()


def random_mask(share, seed, n=12):
    return torch.from_numpy(np.random.default_rng(seed).random((n, n)) < share)


POSITIVES, EXCLUDED = random_mask(0.1, 1), random_mask(0.2, 2)


def info_nce_by_loops(z, positives, excluded, temperature):
    z = z / np.linalg.norm(z, axis=1, keepdims=True)
    n, terms = len(z), []
    for i in range(n):
        others = [j for j in range(n) if j != i and not excluded[i][j]]
        attracted = [j for j in others if positives[i][j]]
        if attracted:
            total = sum(math.exp(z[i] @ z[j] / temperature) for j in others)
            terms.append(np.mean([-math.log(math.exp(z[i] @ z[j] / temperature) / total) for j in attracted]))
    return np.mean(terms)


def test_nt_xent_equals_its_definition():
    points = random_embeddings()
    same = [[int(a) == int(b) for b in CODES] for a in CODES]
    expected = info_nce_by_loops(points.detach().numpy(), same, np.zeros((12, 12), bool), 0.3)
    assert nt_xent(points, CODES, temperature=0.3).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("symmetric", [True, False])
def test_multi_positive_info_nce_equals_its_definition(symmetric):
    points = random_embeddings()
    positives, excluded = POSITIVES.tolist(), EXCLUDED.tolist()
    if symmetric:
        positives, excluded = (
            [[m[i][j] or m[j][i] for j in range(12)] for i in range(12)] for m in (positives, excluded)
        )
    value = multi_positive_info_nce(points, POSITIVES, temperature=0.3, excluded=EXCLUDED, symmetric=symmetric)
    expected = info_nce_by_loops(points.detach().numpy(), positives, excluded, 0.3)
    assert value.item() == pytest.approx(expected, rel=1e-5)


def test_an_excluded_pair_has_no_influence():
    points = random_embeddings(n=4, dtype=torch.float64)
    positives = torch.zeros(4, 4, dtype=torch.bool)
    positives[0, 1] = True
    excluded = torch.zeros(4, 4, dtype=torch.bool)
    excluded[3] = True
    value = multi_positive_info_nce(points, positives, excluded=excluded)
    value.backward()
    assert value.item() == multi_positive_info_nce(points[:3], positives[:3, :3]).item()
    assert torch.isfinite(points.grad).all()
    assert not points.grad[3].any()


def test_equal_embeddings_cost_the_logarithm_of_the_number_of_others_and_have_finite_gradients():
    points = torch.ones(12, 5, requires_grad=True)
    value = nt_xent(points, CODES)
    value.backward()
    assert value.item() == pytest.approx(math.log(11), rel=1e-6)
    assert torch.isfinite(points.grad).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype):
    points = random_embeddings(dtype=dtype)
    exact = points.detach().float()
    assert nt_xent(points, CODES, temperature=0.01).item() == nt_xent(exact, CODES, temperature=0.01).item()


def test_autocast_does_not_coarsen_the_loss():
    points = random_embeddings(n=12, d=64)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        coarse = nt_xent(points, CODES, temperature=0.01)
    assert coarse.item() == nt_xent(points, CODES, temperature=0.01).item()


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
    assert torch.autograd.gradcheck(lambda z: multi_positive_info_nce(z, POSITIVES, excluded=EXCLUDED), (points,))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda z: nt_xent(z, torch.arange(12)), "no two rows"),
        (lambda z: nt_xent(z, CODES[:3]), "codes"),
        (lambda z: nt_xent(z, CODES, temperature=0.0), "temperature"),
        (lambda z: multi_positive_info_nce(z, torch.eye(12, dtype=torch.bool)), "no row has a positive"),
        (lambda z: multi_positive_info_nce(z, POSITIVES, excluded=POSITIVES), "no row has a positive"),
        (lambda z: multi_positive_info_nce(z, POSITIVES.int()), "positives must be bool"),
        (lambda z: multi_positive_info_nce(z, POSITIVES, excluded=EXCLUDED[:3]), "excluded must be bool"),
        (lambda z: multi_positive_info_nce(z, POSITIVES, temperature=-1.0), "temperature"),
    ],
)
def test_a_wrong_call_is_named(call, said):
    with pytest.raises(ValueError, match=said):
        call(random_embeddings())
