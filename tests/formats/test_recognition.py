from pathlib import Path

import pytest

from hemometric.formats.known import name_supported
from hemometric.formats.recognition import name_other_format, recognise, refuse

OTHER_FORMATS = [
    (b'<?xml version="1.0"?><CardiologyXML>', "GE CardioSoft XML"),
    (b"<note>hello</note>", "XML"),
    (b"MATLAB 5.0 MAT-file, Platform: GLNXA64", "MATLAB 5"),
    (b"PK\x03\x04" + bytes(30), "a zip archive"),
]


@pytest.mark.parametrize(("head", "name"), OTHER_FORMATS)
def test_a_format_that_is_not_read_is_refused_by_name(head, name):
    assert recognise(head) is None
    assert name_other_format(head) == name
    error = refuse(Path("x.hea"), head)
    assert error.code == "unsupported-format"
    assert f"this is {name}, which this version does not read; supported: {name_supported()}" in str(error)


REAL = {"Example.scp": "scp", "Example.xml": "aecg", "sierra_1_04.xml": "sierra-xml", "Example.dcm": "dicom"}


@pytest.mark.parametrize("name", REAL)
def test_real_files_of_other_makers(real_data, name):
    assert recognise((real_data / "formats" / name).read_bytes()[:4096]) == REAL[name]


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b'<?xml version="1.0"?>\n<!DOCTYPE RestingECG SYSTEM "restecg.dtd">\n<RestingECG>', "muse-xml"),
        (b'\xef\xbb\xbf<?xml version="1.0"?><AnnotatedECG xmlns="urn:hl7-org:v3">', "aecg"),
        (b'<h:AnnotatedECG xmlns:h="urn:hl7-org:v3">', "aecg"),
        ('<?xml version="1.0" encoding="utf-16"?><restingecgdata lang="en">'.encode("utf-16"), "sierra-xml"),
    ],
)
def test_xml_is_known_by_its_root(head, name):
    assert recognise(head) == name


def test_dicom_is_known_by_its_mark(dicom_example):
    assert recognise(dicom_example.read_bytes()[:4096]) == "dicom"
    assert recognise(bytes(128) + b"DICM") == "dicom"


def test_scp_edf_and_bdf_are_known_by_their_marks():
    scp = b"\x6b\x06\x60\x85\x00\x00" + bytes(8) + b"\x14\x14SCPECG" + bytes(20)
    assert [recognise(head) for head in (scp, b"0       X X X X" + b" " * 200, b"\xffBIOSEMI")] == ["scp", "edf", "bdf"]


def test_hdf5_is_known_by_its_mark_behind_a_block_of_the_user_too():
    assert [recognise(bytes(at) + b"\x89HDF\r\n\x1a\n") for at in (0, 512, 1024, 2048)] == ["hdf5"] * 4


@pytest.mark.parametrize(
    "text", ["x 12 500 5000\n", "# a comment\n\nE1.mat 12 500 5000 05-Feb-2020 11:39:16\n", "x/3 12 500\n"]
)
def test_a_header_is_known_by_its_record_line(text):
    assert recognise(text.encode()) == "wfdb"


@pytest.mark.parametrize(
    ("name", "head", "code"),
    [
        ("x.hea", b"", "empty"),
        ("x.dat", b"\x00\x01\x02", "no-header"),
        ("x.mat", b"\x00\x00\x00\x00", "no-header"),
        ("x.csv", b"time,pressure\n0,15\n", "not-an-ecg"),
        ("x.hea", b"\xff\xfe\xfd", "not-an-ecg"),
    ],
)
def test_anything_else_is_refused(name, head, code):
    assert recognise(head) is None
    assert refuse(Path(name), head).code == code
