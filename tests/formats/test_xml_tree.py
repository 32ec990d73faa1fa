import pytest
from aecg_writer import make_aecg, rhythm_set, series
from muse_writer import make_muse, rhythm
from sierra_writer import make_packed

from hemometric.errors import ReadError
from hemometric.formats import FORMATS, read_ecg
from hemometric.formats.known import find_by_suffix
from hemometric.formats.xml_tree import DEEPEST, MOST_BYTES, MOST_ELEMENTS, find_attribute, find_text, open_tree
from hemometric.formats.xml_values import check_rate, check_step, parse_number, read_count, read_numbers


@pytest.fixture
def write(tmp_path):
    def write(content, name="x.xml"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1", "windows-1252", "shift_jis", "euc-kr", "GBK"])
def test_a_file_is_read_in_the_encoding_that_it_declares(write, encoding):
    text = {"shift_jis": "心電図", "euc-kr": "심전도", "GBK": "心电图"}.get(encoding, "Müller")
    path = write(f'<?xml version="1.0" encoding="{encoding}"?><A><B>{text}</B></A>'.encode(encoding))
    assert find_text(open_tree(path, "a"), "b") == text


def test_case_and_namespaces_of_names_do_not_matter(write):
    text = '<h:Root xmlns:h="urn:x" xmlns:xsi="urn:y"><h:Value xsi:Type="PQ" type="own" UNIT=" uV "/></h:Root>'
    root = open_tree(write(text), "root")
    assert [find_attribute(root, "value", name) for name in ("unit", "type", "other")] == ["uV", "own", ""]
    assert find_text(root, "nothing") == find_text(None, "value") == find_attribute(None, "value", "unit") == ""


BILLION_LAUGHS = '<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><a>&c;</a>'
REFUSED = [
    (BILLION_LAUGHS, "unsafe-xml", "has a document type of its own"),
    ('<!DOCTYPE a SYSTEM "x.dtd" [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', "unsafe-xml", "document type"),
    ('<!DOCTYPE a [<!ENTITY % b SYSTEM "http://localhost/x">%b;]><a/>', "unsafe-xml", "document type of its own"),
    (f'<!DOCTYPE a [<!ATTLIST a b CDATA "{"x" * 99}">]><a/>', "unsafe-xml", "since such files can exhaust a machine"),
    ("<a>" * (DEEPEST + 1), "unsafe-xml", f"nests elements deeper than {DEEPEST}"),
    ("<a>" + "<b c='' d=''/>" * (MOST_ELEMENTS // 3 + 1) + "</a>", "unsafe-xml", "holds more than 262,144 elements"),
    ("<a>&b;</a>", "corrupt", "XML that is cut or damaged (undefined entity"),
    ('<!DOCTYPE a SYSTEM "x.dtd"><a>&b;</a>', "corrupt", "undefined entity &b;"),
    ("<a><b></a>", "corrupt", "mismatched tag: line 1"),
    ("<a>", "corrupt", "no element found"),
    ("", "corrupt", "no element found"),
    (b"<a>\xfc</a>", "corrupt", "not well-formed (invalid token)"),
    (b'<?xml version="1.0" encoding="euc-kr"?><a>\xff\xff</a>', "corrupt", "cut or damaged ('euc_kr' codec"),
    ('<?xml version="1.0" encoding="cp037x"?><a/>', "unsupported-format", "XML in an unknown encoding: cp037x"),
    ("<other/>", "corrupt", "its root element is <other>, expected <a>"),
    (b"<a>" + b" " * MOST_BYTES, "too-long", "is larger than 16 MiB"),
]


@pytest.mark.parametrize(("content", "code", "message"), REFUSED, ids=[message for _, _, message in REFUSED])
def test_what_the_door_does_not_let_through_is_refused_by_name(write, content, code, message):
    with pytest.raises(ReadError) as caught:
        open_tree(write(content), "a")
    assert caught.value.code == code
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_entity_outside_a_document_type_of_its_own_is_refused_too(write, monkeypatch):
    monkeypatch.setattr("hemometric.formats.xml_tree._check_doctype", lambda *_: None)
    with pytest.raises(ReadError, match=r"declares an entity .*EntitiesForbidden") as caught:
        open_tree(write(BILLION_LAUGHS), "a")
    assert caught.value.code == "unsafe-xml"


def test_a_file_that_cannot_be_opened_is_refused(tmp_path):
    with pytest.raises(ReadError, match="cannot be read") as caught:
        open_tree(tmp_path / "nothing.xml", "a")
    assert caught.value.code == "unreadable"


@pytest.mark.parametrize(
    ("text", "number"),
    [("4.88", 4.88), ("-3", -3.0), (".5", 0.5), ("5.", 5.0), ("1e-3", 0.001), ("+2E2", 200.0)]
    + [(text, None) for text in ("", " 1", "nan", "inf", "1e999", "0x10", "1_0", "4,88", "1 2", "٣", "e5")],
)
def test_a_number_is_finite_and_written_plainly(text, number):
    assert parse_number(text) == number


@pytest.mark.parametrize("text", ["", "  ", "1 2 x", "1,2", "1 nan", "inf 1", "1e999", "1e16"])
def test_samples_are_numbers_with_space_between_them(tmp_path, text):
    assert read_numbers(tmp_path, "1\n -2\t3.5 ", "lead I").tolist() == [1, -2, 3.5]
    with pytest.raises(ReadError, match="the samples of lead I are not all numbers"):
        read_numbers(tmp_path, text, "lead I")


@pytest.mark.parametrize("text", ["", "-1", "1.5", "5,000", "9" * 13, "²"])
def test_a_count_is_a_whole_number(tmp_path, text):
    assert read_count(tmp_path, "5000", "count") == 5000
    with pytest.raises(ReadError, match=r"count is .* expected a whole number"):
        read_count(tmp_path, text, "count")


@pytest.mark.parametrize("rate_hz", [None, 0.0, -500.0, 2e6])
def test_a_rate_is_above_0_and_no_radio_wave(tmp_path, rate_hz):
    with pytest.raises(ReadError, match=r"SampleBase says .*, expected samples per second above 0") as caught:
        check_rate(tmp_path, rate_hz, "SampleBase")
    assert caught.value.code == "no-rate"


@pytest.mark.parametrize("step_mv", [0.0, 1e-12, -1e300, 1e7])
def test_a_step_is_a_voltage_that_a_cardiograph_may_have(tmp_path, step_mv):
    assert check_step(tmp_path, -0.005, "a step") == -0.005
    with pytest.raises(ReadError, match=r"a step is .* mV, expected 1e-09 to 1e\+06 mV") as caught:
        check_step(tmp_path, step_mv, "a step")
    assert caught.value.code == "corrupt"


def test_three_formats_share_a_suffix_and_are_told_apart_by_content(write, digital):
    files = {
        "muse-xml": make_muse(rhythm(digital)),
        "aecg": make_aecg(series(rhythm_set(digital))),
        "sierra-xml": make_packed(digital),
    }
    assert find_by_suffix("x.XML") == tuple(files)
    for name, content in files.items():
        path = write(content, "odd.name")
        assert read_ecg(path).ecg_id == "odd.name"
        assert [key for key, known in FORMATS.items() if known.matches(content[:4096])] == [name]
