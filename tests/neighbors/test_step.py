import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest

from hemometric.distances import pairwise
from hemometric.errors import SettingsError, StoreError
from hemometric.neighbors import MINED_BY, NEIGHBORS_SCHEMA, mine, read_mined, step
from hemometric.simulation import CohortSettings, VisitSettings, simulate
from hemometric.store import Store


@pytest.fixture
def store(small_store, tmp_path):
    shutil.copytree(small_store.path, tmp_path / "store")
    return Store.open(tmp_path / "store")


def file_of(store, distance):
    return store.path / "neighbors" / f"{distance}.parquet"


@pytest.mark.parametrize("distance", MINED_BY)
def test_the_neighbours_are_those_of_the_whole_matrix(store, distance):
    mined = mine(store, distance=distance, n_neighbors=4, n_candidates=len(store))
    table = pq.read_table(file_of(store, distance))
    assert table.schema.remove_metadata().equals(NEIGHBORS_SCHEMA)
    assert mined.recall == mined.recall_others == 1.0
    matrix = pairwise(store.take(range(len(store))), distance=distance, sampling_rate_hz=store.sampling_rate_hz)
    ids, patients = store.ecgs["ecg_id"].to_pylist(), np.array(store.ecgs["patient_id"].to_pylist())
    rows = table.to_pylist()
    for others_only in (False, True):
        chosen = [row for row in rows if row["others_only"] == others_only]
        assert len(chosen) == 4 * len(store)
        for row in chosen[:: 4 * 7]:
            anchor = ids.index(row["ecg_id"])
            allowed = patients != patients[anchor] if others_only else np.arange(len(ids)) != anchor
            assert row["rank"] == 1
            np.testing.assert_allclose(row["distance"], matrix[anchor][allowed].min(), rtol=1e-4)
            assert row["same_patient"] == (patients[ids.index(row["neighbor_id"])] == patients[anchor])


def test_what_is_found_is_kept_and_not_done_again(store, monkeypatch):
    first = mine(store, distance="beat-euclidean", n_neighbors=3)
    monkeypatch.setattr(step, "prepare_archive", lambda *_, **__: pytest.fail("mined again"))
    assert (
        mine(store, distance="beat-euclidean", n_neighbors=3) == first == read_mined(file_of(store, "beat-euclidean"))
    )


def test_an_interrupted_run_goes_on_and_ends_with_the_same_bytes(store, monkeypatch):
    monkeypatch.setattr(step, "_ANCHORS_AT_ONCE", 30)
    mine(store, distance="beat-dtw", n_neighbors=3, n_candidates=20)
    whole = file_of(store, "beat-dtw").read_bytes()
    file_of(store, "beat-dtw").unlink()
    find, calls = step._find, []

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return find(*arguments)

    monkeypatch.setattr(step, "_find", interrupted)
    with pytest.raises(KeyboardInterrupt):
        mine(store, distance="beat-dtw", n_neighbors=3, n_candidates=20)
    assert not file_of(store, "beat-dtw").exists()
    calls.clear()
    monkeypatch.setattr(step, "_find", lambda *arguments: calls.append(arguments) or find(*arguments))
    mine(store, distance="beat-dtw", n_neighbors=3, n_candidates=20)
    assert len(calls) == -(-len(store) // 30) - 2
    assert file_of(store, "beat-dtw").read_bytes() == whole
    assert not (store.path / "neighbors" / ".incoming").exists()


def test_an_interrupted_run_of_another_plan_is_not_gone_on_with(store, monkeypatch):
    folder = store.path / "neighbors" / ".incoming" / "features"
    folder.mkdir(parents=True)
    (folder / "plan.json").write_text(json.dumps({"distance": "features"}))
    (folder / "part-000000000000.parquet").write_bytes(b"of another plan")
    assert mine(store, distance="features", n_neighbors=2).n_ecgs == len(store)


def test_the_parts_of_another_distance_that_was_interrupted_are_kept(store):
    other = store.path / "neighbors" / ".incoming" / "beat-dtw"
    other.mkdir(parents=True)
    (other / "part-000000000000.parquet").write_bytes(b"of another distance")
    mine(store, distance="features", n_neighbors=2)
    assert (other / "part-000000000000.parquet").exists()
    assert not (other.parent / "features").exists()


def test_a_store_of_one_patient_has_no_neighbours_among_others(tmp_path):
    settings = CohortSettings(n_patients=1, seed=3, sampling_rate_hz=100.0, visits=VisitSettings(ecgs=(0.0, 0.0, 1.0)))
    simulate(tmp_path / "one", settings=settings)
    one = Store.open(tmp_path / "one")
    mined = mine(one, distance="beat-dtw", n_neighbors=2)
    rows = pq.read_table(file_of(one, "beat-dtw")).to_pylist()
    assert mined.recall == 1.0
    assert mined.recall_others is None
    assert rows
    assert not any(row["others_only"] for row in rows)


def test_a_store_that_cannot_be_written_is_said(store):
    (store.path / "neighbors").write_text("a file where the folder should be")
    with pytest.raises(StoreError, match="neighbors"):
        mine(store, distance="features")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"distance": "beat-dwt"}, "did you mean 'beat-dtw'"),
        ({"n_neighbors": 0}, "1 <= neighbors"),
        ({"n_neighbors": 9, "n_candidates": 5}, "got 9 and 5"),
    ],
)
def test_a_wrong_call_is_named(store, changes, said):
    with pytest.raises(SettingsError, match=said):
        mine(store, **changes)


def test_a_foreign_file_is_not_taken_for_neighbours(store):
    file_of(store, "features").parent.mkdir()
    file_of(store, "features").write_bytes(b"something else")
    with pytest.raises(StoreError, match="remove it and mine again"):
        mine(store, distance="features")
