"""Patients who are withdrawn are nowhere in the folder any more, and the rest is as if they had never been there."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from hemometric.deidentification import Deidentifier
from hemometric.errors import HemometricError, SettingsError, StoreError
from hemometric.store import Store, assign, describe_rule, mend, verify, withdraw
from hemometric.store.locking import LOCK, locked

GONE = ["person-001", "person-002", "person-005"]
SECRET = b"a secret that is long enough"


def everything_in(path):
    """All bytes of a folder, its names, and its tables as text."""
    parts = [file.read_bytes() for file in path.rglob("*") if file.is_file()]
    parts += [str(file.relative_to(path)).encode() for file in path.rglob("*")]
    parts += [json.dumps(pq.read_table(file).to_pylist()).encode() for file in path.rglob("[!.]*.parquet")]
    return b"\0".join(parts)


def test_no_id_no_name_and_no_sample_of_them_is_left_in_any_byte(full_store):
    path = full_store()
    (path / ".labels.parquet").write_bytes(b"person-001, left behind by an earlier kill")
    store = Store.open(path)
    rows = [row for row, patient in enumerate(store.ecgs["patient_id"].to_pylist()) if patient in GONE]
    samples = [np.rint(store.take_independent([row]) * 1000).astype("<i2")[0].tobytes()[:80] for row in rows]
    names = [store.ecgs["ecg_id"][row].as_py() for row in rows]
    hashes = [store.ecgs["content_hash"][row].as_py() for row in rows]
    # The neighbours of this store are no parquet, so that the search in it is one of plain bytes.
    (path / "neighbors" / "features.parquet").rename(path / "neighbors" / "features")
    there = everything_in(path)
    sought = [text.encode() for text in [*GONE, *names, *hashes, "ward/005/0#1", "_late"]] + samples
    assert all(one in there for one in sought), "the search would find nothing in any case"
    withdraw(path, GONE)
    left = everything_in(path)
    assert [one for one in sought if one in left] == []
    assert b"person-003" in left
    assert verify(path) == []


def test_what_stays_is_what_a_store_without_them_holds(full_store):
    path = full_store()
    other = full_store("never", people=[0, 3, 4])
    summary = withdraw(path, GONE)
    store, expected = Store.open(path), Store.open(other)
    assert store.ecgs.equals(expected.ecgs)
    np.testing.assert_array_equal(store.take(range(len(store))), expected.take(range(len(expected))))
    values = ["patient_id", "target"]
    assert store.labels().select(values).equals(expected.labels().select(values))
    assert store.links()["ecg_id"].equals(expected.links()["ecg_id"])
    assert (summary.n_patients, summary.n_ecgs, summary.n_left, summary.n_shards) == (3, 9, 9, 5)
    assert summary.n_lines["links.parquet"] == summary.n_lines["labels.parquet"] == 3


def test_shards_without_them_keep_their_bytes_and_the_numbers_have_no_hole(full_store, content):
    path = full_store(shard_size=3)  # a shard for each person
    before = content(path)
    withdraw(path, ["person-001"])
    after = content(path)
    assert sorted(name for name in after if name.startswith("shards/")) == [f"shards/{k:05d}.npy" for k in range(5)]
    for k, was in enumerate((0, 2, 3, 4, 5)):
        for folder, end in (("shards", "npy"), ("ecgs", "parquet")):
            assert after[f"{folder}/{k:05d}.{end}"] == before[f"{folder}/{was:05d}.{end}"]


def test_the_rest_of_the_account_follows_and_the_fingerprint_changes(full_store):
    path = full_store()
    before = Store.open(path)
    splits = dict(zip(before.ecgs["patient_id"].to_pylist(), before.splits().tolist(), strict=True))
    told = withdraw(path, GONE).text()
    after = Store.open(path)
    assert after.fingerprint != before.fingerprint
    assert before.fingerprint in told
    assert after.manifest.provenance["withdrawn"] == [{"n_patients": 3, "n_ecgs": 9}]
    now = dict(zip(after.ecgs["patient_id"].to_pylist(), after.splits().tolist(), strict=True))
    assert now == {patient: split for patient, split in splits.items() if patient not in GONE}
    assert not [name for name in ("attrition.json", "gaps.png", "neighbors") if (path / name).exists()]
    assert "hemometric link" in told
    assert "--window-hours 24 --side both" in told
    assert "hemometric mine" in told
    assert "not changed" in told
    assert "Since then 3 patients with 9 ECGs were withdrawn" in (path / "card.md").read_text()


def test_a_patient_with_values_and_no_ecg_is_withdrawn_and_neighbours_stay(full_store):
    path = full_store()
    (path / "splits.csv").write_text((path / "splits.csv").read_text() + "a-stranger,test\n")
    fingerprint = Store.open(path).fingerprint
    with pytest.raises(StoreError, match=r"splits\.csv: changed since it was written"):
        withdraw(path, ["a-stranger"])
    manifest = json.loads((path / "manifest.json").read_text())
    del manifest["files"]["splits.csv"]  # as where the user put it there
    (path / "manifest.json").write_text(json.dumps(manifest))
    summary = withdraw(path, ["a-stranger"])
    assert "a-stranger" not in (path / "splits.csv").read_text()
    assert (path / "neighbors").exists()
    assert summary.n_ecgs == 0
    assert Store.open(path).fingerprint == fingerprint
    assert verify(path) == []


def test_who_had_the_split_of_a_withdrawn_patient_by_a_shared_ecg_keeps_it(full_store):
    splits = assign([f"person-{k:03d}" for k in range(30)]).tolist()
    other = next(k for k in range(1, 30) if splits[k] != splits[0])
    path = full_store(people=[0, 30, other], twins=(0, other), with_splits=False)
    assert Store.open(path).splits().tolist()[-1] == splits[0]
    withdraw(path, ["person-000"])
    store = Store.open(path)
    assert store.splits().tolist()[-1] == splits[0] != assign([f"person-{other:03d}"])[0]
    assert describe_rule(path) == "by hash, as it was before withdraw"
    assert verify(path) == []


@pytest.mark.parametrize(
    ("patients", "message"),
    [
        (["person-001", "persn-001", "nobody"], r"2 patients are not in the store: 'nobody', 'persn-001'; nobody was"),
        (["person-01"], r"a patient is not in the store: 'person-01'; nobody was .*did you mean 'person-001'\?"),
        ([" ", ""], "names nobody"),
        ([f"person-{k:03d}" for k in range(6)], "no ECG would be left"),
    ],
)
def test_who_cannot_be_withdrawn_is_named_and_nothing_changes(full_store, content, patients, message):
    path = full_store()
    before = content(path)
    with pytest.raises(SettingsError, match=message):
        withdraw(path, patients)
    assert content(path) == before


def test_of_a_deidentified_store_the_original_id_and_the_secret_or_the_stored_id_will_do(full_store):
    one = Deidentifier(SECRET)
    path = full_store(provenance={"deidentified": one.account})
    stored = one.patient("Wilhelmina")
    manifest = json.loads((path / "manifest.json").read_text())
    del manifest["files"]["splits.csv"]
    (path / "manifest.json").write_text(json.dumps(manifest))
    (path / "splits.csv").write_text((path / "splits.csv").read_text() + f"{stored},test\n")
    with pytest.raises(SettingsError, match=r"number 2 of those given.*--deidentify SECRET_FILE") as told:
        withdraw(path, ["person-001", "Wilhelmina"])
    assert "Wilhelmina" not in str(told.value)
    with pytest.raises(SettingsError, match="another secret"):
        withdraw(path, ["Wilhelmina"], deidentifier=Deidentifier(SECRET + b"!"))
    withdraw(path, ["Wilhelmina"], deidentifier=one)
    assert stored not in (path / "splits.csv").read_text()
    assert withdraw(path, ["person-001"]).n_ecgs == 3


def test_a_damaged_shard_is_not_written_anew_with_a_good_hash(full_store):
    path = full_store()
    file = path / "shards" / "00000.npy"
    damaged = bytearray(file.read_bytes())
    damaged[-1] ^= 1
    file.write_bytes(damaged)
    with pytest.raises(StoreError, match=r"00000\.npy: changed since it was written"):
        withdraw(path, GONE)
    assert verify(path) != []


def test_names_of_others_and_files_of_others_are_left_and_said(full_store):
    path = full_store(name="person-001")  # everybody's records lie in a folder that is called as one of them
    (path / "notes.txt").write_text("person-001 was here")
    told = withdraw(path, ["person-001"]).text()
    assert "names of 15 ECGs of other patients tell a withdrawn id" in told
    assert "did not write it: notes.txt" in told


def test_who_writes_or_mines_the_store_is_not_disturbed(full_store, content):
    path = full_store()
    before = content(path)
    with locked(path / LOCK, what=str(path), doing="ingest"), pytest.raises(StoreError, match=r"\(ingest, process \d+"):
        withdraw(path, GONE)
    (path / "neighbors" / ".incoming").mkdir()
    mining = path / "neighbors" / ".incoming" / "features.lock"
    with locked(mining, what="features", doing="mine"), pytest.raises(StoreError, match=r"features: another process"):
        withdraw(path, GONE)
    assert {name: data for name, data in content(path).items() if "incoming" not in name} == before
    withdraw(path, GONE)


def test_a_reader_that_opened_the_store_before_is_told(full_store):
    path = full_store()
    store = Store.open(path)
    withdraw(path, ["person-001"])
    with pytest.raises(StoreError, match="was replaced or changed since the store was opened"):
        store.take([0])
    with pytest.raises(StoreError, match="changed since it was opened"):
        _ = store.ecgs


def test_mending_a_whole_store_changes_nothing_and_one_that_is_none_is_refused(full_store, content, tmp_path):
    path = full_store()
    before = content(path)
    assert mend(path) == []
    assert content(path) == before
    with pytest.raises(HemometricError, match="no such directory"):
        mend(tmp_path / "nowhere")
