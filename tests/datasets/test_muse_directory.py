import pytest

from hemometric.datasets import Facts, open_dataset
from hemometric.datasets.muse_directory import find_root
from hemometric.errors import ReadError

MUSE = '<?xml version="1.0" encoding="ISO-8859-1"?>\n<!DOCTYPE RestingECG SYSTEM "restecg.dtd">\n<RestingECG/>'


def write(path, text=MUSE):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", ["a.xml", "2019/01/MUSE_20190101_100000_00000.XML"])
def test_a_folder_of_exports_is_recognised_whatever_its_subfolders(tmp_path, name):
    file = write(tmp_path / name)
    dataset = open_dataset(tmp_path)
    assert dataset is not None
    assert (dataset.name, dataset.root) == ("muse-directory", tmp_path)
    assert dataset.facts(file) == Facts()  # the file itself says who and when
    assert find_root(file) == file.parent


def test_xml_of_another_device_is_not_taken_for_it(tmp_path):
    write(tmp_path / "a.xml")
    other = write(tmp_path / "b.xml", "<AnnotatedECG/>")
    assert find_root(tmp_path) is None
    other.rename(tmp_path / "b.dcm")
    assert find_root(tmp_path) is None
    write(tmp_path / "b.xml", "<AnnotatedECG/>")
    assert find_root(tmp_path / "b.xml") is None


def test_the_first_file_that_is_not_of_muse_is_named(tmp_path):
    write(tmp_path / "2019" / "a.xml")
    write(tmp_path / "2019" / "b.xml", "<AnnotatedECG/>")
    with pytest.raises(ReadError, match=r"must all be that; of 2 files 2019/b\.xml is not; leave --dataset out"):
        open_dataset(tmp_path, name="muse-directory")
    with pytest.raises(ReadError, match=r"must all be that; leave --dataset out"):
        open_dataset(tmp_path / "2019" / "b.xml", name="muse-directory")


def test_hidden_files_and_other_suffixes_do_not_matter(tmp_path):
    write(tmp_path / "a.xml")
    write(tmp_path / ".b.xml", "<other/>")
    write(tmp_path / ".trash" / "c.xml", "<other/>")
    write(tmp_path / "readme.txt", "<other/>")
    assert find_root(tmp_path) == tmp_path
    assert find_root(tmp_path / "missing.xml") is None
