"""A change of a complete store happens as a whole, under one lock that says who holds it."""

import json

import pytest

from hemometric.errors import StoreError
from hemometric.store import Store, StoreWriter, mend, verify, withdraw, write_store_files
from hemometric.store.changing import changing
from hemometric.store.locking import LOCK, locked


def test_what_is_not_committed_has_not_happened(full_store, content):
    path = full_store()
    before = content(path)

    def begin_and_fail():
        with changing(path, doing="test") as change:
            change.put("card.md", [b"other"])
            change.remove("labels.parquet")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        begin_and_fail()
    assert content(path) == before


def test_while_a_plan_is_there_no_store_opens_and_mend_does_what_it_says(full_store, content):
    path, expected = full_store(), full_store("expected")
    pieces = {"card.md": b"other"}
    write_store_files(expected, pieces, without=["gaps.png"])
    manifest = (expected / "manifest.json").read_bytes()
    files = path / ".change" / "files"
    files.mkdir(parents=True)
    (files / "card.md").write_bytes(b"other")
    (files / "manifest.json").write_bytes(manifest)
    (path / ".change" / "plan.json").write_text(
        json.dumps({"doing": "test", "put": ["card.md", "manifest.json"], "remove": ["gaps.png"]})
    )
    with pytest.raises(StoreError, match=r"half in place.*hemometric mend"):
        Store.open(path)
    assert "half in place" in verify(path)[0]
    assert mend(path) == ["finished an interrupted test"]
    assert content(path) == content(expected)
    assert verify(path) == []


def test_the_next_command_that_writes_finishes_what_was_interrupted(full_store):
    path = full_store()
    withdraw(path, ["person-001"])
    (path / ".change" / "files").mkdir(parents=True)
    (path / ".change" / "files" / "manifest.json").write_bytes((path / "manifest.json").read_bytes())
    (path / ".change" / "plan.json").write_text(json.dumps({"doing": "x", "put": ["manifest.json"], "remove": []}))
    write_store_files(path, {"card.md": b"new"})
    assert verify(path) == []
    assert not (path / ".change").exists()


def test_files_without_a_plan_are_thrown_away(full_store, content):
    path = full_store()
    before = content(path)
    (path / ".change" / "files").mkdir(parents=True)
    (path / ".change" / "files" / "card.md").write_bytes(b"half")
    (path / ".append").mkdir()
    assert verify(path) == []
    done = mend(path)
    assert ["the store is as before" in done[0], ".append" in done[1]] == [True, True]
    assert content(path) == before


def test_a_table_made_from_other_ecgs_is_not_put_into_the_store(full_store, content):
    path = full_store()
    fingerprint = Store.open(path).fingerprint
    withdraw(path, ["person-001"])
    before = content(path)
    with pytest.raises(StoreError, match="its ECGs were changed meanwhile"):
        write_store_files(path, {"links.parquet": b"of person-001"}, fingerprint=fingerprint)
    assert content(path) == before


def test_one_lock_for_writer_and_changes_and_it_names_its_holder(tmp_path, build, full_store):
    writer = StoreWriter.open(
        tmp_path / "new", settings=build["settings"](provenance={"made_by": "ingest"}), resume=False
    )
    writer.write_shard(*build["shard"](1), rejects=[], cursor={})
    with pytest.raises(StoreError, match=r"another process is writing this \(ingest, process \d+\)"):
        mend(tmp_path / "new")
    writer.finish()
    assert mend(tmp_path / "new") == []
    assert not (tmp_path / "new" / LOCK).exists()
    path = full_store()
    with locked(path / LOCK, what="it", doing="append"):
        for act in (mend, lambda there: withdraw(there, ["person-001"]), lambda there: write_store_files(there, {})):
            with pytest.raises(StoreError, match=r"\(append, process"):
                act(path)
    assert verify(path) == []


def test_a_store_that_is_still_being_made_is_not_changed(tmp_path, build):
    writer = StoreWriter.open(tmp_path / "new", settings=build["settings"](), resume=False)
    writer.write_shard(*build["shard"](1), rejects=[], cursor={})
    writer.close()
    for act in (mend, lambda path: withdraw(path, ["p0"])):
        with pytest.raises(StoreError, match="--resume"):
            act(tmp_path / "new")
