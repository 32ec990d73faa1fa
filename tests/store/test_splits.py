import hashlib
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hemometric.errors import StoreError
from hemometric.store.splits import SPLITS, assign, assign_among, read_splits


def assign_slowly(patient):
    """The documented rule, in exact arithmetic."""
    first_bytes = hashlib.sha256(b"hemometric split 1:" + patient.encode()).hexdigest()[:16]
    fraction = Fraction(int(first_bytes, 16), 2**64)
    if fraction < Fraction(6, 10):
        return "train"
    if fraction < Fraction(7, 10):
        return "validation"
    return "calibration" if fraction < Fraction(8, 10) else "test"


@given(patients=st.lists(st.text(max_size=10)))
def test_the_split_is_that_of_the_documented_rule(patients):
    assert assign(patients).tolist() == [assign_slowly(patient) for patient in patients]


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


@given(patients=st.lists(st.text(max_size=5)), splits=st.sets(st.sampled_from(SPLITS), min_size=1))
def test_drawing_among_all_splits_is_the_split_by_hash_and_among_some_gives_only_those(patients, splits):
    assert assign_among(patients, splits=SPLITS).tolist() == assign(patients).tolist()
    assert set(assign_among(patients, splits=sorted(splits))) <= splits


def test_splits_that_are_not_text_are_refused(tmp_path):
    path = tmp_path / "splits.csv"
    path.write_bytes(b"patient_id,split\n\xff\xfe,train\n")
    with pytest.raises(StoreError, match="not a readable CSV"):
        read_splits(path, patient_ids=["a"])
