"""Miners by class against loops over sets."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hemometric.mining import mine_batch_hard, mine_n_pairs, mine_semi_hard, mine_soft_hard

MARGIN = 1.0


def batch(n, seed, n_classes=3, n_patients=6):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(n, 2))
    distances = np.square(points[:, None] - points[None, :]).sum(axis=2).astype(np.float32)
    return distances, rng.integers(n_classes, size=n), rng.integers(n_patients, size=n)


def positives_and_negatives(anchor, classes, codes, own_negatives):
    n = len(classes)
    positives = [j for j in range(n) if j != anchor and classes[j] == classes[anchor]]
    negatives = [j for j in range(n) if classes[j] != classes[anchor]]
    strangers = [j for j in negatives if codes[j] != codes[anchor]]
    return positives, strangers if strangers and not own_negatives else negatives


def semi_hard(d, anchor, positives, negatives):
    return {(p, n) for p in positives for n in negatives if d[anchor, p] < d[anchor, n] < float(d[anchor, p]) + MARGIN}


def soft_hard(d, anchor, positives, negatives):
    hard_positives = [p for p in positives if any(d[anchor, p] > d[anchor, n] for n in negatives)]
    hard_negatives = [n for n in negatives if any(d[anchor, n] < d[anchor, p] for p in positives)]
    return {(p, n) for p in hard_positives or positives for n in hard_negatives or negatives if positives and negatives}


def batch_hard(d, anchor, positives, negatives):
    if not positives or not negatives:
        return set()
    return {(max(positives, key=lambda j: d[anchor, j]), min(negatives, key=lambda j: d[anchor, j]))}


def mine_hardest(distances, classes, *, rng, **rules):
    return mine_batch_hard(distances, classes, **rules)


MINERS = {
    "semi-hard": (partial(mine_semi_hard, margin=MARGIN), semi_hard),
    "soft-hard": (mine_soft_hard, soft_hard),
    "batch-hard": (mine_hardest, batch_hard),
}
both = pytest.mark.parametrize(("mine", "oracle"), MINERS.values(), ids=MINERS)


def allowed_triplets(oracle, distances, classes, codes, own_negatives=False):
    return {
        (a, *pair)
        for a in range(len(classes))
        for pair in oracle(distances, a, *positives_and_negatives(a, classes, codes, own_negatives))
    }


def as_set(triplets):
    return set(zip(*map(np.ndarray.tolist, triplets), strict=True))


@both
@settings(max_examples=60, deadline=None)
@given(n=st.integers(3, 14), seed=st.integers(0, 10_000), n_patients=st.integers(1, 8), own=st.booleans())
def test_triplets_are_allowed_ones_and_none_is_missed(mine, oracle, n, seed, n_patients, own):
    distances, classes, codes = batch(n, seed, n_patients=n_patients)
    triplets, counts = mine(
        distances, classes, patient_codes=codes, same_patient_negatives=own, rng=np.random.default_rng(seed)
    )
    expected = allowed_triplets(oracle, distances, classes, codes, own)
    mined = as_set(triplets)
    assert len(mined) == len(triplets.anchor), "none twice"
    assert mined <= expected
    assert {a for a, _, _ in mined} == {a for a, _, _ in expected}, "every anchor that can have one"
    if oracle is semi_hard:
        assert {(a, p) for a, p, _ in mined} == {(a, p) for a, p, _ in expected}, "every pair that can have one"
    assert all(len({a, p, n}) == 3 for a, p, n in mined)
    assert counts.n_anchors == len({a for a, _, _ in mined})
    assert counts.n_same_patient_positives == sum(codes[a] == codes[p] for a, p, _ in mined)
    assert counts.n_same_patient_negatives == sum(codes[a] == codes[n] for a, _, n in mined)


@both
def test_all_that_are_allowed_are_drawn(mine, oracle):
    distances, classes, codes = batch(8, 3, n_classes=2, n_patients=5)
    expected = allowed_triplets(oracle, distances, classes, codes)
    assert len(expected) >= 6
    rng = np.random.default_rng(0)
    drawn = set()
    for _ in range(400):
        drawn |= as_set(mine(distances, classes, patient_codes=codes, rng=rng)[0])
    assert drawn == expected


@both
@settings(max_examples=30, deadline=None)
@given(n=st.integers(3, 20), seed=st.integers(0, 10_000))
def test_the_order_of_the_batch_does_not_matter(mine, oracle, n, seed):
    """What is drawn at random differs; which anchors (of semi-hard: which pairs) have a triplet does not."""
    distances, classes, codes = batch(n, seed)
    order = np.random.default_rng(seed).permutation(n)
    one, _ = mine(distances, classes, patient_codes=codes, rng=np.random.default_rng(1))
    other, _ = mine(
        distances[np.ix_(order, order)], classes[order], patient_codes=codes[order], rng=np.random.default_rng(2)
    )
    as_before = {tuple(order[list(triplet)].tolist()) for triplet in as_set(other)}
    n_compared = {semi_hard: 2, soft_hard: 1, batch_hard: 3}[oracle]
    assert {t[:n_compared] for t in as_before} == {t[:n_compared] for t in as_set(one)}


def test_mistake_2_of_the_method_page_positives_are_of_the_class_and_not_merely_far():
    """ECG 0 is near to one of its class, far from the other, and farther still from strangers."""
    place = np.array([0.0, 1.0, 5.0, 9.0, 11.0])
    distances = np.abs(place[:, None] - place[None, :])
    classes = [0, 0, 0, 1, 1]
    hardest, _ = mine_batch_hard(distances, classes)
    assert hardest.positive.tolist() == [2, 2, 0, 4, 3]
    assert hardest.negative.tolist() == [3, 3, 3, 2, 2]
    for mine in (partial(mine_semi_hard, margin=100.0), mine_soft_hard):
        triplets, _ = mine(distances, classes, rng=np.random.default_rng(0))
        assert (np.array(classes)[triplets.anchor] == np.array(classes)[triplets.positive]).all()
        assert (np.array(classes)[triplets.anchor] != np.array(classes)[triplets.negative]).all()


@both
def test_mistake_12_of_the_method_page_another_visit_is_a_negative_only_if_asked_for_or_nothing_else_is_left(
    mine, oracle
):
    """Patient 0 has two visits, with and without the event, next to each other: the hardest negatives of all."""
    place = np.array([0.0, 0.1, 0.15, 0.3, 0.35])
    distances = np.abs(place[:, None] - place[None, :])
    classes, codes = np.array([0, 0, 1, 1, 1]), np.array([0, 1, 0, 2, 3])
    rng = np.random.default_rng(0)
    last, counts = mine(distances, classes, patient_codes=codes, rng=rng)
    assert len(last.anchor) > 0
    assert (codes[last.anchor] != codes[last.negative]).all()
    assert counts.n_same_patient_negatives == 0
    n_asked = sum(
        mine(distances, classes, patient_codes=codes, same_patient_negatives=True, rng=rng)[1].n_same_patient_negatives
        for _ in range(20)
    )
    assert n_asked > 0
    alone, counts = mine(distances, classes, patient_codes=[7] * 5, rng=rng)
    assert counts.n_same_patient_negatives == len(alone.negative) > 0


def test_a_semi_hard_negative_never_is_as_near_as_the_positive_nor_a_margin_farther():
    place = np.array([0.0, 1.0, -1.0, 2.0, 1.9999])  # anchor, positive, as near, a margin farther, just within
    distances = np.abs(place[:, None] - place[None, :])
    triplets, _ = mine_semi_hard(distances, [0, 0, 1, 1, 1], margin=MARGIN, rng=np.random.default_rng(0))
    assert triplets.negative[triplets.anchor == 0].tolist() == [4]


def test_one_class_alone_or_no_two_of_a_class_give_no_triplet():
    distances, _, _ = batch(5, 0)
    for mine, _ in MINERS.values():
        for classes in ([1] * 5, [1, 2, 3, 4, 5]):
            triplets, counts = mine(distances, classes, rng=np.random.default_rng(0))
            assert [len(rows) for rows in triplets] == [0, 0, 0]
            assert counts == (0, 0, 0)
    for classes in ([1] * 5, [1, 2, 3, 4, 5], []):
        pairs, counts = mine_n_pairs(classes, rng=np.random.default_rng(0))
        assert len(pairs.anchor) == 0
        assert pairs.negatives.shape == (0, len(classes))


@settings(max_examples=100, deadline=None)
@given(
    n=st.integers(2, 20),
    seed=st.integers(0, 10_000),
    n_classes=st.integers(1, 8),
    n_patients=st.integers(1, 8),
    own=st.booleans(),
)
def test_n_pairs_are_one_of_each_class_against_the_positives_of_all_others(n, seed, n_classes, n_patients, own):
    _, classes, codes = batch(n, seed, n_classes=n_classes, n_patients=n_patients)
    pairs, counts = mine_n_pairs(
        classes, patient_codes=codes, same_patient_negatives=own, rng=np.random.default_rng(seed)
    )
    two_or_more = {int(c) for c in classes if (classes == c).sum() >= 2}
    if len(two_or_more) >= 2:
        assert sorted(classes[pairs.anchor].tolist()) == sorted(two_or_more)
    else:
        assert len(pairs.anchor) == 0
    n_same = 0
    for anchor, positive, negatives in zip(pairs.anchor, pairs.positive, pairs.negatives, strict=True):
        assert anchor != positive
        assert classes[anchor] == classes[positive]
        others = [q for q in pairs.positive if q != positive]
        strangers = [q for q in others if codes[q] != codes[anchor]]
        assert set(np.flatnonzero(negatives)) == set(strangers if strangers and not own else others)
        n_same += sum(codes[q] == codes[anchor] for q in np.flatnonzero(negatives))
    assert counts.n_anchors == len(pairs.anchor)
    assert counts.n_same_patient_positives == sum(codes[pairs.anchor] == codes[pairs.positive])
    assert counts.n_same_patient_negatives == n_same


def test_every_pair_of_a_class_is_drawn_equally_often_in_both_roles():
    rng = np.random.default_rng(0)
    drawn = [mine_n_pairs([0, 1, 0, 1, 0], rng=rng)[0] for _ in range(3000)]
    of_class_0 = [(int(pairs.anchor[0]), int(pairs.positive[0])) for pairs in drawn]
    kinds, times = np.unique(of_class_0, axis=0, return_counts=True)
    assert kinds.tolist() == [[0, 2], [0, 4], [2, 0], [2, 4], [4, 0], [4, 2]]
    assert times == pytest.approx(np.full(6, 500), rel=0.15)


@both
@pytest.mark.parametrize(
    ("distances", "changes", "said"),
    [
        (np.zeros((2, 2)), {}, "n >= 3"),
        (np.zeros((3, 4)), {}, "n >= 3"),
        (np.full((5, 5), np.nan), {}, "NaN"),
        (np.full((5, 5), np.inf), {}, "infinite"),
        (np.zeros((5, 5)), {"classes": [1, 2]}, "classes"),
        (np.zeros((5, 5)), {"patient_codes": [1, 2]}, "patient_codes"),
    ],
)
def test_a_wrong_call_is_named(mine, oracle, distances, changes, said):
    call = {"classes": np.zeros(len(distances)), **changes}
    with pytest.raises(ValueError, match=said):
        mine(distances, rng=np.random.default_rng(0), **call)


@pytest.mark.parametrize("margin", [0.0, -1.0, np.nan])
def test_a_margin_without_room_is_refused(margin):
    with pytest.raises(ValueError, match="margin"):
        mine_semi_hard(np.zeros((3, 3)), [0, 0, 1], margin=margin, rng=np.random.default_rng(0))


def test_classes_of_two_dimensions_make_no_n_pairs():
    with pytest.raises(ValueError, match="classes"):
        mine_n_pairs([[1, 2]], rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match="patient_codes"):
        mine_n_pairs([1, 2], patient_codes=[1], rng=np.random.default_rng(0))
