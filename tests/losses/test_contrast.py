import math

import numpy as np
import pytest
import torch
from pytorch_metric_learning import losses as peer
from torch.nn import functional

from hemometric.losses import multi_positive_info_nce, nt_xent, supervised_contrastive

CODES = torch.tensor([0, 0, 0, 1, 1, 2, 3, 3, 4, 5, 5, 5])
NOTHING = np.zeros((12, 12), dtype=bool).tolist()


def random_mask(share, seed, n=12):
    return torch.from_numpy(np.random.default_rng(seed).random((n, n)) < share)


POSITIVES, EXCLUDED = random_mask(0.1, 1), random_mask(0.2, 2)


def equal(labels):
    return [[a == b for b in labels] for a in labels]


def info_nce_by_loops(points, positives, *, excluded=NOTHING, temperature=0.1, inside=False):
    z = points.detach().numpy()
    z = z / np.linalg.norm(z, axis=1, keepdims=True)
    terms = []
    for i in range(len(z)):
        others = [j for j in range(len(z)) if j != i and not excluded[i][j]]
        attracted = [j for j in others if positives[i][j]]
        if attracted:
            total = sum(math.exp(z[i] @ z[j] / temperature) for j in others)
            shares = [math.exp(z[i] @ z[j] / temperature) / total for j in attracted]
            terms.append(-math.log(np.mean(shares)) if inside else np.mean([-math.log(share) for share in shares]))
    return np.mean(terms)


def test_nt_xent_equals_its_definition(random_embeddings):
    points = random_embeddings()
    expected = info_nce_by_loops(points, equal(CODES.tolist()), temperature=0.3)
    assert nt_xent(points, CODES, temperature=0.3).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("symmetric", [True, False])
def test_multi_positive_info_nce_equals_its_definition(symmetric, random_embeddings):
    points = random_embeddings()
    positives, excluded = POSITIVES.tolist(), EXCLUDED.tolist()
    if symmetric:
        positives, excluded = (
            [[mask[i][j] or mask[j][i] for j in range(12)] for i in range(12)] for mask in (positives, excluded)
        )
    value = multi_positive_info_nce(points, POSITIVES, temperature=0.3, excluded=EXCLUDED, symmetric=symmetric)
    expected = info_nce_by_loops(points, positives, excluded=excluded, temperature=0.3)
    assert value.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("variant", ["out", "in"])
def test_supervised_contrastive_equals_its_definition(variant, random_embeddings):
    points = random_embeddings()
    expected = info_nce_by_loops(points, equal(CODES.tolist()), temperature=0.3, inside=variant == "in")
    value = supervised_contrastive(points, CODES, temperature=0.3, variant=variant)
    assert value.item() == pytest.approx(expected, rel=1e-5)


def test_nt_xent_of_two_views_agrees_with_pytorch_metric_learning(random_embeddings):
    points, codes = random_embeddings(), torch.arange(6).repeat(2)
    expected = peer.NTXentLoss(temperature=0.2)(points, codes).item()
    assert nt_xent(points, codes, temperature=0.2).item() == pytest.approx(expected, rel=1e-5)


def test_supervised_contrastive_agrees_with_pytorch_metric_learning(random_embeddings):
    points = random_embeddings()
    expected = peer.SupConLoss(temperature=0.2)(points, CODES).item()
    assert supervised_contrastive(points, CODES, temperature=0.2).item() == pytest.approx(expected, rel=1e-5)


def test_the_mean_inside_the_logarithm_is_never_larger_and_the_same_for_one_positive(random_embeddings):
    points = random_embeddings()
    assert supervised_contrastive(points, CODES, variant="in") < supervised_contrastive(points, CODES)
    twos = torch.arange(6).repeat(2)
    inside = supervised_contrastive(points, twos, variant="in").item()
    assert inside == pytest.approx(supervised_contrastive(points, twos).item(), rel=1e-6)


@pytest.mark.parametrize("variant", ["out", "in"])
def test_rows_without_a_label_take_no_part(variant, random_embeddings):
    points = random_embeddings()
    events = torch.tensor([0, 1, 0, 1, 1, math.nan, 0, math.nan, 1, 1, 0, 1])
    known = ~torch.isnan(events)
    value = supervised_contrastive(points, events, variant=variant)
    value.backward()
    assert value.item() == supervised_contrastive(points[known], events[known], variant=variant).item()
    assert torch.equal(points.grad.any(dim=1), known)


def test_an_excluded_pair_has_no_influence(random_embeddings):
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


def test_a_pair_both_positive_and_excluded_is_excluded(random_embeddings):
    points, both = random_embeddings(), POSITIVES & random_mask(0.5, 3)
    alone = multi_positive_info_nce(points, POSITIVES & ~both & ~both.T, excluded=both)
    assert multi_positive_info_nce(points, POSITIVES, excluded=both).item() == alone.item()


def test_equal_embeddings_cost_the_logarithm_of_the_number_of_others():
    for value in (
        nt_xent(torch.ones(12, 5), CODES),
        supervised_contrastive(torch.ones(12, 5), CODES, variant="in"),
    ):
        assert value.item() == pytest.approx(math.log(11), rel=1e-6)


def test_two_views_orthogonal_to_all_else_have_a_closed_form():
    value = nt_xent(torch.eye(6).repeat(2, 1), torch.arange(6).repeat(2), temperature=0.5)
    assert value.item() == pytest.approx(math.log(1 + 10 * math.exp(-2)))


def test_an_anchor_without_a_positive_still_repels_but_is_no_term(random_embeddings):
    points = random_embeddings(n=3)
    z = functional.normalize(points.detach(), dim=1)
    logits = z @ z.T
    pair = torch.logsumexp(logits[0, [1, 2]], 0) + torch.logsumexp(logits[1, [0, 2]], 0) - 2 * logits[0, 1]
    assert nt_xent(points, torch.tensor([7, 7, 8]), temperature=1.0).item() == pytest.approx(pair.item() / 2, rel=1e-5)


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
        (lambda z: supervised_contrastive(z, torch.full((12,), math.nan)), "no two rows"),
        (lambda z: supervised_contrastive(z, torch.arange(12), variant="in"), "no two rows"),
        (lambda z: supervised_contrastive(z, CODES[:3]), "labels"),
        (lambda z: supervised_contrastive(z, CODES, variant="inside"), "variant"),
        (lambda z: supervised_contrastive(z, CODES, variant="in", temperature=0.0), "temperature"),
    ],
)
def test_a_wrong_call_is_named(call, said, random_embeddings):
    with pytest.raises(ValueError, match=said):
        call(random_embeddings())
