import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow.parquet as pq
import pytest

from hemometric.distances import pairwise
from hemometric.distances.representations import to_strips
from hemometric.errors import SettingsError, StoreError
from hemometric.neighbors import MINABLE, NEIGHBORS_SCHEMA, archive, mine, mine_if_needed, read_mined, step
from hemometric.progress import set_quiet
from hemometric.simulation import CohortSettings, VisitSettings, simulate
from hemometric.store import Store


@pytest.fixture
def store(small_store, tmp_path):
    shutil.copytree(small_store.path, tmp_path / "store")
    return Store.open(tmp_path / "store")


def file_of(store, distance):
    return store.path / "neighbors" / f"{distance}.parquet"


def matrix_of(store, distance):
    """The distance of every ECG of the store to every other, in which `mine` searches."""
    ecgs, rate_hz = store.take(range(len(store))), store.sampling_rate_hz
    if distance == "dtw":
        ecgs, rate_hz = to_strips(ecgs, rate_hz), 50.0
    return pairwise(ecgs, distance=distance, sampling_rate_hz=rate_hz)


@pytest.mark.parametrize("distance", MINABLE)
def test_the_neighbours_are_those_of_the_whole_matrix(store, distance):
    mined = mine(store, distance=distance, n_neighbors=4, n_candidates=len(store))
    table = pq.read_table(file_of(store, distance))
    assert table.schema.remove_metadata().equals(NEIGHBORS_SCHEMA)
    assert mined.recall == mined.recall_others == 1.0
    matrix = matrix_of(store, distance)
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


def test_what_training_needs_is_mined_only_where_it_is_not_there_and_nobodys_file_is_replaced(store):
    path = file_of(store, "features")
    mine_if_needed(store, distance="features", n_neighbors=3)
    assert read_mined(path).n_neighbors == 16
    path.unlink()
    mine(store, distance="features", n_neighbors=20)
    mine_if_needed(store, distance="features", n_neighbors=10)
    assert read_mined(path).n_neighbors == 20
    mine_if_needed(store, distance="features", n_neighbors=25)
    assert read_mined(path).n_neighbors == 25


def test_an_interrupted_run_goes_on_and_ends_with_the_same_bytes(store, monkeypatch):
    monkeypatch.setattr(step, "_ANCHORS_PER_PART", 30)
    mine(store, distance="beat-dtw", n_neighbors=3, n_candidates=20)
    whole = file_of(store, "beat-dtw").read_bytes()
    file_of(store, "beat-dtw").unlink()
    find, calls = step.find_neighbors, []

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return find(*arguments)

    monkeypatch.setattr(step, "find_neighbors", interrupted)
    with pytest.raises(KeyboardInterrupt):
        mine(store, distance="beat-dtw", n_neighbors=3, n_candidates=20)
    assert not file_of(store, "beat-dtw").exists()
    calls.clear()
    monkeypatch.setattr(step, "find_neighbors", lambda *arguments: calls.append(arguments) or find(*arguments))
    mine(store, distance="beat-dtw", n_neighbors=3, n_candidates=20)
    assert len(calls) == -(-len(store) // 30) - 2
    assert file_of(store, "beat-dtw").read_bytes() == whole
    assert not (store.path / "neighbors" / ".incoming").exists()


def test_a_run_that_is_killed_and_started_again_ends_with_the_same_bytes(store, monkeypatch):
    monkeypatch.setattr(step, "_ANCHORS_PER_PART", 30)
    mine(store, distance="beat-dtw", n_neighbors=3, n_candidates=20)
    whole = file_of(store, "beat-dtw").read_bytes()
    shutil.rmtree(store.path / "neighbors")
    program = (
        "import sys, time; from hemometric.neighbors import mine, step; from hemometric.store import Store\n"
        "step._ANCHORS_PER_PART = 30; write = step.write_part\n"
        "step.write_part = lambda path, table: (write(path, table), time.sleep(0.2))\n"
        "mine(Store.open(sys.argv[1]), distance='beat-dtw', n_neighbors=3, n_candidates=20)"
    )
    aside = store.path / "neighbors" / ".incoming" / "beat-dtw"
    with subprocess.Popen([sys.executable, "-c", program, str(store.path)], env=os.environ) as process:
        while process.poll() is None and len(list(aside.glob("part-*"))) < 2:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert 2 <= len(list(aside.glob("part-*"))) < len(store) / 30
    mine(store, distance="beat-dtw", n_neighbors=3, n_candidates=20)
    assert file_of(store, "beat-dtw").read_bytes() == whole


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


def test_what_does_not_fit_into_memory_is_in_a_file_and_the_neighbours_are_the_same(store):
    mine(store, distance="beat-dtw", n_neighbors=3)
    in_memory = file_of(store, "beat-dtw").read_bytes()
    file_of(store, "beat-dtw").unlink()
    mine(store, distance="beat-dtw", n_neighbors=3, memory_gib=0.0)
    assert file_of(store, "beat-dtw").read_bytes() == in_memory


def test_a_disk_without_room_is_said_before_anything_is_compared(store, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archive.os, "posix_fallocate", full)
    with pytest.raises(StoreError, match=r"prepared\.raw: cannot be written \(No space left on device\)"):
        mine(store, distance="beat-dtw", memory_gib=0.0)


def test_two_cannot_mine_one_store_by_one_distance_at_once(store, monkeypatch):
    def meanwhile(*_, **__):
        with pytest.raises(StoreError, match="another process is writing this"):
            mine(Store.open(store.path), distance="features")
        assert mine(Store.open(store.path), distance="beat-euclidean").recall == 1.0
        raise KeyboardInterrupt

    real = step._mine_aside
    monkeypatch.setattr(
        step,
        "_mine_aside",
        lambda s, plan, *a, **k: (meanwhile if plan.distance == "features" else real)(s, plan, *a, **k),
    )
    with pytest.raises(KeyboardInterrupt):
        mine(store, distance="features")
    monkeypatch.setattr(step, "_mine_aside", real)
    assert mine(store, distance="features").recall == 1.0  # the lock ended with the one who held it


def test_the_number_of_threads_does_not_change_a_byte(store, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    mine(store, distance="beat-dtw", n_neighbors=3, n_candidates=20)
    alone = file_of(store, "beat-dtw").read_bytes()
    file_of(store, "beat-dtw").unlink()
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    mine(store, distance="beat-dtw", n_neighbors=3, n_candidates=20)
    assert file_of(store, "beat-dtw").read_bytes() == alone


def test_the_cost_is_said_before_it_is_paid(store, capsys):
    set_quiet(False)
    try:
        mine(store, distance="dtw", n_neighbors=3, n_candidates=50)
    finally:
        set_quiet(True)
    n_pairs = 50 * len(store) / 1e6
    assert f"dtw: {n_pairs:,.1f} million distances of candidates; at the" in capsys.readouterr().err


def test_a_file_of_an_earlier_version_is_mined_anew(store):
    mine(store, distance="features", n_neighbors=2)
    path = file_of(store, "features")
    table = pq.read_table(path)
    told = json.loads(table.schema.metadata[b"hemometric"])
    del told["version"], told["band_ms"]
    pq.write_table(table.slice(0, 3).replace_schema_metadata({"hemometric": json.dumps(told)}), path)
    mine(store, distance="features", n_neighbors=2)
    assert pq.read_table(path).num_rows == table.num_rows


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"distance": "beat-dwt"}, "did you mean 'beat-dtw'"),
        ({"n_neighbors": 0}, "1 <= neighbors"),
        ({"n_neighbors": 9, "n_candidates": 5}, "got 9 and 5"),
        ({"band_ms": -1.0}, "the band must be 0 ms or wider, got -1"),
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
