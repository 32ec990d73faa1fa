import math

import numpy as np
import pytest
import torch

from hemometric.losses import log_ratio, rank_n_contrast

PRESSURES = torch.tensor([8.0, 12.0, 12.0, 31.0, 22.0, 15.0, 9.0, 18.0, 18.0, 26.0, 7.0, 40.0])
WITH_GAPS = torch.tensor([8.0, math.nan, 12.0, 31.0, 22.0, 15.0, math.nan, 18.0, 18.0, 26.0, 7.0, 40.0])


def rank_n_contrast_by_loops(z, y, temperature):
    n, terms = len(y), []
    for i in range(n):
        others = [j for j in range(n) if j != i]
        for j in others:
            at_least_as_far = [k for k in others if abs(y[i] - y[k]) >= abs(y[i] - y[j])]
            total = sum(math.exp(-math.dist(z[i], z[k]) / temperature) for k in at_least_as_far)
            terms.append(-math.log(math.exp(-math.dist(z[i], z[j]) / temperature) / total))
    return np.mean(terms)


def log_ratio_by_loops(z, y, epsilon):
    n, anchors = len(y), []
    for a in range(n):
        others = [i for i in range(n) if i != a and abs(y[a] - y[i]) + epsilon > 0]
        terms = []
        for i in others:
            for j in others:
                if i < j:
                    of_embeddings = math.log((math.dist(z[a], z[i]) + 1e-6) / (math.dist(z[a], z[j]) + 1e-6))
                    of_labels = math.log((abs(y[a] - y[i]) + epsilon) / (abs(y[a] - y[j]) + epsilon))
                    terms.append((of_embeddings - of_labels) ** 2)
        if terms:
            anchors.append(np.mean(terms))
    return np.mean(anchors)


@pytest.mark.parametrize("temperature", [0.3, 2.0])
def test_rank_n_contrast_equals_its_definition_also_where_labels_are_equal(temperature, random_embeddings):
    points = random_embeddings()
    expected = rank_n_contrast_by_loops(points.tolist(), PRESSURES.tolist(), temperature)
    assert rank_n_contrast(points, PRESSURES, temperature=temperature).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("epsilon", [0.0, 1.5])
def test_log_ratio_equals_its_definition_also_where_labels_are_equal(epsilon, random_embeddings):
    points = random_embeddings()
    expected = log_ratio_by_loops(points.tolist(), PRESSURES.tolist(), epsilon)
    assert log_ratio(points, PRESSURES, label_epsilon=epsilon).item() == pytest.approx(expected, rel=1e-5)


def test_rank_n_contrast_of_equal_embeddings_counts_the_ranks():
    labels = 2.0 ** torch.arange(8)  # no two differences from one label are equal
    assert rank_n_contrast(torch.ones(8, 3), labels).item() == pytest.approx(math.log(math.factorial(7)) / 7)


def test_rank_n_contrast_of_equal_labels_has_no_order_to_rank():
    assert rank_n_contrast(torch.ones(8, 3), torch.full((8,), 15.0)).item() == pytest.approx(math.log(7))


def test_rank_n_contrast_rewards_the_order_of_the_labels():
    labels = torch.arange(8.0)
    ordered = torch.stack([labels, torch.zeros(8)], dim=1)
    shuffled = ordered[torch.from_numpy(np.random.default_rng(0).permutation(8))]
    assert rank_n_contrast(ordered, labels) < rank_n_contrast(shuffled, labels) - 0.1


def test_rank_n_contrast_bears_embeddings_far_apart(random_embeddings):
    points = (1e4 * random_embeddings().detach()).requires_grad_()
    value = rank_n_contrast(points, PRESSURES, temperature=0.1)
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(points.grad).all()


def test_log_ratio_vanishes_where_embeddings_are_as_far_apart_as_labels():
    direction = torch.tensor([0.3, -2.0, 1.0])
    assert log_ratio(PRESSURES[:, None] * direction, PRESSURES).item() == pytest.approx(0, abs=1e-9)
    bent = log_ratio(PRESSURES[:, None].square() * direction, PRESSURES)
    assert bent.item() > 0.01


def test_log_ratio_of_three_points_has_a_closed_form():
    points = torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 10.0]])  # 5, 10 and the root of 45 apart
    labels = torch.tensor([0.0, 1.0, 4.0])
    gaps = {(0, 1): (5, 1), (0, 2): (10, 4), (1, 2): (math.sqrt(45), 3)}
    stretch = {pair: math.log(far / label) for pair, (far, label) in gaps.items()}
    terms = [
        (stretch[0, 1] - stretch[0, 2]) ** 2,
        (stretch[0, 1] - stretch[1, 2]) ** 2,
        (stretch[0, 2] - stretch[1, 2]) ** 2,
    ]
    assert log_ratio(points, labels).item() == pytest.approx(np.mean(terms), rel=1e-4)


@pytest.mark.parametrize("loss", [rank_n_contrast, log_ratio])
def test_rows_without_a_label_take_no_part(loss, random_embeddings):
    points, known = random_embeddings(), ~torch.isnan(WITH_GAPS)
    value = loss(points, WITH_GAPS)
    value.backward()
    assert value.item() == loss(points[known], WITH_GAPS[known]).item()
    assert torch.equal(points.grad.any(dim=1), known)


@pytest.mark.parametrize("loss", [rank_n_contrast, log_ratio])
def test_neither_the_order_of_rows_nor_the_unit_of_labels_matters(loss, random_embeddings):
    points = random_embeddings(dtype=torch.float64)
    order = torch.from_numpy(np.random.default_rng(0).permutation(12))
    pascal = 133.322 * PRESSURES.double()
    assert loss(points[order], pascal[order]).item() == pytest.approx(loss(points, PRESSURES).item(), rel=1e-9)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda z: rank_n_contrast(z, PRESSURES[:3]), "labels"),
        (lambda z: rank_n_contrast(z, torch.full((12,), math.nan)), "at least three"),
        (lambda z: rank_n_contrast(z, PRESSURES, temperature=0.0), "temperature"),
        (lambda z: log_ratio(z, PRESSURES[:3]), "labels"),
        (lambda z: log_ratio(z[:2], PRESSURES[:2]), "at least three"),
        (lambda z: log_ratio(z, torch.ones(12)), "no ratio"),
        (lambda z: log_ratio(z, PRESSURES, label_epsilon=-1.0), "label_epsilon"),
    ],
)
def test_a_wrong_call_is_named(call, said, random_embeddings):
    with pytest.raises(ValueError, match=said):
        call(random_embeddings())
