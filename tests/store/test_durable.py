import hashlib

import pytest

from hemometric.errors import StoreError
from hemometric.store.durable import digest, digest_file, publish, write_aside


def test_a_file_appears_as_a_whole_and_replaces_the_one_before(tmp_path):
    (tmp_path / "there").write_bytes(b"old")
    write_aside(tmp_path / "aside", [b"ab", memoryview(b"cd")])
    assert (tmp_path / "there").read_bytes() == b"old"
    publish(tmp_path / "aside", tmp_path / "there")
    assert (tmp_path / "there").read_bytes() == b"abcd"
    assert not (tmp_path / "aside").exists()


def test_the_digest_is_sha256_of_all_pieces(tmp_path):
    (tmp_path / "file").write_bytes(b"abcd")
    expected = hashlib.sha256(b"abcd").hexdigest()
    assert digest([b"ab", memoryview(b"cd")]) == digest_file(tmp_path / "file") == expected


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(StoreError, match=r"nowhere/file: cannot be written \(No such file or directory\)"):
        write_aside(tmp_path / "nowhere" / "file", [b""])
    with pytest.raises(StoreError, match="cannot be written"):
        publish(tmp_path / "aside", tmp_path / "there")


def test_what_a_failed_write_began_is_removed(tmp_path):
    with pytest.raises(StoreError, match="No space left"):
        write_aside(tmp_path / "file", _fail_after(b"begun"))
    assert not (tmp_path / "file").exists()


def _fail_after(first):
    yield first
    raise OSError(28, "No space left on device")
