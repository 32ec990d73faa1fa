import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hemometric.ecg import INDEPENDENT_LEADS
from hemometric.errors import SettingsError, StoreError
from hemometric.store import (
    ECGS_SCHEMA,
    LINKS_SCHEMA,
    SPLITS,
    Store,
    StoreSettings,
    StoreWriter,
    assign,
    describe_rule,
    split_as_table,
    split_by_hash,
    split_by_site,
    split_by_time,
    verify,
    write_store_table,
)


@pytest.fixture
def store_of(tmp_path):
    """Return a function that makes a store of ECGs (patient_id, acquired_at, source)."""
    made = []

    def make(*ecgs, hashes=None):
        path = tmp_path / f"store{len(made)}"
        made.append(path)
        fixed = {"patient_id_known": True, "n_samples_original": 10, "sampling_rate_hz_original": 250.0}
        rows = [
            {
                "ecg_id": f"e{k}",
                "patient_id": patient,
                "acquired_at": at,
                "source": source,
                "content_hash": hashes[k] if hashes else "",
                **fixed,
            }
            for k, (patient, at, source) in enumerate(ecgs)
        ]
        shape = StoreSettings(sampling_rate_hz=250.0, n_samples=10, stored_leads=INDEPENDENT_LEADS, simulated=False)
        writer = StoreWriter.open(path, settings=shape, resume=False)
        shard = np.zeros((len(rows), 8, 10), dtype=np.int16)
        writer.write_shard(shard, pa.Table.from_pylist(rows, schema=ECGS_SCHEMA), rejects=[], cursor={})
        writer.finish()
        return Store.open(path)

    return make


def by_patient(store):
    found = {}
    for patient, split in zip(store.ecgs["patient_id"].to_pylist(), store.splits().tolist(), strict=True):
        assert found.setdefault(patient, split) == split, f"{patient} is in two splits"
    return found


VISITS = [
    ("old", "2016-01-01T10:00:00", "north/1"),
    ("old", "2017-12-31T23:59:59", "north/2"),
    ("both", "2017-01-01", "north/3"),
    ("both", "2019-01-01", "south/1"),
    ("new", "2018-01-01", "south/2"),
]


def test_in_time_nothing_later_is_trained_on_and_who_came_back_is_tested(store_of):
    store = store_of(*VISITS)
    summary = split_by_time(store, train_until="2018-01-01")
    splits = by_patient(store)
    assert (splits["both"], splits["new"]) == ("test", "test")
    assert splits["old"] in ("train", "validation", "calibration")
    assert (summary.n_patients["test"], summary.n_ecgs["test"]) == (2, 3)
    assert verify(store.path) == []


def test_by_the_first_ecg_those_who_came_back_are_trained_on(store_of):
    store = store_of(*VISITS)
    split_by_time(store, train_until="2018-01-01", of="first")
    assert {patient for patient, split in by_patient(store).items() if split == "test"} == {"new"}


def test_every_split_may_have_a_period_of_its_own(store_of):
    store = store_of(*[(f"p{year}", f"{year}-06-01", "x") for year in range(2010, 2014)])
    ends = {"train_until": "2011-01-01", "validation_until": "2012-01-01", "calibration_until": "2013-01-01"}
    split_by_time(store, **ends)
    assert list(by_patient(store).values()) == list(SPLITS)
    assert json.loads((store.path / "splits.json").read_text()) == {
        "schema_version": 1,
        "by": "time",
        **ends,
        "of": "last",
        "unclear": None,
        "n_unclear": 0,
    }


def test_a_period_without_one_for_calibration_is_shared_and_training_keeps_its_own(store_of):
    store = store_of(*[(f"p{k}", f"20{10 + k % 3}-06-01", "x") for k in range(120)])
    split_by_time(store, train_until="2011-01-01", validation_until="2012-01-01")
    years = {}
    for patient, split in by_patient(store).items():
        years.setdefault(int(patient[1:]) % 3, set()).add(split)
    assert years == {0: {"train"}, 1: {"validation", "calibration"}, 2: {"test"}}


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    visits=st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(2010, 2020)), min_size=1, max_size=12),
    until=st.integers(2009, 2021),
    of=st.sampled_from(["last", "first"]),
)
def test_no_patient_is_in_two_splits_and_no_later_ecg_in_training(store_of, visits, until, of):
    store = store_of(*[(patient, f"{year}-03-01", "x") for patient, year in visits])
    split_by_time(store, train_until=f"{until}-01-01", of=of)
    years = {patient: [year for name, year in visits if name == patient] for patient, _ in visits}
    for patient, split in by_patient(store).items():
        counted = max(years[patient]) if of == "last" else min(years[patient])
        assert (split == "test") == (counted >= until)


def test_a_patient_without_a_time_is_refused_by_name_or_goes_where_the_user_says(store_of):
    store = store_of(*VISITS, ("timeless", None, "x"))
    with pytest.raises(SettingsError, match=r"1 patients cannot be placed \('timeless'\): no time is known of them"):
        split_by_time(store, train_until="2018-01-01")
    assert not (store.path / "splits.csv").exists()
    assert split_by_time(store, train_until="2018-01-01", unclear="calibration").n_unclear == 1
    assert by_patient(store)["timeless"] == "calibration"


@pytest.mark.parametrize(
    ("ends", "message"),
    [
        ({"train_until": "1.1.2018"}, "--train-until '1.1.2018': expected a date"),
        ({"train_until": "2018-01-01T00:00Z"}, "without a zone"),
        ({"train_until": "2018-01-01", "validation_until": "2017-01-01"}, "must rise"),
        ({"train_until": "2018-01-01", "calibration_until": "2019-01-01"}, "needs --validation-until"),
        ({"train_until": "2018-01-01", "unclear": "tset"}, "unknown split 'tset', did you mean 'test'"),
    ],
)
def test_ends_of_periods_that_make_no_sense_are_refused(store_of, ends, message):
    with pytest.raises(SettingsError, match=message):
        split_by_time(store_of(*VISITS), **ends)


def test_a_site_is_tested_at_and_the_others_are_shared(store_of):
    store = store_of(("a", None, "north/1"), ("b", None, "south/1"), ("c", None, "east/1"))
    split_by_site(store, column="source", sites={"test": ["south"]})
    splits = by_patient(store)
    assert splits["b"] == "test"
    assert {splits["a"], splits["c"]} <= {"train", "validation", "calibration"}
    split_by_site(store, column="source", sites={"train": ["north"], "validation": ["east"], "test": ["south"]})
    splits = by_patient(store)
    assert (splits["b"], splits["c"]) == ("test", "validation")
    assert splits["a"] in ("train", "calibration")


def test_a_patient_of_two_sites_is_refused_by_name_or_goes_where_the_user_says(store_of):
    store = store_of(*VISITS)
    with pytest.raises(SettingsError, match=r"1 patients are in two splits: 'both' \(train, test\)"):
        split_by_site(store, column="source", sites={"test": ["south"]})
    split_by_site(store, column="source", sites={"test": ["south"]}, unclear="test")
    assert by_patient(store)["both"] == "test"
    split_by_site(store, column="source", sites={"test": ["south", "north"]})
    assert set(by_patient(store).values()) == {"test"}


def test_sites_may_come_from_a_table_of_patients(store_of, tmp_path):
    store = store_of(*VISITS)
    table = tmp_path / "sites.csv"
    table.write_text("patient_id,hospital\nold,A\nboth,A\nnew,B\nelsewhere,C\n")
    split_by_site(store, column="hospital", sites={"test": ["B"]}, table=table)
    assert {patient for patient, split in by_patient(store).items() if split == "test"} == {"new"}
    table.write_text("patient_id,hospital\nold,A\nnew,B\n")
    with pytest.raises(SettingsError, match=r"\('both'\): no hospital is known of them"):
        split_by_site(store, column="hospital", sites={"test": ["B"]}, table=table)


@pytest.mark.parametrize(
    ("column", "sites", "message"),
    [
        ("sourse", {"test": ["south"]}, "no column 'sourse', did you mean 'source'"),
        ("source", {}, "name the sites to test at with --test; source has north, south"),
        ("source", {"test": ["soth"]}, "--test: no patient has source 'soth', did you mean 'south'"),
        ("source", {"train": ["south"], "test": ["south"]}, "'south' is named for train and for test"),
        ("source", {"train": ["south"], "test": []}, "name the sites to test at"),
        ("source", {"validation": ["south"], "train": ["south"], "test": ["north"]}, "named for validation"),
    ],
)
def test_sites_that_there_are_not_are_refused_with_the_nearest(store_of, column, sites, message):
    with pytest.raises(SettingsError, match=message):
        split_by_site(store_of(*VISITS), column=column, sites=sites)


def test_with_training_sites_named_none_is_left_over(store_of):
    store = store_of(("a", None, "north/1"), ("b", None, "south/1"), ("c", None, "east/1"))
    with pytest.raises(SettingsError, match="source east is in no split; name all, or leave --train out"):
        split_by_site(store, column="source", sites={"train": ["north"], "test": ["south"]})


def test_a_table_is_taken_as_it_is_and_its_gaps_are_refused_or_filled(store_of, tmp_path):
    store = store_of(*VISITS)
    table = tmp_path / "mine.csv"
    table.write_text("patient_id,split\nold,validation\nboth,test\nelsewhere,train\n")
    with pytest.raises(SettingsError, match=r"\('new'\): .*mine\.csv does not name them"):
        split_as_table(store, table)
    split_as_table(store, table, unclear="train")
    assert by_patient(store) == {"old": "validation", "both": "test", "new": "train"}
    table.write_text("patient_id,split\nold,validation\nold,test\n")
    with pytest.raises(StoreError, match=r"'old' \(validation, test\)"):
        split_as_table(store, table)
    assert by_patient(store)["old"] == "validation"


def test_back_to_hash_leaves_nothing_behind(store_of):
    store = store_of(*VISITS)
    files = dict(store.manifest.files)
    assert describe_rule(store.path) == "by hash"
    split_by_time(store, train_until="2018-01-01")
    assert describe_rule(store.path) == "by time"
    split_by_hash(store)
    assert Store.open(store.path).manifest.files == files
    assert store.splits().tolist() == assign(store.ecgs["patient_id"].to_pylist()).tolist()
    (store.path / "splits.csv").write_text("patient_id,split\n")
    assert describe_rule(store.path) == "as splits.csv says"


def test_the_account_counts_patients_ecgs_and_linked_values(store_of):
    store = store_of(*VISITS)
    link = {"target": "mpcwp", "value": 12.0, "measured_at": "2019-01-01", "gap_hours": None}
    table = pa.Table.from_pylist([{"ecg_id": ecg_id, **link} for ecg_id in ("e3", "e4")], schema=LINKS_SCHEMA)
    write_store_table(store.path, "links.parquet", table)
    summary = split_by_time(store, train_until="2018-01-01")
    assert summary.n_linked["mpcwp"] == {"train": 0, "validation": 0, "calibration": 0, "test": 2}
    assert summary.text().splitlines()[0] == "split by time"
    assert "with mpcwp" in summary.text()
    assert "nobody is in" in summary.text()


def test_a_time_that_cannot_be_read_is_named(store_of):
    with pytest.raises(StoreError, match=r"ECG e0: time '1\.1\.2018' is not ISO 8601"):
        split_by_time(store_of(("a", "1.1.2018", "x")), train_until="2018-01-01")


COPIED = [
    ("anna", "2016-01-01T10:00:00", "north/1"),
    ("bert", "2021-01-01T10:00:00", "south/2"),
    ("carl", "2016-05-01T10:00:00", "north/3"),
    ("dora", "2021-05-01T10:00:00", "south/4"),
]


def test_by_hash_patients_with_the_same_ecg_share_the_split_of_the_first(store_of):
    patients = [f"p{number:03d}" for number in range(200)]
    ecgs = [(patient, None, "a/1") for patient in patients]
    store = store_of(*ecgs, hashes=[str(number // 2) for number in range(200)])
    splits = by_patient(store)
    assert [splits[patient] for patient in patients] == np.repeat(assign(patients[::2]), 2).tolist()


def test_what_a_rule_draws_it_draws_once_for_patients_with_the_same_ecg(store_of):
    ecgs = [(f"p{number:03d}", "2016-01-01T10:00:00", "a/1") for number in range(100)]
    store = store_of(*ecgs, ("z", "2022-01-01T10:00:00", "a/1"), hashes=[*(str(k // 2) for k in range(100)), "z"])
    split_by_time(store, train_until="2020-01-01")
    splits = by_patient(store)
    assert {splits[f"p{k:03d}"] == splits[f"p{k + 1:03d}"] for k in range(0, 100, 2)} == {True}
    assert {"train", "validation", "calibration"} <= set(splits.values())


def test_a_rule_that_tears_copies_apart_is_refused_by_name_until_told_where_they_go(store_of):
    store = store_of(*COPIED, hashes=["x", "x", "y", "z"])
    message = r"2 patients cannot be placed \('anna', 'bert'\): the very same ECG stands under .* \('anna' and 'bert'\)"
    for split in (
        lambda unclear: split_by_time(store, train_until="2020-01-01", unclear=unclear),
        lambda unclear: split_by_site(store, column="source", sites={"test": ["south"]}, unclear=unclear),
    ):
        with pytest.raises(SettingsError, match=message):
            split(None)
        assert split("validation").n_unclear == 2
        splits = by_patient(store)
        assert (splits["anna"], splits["bert"], splits["dora"]) == ("validation", "validation", "test")


def test_a_table_of_the_users_own_that_tears_copies_apart_is_not_used(store_of):
    store = store_of(*COPIED, hashes=["x", "x", "y", "z"])
    (store.path / "splits.csv").write_text("patient_id,split\nanna,train\nbert,test\ncarl,train\ndora,test\n")
    with pytest.raises(StoreError, match=r"splits.csv: the very same ECG .* 'anna' \(train\), 'bert' \(test\)"):
        store.splits()
    assert any("the very same ECG" in problem for problem in verify(store.path))
