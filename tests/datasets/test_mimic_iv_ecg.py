"""A miniature of MIMIC-IV-ECG and of the MIMIC-IV beside it: names of files and columns, codes for nothing."""

import gzip

import pytest

from hemometric.datasets import Facts, open_dataset
from hemometric.datasets.mimic_iv_ecg import find_patients, find_root, open_at, read_machine_measurements
from hemometric.errors import ReadError

RECORDS = """subject_id,study_id,file_name,ecg_time,path
10000048,45000001,45000001,2131-01-02 03:04:05,files/p1000/p10000048/s45000001/45000001
10000032,40689238,40689238,2180-07-23 08:44:00,files/p1000/p10000032/s40689238/40689238
10000032,40689239,40689239,2183-07-23 08:44:00,files/p1000/p10000032/s40689239/40689239
10000099,46000001,46000001,2131-01-02 03:04:05,files/p1000/p10000099/s46000001/46000001
"""
PATIENTS = """subject_id,gender,anchor_age,anchor_year,anchor_year_group,dod
10000048,M,91,2130,2008 - 2010,
10000032,F,52,2180,2014 - 2016,2180-09-09
"""


def make(folder, patients=None):
    folder.mkdir(parents=True)
    (folder / "record_list.csv").write_text(RECORDS)
    if patients is not None:
        place = folder / patients
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(gzip.compress(PATIENTS.encode()) if place.name.endswith(".gz") else PATIENTS.encode())
    return folder


def record(root, name, subject=10000032):
    return root / "files" / "p1000" / f"p{subject}" / f"s{name}" / f"{name}.hea"


def test_patient_and_time_are_of_the_record_list_and_age_and_sex_of_mimic_iv(tmp_path):
    root = make(tmp_path / "mimic-iv-ecg", "../mimiciv/3.1/hosp/patients.csv.gz")
    dataset = open_dataset(root)
    assert dataset.name == "mimic-iv-ecg"
    assert dataset.tables == (root / "record_list.csv", tmp_path / "mimiciv" / "3.1" / "hosp" / "patients.csv.gz")
    expected = Facts(patient_id="mimic-iv:10000032", acquired_at="2180-07-23T08:44:00", age_years=52.0, sex="female")
    assert dataset.facts(record(root, 40689238)) == expected
    assert dataset.facts(record(root, 40689239)).age_years == 55.0


def test_an_age_over_89_is_counted_from_its_code_and_says_so(tmp_path):
    root = make(tmp_path / "ecg", "hosp/patients.csv")
    facts = open_at(root).facts(record(root, 45000001))
    assert (facts.age_years, facts.sex) == (92.0, "male")
    assert "coded 91" in facts.notes[0]


def test_a_patient_who_is_not_in_mimic_iv_has_neither_age_nor_sex(tmp_path):
    root = make(tmp_path / "ecg", "hosp/patients.csv")
    expected = Facts(patient_id="mimic-iv:10000099", acquired_at="2131-01-02T03:04:05")
    assert open_at(root).facts(record(root, 46000001)) == expected


@pytest.mark.parametrize("name", ["47000000", "x", "", "-1", "1" * 30, "٤٠٦٨٩٢٣٨"])
def test_a_record_that_is_not_listed_is_unknown(tmp_path, name):
    root = make(tmp_path / "ecg")
    assert open_at(root).facts(root / f"{name}.hea") == Facts()


@pytest.mark.parametrize(
    "place",
    [
        "hosp/patients.csv",
        "../hosp/patients.csv.gz",
        "../mimiciv/hosp/patients.csv",
        "../mimic-iv-3.1/hosp/patients.csv",
        "../mimiciv/2.2/hosp/patients.csv.gz",
        "../../mimiciv/2.2/hosp/patients.csv.gz",
    ],
)
def test_mimic_iv_is_found_inside_or_beside(tmp_path, place):
    root = make(tmp_path / "a" / "mimic-iv-ecg", place)
    assert find_patients(root) == (root / place).resolve()


def test_without_mimic_iv_age_is_unknown_and_that_is_said(tmp_path):
    root = make(tmp_path / "mimic-iv-ecg", "../mimic-iv-ed/hosp/patients.csv")
    dataset = open_at(root)
    assert find_patients(root) is None
    assert dataset.facts(record(root, 40689238)).age_years is None
    assert "age and sex are unknown" in dataset.remark


def test_that_the_clocks_of_the_machines_may_be_off_is_said_with_or_without_mimic_iv(tmp_path):
    for name, patients in (("with", "hosp/patients.csv"), ("without", None)):
        assert "clocks of most ECG machines" in open_at(make(tmp_path / name / "ecg", patients)).remark


def test_the_archive_is_found_from_every_level_and_nothing_else_is(tmp_path):
    root = make(tmp_path / "ecg")
    header = record(root, 40689238)
    header.parent.mkdir(parents=True)
    header.write_text("40689238 0 500 5000\n")
    for source in (root, root / "files", header.parent, header):
        assert find_root(source) == root
    other = tmp_path / "other"
    other.mkdir()
    (other / "record_list.csv").write_text("name,file\na,b\n")
    assert find_root(other) is None
    with pytest.raises(ReadError, match=r"this is not mimic-iv-ecg: expected record_list\.csv with the columns"):
        open_dataset(other, name="mimic-iv-ecg")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (("45000001,45000001", "fortyfive,45000001"), "is not the table of MIMIC"),
        (("45000001,45000001", ",45000001"), "without subject_id or study_id"),
        (("45000001,45000001", "40689238,45000001"), "twice"),
        (("2131-01-02 03:04:05,files/p1000/p10000048", "soon,files/p1000/p10000048"), "is not the table of MIMIC"),
    ],
)
def test_a_damaged_record_list_is_refused(tmp_path, changed, message):
    root = make(tmp_path / "ecg")
    (root / "record_list.csv").write_text(RECORDS.replace(*changed))
    with pytest.raises(ReadError, match=message) as caught:
        open_at(root)
    assert caught.value.code == "metadata"
    assert "\n" not in str(caught.value)


def test_a_sentinel_of_the_machine_is_no_measurement(tmp_path):
    root = make(tmp_path / "ecg")
    columns = "subject_id,study_id,cart_id,ecg_time,report_0,rr_interval,p_onset,p_end,qrs_onset,qrs_end,t_end,"
    rows = (
        "10000032,40689238,6848296,2180-07-23 08:44:00,Sinus rhythm,659,40,128,170,258,518,81,77,65",
        "10000048,45000001,6848296,2131-01-02 03:04:05,Paced rhythm,759,29999,29999,170,258,518,32767,-32768,65535",
    )
    text = "\n".join([f"{columns}p_axis,qrs_axis,t_axis", *rows]) + "\n"
    (root / "machine_measurements.csv").write_text(text)
    first, second = read_machine_measurements(root).to_pylist()
    assert list(first.values()) == [10000032, 40689238, 659, 40, 128, 170, 258, 518, 81, 77, 65]
    assert list(second.values()) == [10000048, 45000001, 759, None, None, 170, 258, 518, None, None, None]
