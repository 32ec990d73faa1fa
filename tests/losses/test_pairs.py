import math

import numpy as np
import pytest
import torch
from pytorch_metric_learning import distances as peer_distances
from pytorch_metric_learning import losses as peer
from torch.nn import functional

from hemometric.losses import angular, angular_n_pair, n_pair

ANCHOR, POSITIVE = torch.tensor([0, 2, 4, 6]), torch.tensor([1, 3, 5, 7])
NEGATIVES = torch.from_numpy(np.random.default_rng(1).random((4, 12)) < 0.4)


def negatives_by_loops(negatives):
    for k, (a, p) in enumerate(zip(ANCHOR.tolist(), POSITIVE.tolist(), strict=True)):
        chosen = POSITIVE.tolist() if negatives is None else [j for j in range(12) if negatives[k][j]]
        yield a, p, [j for j in chosen if j not in (a, p)]


def n_pair_by_loops(z, negatives, l2_weight):
    terms, lengths = [], []
    for a, p, others in negatives_by_loops(negatives):
        terms.append(math.log(1 + sum(math.exp(z[a] @ z[n] - z[a] @ z[p]) for n in others)))
        lengths.append(np.sum(z[a] ** 2) + np.sum(z[p] ** 2))
    return np.mean(terms) + l2_weight * np.mean(lengths)


def angular_by_loops(z, negatives, alpha_degrees):
    z = z / np.linalg.norm(z, axis=1, keepdims=True)
    square = math.tan(math.radians(alpha_degrees)) ** 2
    terms = []
    for a, p, others in negatives_by_loops(negatives):
        exponents = [4 * square * ((z[a] + z[p]) @ z[n]) - 2 * (1 + square) * (z[a] @ z[p]) for n in others]
        terms.append(math.log(1 + sum(math.exp(f) for f in exponents)))
    return np.mean(terms)


@pytest.mark.parametrize("negatives", [None, NEGATIVES], ids=["other-positives", "given"])
def test_pair_losses_equal_their_definitions(negatives, random_embeddings):
    points = random_embeddings()
    z = points.detach().numpy()
    apart, bounded = n_pair_by_loops(z, negatives, 0.005), angular_by_loops(z, negatives, 45)
    assert n_pair(points, ANCHOR, POSITIVE, negatives=negatives).item() == pytest.approx(apart, rel=1e-5)
    assert angular(points, ANCHOR, POSITIVE, negatives=negatives).item() == pytest.approx(bounded, rel=1e-5)
    both = angular_n_pair(points, ANCHOR, POSITIVE, negatives=negatives)
    assert both.item() == pytest.approx(apart + 2 * bounded, rel=1e-5)


@pytest.mark.parametrize("alpha_degrees", [36, 55])
def test_the_angle_and_the_weights_are_those_asked_for(alpha_degrees, random_embeddings):
    points = random_embeddings()
    z = points.detach().numpy()
    bounded = angular_by_loops(z, None, alpha_degrees)
    assert angular(points, ANCHOR, POSITIVE, alpha_degrees=alpha_degrees).item() == pytest.approx(bounded, rel=1e-5)
    both = angular_n_pair(points, ANCHOR, POSITIVE, alpha_degrees=alpha_degrees, angular_weight=0.5)
    assert both.item() == pytest.approx(n_pair_by_loops(z, None, 0.005) + 0.5 * bounded, rel=1e-5)
    heavy = n_pair(points, ANCHOR, POSITIVE, l2_weight=0.5)
    assert heavy.item() == pytest.approx(n_pair_by_loops(z, None, 0.5), rel=1e-5)


def test_n_pair_agrees_with_pytorch_metric_learning(random_embeddings):
    points = random_embeddings(n=8)
    theirs = peer.NPairsLoss(distance=peer_distances.DotProductSimilarity(normalize_embeddings=False))
    expected = theirs(points, torch.tensor([0, 0, 1, 1, 2, 2, 3, 3])).item()
    assert n_pair(points, ANCHOR, POSITIVE, l2_weight=0.0).item() == pytest.approx(expected, rel=1e-5)


def test_angular_agrees_with_pytorch_metric_learning(random_embeddings):
    points = functional.normalize(random_embeddings(), dim=1)  # theirs leaves the negatives as they are
    classes = torch.tensor([0, 0, 0, 1, 1, 2, 2, 3, 4, 5, 5, 6])
    same = classes[:, None] == classes[None, :]
    anchor, positive = torch.where(same & ~torch.eye(12, dtype=torch.bool))
    expected = peer.AngularLoss(alpha=45)(points, classes).item()
    assert angular(points, anchor, positive, negatives=~same[anchor]).item() == pytest.approx(expected, rel=1e-5)


def test_orthogonal_embeddings_have_a_closed_form():
    points = torch.eye(12)
    assert n_pair(points, ANCHOR, POSITIVE, l2_weight=0.1).item() == pytest.approx(math.log(4) + 0.2)
    assert angular(3 * points, ANCHOR, POSITIVE).item() == pytest.approx(math.log(4))


def test_pairs_made_of_one_point_far_from_the_others_have_a_closed_form():
    points = torch.eye(4).repeat_interleave(2, dim=0)
    assert n_pair(points, ANCHOR, POSITIVE, l2_weight=0.0).item() == pytest.approx(math.log(1 + 3 / math.e))
    assert angular(points, ANCHOR, POSITIVE).item() == pytest.approx(math.log(1 + 3 / math.e**4), rel=1e-5)


def test_a_row_that_is_no_negative_has_no_influence_and_a_pair_without_negatives_is_no_term(random_embeddings):
    points = random_embeddings(dtype=torch.float64)
    negatives = torch.zeros(2, 12, dtype=torch.bool)
    negatives[0, 5] = True
    for loss in (angular, lambda z, *pair, negatives: n_pair(z, *pair, negatives=negatives, l2_weight=0.0)):
        points.grad = None
        value = loss(points, ANCHOR[:2], POSITIVE[:2], negatives=negatives)
        value.backward()
        assert value.item() == pytest.approx(loss(points, ANCHOR[:1], POSITIVE[:1], negatives=negatives[:1]).item())
        assert points.grad.any(dim=1).nonzero()[:, 0].tolist() == [0, 1, 5]


def test_a_mask_that_is_passed_in_is_left_as_it_was(random_embeddings):
    negatives = torch.ones(4, 12, dtype=torch.bool)
    n_pair(random_embeddings(), ANCHOR, POSITIVE, negatives=negatives)
    assert negatives.all()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda z: n_pair(z, ANCHOR, POSITIVE[:2]), "as many"),
        (lambda z: angular(z, ANCHOR[:0], POSITIVE[:0]), "at least one"),
        (lambda z: n_pair(z, ANCHOR[:1], POSITIVE[:1]), "no pair has a negative"),
        (lambda z: angular(z, ANCHOR, POSITIVE, negatives=torch.zeros(4, 12, dtype=torch.bool)), "no pair has"),
        (lambda z: angular(z, ANCHOR, POSITIVE, negatives=NEGATIVES.T), "negatives must be bool"),
        (lambda z: angular_n_pair(z, ANCHOR, POSITIVE, negatives=NEGATIVES.int()), "negatives must be bool"),
        (lambda z: angular(z, ANCHOR, POSITIVE, alpha_degrees=90), "alpha_degrees"),
    ],
)
def test_a_wrong_call_is_named(call, said, random_embeddings):
    with pytest.raises(ValueError, match=said):
        call(random_embeddings())
