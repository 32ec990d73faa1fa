"""Drawing without loops equals drawing with them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hemometric.mining.pools import draw, draw_between, farthest, strangers_first


@settings(max_examples=100, deadline=None)
@given(n=st.integers(1, 20), n_pairs=st.integers(0, 50), seed=st.integers(0, 10_000))
def test_what_is_drawn_between_two_bounds_lies_between_them_and_nothing_is_missed(n, n_pairs, seed):
    rng = np.random.default_rng(seed)
    distances = rng.integers(0, 6, size=(n, n)).astype(np.float64)  # many ties, also with the bounds
    pool = rng.random((n, n)) < 0.5
    rows = rng.integers(n, size=n_pairs)
    low = rng.integers(-1, 6, size=n_pairs).astype(np.float64)
    high = low + rng.integers(0, 4, size=n_pairs)
    drawn = draw_between(distances, pool, rows, (low, high), rng)
    for t in range(n_pairs):
        row = rows[t]
        allowed = {j for j in range(n) if pool[row, j] and low[t] < distances[row, j] < high[t]}
        assert drawn[t] in allowed if allowed else drawn[t] == -1


def test_all_between_the_bounds_are_drawn_equally_often():
    distances = np.array([[5.0, 1.0, 2.0, 2.0, 3.0, 9.0]] * 6)
    bounds = np.full(6000, 1.0), np.full(6000, 9.0)
    drawn = draw_between(
        distances, np.ones((6, 6), dtype=bool), np.zeros(6000, dtype=np.intp), bounds, np.random.default_rng(0)
    )
    assert np.bincount(drawn, minlength=6) == pytest.approx([1500, 0, 1500, 1500, 1500, 0], rel=0.1)


def test_all_of_a_pool_are_drawn_equally_often():
    pool = np.array([[True, False, True, True, False]] * 6000)
    drawn = draw(pool, np.random.default_rng(0))
    assert np.bincount(drawn, minlength=5) == pytest.approx([2000, 0, 2000, 2000, 0], rel=0.1)


def test_the_farthest_are_those_of_the_pool_with_ties():
    distances = np.array([[9.0, 1.0, 2.0, 3.0, 3.0]])
    pool = np.array([[False, True, True, True, True]])
    assert farthest(pool, distances, 1).tolist() == [[False, False, False, True, True]]
    assert farthest(pool, distances, 3).tolist() == [[False, False, True, True, True]]
    assert farthest(pool, distances, 99).tolist() == pool.tolist()
    assert farthest(pool, distances, None).tolist() == pool.tolist()


def test_the_own_patient_is_the_last_choice_unless_asked_for():
    pool = np.array([[True, True, False], [True, False, False]])
    same = np.array([[True, False, False], [True, False, False]])
    assert strangers_first(pool, same, same_patient_negatives=False).tolist() == [[False, True, False], [True, False, False]]  # fmt: skip  # noqa: E501
    assert strangers_first(pool, same, same_patient_negatives=True).tolist() == pool.tolist()
