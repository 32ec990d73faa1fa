import math

import numpy as np
import pytest
import torch
from pytorch_metric_learning import distances as peer_distances
from pytorch_metric_learning import losses as peer
from pytorch_metric_learning import reducers as peer_reducers

from hemometric.losses import MarginBetas, margin_loss, triplet

TRIPLETS = (torch.tensor([0, 1, 2, 9]), torch.tensor([3, 4, 5, 8]), torch.tensor([6, 7, 0, 1]))
CLASSES = torch.tensor([0, 1, 2, 0, 1, 2, 1, 2, 0, 0, 1, 2])


@pytest.mark.parametrize("squared", [True, False])
def test_triplet_equals_its_definition(squared, random_embeddings):
    points = random_embeddings()
    z = points.detach().numpy()
    terms = []
    for a, p, n in zip(*(t.tolist() for t in TRIPLETS), strict=True):
        near, far = np.sum((z[a] - z[p]) ** 2), np.sum((z[a] - z[n]) ** 2)
        terms.append(max(0.0, (near - far if squared else math.sqrt(near) - math.sqrt(far)) + 0.2))
    assert triplet(points, *TRIPLETS, squared=squared).item() == pytest.approx(np.mean(terms), rel=1e-5)


@pytest.mark.parametrize(("squared", "power"), [(True, 2), (False, 1)])
def test_triplet_agrees_with_pytorch_metric_learning(squared, power, random_embeddings):
    points = random_embeddings()
    theirs = peer.TripletMarginLoss(
        margin=0.3,
        distance=peer_distances.LpDistance(normalize_embeddings=False, p=2, power=power),
        reducer=peer_reducers.MeanReducer(),
    )
    expected = theirs(points, indices_tuple=TRIPLETS, labels=CLASSES).item()
    assert triplet(points, *TRIPLETS, margin=0.3, squared=squared).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("squared", "difference"), [(True, 25 - 144), (False, 5 - 12)])
def test_distances_of_triplets_are_euclidean(squared, difference):
    points = torch.tensor([[0.0, 0.0], [3.0, 4.0], [12.0, 0.0]])
    value = triplet(points, *torch.tensor([[0], [1], [2]]), margin=200.0, squared=squared)
    assert value.item() == pytest.approx(200 + difference)


@pytest.mark.parametrize("squared", [True, False])
def test_triplets_of_equal_embeddings_cost_the_margin(squared):
    assert triplet(torch.ones(12, 5), *TRIPLETS, margin=0.7, squared=squared).item() == pytest.approx(0.7)


def margin_by_loops(points, betas, margin):
    z = points.detach().numpy()
    z = z / np.linalg.norm(z, axis=1, keepdims=True)
    total, n_active = 0.0, 0
    for k, (a, p, n) in enumerate(zip(*(t.tolist() for t in TRIPLETS), strict=True)):
        for term in (
            margin + math.dist(z[a], z[p]) - betas[k],
            margin - math.dist(z[a], z[n]) + betas[k],
        ):
            if term > 0:
                total, n_active = total + term, n_active + 1
    return total / n_active


@pytest.mark.parametrize("betas", [1.2, torch.tensor(0.9), torch.tensor([0.5, 1.0, 1.2, 1.6])])
def test_margin_loss_equals_its_definition(betas, random_embeddings):
    points = random_embeddings()
    expected = margin_by_loops(points, torch.as_tensor(betas).expand(4).tolist(), 0.3)
    assert margin_loss(points, *TRIPLETS, betas=betas, margin=0.3).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("n_classes", [1, 3])
def test_margin_loss_and_its_betas_agree_with_pytorch_metric_learning(n_classes, random_embeddings):
    points, starts = random_embeddings(), torch.linspace(0.8, 1.4, n_classes)
    theirs = peer.MarginLoss(margin=0.2, learn_beta=True, num_classes=n_classes if n_classes > 1 else None)
    ours = MarginBetas(n_classes)
    theirs.beta.data, ours.betas.data = starts.clone(), starts.clone()
    expected = theirs(points, CLASSES, indices_tuple=TRIPLETS)
    value = margin_loss(points, *TRIPLETS, betas=ours(CLASSES[TRIPLETS[0]] if n_classes > 1 else None))
    (expected_gradient,) = torch.autograd.grad(expected, points, retain_graph=True)
    (gradient,) = torch.autograd.grad(value, points, retain_graph=True)
    assert value.item() == pytest.approx(expected.item(), rel=1e-5)
    assert torch.allclose(gradient, expected_gradient, atol=1e-6)
    expected.backward()
    value.backward()
    assert torch.allclose(ours.betas.grad, theirs.beta.grad)


def test_margin_loss_of_orthogonal_embeddings_has_a_closed_form():
    value = margin_loss(7 * torch.eye(12), *TRIPLETS)
    assert value.item() == pytest.approx(0.2 + math.sqrt(2) - 1.2)  # negatives lie beyond 1.4 and cost nothing


def test_a_margin_loss_with_nothing_left_to_do_is_zero():
    points = torch.tensor([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0]], requires_grad=True)
    value = margin_loss(points, *torch.tensor([[0], [1], [2]]))
    value.backward()
    assert value.item() == 0
    assert not points.grad.any()


def test_betas_get_a_gradient_and_an_optimizer_step_moves_those_of_the_classes_seen(random_embeddings):
    betas = MarginBetas(4)
    optimizer = torch.optim.Adam(betas.parameters(), lr=0.01)
    margin_loss(random_embeddings(), *TRIPLETS, betas=betas(CLASSES[TRIPLETS[0]])).backward()
    pulled = betas.betas.grad != 0
    optimizer.step()
    assert pulled[:3].any()
    assert not pulled[3]
    assert torch.equal(betas.betas.detach() != 1.2, pulled)


def test_positives_too_far_push_the_beta_out_and_negatives_too_near_pull_it_in():
    points = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [1.0, 0.1]])
    for positive, negative, direction in ((1, 2, 1), (3, 3, -1)):
        betas = MarginBetas()
        optimizer = torch.optim.SGD(betas.parameters(), lr=0.1)
        margin_loss(points, *torch.tensor([[0], [positive], [negative]]), betas=betas()).backward()
        optimizer.step()
        assert betas.betas.item() == pytest.approx(1.2 + direction * 0.1)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda z: triplet(z, TRIPLETS[0], TRIPLETS[1], TRIPLETS[2][:1]), "as many"),
        (lambda z: triplet(z, *(t[:0] for t in TRIPLETS)), "at least one"),
        (lambda z: margin_loss(z, TRIPLETS[0], TRIPLETS[1], TRIPLETS[2][:1]), "as many"),
        (lambda z: margin_loss(z, *TRIPLETS, betas=torch.ones(3)), "betas"),
        (lambda z: margin_loss(z, *TRIPLETS, betas=MarginBetas(3)()), "which class"),
    ],
)
def test_a_wrong_call_is_named(call, said, random_embeddings):
    with pytest.raises(ValueError, match=said):
        call(random_embeddings())
