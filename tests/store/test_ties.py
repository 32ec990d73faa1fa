"""Patients who come to share an ECG by append or merge share a split, as they do where all was ingested in one go."""

import shutil

import numpy as np
import pyarrow as pa
import pytest

from hemometric.errors import SettingsError
from hemometric.store import ECGS_SCHEMA, SPLITS, Store, StoreWriter, assign, content_hashes, merge, verify
from hemometric.store.additions import add_ecgs
from hemometric.store.changing import changing
from hemometric.store.tables import write_store_files
from hemometric.store.ties import bring_together, find_torn, is_by_hash

PATIENTS = [f"p{number}" for number in range(12)]
SPLIT_OF = dict(zip(PATIENTS, assign(PATIENTS).tolist(), strict=True))


def write_ecgs(path, ecgs, *, build, folder="a", splits=None):
    """A store of (patient, number of the samples) each."""
    fixed = {"patient_id_known": True, "n_samples_original": 50, "sampling_rate_hz_original": 250.0}
    microvolts = np.stack(
        [np.random.default_rng([5, content]).integers(-900, 900, (8, 50)).astype(np.int16) for _, content in ecgs]
    )
    rows = [
        {
            "ecg_id": f"{folder}/{k}#0",
            "source": f"{folder}/{k}#0",
            "patient_id": patient,
            "content_hash": found,
            **fixed,
        }
        for k, ((patient, _), found) in enumerate(zip(ecgs, content_hashes(microvolts), strict=True))
    ]
    table = pa.Table.from_pylist(rows, schema=ECGS_SCHEMA)
    writer = StoreWriter.open(path, settings=build["settings"](), resume=False)
    for first in range(0, len(ecgs), 3):
        writer.write_shard(microvolts[first : first + 3], table.slice(first, 3), rejects=[], cursor={})
    others = {} if splits is None else {"splits.csv": to_csv(splits), "splits.json": b'{"by": "table"}'}
    writer.finish(others=others)
    return path


def to_csv(splits):
    return "".join(["patient_id,split\n", *(f"{patient},{split}\n" for patient, split in splits.items())]).encode()


def add(path, new, *, how=None):
    with changing(path, doing="append") as change:
        return add_ecgs(change, Store.open(path), Store.open(new), new_patients=how)


def draw(rng, n):
    return [(str(rng.choice(PATIENTS)), int(rng.integers(14))) for _ in range(n)]


def split_slowly(before, joined, patients):
    """Everybody stays but where that tears a group; who is new goes to those who share an ECG, else by hash."""
    group_of = {patient: group for group in joined for patient in group}
    found = {}
    for patient in patients:
        group = group_of.get(patient, (patient,))
        there = [before[one] for one in group if one in before]
        found[patient] = min(there, key=SPLITS.index) if there else SPLIT_OF[group[0]]
    return found


@pytest.mark.parametrize("seed", range(10))
def test_append_and_merge_give_the_ties_of_one_go_and_no_tie_is_in_two_splits(tmp_path, build, seed):
    rng = np.random.default_rng([21, seed])
    first, second = draw(rng, int(rng.integers(1, 10))), draw(rng, int(rng.integers(1, 10)))
    whole = Store.open(write_ecgs(tmp_path / "whole", [*first, *second], build=build))
    a = write_ecgs(tmp_path / "a", first, build=build)
    b = write_ecgs(tmp_path / "b", second, build=build, folder="b")
    before = {path: Store.open(path).splits_of_patients() for path in (a, b)}
    merge([a, b], out=tmp_path / "merged", same_patients=True)
    told = add(a, b)
    appended, merged = Store.open(a), Store.open(tmp_path / "merged")
    assert appended.joined_patients == merged.joined_patients == whole.joined_patients
    patients = set(whole.splits_of_patients())
    expected = split_slowly(before[a], whole.joined_patients, patients)
    assert appended.splits_of_patients() == expected
    assert set(told.placed.moved) == {patient for patient, split in before[a].items() if expected[patient] != split}
    both = {p: min((s[p] for s in before.values() if p in s), key=SPLITS.index) for p in patients}
    assert merged.splits_of_patients() == split_slowly(both, whole.joined_patients, patients)
    for store in (appended, merged):
        assert set(store.ecgs["content_hash"].to_pylist()) == set(whole.ecgs["content_hash"].to_pylist())
        assert verify(store.path) == []


def find_pair():
    """Two patients whose hash puts the first into test, and the second into train."""
    return next(p for p in PATIENTS if SPLIT_OF[p] == "test"), next(p for p in PATIENTS if SPLIT_OF[p] == "train")


def test_who_turns_out_to_share_an_ecg_with_one_to_train_on_is_tested_no_more_and_it_is_said(tmp_path, build):
    tested, trained = find_pair()
    store = write_ecgs(tmp_path / "store", [(tested, 1), (trained, 2)], build=build)
    told = add(store, write_ecgs(tmp_path / "new", [(trained, 1)], build=build, folder="b")).text()
    assert "warning: 1 patients share an ECG with one of another split by now and have moved to that one's" in told
    assert f"'{tested}' (test to train)" in told
    assert set(Store.open(store).splits_of_patients().values()) == {"train"}
    assert is_by_hash(Store.open(store))
    later = write_ecgs(tmp_path / "later", [(tested, 3), ("p99", 4)], build=build, folder="c")
    assert add(store, later).placed.n_new == 1  # by hash, without a word
    assert Store.open(store).splits_of_patients()[tested] == "train"
    other = write_ecgs(tmp_path / "other", [(tested, 7), ("p98", 8)], build=build, folder="d")
    summary = merge([other, store], out=tmp_path / "out", same_patients=True)
    assert f"'{tested}' (test to train)" in summary.text()
    assert Store.open(tmp_path / "out").splits_of_patients()[tested] == "train"
    assert is_by_hash(Store.open(tmp_path / "out"))


@pytest.mark.parametrize("ours", [True, False])
def test_ties_across_splits_that_a_user_has_given_are_refused_by_name_until_one_split_is_given(
    tmp_path, build, content, ours
):
    splits = {"p1": "train", "p2": "test", "p3": "test"}
    store = write_ecgs(tmp_path / "store", [("p1", 1), ("p2", 2)], build=build, splits=splits if ours else None)
    if not ours:  # a file that was put there by hand
        (store / "splits.csv").write_bytes(to_csv(splits))
    before = content(store)
    for patient in ("p2", "p3"):  # p3 is in the table, and not yet in the store
        new = write_ecgs(tmp_path / f"new {patient}", [(patient, 1)], build=build, folder="b")
        with pytest.raises(
            SettingsError, match=rf"different splits \('p1' \(train\), '{patient}' \(test\)\): give these"
        ):
            add(store, new, how="hash")
    tested = next(p for p in PATIENTS[4:] if SPLIT_OF[p] == "test")
    other = write_ecgs(tmp_path / "other", [(tested, 1)], build=build, folder="c")
    with pytest.raises(SettingsError, match=rf"merge: .* splits \('p1' \(train\), '{tested}' \(test\)\): split one of"):
        merge([store, other], out=tmp_path / "out")
    assert content(store) == before
    write_store_files(store, {"splits.csv": to_csv(splits | {"p2": "train"})})
    add(store, tmp_path / "new p2")
    assert Store.open(store).splits_of_patients() == {"p1": "train", "p2": "train"}


def test_a_splits_file_that_was_changed_by_hand_is_a_users_own(tmp_path, build):
    tested, trained = find_pair()
    store = write_ecgs(tmp_path / "store", [(tested, 1), (trained, 2)], build=build)
    add(store, write_ecgs(tmp_path / "new", [(trained, 1)], build=build, folder="b"))
    assert is_by_hash(Store.open(store))
    shutil.copytree(store, tmp_path / "told")
    write_store_files(tmp_path / "told", {"splits.json": b'{"by": "table"}'})
    assert not is_by_hash(Store.open(tmp_path / "told"))


def test_a_group_goes_to_the_first_of_its_splits_and_only_those_move_who_are_elsewhere():
    splits = {"a": "test", "b": "calibration", "c": "test", "d": "test", "e": "train"}
    torn = find_torn(splits, joined=[("a", "b", "c", "new"), ("d", "other")])
    assert torn == (("a", "b", "c"),)
    assert bring_together(splits, torn=torn) == {"a": "calibration", "c": "calibration"}
