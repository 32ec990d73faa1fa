import hashlib
import os

import pytest

from hemometric.errors import StoreError
from hemometric.store.durable import copy_aside, digest, digest_file, publish, write_aside


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


@pytest.mark.parametrize("in_kernel", [True, False])
def test_a_copy_has_the_bytes_of_the_file_and_one_that_has_changed_is_refused(tmp_path, monkeypatch, in_kernel):
    content = bytes(range(256)) * 40_000  # more than a piece
    (tmp_path / "file").write_bytes(content)
    expected = hashlib.sha256(content).hexdigest()
    if not in_kernel:
        monkeypatch.setattr(os, "copy_file_range", _refuse)
    copy_aside(tmp_path / "file", tmp_path / "copy", expected=expected)
    assert (tmp_path / "copy").read_bytes() == content
    assert (tmp_path / "copy").stat().st_ino != (tmp_path / "file").stat().st_ino
    (tmp_path / "file").write_bytes(content[:-1])
    with pytest.raises(StoreError, match="file: changed since it was written; restore it first"):
        copy_aside(tmp_path / "file", tmp_path / "copy", expected=expected)
    assert not (tmp_path / "copy").exists()
    with pytest.raises(StoreError, match=r"gone: cannot be read \(No such file"):
        copy_aside(tmp_path / "gone", tmp_path / "copy", expected=expected)
    monkeypatch.setattr(os, "copy_file_range", _fill_disk)
    with pytest.raises(StoreError, match=r"copy: cannot be written .*free space"):
        copy_aside(tmp_path / "file", tmp_path / "copy", expected=expected)
    assert not (tmp_path / "copy").exists()


def _refuse(*_):
    raise OSError(18, "Invalid cross-device link")


def _fill_disk(*_):
    raise OSError(28, "No space left on device")
