"""Several stores as one: nothing doubled or mixed up, and what cannot be joined is refused or left out by name."""

import json

import numpy as np
import pyarrow as pa
import pytest

from hemometric.ecg import LEADS
from hemometric.errors import HemometricError, SettingsError, StoreError
from hemometric.labels import join
from hemometric.store import Store, assign, merge, merging, verify, withdraw
from hemometric.store.changing import changing
from hemometric.store.concatenation import join_rows
from hemometric.store.definitions import encode_targets
from hemometric.store.tables import encode_table, read_table
from hemometric.targets import Event, Target, forget_targets


@pytest.fixture
def pair(full_store):
    """Two stores of different people, under different names."""
    return full_store("a"), full_store("b", name="other", people=range(10, 14))


def put(path, name, content):
    """A file of a user's making in a store, without a word in the manifest."""
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["files"].pop(name, None)
    (path / "manifest.json").write_text(json.dumps(manifest))
    (path / name).write_bytes(content)


def test_everything_of_both_is_there_in_order(pair, tmp_path):
    summary = merge(pair, out=tmp_path / "out")
    one, two, both = (Store.open(path) for path in (*pair, tmp_path / "out"))
    assert both.ecgs.equals(pa.concat_tables([one.ecgs, two.ecgs]))
    expected = np.concatenate([store.take(range(len(store))) for store in (one, two)])
    np.testing.assert_array_equal(both.take(range(len(both))), expected)
    assert both.labels().equals(pa.concat_tables([one.labels(), two.labels()]))
    assert both.splits().tolist() == [*one.splits(), *two.splits()]
    assert (tmp_path / "out" / "label_rejects.csv").read_text().count("implausible") == 10
    assert (tmp_path / "out" / "rejects.csv").read_text().count("\n") == 1 + 8 + 6
    assert [part["name"] for part in both.manifest.provenance["merged"]] == ["a", "b"]
    assert (summary.n_ecgs, summary.n_patients, summary.n_shared, summary.copies.n) == (30, 10, 0, 0)
    assert verify(tmp_path / "out") == []
    for path in pair:
        assert verify(path) == []


def test_links_are_those_that_link_would_find(pair, tmp_path):
    merge(pair, out=tmp_path / "out")
    both = Store.open(tmp_path / "out")
    assert both.links().equals(join(both.ecgs, both.labels(), window_hours=24.0).links)


@pytest.mark.parametrize(
    ("attrition", "why"),
    [
        (b'{"window_hours": 48.0, "side": "both"}', r"different windows: 24 h \(both\) and 48 h \(both\)"),
        (b"{}", r"b has no attrition\.json that tells how it was linked"),
    ],
)
def test_links_of_another_rule_are_left_out_and_said(pair, tmp_path, attrition, why):
    put(pair[1], "attrition.json", attrition)
    told = merge(pair, out=tmp_path / "out").text()
    assert Store.open(tmp_path / "out").links() is None
    assert why.replace("\\", "") in told.replace(str(pair[1]), "b")
    assert "run hemometric link" in told


def test_equal_ids_are_refused_until_somebody_says_that_they_are_the_same(full_store, tmp_path):
    stores = full_store("a"), full_store("b", name="other", people=range(4, 8))
    with pytest.raises(
        SettingsError, match=r"2 patient ids are in more than one .*'person-004', 'person-005'.*--same-pat"
    ):
        merge(stores, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    summary = merge(stores, out=tmp_path / "out", same_patients=True)
    both = Store.open(tmp_path / "out")
    assert (summary.copies.n, summary.copies.n_renamed, summary.n_shared, len(both)) == (6, 6, 2, 24)
    assert len(set(both.ecgs["content_hash"].to_pylist())) == 24
    assert both.links() is None
    assert "2 patients are in more than one store" in summary.text()
    assert verify(tmp_path / "out") == []


def test_a_patient_in_two_splits_is_refused_by_name(full_store, tmp_path):
    stores = full_store("a", people=range(4)), full_store("b", name="other", people=range(3, 8))
    with pytest.raises(SettingsError, match=r"1 patients are in two splits: 'person-003' \(test, train\)"):
        merge(stores, out=tmp_path / "out", same_patients=True)


def test_a_store_without_splits_of_its_own_keeps_those_by_hash(full_store, tmp_path):
    stores = full_store("a"), full_store("b", name="other", people=range(10, 30), with_splits=False)
    merge(stores, out=tmp_path / "out")
    expected = [*Store.open(stores[0]).splits(), *Store.open(stores[1]).splits()]
    assert Store.open(tmp_path / "out").splits().tolist() == expected
    assert json.loads((tmp_path / "out" / "splits.json").read_text())["of"][1] == {"name": "b", "rule": "by hash"}


def test_a_copy_under_another_patient_stays_so_that_the_two_share_a_split(full_store, tmp_path):
    splits = assign([f"person-{k:03d}" for k in range(30)]).tolist()
    other = next(k for k in range(1, 30) if splits[k] != splits[0])
    joined = full_store("a", people=[0, other], twins=(0, other), with_splits=False)
    alone = full_store("b", name="other", people=[0], with_splits=False)
    summary = merge([alone, joined], out=tmp_path / "out", same_patients=True)
    both = Store.open(tmp_path / "out")
    assert both.ecgs["patient_id"].to_pylist() == ["person-000"] * 3 + [f"person-{other:03d}"] * 3
    assert (summary.copies.n, summary.copies.n_tying) == (3, 3)
    assert both.joined_patients == (("person-000", f"person-{other:03d}"),)
    assert set(both.splits().tolist()) == {splits[0]}
    assert not (tmp_path / "out" / "splits.csv").exists()


def test_two_ecgs_of_one_name_are_refused_or_get_the_names_of_their_stores(full_store, tmp_path):
    stores = full_store("a"), full_store("c", people=range(2))
    put_other_samples(stores[1])
    with pytest.raises(StoreError, match=r"6 ECGs have the name of another .*'ward/000/0#0'.*--prefix-names"):
        merge(stores, out=tmp_path / "out", same_patients=True)
    merge(stores, out=tmp_path / "out", same_patients=True, prefix_names=True)
    both = Store.open(tmp_path / "out")
    assert len(both) == 24
    assert both.ecgs["ecg_id"].to_pylist()[0] == both.ecgs["source"].to_pylist()[0] == "a/ward/000/0#0"
    assert both.ecgs["ecg_id"].to_pylist()[-1] == "c/ward/001/2#0"
    assert "a/ward/000/0#1" in (tmp_path / "out" / "rejects.csv").read_text()
    assert verify(tmp_path / "out") == []


def put_other_samples(path):
    """Every ECG of a store with other samples under the same name."""
    store = Store.open(path)
    place = store.ecgs.schema.get_field_index("content_hash")
    with changing(path, doing="test") as change:
        for file in sorted((path / "ecgs").iterdir()):
            table = read_table(file)
            hashes = pa.array([f"other {value}" for value in table["content_hash"].to_pylist()])
            change.put(
                f"ecgs/{file.name}", [encode_table(table.set_column(place, store.ecgs.schema.field(place), hashes))]
            )
        change.commit(store.manifest)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"sampling_rate_hz": 500.0}, r"differ in rate \(250 Hz and 500 Hz\)"),
        ({"simulated": True}, r"kind \(recorded and simulated\)"),
        ({"provenance": {"deidentified": {"secret_fingerprint": "ab"}}}, r"secret .*\(none and fingerprint ab\)"),
    ],
)
def test_stores_that_do_not_go_together_are_refused_with_the_difference(full_store, tmp_path, changed, message):
    stores = full_store("a"), full_store("b", name="other", people=range(10, 14), **changed)
    with pytest.raises(SettingsError, match=message):
        merge(stores, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_twelve_stored_leads_and_eight_do_not_go_together(make_store, full_store, tmp_path):
    twelve, _ = make_store(stored_leads=LEADS)
    with pytest.raises(SettingsError, match=r"stored leads \(8 and 12\)"):
        merge([full_store("a"), twelve], out=tmp_path / "out")


def test_one_target_with_two_meanings_is_refused_with_the_difference(pair, tmp_path):
    forget_targets()
    ef = Target("ef", "ejection fraction", "%", 5.0, 90.0, (Event("ef", "<", 40.0),))
    put(pair[0], "targets.json", encode_targets([ef]))
    put(pair[1], "targets.json", encode_targets([Target("ef", "EF", "%", 5.0, 90.0, (Event("ef", "<", 35.0),))]))
    with pytest.raises(
        SettingsError, match=r"target ef: title is 'ejection fraction' in .*; events is ef<40 in .*ef<35"
    ):
        merge(pair, out=tmp_path / "out")
    put(pair[1], "targets.json", encode_targets([ef]))
    merge(pair, out=tmp_path / "out")
    assert (tmp_path / "out" / "targets.json").read_bytes() == encode_targets([ef])
    forget_targets()


def test_of_equal_values_the_last_stays_so_that_the_last_at_a_time_still_counts():
    first = pa.table({"value": [12.0, 13.0]})
    assert join_rows([first, None, pa.table({"value": [12.0]})])["value"].to_pylist() == [13.0, 12.0]
    assert join_rows([None]) is None


@pytest.mark.parametrize("names", [["a"], ["a", "a"], ["a", "./a"]])
def test_one_store_is_not_several(full_store, tmp_path, names):
    full_store("a")
    with pytest.raises(SettingsError, match="two or more different stores"):
        merge([tmp_path / name for name in names], out=tmp_path / "out")


def test_a_store_that_changes_meanwhile_or_is_damaged_is_refused(pair, tmp_path, monkeypatch):
    really_add = merging._add_shard
    file = pair[1] / "shards" / "00000.npy"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(StoreError, match="changed since it was written"):
        merge(pair, out=tmp_path / "out")
    file.write_bytes(whole)

    def add_and_change(writer, part, number, *, cursor):
        if part.store.path == pair[1] and number == 0:
            withdraw(pair[0], ["person-000"])
        really_add(writer, part, number, cursor=cursor)

    monkeypatch.setattr(merging, "_add_shard", add_and_change)
    with pytest.raises(StoreError, match="was changed while it was merged"):
        merge(pair, out=tmp_path / "other")
    assert verify(tmp_path / "other") != []


def test_an_occupied_place_is_refused(pair, full_store, content):
    there = full_store("there")
    before = content(there)
    with pytest.raises(HemometricError, match="already a complete store"):
        merge(pair, out=there)
    assert content(there) == before
