import hashlib
from collections import Counter
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hemometric.errors import StoreError
from hemometric.store.splits import (
    SPLITS,
    assign,
    assign_among,
    assign_joined,
    check_joined,
    join_copied,
    read_splits,
)


def assign_slowly(patient):
    """The documented rule, in exact arithmetic."""
    first_bytes = hashlib.sha256(b"hemometric split 1:" + patient.encode()).hexdigest()[:16]
    fraction = Fraction(int(first_bytes, 16), 2**64)
    if fraction < Fraction(6, 10):
        return "train"
    if fraction < Fraction(7, 10):
        return "validation"
    return "calibration" if fraction < Fraction(8, 10) else "test"


@settings(deadline=None)
@given(patients=st.lists(st.text(max_size=10)))
def test_the_split_is_that_of_the_documented_rule(patients):
    assert assign(patients).tolist() == [assign_slowly(patient) for patient in patients]


@settings(deadline=None)
@given(patients=st.lists(st.sampled_from("abcdefgh"), min_size=1), others=st.lists(st.text(max_size=3)))
def test_no_patient_is_in_two_splits_whoever_else_is_there(patients, others):
    found = dict(zip(patients, assign(patients), strict=True))
    for patient, split in zip(patients + others, assign(patients + others), strict=True):
        assert found.get(patient, split) == split


def test_the_shares_are_60_10_10_20_percent():
    counts = Counter(assign([f"patient {k}" for k in range(20_000)]).tolist())
    for split, share in zip(SPLITS, (0.6, 0.1, 0.1, 0.2), strict=True):
        assert abs(counts[split] / 20_000 - share) < 4 * np.sqrt(share * (1 - share) / 20_000)


def test_the_split_of_a_patient_never_changes_between_versions():
    patients = ["ptb-xl:15709", "ptbdb:patient001", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "Müller"]
    assert (
        " ".join(assign(patients))
        == "train train test train train train calibration train test train train train train"
    )


def test_no_patients_give_no_splits():
    assert assign([]).shape == (0,)


def test_a_users_splits_are_taken_as_they_are(tmp_path):
    path = tmp_path / "splits.csv"
    path.write_text("site,patient_id,split\nx,b,test\ny,a,calibration\nx,unused,train\n", encoding="utf-8-sig")
    assert read_splits(path, patient_ids=["a", "b", "a"]).tolist() == ["calibration", "test", "calibration"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("patient_id,split\na,train\nb,tset\n", r"line 3: split 'tset' of patient 'b', did you mean 'test'"),
        ("patient_id,split\na,train\n", r"no split for 1 patients of the store \(first 'b'\)"),
        (
            "patient_id,split\na,train\nb,test\na,test\nb,train\na,train\n",
            r"2 patients are in two splits: 'a' \(train, test\), 'b' \(test, train\); give each",
        ),
        ("patient_id,split\na,train\n a ,test\nb,test\n", r"1 patients are in two splits: 'a' \(train, test\)"),
        ("patient_id,split\na,trian\nb,test\n", r"line 2: split 'trian' of patient 'a', did you mean 'train'"),
        ("patient;split\na;train\n", "expected patient_id and split"),
        ("", "expected patient_id and split"),
        ("patient_id,split\na\n", "split '' of patient 'a'"),
    ],
)
def test_splits_that_cannot_be_used_are_refused(tmp_path, text, message):
    path = tmp_path / "splits.csv"
    path.write_text(text)
    with pytest.raises(StoreError, match=message):
        read_splits(path, patient_ids=["a", "b"])


def test_a_patient_on_several_lines_with_one_split_is_in_that(tmp_path):
    path = tmp_path / "splits.csv"
    path.write_text("ecg_id,patient_id,split\n1,a,train\n2,a,train\n3,b,test\n")
    assert read_splits(path, patient_ids=["b", "a"]).tolist() == ["test", "train"]


@settings(deadline=None)
@given(patients=st.lists(st.text(max_size=5)), splits=st.sets(st.sampled_from(SPLITS), min_size=1))
def test_drawing_among_all_splits_is_the_split_by_hash_and_among_some_gives_only_those(patients, splits):
    assert assign_among(patients, splits=SPLITS).tolist() == assign(patients).tolist()
    assert set(assign_among(patients, splits=sorted(splits))) <= splits


def test_splits_that_are_not_text_are_refused(tmp_path):
    path = tmp_path / "splits.csv"
    path.write_bytes(b"patient_id,split\n\xff\xfe,train\n")
    with pytest.raises(StoreError, match="not a readable CSV"):
        read_splits(path, patient_ids=["a"])


def joined(ecgs):
    """Of (patient_id, content_hash) each."""
    patients, hashes = zip(*ecgs, strict=True) if ecgs else ((), ())
    return join_copied(
        pa.chunked_array([pa.array(patients, pa.string())]), pa.chunked_array([pa.array(hashes, pa.string())])
    )


def join_slowly(ecgs):
    """Merge sets of patients until none share an ECG."""
    groups = [{patient} for patient in dict.fromkeys(patient for patient, _ in ecgs)]
    for content in {content for _, content in ecgs} - {""}:
        owners = {patient for patient, other in ecgs if other == content}
        touched = [group for group in groups if group & owners]
        groups = [group for group in groups if not group & owners] + [set().union(*touched)]
    return tuple(sorted(tuple(sorted(group)) for group in groups if len(group) > 1))


@settings(deadline=None)
@given(ecgs=st.lists(st.tuples(st.sampled_from("abcdefghij"), st.sampled_from(["", *"1234567890"]))))
def test_patients_are_joined_by_chains_of_copies_and_by_nothing_else(ecgs):
    assert joined(ecgs) == join_slowly(ecgs)
    assert joined(ecgs[::-1]) == joined(ecgs)


@settings(deadline=None)
@given(ecgs=st.lists(st.tuples(st.text(max_size=3), st.sampled_from("1234567")), min_size=1))
def test_no_copy_is_in_two_splits_and_nobody_else_moves(ecgs):
    groups = joined(ecgs)
    patients = [patient for patient, _ in ecgs]
    splits = assign_joined(patients, joined=groups)
    for content in {content for _, content in ecgs}:
        assert len({split for (_, other), split in zip(ecgs, splits, strict=True) if other == content}) == 1
    firsts = {group[0] for group in groups}
    others = {patient for group in groups for patient in group} - firsts
    for patient, split, alone in zip(patients, splits, assign(patients), strict=True):
        assert split == alone or patient in others


def test_copies_in_two_splits_of_a_users_table_are_named():
    splits = {"a": "train", "b": "test", "c": "train", "d": "train"}
    check_joined(splits, joined=[("a", "c", "d")], where="splits.csv")
    with pytest.raises(StoreError, match=r"splits.csv: the very same ECG .* \(1 times: 'a' \(train\), 'b' \(test\)\)"):
        check_joined(splits, joined=[("a", "b"), ("c", "d")], where="splits.csv")
