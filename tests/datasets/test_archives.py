import pytest

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
    (tmp_path / "other").mkdir()
    return tmp_path


@pytest.mark.parametrize("name", DATASETS)
def test_an_archive_is_recognised_and_can_be_forced(archives, name):
    for how in ("auto", name):
        dataset = open_dataset(archives / name, name=how)
        assert dataset is not None
        assert (dataset.name, dataset.root) == (name, archives / name)


def test_nothing_is_recognised_where_nothing_is(archives):
    assert open_dataset(archives / "other") is None
    assert open_dataset(archives) is None


@pytest.mark.parametrize(
    ("name", "expected"), [("ptb-xl", r"expected ptbxl_database\.csv"), ("ptbdb", "expected folders patient001")]
)
def test_forcing_an_archive_on_another_folder_says_what_was_expected(archives, name, expected):
    with pytest.raises(ReadError, match=f"this is not {name}: {expected}") as caught:
        open_dataset(archives / "other", name=name)
    assert caught.value.code == "wrong-dataset"


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(SettingsError, match=r"unknown dataset 'PTBXL': did you mean 'ptb-xl'.* auto, ptb-xl, ptbdb"):
        open_dataset("anything", name="PTBXL")
    with pytest.raises(SettingsError, match="unknown dataset 'mimic': expected auto, ptb-xl, ptbdb"):
        open_dataset("anything", name="mimic")
