"""Archive neighbours against loops over sets."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hemometric.mining import find_neighbors_in_batch, mine_by_neighbors, mine_partners


def archive(seed, n_archive=15, k=4, n_patients=8):
    """Neighbours in any number up to k, some rows without any, and each ECG's patient."""
    rng = np.random.default_rng(seed)
    table = np.full((n_archive, k), -1, dtype=np.int64)
    for row in range(n_archive):
        others = rng.permutation([j for j in range(n_archive) if j != row])[: rng.integers(0, k + 1)]
        table[row, : len(others)] = others
    return table, rng.integers(n_patients, size=n_archive), rng


def allowed(rows, table, codes, own_negatives):
    n = len(rows)
    found = {}
    for a in range(n):
        positives = {j for j in range(n) if j != a and rows[j] in table[rows[a]]}
        negatives = {j for j in range(n) if j != a and rows[j] not in table[rows[a]] and rows[a] not in table[rows[j]]}
        strangers = {j for j in negatives if codes[rows[j]] != codes[rows[a]]}
        if strangers and not own_negatives:
            negatives = strangers
        if positives and negatives:
            found[a] = (positives, negatives)
    return found


@settings(max_examples=100, deadline=None)
@given(n=st.integers(0, 15), seed=st.integers(0, 10_000), n_patients=st.integers(1, 8), own=st.booleans())
def test_positives_are_neighbours_in_the_batch_and_negatives_are_none_either_way(n, seed, n_patients, own):
    table, codes, rng = archive(seed, n_patients=n_patients)
    rows = rng.permutation(15)[:n]
    triplets, counts = mine_by_neighbors(rows, table, patient_codes=codes[rows], same_patient_negatives=own, rng=rng)
    expected = allowed(rows, table, codes, own)
    assert triplets.anchor.tolist() == sorted(expected)
    for a, p, n_ in zip(*triplets, strict=True):
        assert p in expected[a][0]
        assert n_ in expected[a][1]
        assert len({a, p, n_}) == 3
    patients = codes[rows]
    assert counts.n_anchors == len(expected)
    assert counts.n_same_patient_positives == (patients[triplets.anchor] == patients[triplets.positive]).sum()
    assert counts.n_same_patient_negatives == (patients[triplets.anchor] == patients[triplets.negative]).sum()


def test_all_that_are_allowed_are_drawn():
    table, codes, rng = archive(5, n_archive=9, k=5)
    rows = rng.permutation(9)[:8]
    expected = {(a, p, n) for a, (ps, ns) in allowed(rows, table, codes, False).items() for p in ps for n in ns}
    assert len(expected) > 10
    drawn = set()
    for _ in range(300):
        triplets, _ = mine_by_neighbors(rows, table, patient_codes=codes[rows], rng=rng)
        drawn |= set(zip(*map(np.ndarray.tolist, triplets), strict=True))
    assert drawn == expected


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_order_of_the_batch_does_not_matter(seed):
    table, _, rng = archive(seed)
    rows, order = rng.permutation(15)[:10], rng.permutation(10)
    near = find_neighbors_in_batch(rows, table)
    np.testing.assert_array_equal(find_neighbors_in_batch(rows[order], table), near[np.ix_(order, order)])
    assert near.sum() == sum(rows[j] in table[rows[i]] for i in range(10) for j in range(10))


def test_mistake_2_of_the_method_page_the_positive_is_a_neighbour_and_not_one_of_the_rest():
    table = np.array([[1, -1], [0, -1], [3, -1], [2, -1]])
    triplets, _ = mine_by_neighbors(np.arange(4), table, rng=np.random.default_rng(0))
    assert triplets.positive.tolist() == [1, 0, 3, 2]
    assert all(set(pair) in ({0, 2}, {0, 3}, {1, 2}, {1, 3}) for pair in zip(*triplets[::2], strict=True))


def test_mistake_12_of_the_method_page_the_own_patient_is_a_negative_only_if_asked_for_or_nothing_else_is_left():
    table = np.array([[1], [0], [-1], [-1]])
    rng = np.random.default_rng(0)
    for codes, own, expected in (([0, 1, 0, 2], False, {(0, 3), (1, 2), (1, 3)}),
                                 ([0, 1, 0, 2], True, {(0, 2), (0, 3), (1, 2), (1, 3)}),
                                 ([0, 1, 0, 0], False, {(0, 2), (0, 3), (1, 2), (1, 3)})):  # fmt: skip
        drawn, n_counted, n_same = set(), 0, 0
        for _ in range(60):
            triplets, counts = mine_by_neighbors(
                np.arange(4), table, patient_codes=codes, same_patient_negatives=own, rng=rng
            )
            pairs = list(zip(triplets.anchor.tolist(), triplets.negative.tolist(), strict=True))
            drawn |= set(pairs)
            n_counted += counts.n_same_patient_negatives
            n_same += sum(codes[a] == codes[n] for a, n in pairs)
        assert drawn == expected
        assert n_counted == n_same


@settings(max_examples=100, deadline=None)
@given(n=st.integers(0, 20), seed=st.integers(0, 10_000), n_patients=st.integers(1, 8), own=st.booleans())
def test_a_partner_is_a_neighbour_and_every_ecg_with_neighbours_has_one(n, seed, n_patients, own):
    table, codes, rng = archive(seed, n_patients=n_patients)
    rows = rng.integers(15, size=n)
    partners, counts = mine_partners(rows, table, patient_codes=codes, same_patient_positives=own, rng=rng)
    for row, partner in zip(rows, partners, strict=True):
        neighbors = {j for j in table[row] if j >= 0 and (own or codes[j] != codes[row])}
        assert partner in neighbors if neighbors else partner == -1
    there = partners >= 0
    assert counts == (there.sum(), (codes[rows[there]] == codes[partners[there]]).sum(), 0)


def test_each_neighbour_is_as_likely_a_partner():
    table = np.array([[1, 2, 3, -1]] + [[-1] * 4] * 3)
    partners, _ = mine_partners(np.zeros(3000, dtype=np.int64), table, rng=np.random.default_rng(0))
    assert np.bincount(partners) == pytest.approx([0, 1000, 1000, 1000], rel=0.1)


def test_an_ecg_that_its_own_table_names_is_neither_positive_nor_partner():
    table = np.array([[0, 1], [1, -1], [-1, -1]])
    assert not find_neighbors_in_batch(np.arange(3), table).diagonal().any()
    partners, _ = mine_partners(np.array([0, 0, 0, 0, 1]), table, rng=np.random.default_rng(0))
    assert partners.tolist() == [1, 1, 1, 1, -1]


@pytest.mark.parametrize(
    ("rows", "table", "said"),
    [
        ([[0]], [[1], [0]], "expected rows"),
        ([0], [1, 0], "expected rows"),
        ([0, 2], [[1], [0]], "rows must be 0 to 1"),
        ([-1], [[1], [0]], "rows must be 0 to 1"),
        ([0], [[2], [0]], "neighbor_rows must be -1 to 1"),
        ([0], [[-2], [0]], "neighbor_rows must be -1 to 1"),
    ],
)
def test_a_wrong_call_is_named(rows, table, said):
    for mine in (mine_by_neighbors, mine_partners):
        with pytest.raises(ValueError, match=said):
            mine(np.array(rows), np.array(table), rng=np.random.default_rng(0))


def test_a_batch_that_holds_an_ecg_twice_is_refused():
    with pytest.raises(ValueError, match="distinct"):
        find_neighbors_in_batch(np.array([0, 0]), np.array([[1], [0]]))


def test_codes_of_another_length_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="patient_codes"):
        mine_by_neighbors(np.array([0, 1]), np.array([[1], [0], [0]]), patient_codes=[1, 2, 3], rng=rng)
    with pytest.raises(ValueError, match="patient_codes"):
        mine_partners(np.array([0, 1]), np.array([[1], [0], [0]]), patient_codes=[1, 2], rng=rng)
