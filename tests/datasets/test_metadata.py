import pytest

from hemometric.datasets import Facts, read_metadata
from hemometric.datasets.metadata import Row
from hemometric.errors import ReadError


@pytest.fixture
def write_csv(tmp_path):
    def write(text, encoding="utf-8"):
        path = tmp_path / "patients.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return write


def test_a_row_names_a_record_and_says_what_is_known_of_it(write_csv):
    metadata = read_metadata(
        write_csv(
            "source,ecg_id,patient_id,age_years,sex,acquired_at\n"
            "site/a/one.hea,,p1,50.5,F,2020-05-15T15:35:30\n"
            ",two,p2,,male,2020-05-15\n"
            "\n"
            ",three,,,,\n"
        )
    )
    first = Facts(patient_id="p1", age_years=50.5, sex="female", acquired_at="2020-05-15T15:35:30")
    second = Facts(patient_id="p2", sex="male", acquired_at="2020-05-15")
    assert metadata.rows == (
        Row(2, "site/a/one.hea", "", first),
        Row(3, "", "two", second),
        Row(5, "", "three", Facts()),
    )


def test_a_path_counts_more_than_a_name(write_csv):
    (row,) = read_metadata(write_csv("source,ecg_id,patient_id\na/x,y,p\n")).rows
    assert (row.source, row.ecg_id) == ("a/x", "")


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_first_line_shows_what_separates_columns(write_csv, separator):
    text = "ecg_id,patient_id,age\nx,p,63.5\n".replace(",", separator)
    (row,) = read_metadata(write_csv(text)).rows
    assert row.facts == Facts(patient_id="p", age_years=63.5)


def test_catheter_values_have_the_unit_in_the_name_of_their_column(write_csv):
    text = "ecg_id,measured_at,mpcwp_mmhg,co_l_per_min\nx,2020-05-15T10:30,18,4.1\ny,2020-05-15,,3\nz,,,\n"
    rows = read_metadata(write_csv(text)).rows
    assert [[(v.target, v.text, v.value, v.unit, v.measured_at, v.method) for v in row.values] for row in rows] == [
        [
            ("mpcwp", "18", 18.0, "mmHg", "2020-05-15T10:30:00", "mpcwp_mmhg"),
            ("co", "4.1", 4.1, "L/min", "2020-05-15T10:30:00", "co_l_per_min"),
        ],
        [("co", "3", 3.0, "L/min", "2020-05-15", "co_l_per_min")],
        [],
    ]


def test_spreadsheets_write_a_mark_spaces_and_another_name_for_age(write_csv):
    (row,) = read_metadata(write_csv("ecg_id, age ,sex\r\n x , 7 , Female \r\n", encoding="utf-8-sig")).rows
    assert (row.ecg_id, row.facts) == ("x", Facts(age_years=7.0, sex="female"))


@pytest.mark.parametrize(
    ("time", "stored"),
    [
        ("2020-05-15 15:35", "2020-05-15T15:35:00"),
        ("20200515", "2020-05-15"),
        ("2020-05-15T15:35:30.25", "2020-05-15T15:35:30"),
    ],
)
def test_times_are_stored_in_one_form(write_csv, time, stored):
    (row,) = read_metadata(write_csv(f"ecg_id,acquired_at\nx,{time}\n")).rows
    assert row.facts.acquired_at == stored


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the table is empty, expected a first line with columns among source, ecg_id, patient_id"),
        ("ecg_id,pateint_id\nx,1\n", "unknown column 'pateint_id': did you mean 'patient_id'?"),
        ("ecg_id,height\nx,1\n", "unknown column 'height': expected source, ecg_id"),
        ("ecg_id,sex,sex\nx,f,f\n", "column 'sex' occurs twice"),
        ("patient_id,age\np,1\n", "neither 'source' nor 'ecg_id' is a column"),
        ("ecg_id,age,age_years\nx,1,1\n", "both 'age' and 'age_years'"),
        ("ecg_id,sex\nx,f\ny,f\nx,f\n", "line 4: 'x' stands in line 2 already; keep one row a record"),
        ("source,ecg_id\na/x,x\na/x,y\n", "line 3: 'a/x' stands in line 2 already"),
        ("ecg_id,sex\n", "has a first line and no row below it"),
        ("ecg_id,patient_id\nx,NA\n", "line 2: patient_id 'NA': leave it empty where unknown"),
        (
            "ecg_id;age\nx;63,5\n",
            "line 2: age '63,5' is not a number from 0 to 120 years; write it with a decimal point",
        ),
        ("ecg_id,age\nx,63,5\n", "line 2 has 3 fields, expected 2 (a decimal comma? write a point;"),
        ("ecg_id,mpcwp\nx,18\n", "unknown column 'mpcwp': did you mean 'mpcwp_mmhg'?"),
        ("ecg_id,mpcwp_mmhg\nx,18\n", "catheter values need the column 'measured_at'"),
        ("ecg_id;measured_at;rap_mmhg\nx;2020-05-15;8,5\n", "line 2: rap_mmhg '8,5' is not a number; write it with"),
        ("ecg_id,measured_at,rap_mmhg\nx,yesterday,8\n", "line 2: measured_at 'yesterday': expected ISO 8601"),
        ("ecg_id,sex\n,f\n", "line 2: neither source nor ecg_id is given"),
        ("ecg_id,sex\nx\n", "line 2 has 1 fields, expected 2"),
        ("ecg_id,age\nx,old\n", "line 2: age 'old' is not a number from 0 to 120"),
        ("ecg_id,age\nx,300\n", "line 2: age '300' is not a number from 0 to 120"),
        ("ecg_id,age\nx,nan\n", "line 2: age 'nan' is not a number"),
        ("ecg_id,sex\nx,1\n", "line 2: sex '1': expected female, male, f, m or nothing"),
        ("ecg_id,acquired_at\nx,15/05/2020\n", "line 2: acquired_at '15/05/2020': expected ISO 8601"),
        ("ecg_id,acquired_at\nx,2020-05-15T10:00+02:00\n", "has a time zone, expected the local time without"),
        ('ecg_id,sex\n"x,f\n', "not a CSV table in UTF-8"),
    ],
)
def test_a_wrong_table_is_refused_by_line(write_csv, text, message):
    path = write_csv(text)
    with pytest.raises(ReadError) as caught:
        read_metadata(path)
    assert message in str(caught.value)
    assert caught.value.code == "metadata"
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_all_problems_are_told_at_once_up_to_a_number(write_csv):
    text = "ecg_id,sex,age\n" + "".join(f"x{number},?,999\n" for number in range(4))
    with pytest.raises(ReadError, match=r"line 2: age .*; line 2: sex .*; line 4: age .*; and 3 more$"):
        read_metadata(write_csv(text))


def test_a_table_that_is_not_there_or_no_text_is_refused(tmp_path, write_csv):
    with pytest.raises(ReadError, match="no such file") as caught:
        read_metadata(tmp_path / "nothing.csv")
    assert caught.value.code == "missing"
    with pytest.raises(ReadError, match="not a CSV table in UTF-8"):
        read_metadata(tmp_path)
    with pytest.raises(ReadError, match="not a CSV table in UTF-8"):
        read_metadata(write_csv("ecg_id,patient_id\nx,M\u00fcller\n", encoding="latin-1"))
