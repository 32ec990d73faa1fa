import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hemometric.distances import pairwise
from hemometric.neighbors.pairs import PairDistances, _keys_of, _places_of

ECGS = np.cumsum(np.random.default_rng(0).normal(size=(30, 8, 40)), axis=2).astype(np.float32)
RATE_HZ = 25.0


def truth(rows):
    return pairwise(ECGS[rows], distance="dtw", sampling_rate_hz=RATE_HZ)


@pytest.mark.parametrize("memory_mib", [0.0, 0.0005, 1.0])
def test_the_matrix_is_that_of_pairwise_whatever_was_asked_for_before(memory_mib):
    pairs = PairDistances(distance="dtw", band_ms=None, memory_mib=memory_mib)
    rng = np.random.default_rng(1)
    for _ in range(6):
        rows = rng.permutation(30)[:12]
        np.testing.assert_array_equal(pairs.matrix(rows, ECGS[rows], sampling_rate_hz=RATE_HZ), truth(rows))


def test_a_pair_is_computed_once_in_whatever_order_its_ecgs_come():
    pairs = PairDistances(distance="dtw", band_ms=None, memory_mib=1.0)
    rows = np.arange(12)
    for order in (rows, rows[::-1].copy(), np.roll(rows, 5)):
        pairs.matrix(order, ECGS[order], sampling_rate_hz=RATE_HZ)
    assert pairs.n_asked == 3 * 66
    assert pairs.n_computed == 66


def test_without_memory_every_pair_is_computed_every_time():
    pairs = PairDistances(distance="dtw", band_ms=None, memory_mib=0.0)
    for _ in range(2):
        pairs.matrix(np.arange(5), ECGS[:5], sampling_rate_hz=RATE_HZ)
    assert pairs.n_computed == pairs.n_asked == 20


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)), min_size=1, max_size=50))
def test_a_key_is_one_pairs_alone(drawn):
    keys = _keys_of(np.array(drawn, dtype=np.int64))
    assert len(set(keys.tolist())) == len({frozenset(pair) for pair in drawn})


def test_pairs_of_neighbouring_rows_are_spread_over_all_places():
    first, second = np.triu_indices(400, 1)
    places = _places_of(_keys_of(np.stack([first, second], axis=1)), 100_003)
    counts = np.bincount(places, minlength=100_003)
    assert np.count_nonzero(counts) > 0.95 * 100_003 * (1 - np.exp(-len(first) / 100_003))
