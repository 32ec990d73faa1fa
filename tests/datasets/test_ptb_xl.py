import csv
from pathlib import Path

import pytest

from hemometric.datasets import Facts, open_dataset
from hemometric.datasets.ptb_xl import find_root, open_at, read_splits
from hemometric.errors import ReadError
from hemometric.formats import find_records

HEADER = "ecg_id,patient_id,age,sex,recording_date,report,filename_lr,filename_hr"


def row(patient="15709.0", age="56.0", sex="1", date="1984-11-09 09:17:34", number="00001"):
    return f'1,{patient},{age},{sex},{date},"a report, with a comma",r100/00000/{number}_lr,r500/00000/{number}_hr'


@pytest.fixture
def write_table(tmp_path):
    def write(*rows, header=HEADER):
        (tmp_path / "ptbxl_database.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
        return tmp_path

    return write


def facts_of(root, name="00001_hr.hea"):
    return open_at(root).facts(root / "anywhere" / name)


@pytest.mark.parametrize("name", ["00001_hr.hea", "00001_lr.hea", "00001_hr"])
def test_both_rates_of_a_record_are_the_same_patient(write_table, name):
    assert facts_of(write_table(row()), name) == Facts(
        patient_id="ptb-xl:15709", age_years=56.0, sex="female", acquired_at="1984-11-09T09:17:34"
    )


def test_a_record_that_is_not_in_the_table_is_unknown(write_table):
    assert facts_of(write_table(row()), "00002_hr.hea") == Facts()


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"patient": ""}, {"patient_id": None}),
        ({"patient": "3"}, {"patient_id": "ptb-xl:3"}),
        ({"sex": "0"}, {"sex": "male"}),
        ({"sex": ""}, {"sex": None}),
        ({"age": "300.0"}, {"age_years": 90.0, "notes": ("age over 89 (coded 300 in PTB-XL): taken as 90",)}),
        ({"age": ""}, {"age_years": None, "notes": ()}),
        ({"age": "-5"}, {"age_years": None, "notes": ("age -5 is not plausible: taken as unknown",)}),
        ({"age": "nan"}, {"age_years": None}),
        ({"date": ""}, {"acquired_at": None}),
        ({"date": "09.11.1984"}, {"acquired_at": None}),
    ],
)
def test_codes_of_the_table(write_table, fields, found):
    facts = facts_of(write_table(row(**fields)))
    for name, value in found.items():
        assert getattr(facts, name) == value


def test_the_folder_is_found_from_below(write_table):
    root = write_table(row())
    deep = root / "records500" / "00000"
    deep.mkdir(parents=True)
    (deep / "00001_hr.hea").touch()
    for source in (root, root / "records500", deep, deep / "00001_hr.hea"):
        assert find_root(source) == root
    assert find_root(root.parent) is None


@pytest.mark.parametrize(
    ("header", "rows", "message"),
    [
        ("ecg_id,patient_id,age,sex", ["1,2,3,0"], "lacks the columns recording_date, filename_lr, filename_hr"),
        (HEADER, [], "lacks the columns patient_id"),
    ],
)
def test_a_table_that_lacks_columns_is_refused(write_table, header, rows, message):
    with pytest.raises(ReadError, match=message) as caught:
        open_at(write_table(*rows, header=header))
    assert caught.value.code == "metadata"


def test_a_table_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "ptbxl_database.csv").write_bytes(b"\xff\xfe\x00patient_id")
    with pytest.raises(ReadError, match="cannot be read as CSV"):
        open_at(tmp_path)


@pytest.fixture
def write_folds(tmp_path):
    """Return a function that writes (patient, fold) as a table."""

    def write(*pairs):
        lines = ["ecg_id,patient_id,strat_fold", *(f"1,{patient},{fold}" for patient, fold in pairs)]
        (tmp_path / "ptbxl_database.csv").write_text("\n".join(lines) + "\n")
        return tmp_path

    return write


def test_the_splits_by_fold_are_by_patient(write_folds):
    root = write_folds(("6", 7), ("7.0", 8), ("7.0", 8), ("8.0", 9), ("9", "10"), ("", 10), ("10.0", 1), ("10.0", 2))
    assert read_splits(root) == {
        "ptb-xl:6": "train",
        "ptb-xl:7": "validation",
        "ptb-xl:8": "calibration",
        "ptb-xl:9": "test",
        "ptb-xl:10": "train",
    }


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([("7", 8), ("7", 9)], "patient ptb-xl:7 is in two splits"),
        ([("7", 9), ("8", 1), ("7", 10)], "patient ptb-xl:7 is in two splits"),
        ([("7", 11)], "strat_fold '11' is none of 1 to 10"),
        ([("7", "")], "strat_fold '' is none of 1 to 10"),
        ([], "lacks the columns patient_id, strat_fold"),
    ],
)
def test_splits_that_tear_a_patient_apart_or_are_none_are_refused(write_folds, pairs, message):
    with pytest.raises(ReadError, match=message) as caught:
        read_splits(write_folds(*pairs))
    assert caught.value.code == "metadata"


def test_the_real_folds_tear_no_patient_apart(real_data):
    splits = read_splits(real_data / "ptbxl")
    with (real_data / "ptbxl" / "ptbxl_database.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["patient_id"].removesuffix(".0") for row in rows} == {name.removeprefix("ptb-xl:") for name in splits}
    for row in rows:
        expected = {"8": "validation", "9": "calibration", "10": "test"}.get(row["strat_fold"], "train")
        assert splits[f"ptb-xl:{row['patient_id'].removesuffix('.0')}"] == expected


def test_a_source_that_holds_every_ecg_twice_is_told_so_and_its_half_is_not(write_table):
    root = write_table(row())
    (root / "records500").mkdir()
    assert open_dataset(root).remark == ""
    (root / "records100").mkdir()
    for name in ("auto", "ptb-xl"):
        assert "every ECG of ptb-xl twice, at 100 and at 500 Hz" in open_dataset(root, name=name).remark
    assert open_dataset(root / "records500").remark == ""


def test_every_real_record_has_a_patient(real_data):
    dataset = open_dataset(real_data / "ptbxl")
    assert dataset is not None
    facts = [dataset.facts(Path(record)) for record in find_records(real_data / "ptbxl")]
    assert len(facts) == 500
    assert len({known.patient_id for known in facts}) == 466
    assert all(known.patient_id and known.sex and known.acquired_at for known in facts)
