"""Label-nearest positives and label-farthest negatives against loops over sets."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hemometric.mining import mine_by_label


def allowed(labels, codes, *, n_farthest, own_positives, own_negatives):
    """For each anchor that can have a triplet: which positives, which negatives."""
    found = {}
    n = len(labels)
    for a in range(n):
        candidates = [j for j in range(n) if j != a and (own_positives or codes[j] != codes[a])]
        if not candidates:
            continue
        nearest = min(abs(labels[a] - labels[j]) for j in candidates)
        positives = {j for j in candidates if abs(labels[a] - labels[j]) == nearest}
        far = [j for j in range(n) if abs(labels[a] - labels[j]) > nearest]
        strangers = [j for j in far if codes[j] != codes[a]]
        if strangers and not own_negatives:
            far = strangers
        if far and n_farthest is not None:
            gaps = sorted((abs(labels[a] - labels[j]) for j in far), reverse=True)
            far = [j for j in far if abs(labels[a] - labels[j]) >= gaps[min(n_farthest, len(gaps)) - 1]]
        if far:
            found[a] = (positives, set(far))
    return found


RULES = st.fixed_dictionaries(
    {
        "n_farthest": st.one_of(st.none(), st.integers(1, 4)),
        "same_patient_positives": st.booleans(),
        "same_patient_negatives": st.booleans(),
    }
)


@settings(max_examples=150, deadline=None)
@given(n=st.integers(3, 14), seed=st.integers(0, 10_000), n_patients=st.integers(1, 8), rules=RULES)
def test_positives_are_nearest_and_negatives_far_and_no_anchor_is_missed(n, seed, n_patients, rules):
    rng = np.random.default_rng(seed)
    labels = rng.integers(5, 12, size=n).astype(float)  # whole mmHg: many are equal
    codes = rng.integers(n_patients, size=n)
    triplets, counts = mine_by_label(labels, patient_codes=codes, rng=rng, **rules)
    expected = allowed(
        labels,
        codes,
        n_farthest=rules["n_farthest"],
        own_positives=rules["same_patient_positives"],
        own_negatives=rules["same_patient_negatives"],
    )
    assert triplets.anchor.tolist() == sorted(expected)
    for a, p, n_ in zip(*triplets, strict=True):
        assert p in expected[a][0]
        assert n_ in expected[a][1]
        assert len({a, p, n_}) == 3
    assert counts.n_anchors == len(expected)
    assert counts.n_same_patient_positives == (codes[triplets.anchor] == codes[triplets.positive]).sum()
    assert counts.n_same_patient_negatives == (codes[triplets.anchor] == codes[triplets.negative]).sum()


def test_all_that_are_allowed_are_drawn():
    labels, codes = np.array([10.0, 10.0, 10.0, 14.0, 20.0, 20.0]), np.array([0, 0, 1, 1, 2, 3])
    rules = {"n_farthest": 2, "own_positives": True, "own_negatives": False}
    expected = {(a, p, n) for a, (ps, ns) in allowed(labels, codes, **rules).items() for p in ps for n in ns}
    rng = np.random.default_rng(0)
    drawn = set()
    for _ in range(300):
        triplets, _ = mine_by_label(labels, n_farthest=2, patient_codes=codes, rng=rng)
        drawn |= set(zip(*map(np.ndarray.tolist, triplets), strict=True))
    assert drawn == expected


@settings(max_examples=30, deadline=None)
@given(n=st.integers(3, 20), seed=st.integers(0, 10_000))
def test_the_order_of_the_batch_does_not_matter(n, seed):
    rng = np.random.default_rng(seed)
    labels, codes, order = rng.normal(15, 8, size=n), rng.integers(6, size=n), rng.permutation(n)
    one, _ = mine_by_label(labels, patient_codes=codes, rng=rng)
    other, _ = mine_by_label(labels[order], patient_codes=codes[order], rng=rng)
    as_before = {tuple(order[list(triplet)].tolist()) for triplet in zip(*other, strict=True)}
    assert as_before == {tuple(map(int, triplet)) for triplet in zip(*one, strict=True)}


def test_mistake_2_of_the_method_page_the_positive_is_the_nearest_label_and_not_one_of_the_two_farthest():
    labels = np.array([5.0, 6.0, 8.0, 12.0, 20.0])
    triplets, _ = mine_by_label(labels, rng=np.random.default_rng(0))
    assert triplets.positive.tolist() == [1, 0, 1, 2, 3]
    assert triplets.negative.tolist() == [4, 4, 4, 4, 0]


def test_two_ecgs_of_one_catheterisation_are_positives_of_each_other_unless_strangers_are_asked_for():
    labels, codes = np.array([12.0, 12.0, 13.0, 30.0]), np.array([0, 0, 1, 2])
    own, counts = mine_by_label(labels, patient_codes=codes, rng=np.random.default_rng(0))
    assert own.positive[:2].tolist() == [1, 0]
    assert counts.n_same_patient_positives == 2
    strangers, counts = mine_by_label(
        labels, patient_codes=codes, same_patient_positives=False, rng=np.random.default_rng(0)
    )
    assert strangers.positive[:2].tolist() == [2, 2]
    assert counts.n_same_patient_positives == 0


def test_mistake_12_of_the_method_page_another_visit_is_a_negative_only_if_asked_for_or_nothing_else_is_left():
    labels, codes = np.array([12.0, 13.0, 25.0, 40.0]), np.array([0, 1, 1, 0])
    last, counts = mine_by_label(labels, patient_codes=codes, rng=np.random.default_rng(0))
    assert last.negative.tolist() == [2, 3, 3, 1], "the patient's own 40 mmHg is farther from 12, and not taken"
    assert counts.n_same_patient_negatives == 0
    asked, counts = mine_by_label(
        labels, patient_codes=codes, same_patient_negatives=True, rng=np.random.default_rng(0)
    )
    assert asked.negative.tolist() == [3, 3, 3, 0]
    assert counts.n_same_patient_negatives == 2
    alone, counts = mine_by_label(labels, patient_codes=[7] * 4, rng=np.random.default_rng(0))
    assert alone.negative.tolist() == asked.negative.tolist()
    assert counts.n_same_patient_negatives == 4


def test_equal_labels_give_no_triplet():
    triplets, counts = mine_by_label([15.0] * 5, rng=np.random.default_rng(0))
    assert [len(rows) for rows in triplets] == [0, 0, 0]
    assert counts == (0, 0, 0)


@pytest.mark.parametrize(
    ("labels", "changes", "said"),
    [
        ([1.0, 2.0], {}, "n >= 3"),
        ([[1.0, 2.0, 3.0]], {}, "n >= 3"),
        ([1.0, np.nan, 2.0], {}, "without a label"),
        ([1.0, 2.0, 3.0], {"n_farthest": 0}, "n_farthest"),
        ([1.0, 2.0, 3.0], {"patient_codes": [1, 2]}, "patient_codes"),
    ],
)
def test_a_wrong_call_is_named(labels, changes, said):
    with pytest.raises(ValueError, match=said):
        mine_by_label(labels, rng=np.random.default_rng(0), **changes)
