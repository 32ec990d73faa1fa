import shutil

import numpy as np
import pytest

from hemometric.distances import pairwise
from hemometric.errors import StoreError
from hemometric.neighbors import mine, neighbor_rows_by_vectors, read_neighbor_rows
from hemometric.store import Store


@pytest.fixture(scope="module")
def mined(small_store, tmp_path_factory):
    path = tmp_path_factory.mktemp("mined") / "store"
    shutil.copytree(small_store.path, path)
    store = Store.open(path)
    mine(store, distance="beat-euclidean", n_neighbors=8)
    return store


def test_neighbours_are_the_nearest_of_other_patients_among_the_chosen_rows(mined):
    among = np.arange(0, len(mined), 2)
    table = read_neighbor_rows(mined, distance="beat-euclidean", among=among, n_neighbors=3)
    assert table.shape == (len(mined), 3)
    matrix = pairwise(mined.take(range(len(mined))), distance="beat-euclidean", sampling_rate_hz=100.0)
    patients = np.array(mined.ecgs["patient_id"].to_pylist())
    for row in range(0, len(mined), 5):
        others = np.flatnonzero(patients != patients[row])
        eight = others[np.argsort(matrix[row, others])[:8]]
        expected = eight[np.isin(eight, among)][:3]
        np.testing.assert_array_equal(table[row][table[row] >= 0], expected)


def test_a_store_that_was_not_mined_is_told_how(small_store):
    with pytest.raises(StoreError, match=r"was not mined: hemometric mine .* --distance features"):
        read_neighbor_rows(small_store, distance="features", among=np.arange(3), n_neighbors=2)


def test_neighbours_by_vectors_are_those_of_brute_force():
    rng = np.random.default_rng(0)
    rows = rng.permutation(500)[:300]
    vectors, codes = rng.normal(size=(300, 6)).astype(np.float32), rng.integers(0, 60, 300)
    table = neighbor_rows_by_vectors(rows, vectors, codes, n_ecgs=500, n_neighbors=4)
    for place in range(0, 300, 11):
        others = np.flatnonzero(codes != codes[place])
        near = others[np.argsort(np.linalg.norm(vectors[others] - vectors[place], axis=1))[:4]]
        np.testing.assert_array_equal(table[rows[place]], rows[near])
    absent = np.setdiff1d(np.arange(500), rows)
    assert (table[absent] == -1).all()
