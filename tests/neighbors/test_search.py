import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hemometric.neighbors import search
from hemometric.neighbors.search import find_nearest


def by_brute_force(vectors, patients, anchor, *, n_nearest, others_only, columns=None):
    squared = np.sum((vectors - vectors[anchor]).astype(np.float64) ** 2, axis=1)
    allowed = patients != patients[anchor] if others_only else np.arange(len(vectors)) != anchor
    if columns is not None:
        allowed &= np.isin(np.arange(len(vectors)), columns)
    rows = np.flatnonzero(allowed)
    return rows[np.argsort(squared[rows], kind="stable")[:n_nearest]]


@pytest.mark.parametrize("columns", [None, np.arange(0, 60, 2)])
@pytest.mark.parametrize("block", [7, 4096])
def test_the_nearest_are_those_of_brute_force_whatever_the_blocks(monkeypatch, columns, block):
    monkeypatch.setattr(search, "_COLUMNS", block)
    rng = np.random.default_rng(0)
    vectors, patients = rng.normal(size=(60, 5)).astype(np.float32), rng.integers(0, 20, 60)
    anchors = np.array([0, 13, 59])
    near = find_nearest(anchors, vectors, patients, n_nearest=6, columns=columns)
    for place, anchor in enumerate(anchors):
        for others_only, rows in enumerate(near):
            expected = by_brute_force(
                vectors, patients, anchor, n_nearest=6, others_only=bool(others_only), columns=columns
            )
            np.testing.assert_array_equal(rows[place], expected)


@given(st.integers(2, 40), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_no_ecg_is_its_own_neighbour_and_none_is_named_twice(n, n_nearest, seed):
    rng = np.random.default_rng(seed)
    vectors = rng.integers(0, 3, size=(n, 2)).astype(np.float32)  # many at the same distance
    patients = rng.integers(0, 4, n)
    near = find_nearest(np.arange(n), vectors, patients, n_nearest=n_nearest)
    for anchor in range(n):
        of_all, of_others = (rows[anchor][rows[anchor] >= 0] for rows in near)
        assert anchor not in of_all
        assert len(set(of_all)) == len(of_all) == min(n_nearest, n - 1)
        assert len(of_others) == min(n_nearest, np.count_nonzero(patients != patients[anchor]))
        assert (patients[of_others] != patients[anchor]).all()


def test_where_there_are_not_as_many_the_rest_is_empty():
    vectors = np.arange(4, dtype=np.float32)[:, None]
    near = find_nearest(np.array([0]), vectors, np.array([0, 0, 1, 1]), n_nearest=3)
    np.testing.assert_array_equal(near.of_all, [[1, 2, 3]])
    np.testing.assert_array_equal(near.of_others, [[2, 3, -1]])
