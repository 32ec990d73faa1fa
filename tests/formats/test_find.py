import shutil

import pytest

from hemometric.errors import ReadError
from hemometric.formats import find_format, find_records, read_ecg


def test_records_of_both_formats_are_found_in_order(tmp_path, write_record, digital, dicom_example):
    for name in ("b/2/z.dcm", "a.DCM", "b/study", "b/1.2.840.7"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(dicom_example, tmp_path / name)
    header = write_record(digital)
    for name in ("notes.txt", "b/README", "b/3.14", ".hidden.hea", "._record.hea", "table.csv", "b/other.xyz"):
        (tmp_path / name).write_text("no ECG")
    (tmp_path / ".git").mkdir()
    shutil.copy(header, tmp_path / ".git" / "x.hea")
    found = find_records(tmp_path)
    names = [path.relative_to(tmp_path).as_posix() for path in found]
    assert names == ["a.DCM", "b/1.2.840.7", "b/2/z.dcm", "b/study", "record.hea"]
    assert all(read_ecg(path).n_samples for path in found)
    assert found == find_records(tmp_path)


def test_a_damaged_header_is_found_so_that_it_can_be_rejected_by_name(tmp_path):
    (tmp_path / "broken.hea").write_text("x/two 1\nx")
    (tmp_path / "broken_too.hea").write_text("x/2 12 500 100\n")
    assert len(find_records(tmp_path)) == 2


def test_segments_are_not_counted_beside_their_record(tmp_path, write_record, digital):
    for stem in ("r_1", "r_2", "other"):
        write_record(digital, stem=stem)
    (tmp_path / "r.hea").write_text("r/3 12 500 200\nr_layout 0\nr_1 100\nr_2 100\n")
    (tmp_path / "r_layout.hea").write_text("r_layout 1 500 0\n~ 0 200/mV 0 0 0 0 0 I\n")
    (tmp_path / "r.atr").write_bytes(b"an annotation beside the record")
    assert [path.name for path in find_records(tmp_path)] == ["other.hea", "r.hea"]


def test_one_file_is_itself_whatever_it_is_called(write_record, digital):
    header = write_record(digital)
    assert find_records(header) == [header]
    assert find_records(header.with_suffix("")) == [header]


def test_a_source_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ReadError, match="no such file or folder") as caught:
        find_records(tmp_path / "nowhere")
    assert caught.value.code == "missing"


def test_a_folder_without_ecgs_is_refused_by_what_was_looked_for(tmp_path):
    (tmp_path / "notes.txt").write_text("no ECG")
    with pytest.raises(
        ReadError, match=r"holds no ECG; looked .*\.dcm, .*\.bdf, \.xml, \.hea and DICOM files without a suffix"
    ) as caught:
        find_records(tmp_path)
    assert caught.value.code == "empty"


def test_the_format_of_xml_is_told_by_its_content_and_of_others_by_their_suffix(tmp_path):
    contents = {"a.XML": "<RestingECG>", "b.xml": "<AnnotatedECG ", "c.xml": "<restingecgdata>", "d.xml": "<note>"}
    for name, content in (contents | {"e.hea": "<RestingECG>", "f": "<RestingECG>"}).items():
        (tmp_path / name).write_text(content)
    found = [find_format(path) for path in sorted(tmp_path.iterdir())]
    assert found == ["muse-xml", "aecg", "sierra-xml", None, "wfdb", None]
