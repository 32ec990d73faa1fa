import h5py
import numpy as np
import pytest

from hemometric.datasets import open_dataset
from hemometric.datasets.code_15 import find_root
from hemometric.errors import ReadError
from hemometric.formats import read_ecg
from hemometric.progress import set_quiet

COLUMNS = "exam_id,age,is_male,nn_predicted_age,1dAVb,RBBB,LBBB,SB,ST,AF,patient_id,death,timey,normal_ecg,trace_file"
ROW = "{exam},{age},{male},40.1,False,False,False,False,False,False,{patient},False,2.0,True,{file}"


def write_archive(folder, *, nested=False, files=("exams_part0.hdf5",)):
    """CODE-15 in small: its table with all columns, and files of two exams each."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number, name in enumerate(files):
        place = folder / name.removesuffix(".hdf5") if nested else folder
        place.mkdir(exist_ok=True)
        exams = np.array([10 * number + 1, 10 * number + 2, 0])
        tracings = np.zeros((3, 4096, 12), dtype=np.float32)
        tracings[:2, 48:4048] = np.random.default_rng(number).normal(size=(2, 4000, 12))
        with h5py.File(place / name, "w") as file:
            file["exam_id"], file["tracings"] = exams, tracings
        rows += [ROW.format(exam=exam, age=50, male=exam % 2 == 0, patient=900 + exam, file=name) for exam in exams[:2]]
    (folder / "exams.csv").write_text("\n".join([COLUMNS, *rows]) + "\n")
    return folder


@pytest.mark.parametrize("nested", [False, True])
def test_patients_come_from_the_table_beside_or_above_the_file(tmp_path, nested):
    root = write_archive(tmp_path / "code15", nested=nested)
    dataset = open_dataset(root)
    assert dataset is not None
    assert (dataset.name, dataset.root, dataset.tables) == ("code-15", root, (root / "exams.csv",))
    (file,) = root.rglob("*.hdf5")
    ecg = read_ecg(file, part="2")
    assert (ecg.patient_id, ecg.age_years, ecg.sex, ecg.n_samples) == ("code-15:902", 50, "male", 4000)
    assert find_root(file) == find_root(file.parent) == root


def test_a_part_of_the_archive_is_enough_and_how_much_is_said(tmp_path, capsys):
    root = write_archive(tmp_path / "code15", files=("exams_part0.hdf5", "exams_part1.hdf5"))
    (root / "exams_part1.hdf5").unlink()
    set_quiet(False)
    try:
        assert open_dataset(root) is not None
    finally:
        set_quiet(True)
    assert "code-15: 1 of the 2 HDF5 files that exams.csv names are here" in capsys.readouterr().err


def test_a_table_without_any_of_its_files_is_refused(tmp_path):
    root = write_archive(tmp_path / "code15")
    (root / "exams_part0.hdf5").rename(root / "renamed.hdf5")
    with pytest.raises(ReadError, match=r"names 1 HDF5 files, none of which .*unpack exams_part0\.zip") as caught:
        open_dataset(root)
    assert caught.value.code == "metadata"


@pytest.mark.parametrize("text", ["exam_id,age,is_male,patient_id\n1,2,True,3\n", "", "\ufffd\x00\n"])
def test_another_table_of_this_name_is_not_taken_for_it(tmp_path, text):
    (tmp_path / "exams.csv").write_text(text)
    assert find_root(tmp_path) is None


def test_a_damaged_table_is_refused(tmp_path):
    root = write_archive(tmp_path / "code15")
    with (root / "exams.csv").open("a") as stream:
        stream.write("1,2\n")
    with pytest.raises(ReadError, match="cannot be read as CSV"):
        open_dataset(root)


def test_an_exam_of_two_patients_is_refused_and_one_that_is_listed_twice_is_not(tmp_path):
    root = write_archive(tmp_path / "code15")
    table = root / "exams.csv"
    lines = table.read_text().splitlines()
    table.write_text("\n".join([*lines, lines[1]]) + "\n")
    assert open_dataset(root) is not None
    table.write_text("\n".join([*lines, lines[1].replace(",901,", ",999,")]) + "\n")
    with pytest.raises(ReadError, match=r"gives exam 1 to several patients") as caught:
        open_dataset(root)
    assert caught.value.code == "metadata"


def test_rows_without_the_name_of_a_file_are_no_file_that_is_missing(tmp_path, capsys):
    """The archive names the file on the first exam of a patient only, as its description has it."""
    root = write_archive(tmp_path / "code15")
    table = root / "exams.csv"
    table.write_text(table.read_text() + ROW.format(exam=3, age=50, male=True, patient=901, file="") + "\n")
    set_quiet(False)
    try:
        assert open_dataset(root) is not None
    finally:
        set_quiet(True)
    assert capsys.readouterr().err == ""
