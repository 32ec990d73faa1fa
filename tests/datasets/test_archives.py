import h5py
import numpy as np
import pytest

from hemometric.__main__ import main
from hemometric.datasets import DATASETS, open_dataset
from hemometric.errors import ReadError, SettingsError

TABLE = "patient_id,age,sex,recording_date,filename_lr,filename_hr\n1,2,0,1990-01-01 00:00:00,a/1_lr,b/1_hr\n"


@pytest.fixture
def archives(tmp_path):
    """A folder of each archive, and one that is none."""
    (tmp_path / "ptb-xl").mkdir()
    (tmp_path / "ptb-xl" / "ptbxl_database.csv").write_text(TABLE)
    (tmp_path / "ptbdb" / "patient001").mkdir(parents=True)
    (tmp_path / "ptbdb" / "patient001" / "s0010_re.hea").write_text("s0010_re 0 1000 10\n")
    for name in sorted({*DATASETS, "other"} - {"ptb-xl", "ptbdb"}):
        (tmp_path / name).mkdir()
    (tmp_path / "scg-rhc" / "TRM107-RHC1.hea").write_text("TRM107-RHC1 0 500 5000\n")
    (tmp_path / "mimic-iv-ecg" / "record_list.csv").write_text(
        "subject_id,study_id,file_name,ecg_time,path\n1,2,2,2180-07-23 08:44:00,files/p1000/p1/s2/2\n"
    )
    (tmp_path / "challenge-2021" / "A0001.hea").write_text("A0001 0 500 5000\n#Dx: 426783006\n")
    (tmp_path / "code-15" / "exams.csv").write_text("exam_id,age,is_male,patient_id,trace_file\n1,2,True,3,a.hdf5\n")
    (tmp_path / "code-15" / "a.hdf5").touch()
    (tmp_path / "echonext" / "EchoNext_val_waveforms.npy").touch()
    with h5py.File(tmp_path / "ml4h-hdf5" / "4711.hd5", "w") as file:
        file.create_dataset("ecg/2001-02-03T04:05:06/I", data=np.zeros(10))
    (tmp_path / "muse-directory" / "ecg.xml").write_text("<?xml version='1.0'?><RestingECG/>")
    return tmp_path


@pytest.mark.parametrize("name", sorted(DATASETS.keys() - {"echonext"}))
def test_an_archive_is_recognised_and_can_be_forced(archives, name):
    for how in ("auto", name):
        dataset = open_dataset(archives / name, name=how)
        assert dataset is not None
        assert (dataset.name, dataset.root) == (name, archives / name)


def test_nothing_is_recognised_where_nothing_is(archives):
    assert open_dataset(archives / "other") is None
    assert open_dataset(archives) is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("challenge-2021", "headers called A0001"),
        ("code-15", r"exams\.csv with the columns exam_id"),
        ("echonext", r"EchoNext_train_waveforms\.npy"),
        ("mimic-iv-ecg", r"record_list\.csv"),
        ("ml4h-hdf5", r"files \*\.hd5"),
        ("muse-directory", "GE MUSE XML"),
        ("ptb-xl", r"ptbxl_database\.csv"),
        ("ptbdb", "folders patient001"),
        ("scg-rhc", "processed_data/TRM"),
    ],
)
def test_forcing_an_archive_on_another_folder_says_what_was_expected(archives, name, expected):
    with pytest.raises(ReadError, match=f"this is not {name}: expected {expected}") as caught:
        open_dataset(archives / "other", name=name)
    assert caught.value.code == "wrong-dataset"


@pytest.mark.parametrize(
    ("name", "file", "text", "expected"),
    [
        (
            "code-15",
            "exams.csv",
            "id_exam,age,is_male,patient_id,trace_file\n1,2,True,3,a.hdf5\n",
            r"exams\.csv is there and lacks exam_id \(it has id_exam, age",
        ),
        (
            "mimic-iv-ecg",
            "record_list.csv",
            "subject_id,study_id,file_name,path\n1,2,2,files/p1000/p1/s2/2\n",
            r"record_list\.csv is there and lacks ecg_time \(it has subject_id",
        ),
        ("mimic-iv-ecg", "record_list.csv", "", r"lacks subject_id, .* \(it is no CSV in UTF-8\)"),
        ("mimic-iv-ecg", "machine_measurements.csv", "subject_id\n", "expected record_list.csv with the columns"),
    ],
)
def test_a_folder_that_is_almost_the_archive_says_what_it_lacks(tmp_path, name, file, text, expected):
    (tmp_path / file).write_text(text)
    with pytest.raises(ReadError, match=expected) as caught:
        open_dataset(tmp_path, name=name)
    assert caught.value.code == "wrong-dataset"
    assert str(caught.value).endswith("; leave --dataset out to read it without")
    assert open_dataset(tmp_path) is None


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(
        SettingsError,
        match=r"unknown dataset 'PTBXL': did you mean 'ptb-xl'.* auto, none, challenge-2021, ptb-xl, ptbdb",
    ):
        open_dataset("anything", name="PTBXL")
    with pytest.raises(SettingsError, match=r"unknown dataset 'mimic': expected auto, none, .*ptb-xl, ptbdb"):
        open_dataset("anything", name="mimic")


def test_the_help_of_ingest_names_every_archive(capsys):
    assert main(["ingest", "--help"]) == 0
    heard = "".join(capsys.readouterr().out.split())  # lines end within names
    assert f"none;or{','.join(DATASETS)}." in heard
