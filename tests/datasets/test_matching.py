import pytest

from hemometric.datasets import RecordName, match_rows, read_metadata
from hemometric.errors import ReadError


@pytest.fixture
def match(tmp_path):
    """Match a table to records and return the line of the row of each record, or None."""

    def run(text, *records):
        (tmp_path / "patients.csv").write_text(text)
        names = [one if isinstance(one, RecordName) else RecordName(one) for one in records]
        matched = match_rows(read_metadata(tmp_path / "patients.csv"), names)
        return [None if row is None else row.line for row in matched.rows]

    return run


@pytest.mark.parametrize(
    ("source", "record"),
    [
        ("a/x.hea", "a/x.hea"),
        ("a/x", "a/x.hea"),
        ("a/x#3", "a/x.hea"),
        ("a/x.hea#0", "a/x.hea"),
        ("./a/x", "a/x.hea"),
        ("a\\x", "a/x.hea"),
        ("a/x.dat", "a/x.hea"),
        ("a/x.MAT", "a/x.hea"),
        ("a/x.npz", "a/x.ecg.json"),
        ("a/x.XML", "a/x.xml"),
        ("a/x.xml", "a/x.XML"),
        ("a/x#1", "a/x#1.hea"),
        ("a/1.2.840.7", "a/1.2.840.7"),
        ("a/visits/v1", RecordName("a/visits.ecg.json", "v1")),
        ("a/visits.ecg.json/v1", RecordName("a/visits.ecg.json", "v1")),
        ("a/visits.npy/v1#0", RecordName("a/visits.ecg.json", "v1")),
    ],
)
def test_a_source_is_the_path_of_a_record(match, source, record):
    assert match(f"source\n{source}\n", "a/other.hea", record) == [None, 2]


@pytest.mark.parametrize(
    "source", ["a/y", "b/a/x", "x", "a/x.dcm", "a/x.npy", "a/X", "a/x/v1", "a/visits", "a/visits/v2", "a/x#"]
)
def test_a_source_that_is_not_there_is_not_taken_for_another(match, source):
    records = ("a/first.hea", "a/x.hea", RecordName("a/visits.ecg.json", "v1"))
    assert match(f"source\na/first\n{source}\n", *records) == [2, None, None]


def test_a_suffix_tells_files_apart_that_differ_in_nothing_else(match):
    records = ("a/x.dcm", "a/x.hea", "a/x.scp")
    assert match("source\na/x.scp\na/x.hea\na/x.dcm\n", *records) == [4, 3, 2]
    assert match("source\na/x.dat\n", *records) == [None, 2, None]
    assert match("source\na/x.XML\na/x.xml\n", "a/x.xml", "a/x.XML") == [3, 2]
    assert match("source\na/x\na/x.dcm\n", "a/x", "a/x.dcm") == [2, 3]


@pytest.mark.parametrize(
    ("source", "records", "meant"),
    [
        ("a/x", ("a/x.dcm", "a/x.scp"), "a/x.dcm or a/x.scp"),
        ("a/x#0", ("a/x.dcm", "a/x.scp"), "a/x.dcm or a/x.scp"),
        ("a/x.Xml", ("a/x.xml", "a/x.XML"), "a/x.xml or a/x.XML"),
        ("a/x#1", ("a/x.hea", "a/x#1.hea"), "a/x.hea or a/x#1.hea"),
        ("a/x", ("a/x.dcm", "a/x.hea", "a/x.scp", "a/x.edf"), "a/x.dcm or a/x.hea or a/x.scp, or 1 more"),
    ],
)
def test_a_source_that_may_be_several_files_is_refused(match, source, records, meant):
    with pytest.raises(ReadError) as caught:
        match(f"source\n{source}\n", *records)
    assert f"line 2: {source!r} may be {meant}: write the suffix" in str(caught.value)
    assert caught.value.code == "metadata"


def test_a_name_is_that_of_a_file_or_of_an_ecg_in_one(match):
    parts = (RecordName("a/visits.ecg.json", "v1"), RecordName("a/p.h5", "2020/1"))
    table = "ecg_id\nx\ny.dcm\nv1\np/2020/1\n"
    assert match(table, "a/x.hea", "b/y.dcm", *parts, "c/z.hea") == [2, 3, 4, 5, None]


def test_a_name_that_several_files_have_is_refused(match):
    expected = r"line 2: ecg_id 'x' may be a/x\.hea or b/x\.hea: say which in a column source"
    with pytest.raises(ReadError, match=expected):
        match("ecg_id\nx\n", "a/x.hea", "b/x.hea")
    with pytest.raises(ReadError, match=expected):
        match("source,ecg_id\n,x\na/x,\n", "a/x.hea", "b/x.hea")
    assert match("ecg_id\nx\n", "a/x.hea", RecordName("b/x.hea", repeats=0)) == [2, None]


def test_rows_that_give_one_file_under_two_names_two_patients_are_refused(match):
    link = RecordName("b/link.hea", repeats=0)
    expected = r"lines 2 and 3 disagree whose ECG it is \(b/link\.hea is the same file as a/x\.hea\); keep one"
    for table in ("source,patient_id\na/x,p\nb/link,q\n", "source,patient_id\na/x,p\nb/link,\n"):
        with pytest.raises(ReadError, match=expected):
            match(table, "a/x.hea", link)
    assert match("source,patient_id\nb/link,p\na/x,p\n", "a/x.hea", link) == [3, 2]


def test_a_row_about_the_other_name_of_a_file_is_about_the_file(match):
    links = (RecordName("b/one.hea", repeats=0), RecordName("b/two.hea", repeats=0))
    assert match("source,patient_id\nb/one,p\n", "a/x.hea", *links) == [2, 2, None]
    with pytest.raises(ReadError, match="lines 2 and 3 disagree"):
        match("source,patient_id\nb/one,p\nb/two,q\n", "a/x.hea", *links)


def test_two_rows_about_one_record_are_refused(match):
    for table in ("source\na/x\na/x.hea\n", "source\na/x#0\na/x#1\n", "source,ecg_id\na/x,\n,x\n"):
        with pytest.raises(ReadError, match=r"lines 2 and 3 are both about a/x\.hea; keep one"):
            match(table, "a/x.hea")


def test_a_table_about_other_records_is_refused(match):
    with pytest.raises(ReadError) as caught:
        match("source\nx\ny\n", "pile/x.hea")
    assert "none of its 2 rows is about a record that was found: line 2 says 'x', the first record is 'pile/x.hea'" in (
        str(caught.value)
    )


def test_what_has_no_counterpart_is_counted(tmp_path):
    (tmp_path / "patients.csv").write_text("source\na/x\na/gone\na/gone2\n")
    matched = match_rows(read_metadata(tmp_path / "patients.csv"), [RecordName("a/x.hea"), RecordName("a/y.hea")])
    assert not matched.is_complete
    assert matched.account() == (
        "--metadata: 1 of 3 rows are about a record that was found; 2 are not and say nothing (the first is line 3, "
        "'a/gone'); 1 of 2 records have no row"
    )
    assert "gone" not in matched.account(reticent=True)
    (tmp_path / "patients.csv").write_text("source\na/x\na/y\n")
    whole = match_rows(read_metadata(tmp_path / "patients.csv"), [RecordName("a/x.hea"), RecordName("a/y.hea")])
    assert whole.is_complete
    assert whole.account() == "--metadata: 2 of 2 rows are about a record that was found"
