import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hemometric.mining import mine_by_distance


def random_distances(n, seed=0):
    upper = np.triu(np.random.default_rng(seed).random((n, n)), 1)
    return (upper + upper.T).astype(np.float32)


@settings(max_examples=50, deadline=None)
@given(n=st.integers(3, 30), seed=st.integers(0, 1000), n_farthest=st.one_of(st.none(), st.integers(1, 5)))
def test_the_positive_is_the_nearest_and_the_negative_neither_it_nor_the_anchor(n, seed, n_farthest):
    distances = random_distances(n, seed)
    triplets, _ = mine_by_distance(distances, n_farthest=n_farthest, rng=np.random.default_rng(seed))
    for anchor, positive, negative in zip(*triplets, strict=True):
        assert positive == min((j for j in range(n) if j != anchor), key=lambda j: distances[anchor, j])
        assert negative not in (anchor, positive)
        if n_farthest is not None:
            farther = sum(distances[anchor, j] > distances[anchor, negative] for j in range(n) if j != anchor)
            assert farther < n_farthest


def test_mistake_2_of_the_method_page_the_positive_is_not_the_farthest():
    place = np.array([0.0, 1.0, 3.0, 7.0, 15.0])
    distances = np.abs(place[:, None] - place[None, :]).astype(np.float32)
    triplets, _ = mine_by_distance(distances, n_farthest=1, rng=np.random.default_rng(0))
    assert triplets.positive.tolist() == [1, 0, 1, 2, 3]
    assert triplets.negative.tolist() == [4, 4, 4, 4, 0]


def test_patients_change_which_negatives_may_be_drawn_but_not_the_positive():
    place = np.array([0.0, 1.0, 3.0, 7.0, 15.0])
    distances = np.abs(place[:, None] - place[None, :]).astype(np.float32)
    codes = np.array([0, 1, 2, 3, 0])
    triplets, counts = mine_by_distance(distances, patient_codes=codes, n_farthest=1, rng=np.random.default_rng(0))
    assert triplets.positive.tolist() == [1, 0, 1, 2, 3]
    assert triplets.negative.tolist() == [3, 4, 4, 4, 1]
    assert counts.n_same_patient_negatives == 0


def test_the_same_seed_draws_the_same_triplets():
    first, second = (mine_by_distance(random_distances(20), rng=np.random.default_rng([3, 1])) for _ in range(2))
    np.testing.assert_array_equal(first[0], second[0])


def test_every_allowed_ecg_is_drawn_equally_often():
    distances = random_distances(6)
    rng = np.random.default_rng(1)
    drawn = np.array([mine_by_distance(distances, rng=rng)[0].negative[0] for _ in range(4000)])
    counts = np.bincount(drawn, minlength=6)
    assert sorted(np.flatnonzero(counts == 0)) == sorted({0, int(np.argmin(distances[0, 1:]) + 1)})
    assert np.abs(counts[counts > 0] - 1000).max() < 130


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 1000), n_patients=st.integers(1, 6))
def test_mistake_12_of_the_method_page_a_negative_of_the_same_patient_is_never_taken_uncounted(seed, n_patients):
    rng = np.random.default_rng(seed)
    codes = rng.integers(n_patients, size=12)
    triplets, counts = mine_by_distance(random_distances(12, seed), patient_codes=codes, rng=rng)
    same = codes[triplets.anchor] == codes[triplets.negative]
    assert counts.n_same_patient_negatives == same.sum()
    assert counts.n_same_patient_positives == (codes[triplets.anchor] == codes[triplets.positive]).sum()
    for anchor in np.flatnonzero(same):
        others = set(range(12)) - {anchor, triplets.positive[anchor]}
        assert all(codes[j] == codes[anchor] for j in others)


@pytest.mark.parametrize(
    ("distances", "changes", "said"),
    [
        (random_distances(2), {}, "n >= 3"),
        (np.full((4, 4), np.nan, np.float32), {}, "NaN"),
        (random_distances(4), {"n_farthest": 0}, "n_farthest"),
        (random_distances(4), {"patient_codes": [1, 2]}, "patient_codes"),
    ],
)
def test_a_wrong_call_is_named(distances, changes, said):
    with pytest.raises(ValueError, match=said):
        mine_by_distance(distances, rng=np.random.default_rng(0), **changes)


@settings(max_examples=30, deadline=None)
@given(n=st.integers(3, 20), seed=st.integers(0, 1000))
def test_the_order_of_the_batch_does_not_matter(n, seed):
    rng = np.random.default_rng(seed)
    distances, codes, order = random_distances(n, seed), rng.integers(5, size=n), rng.permutation(n)
    one, _ = mine_by_distance(distances, patient_codes=codes, n_farthest=1, rng=rng)
    shuffled = distances[np.ix_(order, order)]
    other, _ = mine_by_distance(shuffled, patient_codes=codes[order], n_farthest=1, rng=rng)
    as_before = {tuple(order[list(triplet)].tolist()) for triplet in zip(*other, strict=True)}
    assert as_before == set(zip(*map(np.ndarray.tolist, one), strict=True))
