import pytest

from hemometric.datasets import Facts, open_dataset
from hemometric.datasets.ptbdb import find_root, open_at
from hemometric.errors import ReadError

HEADER = "s0010_re 0 1000 100\n# age: 81\n# ECG date: 01/10/1990\n"


def write(folder, name="s0010_re", header=HEADER):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.hea"
    path.write_text(header)
    return path


def test_the_folder_is_the_patient(tmp_path):
    first = write(tmp_path / "patient001")
    second = write(tmp_path / "patient002", "s0015lre", "s0015lre 0 1000 100\n")
    dataset = open_at(tmp_path)
    assert dataset.facts(first) == Facts(patient_id="ptbdb:patient001", acquired_at="1990-10-01")
    assert dataset.facts(second) == Facts(patient_id="ptbdb:patient002")


def test_records_that_were_moved_are_known_by_the_records_file(tmp_path):
    moved = write(tmp_path)
    (tmp_path / "RECORDS").write_text("patient001/s0010_re\npatient001/s0014lre\nnonsense\n")
    assert open_at(tmp_path).facts(moved).patient_id == "ptbdb:patient001"


def test_without_folder_and_records_file_the_patient_is_unknown(tmp_path):
    moved = write(tmp_path)
    assert find_root(tmp_path) == tmp_path
    assert open_at(tmp_path).facts(moved) == Facts(acquired_at="1990-10-01")


@pytest.mark.parametrize("day", ["n/a", "29-Sep-90", "1990", ""])
def test_a_day_is_never_guessed(tmp_path, day):
    record = write(tmp_path, header=f"s0010_re 0 1000 100\n# ECG date: {day}\n")
    assert open_at(tmp_path).facts(record).acquired_at is None


def test_a_record_that_is_not_there_is_unknown(tmp_path):
    assert open_at(tmp_path).facts(tmp_path / "x.hea") == Facts()


def test_the_archive_is_found_from_every_level(tmp_path):
    record = write(tmp_path / "patient001")
    for source in (tmp_path, tmp_path / "patient001", record):
        assert find_root(source) == tmp_path


def test_other_folders_are_not_taken_for_it(tmp_path):
    write(tmp_path / "mixed")
    write(tmp_path / "mixed", "00001_hr")
    (tmp_path / "empty" / "patient001").mkdir(parents=True)
    write(tmp_path / "other" / "patient001", "ecg7")
    for name in ("mixed", "empty", "other", "."):
        assert find_root(tmp_path / name) is None


def test_a_header_of_another_name_among_those_of_the_archive_is_named(tmp_path):
    write(tmp_path / "patient001")
    write(tmp_path / "patient001", "00001_hr")
    with pytest.raises(ReadError, match=r"this is not ptbdb: .*; of 2 headers in patient001/ 1 are .* 00001_hr\.hea"):
        open_dataset(tmp_path, name="ptbdb")


def test_real_records_have_a_day_and_no_patient(real_data):
    dataset = open_dataset(real_data / "ptbdb")
    assert dataset is not None
    assert dataset.name == "ptbdb"
    days = [dataset.facts(real_data / "ptbdb" / name).acquired_at for name in ("s0010_re.hea", "s0015lre.hea")]
    assert days == ["1990-10-01", "1990-10-17"]
