import shutil

import numpy as np
import pytest

from hemometric.errors import ReadError
from hemometric.formats import read_ecg
from hemometric.formats.read import find_header_of

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")


@pytest.mark.parametrize("name", ["record", "record.hea", "record.dat"])
def test_a_record_is_read_by_its_header_its_stem_or_its_samples(write_record, digital, name):
    folder = write_record(digital).parent
    for path in (folder / name, str(folder / name)):
        ecg = read_ecg(path)
        assert np.array_equal(ecg.waveform, (digital / 1000).astype(np.float32))
        assert ecg.ecg_id == "record"


def test_a_name_with_dots_is_read_by_its_stem(write_record, digital):
    folder = write_record(digital, stem="TRM107.RHC1").parent
    assert read_ecg(folder / "TRM107.RHC1").ecg_id == "TRM107.RHC1"


@pytest.mark.parametrize("name", ["header", "header.txt", "header.dcm"])
def test_the_suffix_of_a_header_does_not_matter(write_record, digital, name):
    header = write_record(digital)
    assert read_ecg(header.rename(header.with_name(name))).n_samples == 100


def test_a_dicom_file_called_hea_is_read_as_dicom(tmp_path, dicom_example):
    renamed = tmp_path / "foo.hea"
    shutil.copyfile(dicom_example, renamed)
    assert read_ecg(renamed).n_samples == 10_000


def bad_inputs(folder, write_record, digital):
    """Name, what is given, code, part of the message."""
    header = write_record(digital)
    text = header.read_text()
    (folder / "empty.hea").touch()
    (folder / "garbage.hea").write_bytes(bytes(range(1, 200)))
    (folder / "table.csv").write_text("I,II\n1,2\n")
    (folder / "lonely.dat").write_bytes(bytes(100))
    (folder / "cart.dcm").write_text('<?xml version="1.0"?><CardiologyXML></CardiologyXML>')
    eleven = "".join(text.splitlines(keepends=True)[:-1]).replace("record 12", "record 11")
    (folder / "eleven.hea").write_text(eleven)
    (folder / "eight.hea").write_text(
        "eight 8 500 10\n" + "\n".join(f"record.dat 16 1 16 0 0 0 0 {n}" for n in LEADS[4:])
    )
    (folder / "twice.hea").write_text(text.replace("0 V6", "0 V5"))
    (folder / "unit.hea").write_text(text.replace("/mV", "/mmHg"))
    (folder / "absent.hea").write_text(text.replace("record.dat", "absent.dat"))
    (folder / "long.hea").write_text(text.replace("500 100", "500 101"))
    (folder / "cut.hea").write_text(text[:300])
    (folder / "old.dat").write_bytes(bytes(100))
    (folder / "old.hea").write_text(text)
    return [
        ("recrod", "missing", "no such file; did you mean"),
        ("nothing/like/it.hea", "missing", "no folder"),
        (".", "directory", "is a folder, expected a file"),
        ("empty.hea", "empty", "the file is empty"),
        ("garbage.hea", "not-an-ecg", "not an ECG that we know; supported: "),
        ("table.csv", "no-sidecar", "write them into table.ecg.json beside it"),
        ("lonely.dat", "no-header", "needs its header lonely.hea beside it"),
        ("old.dat", "no-header", "needs its header old.hea beside it"),
        ("cart.dcm", "unsupported-format", "this is GE CardioSoft XML, which this version does not read"),
        ("eleven.hea", "wrong-leads", "missing V6"),
        ("eight.hea", "wrong-leads", "missing I, II, III, aVR"),
        ("twice.hea", "duplicate-leads", "lead V5 occurs more than once"),
        ("unit.hea", "unknown-unit", "lead I is in 'mmHg'"),
        ("absent.hea", "missing", "signal file absent.dat, which holds signals I to V6, is not beside the header"),
        ("long.hea", "truncated", "holds 2,400 bytes (100 samples a lead), the header announces 2,424 (101)"),
        ("cut.hea", "corrupt", "announces 12 signals and lists"),
    ]


def test_bad_input_is_refused_in_one_line_that_names_the_file(tmp_path, write_record, digital):
    for name, code, message in bad_inputs(tmp_path, write_record, digital):
        with pytest.raises(ReadError) as caught:
            read_ecg(tmp_path / name)
        assert caught.value.code == code, name
        assert message in str(caught.value)
        assert str(caught.value).startswith(str(tmp_path / name))
        assert "\n" not in str(caught.value)


def test_a_device_is_no_file(tmp_path):
    fifo = tmp_path / "pipe"
    try:
        import os

        os.mkfifo(fifo)
    except (AttributeError, OSError):
        pytest.skip("no pipes here")
    with pytest.raises(ReadError, match="not an ordinary file"):
        read_ecg(fifo)


def test_only_a_header_that_names_the_samples_is_taken(write_record, digital):
    header = write_record(digital)
    assert find_header_of(header.with_suffix(".dat")) == header
    assert find_header_of(header.with_suffix(".json")) is None
    assert find_header_of(header) is None
    header.write_text("nothing")
    assert find_header_of(header.with_suffix(".dat")) is None
