import numpy as np
import pytest

from hemometric.neighbors import search
from hemometric.neighbors.search import find_nearest


def by_brute_force(vectors, patients, anchor, *, n_nearest, other_patients):
    squared = np.sum((vectors - vectors[anchor]).astype(np.float64) ** 2, axis=1)
    allowed = patients != patients[anchor] if other_patients else np.arange(len(vectors)) != anchor
    rows = np.flatnonzero(allowed)
    return rows[np.argsort(squared[rows], kind="stable")[:n_nearest]]


@pytest.mark.parametrize("other_patients", [False, True])
@pytest.mark.parametrize("columns", [7, 4096])
def test_the_nearest_are_those_of_brute_force_whatever_the_blocks(monkeypatch, other_patients, columns):
    monkeypatch.setattr(search, "_COLUMNS", columns)
    rng = np.random.default_rng(0)
    vectors, patients = rng.normal(size=(60, 5)).astype(np.float32), rng.integers(0, 20, 60)
    anchors = np.array([0, 13, 59])
    rows, squared = find_nearest(anchors, vectors, patients, n_nearest=6, other_patients=other_patients)
    for anchor, found in zip(anchors, rows, strict=True):
        expected = by_brute_force(vectors, patients, anchor, n_nearest=6, other_patients=other_patients)
        np.testing.assert_array_equal(found, expected)
    assert (np.diff(squared, axis=1) >= 0).all()


def test_where_there_are_not_as_many_the_rest_is_empty():
    vectors = np.arange(4, dtype=np.float32)[:, None]
    rows, squared = find_nearest(np.array([0]), vectors, np.array([0, 0, 1, 1]), n_nearest=3, other_patients=True)
    np.testing.assert_array_equal(rows, [[2, 3, -1]])
    assert np.isinf(squared[0, 2])
