import numpy as np
import pytest

from hemometric.errors import StoreError
from hemometric.store import StoreWriter, verify


def flip_a_bit(path, name):
    content = bytearray((path / name).read_bytes())
    content[-9] ^= 1
    (path / name).write_bytes(content)


def test_a_store_as_written_has_no_problem(make_store):
    assert verify(make_store()[0]) == []


@pytest.mark.parametrize("name", ["shards/00001.npy", "ecgs/00002.parquet", "rejects.csv"])
def test_one_changed_bit_anywhere_is_found(make_store, name):
    path, _ = make_store()
    flip_a_bit(path, name)
    assert any(str(path / name) in problem for problem in verify(path))


def test_a_sample_that_was_changed_without_changing_the_size_is_found(make_store):
    path, _ = make_store()
    shard = np.load(path / "shards" / "00000.npy")
    shard[0, 0, 0] += 1
    np.save(path / "shards" / "00000.npy", shard)
    (problem,) = verify(path)
    assert "00000.npy: changed since it was written" in problem


def test_missing_and_foreign_files_are_found(make_store):
    path, _ = make_store()
    (path / "shards" / "00001.npy").rename(path / "shards" / "00007.npy")
    problems = "\n".join(verify(path))
    assert "00001.npy: cannot be read" in problems
    assert "00007.npy: not in the manifest" in problems


def test_splits_that_cannot_be_used_are_found(make_store):
    path, _ = make_store()
    (path / "splits.csv").write_text("patient_id,split\np0,tset\n")
    (problem,) = verify(path)
    assert "'tset'" in problem


def test_an_ecg_id_that_occurs_twice_is_found(tmp_path, build):
    writer = StoreWriter.open(tmp_path / "store", settings=build["settings"](), resume=False)
    for _ in range(2):
        writer.write_shard(*build["shard"](3), rejects=[], cursor={})
    writer.finish()
    (problem,) = verify(tmp_path / "store")
    assert "3 rows repeat an ecg_id" in problem


def test_what_is_no_store_cannot_be_verified(tmp_path):
    with pytest.raises(StoreError, match="not a hemometric store"):
        verify(tmp_path)
