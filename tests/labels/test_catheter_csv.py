import pytest

from hemometric.errors import LabelError
from hemometric.labels import read_catheter_csv
from hemometric.labels.layout import Layout, ValueColumn
from hemometric.store import LABELS_SCHEMA


def test_values_are_read_with_unit_time_and_method(csv_of):
    path = csv_of(
        " p1 ,2020-05-15T10:30,mpcwp,12,mmHg,Fick",
        "p1,2020-05-15 10:30:00,MPAP,2.5,kpa,",
        '"p,2",2020-05-16,co,4500,ml/min,thermodilution',
        "p3,2020-05-16,rap,10,cmH2O,",
        header="patient_id,measured_at,target,value,unit,method",
        encoding="utf-8-sig",
    )
    table = read_catheter_csv(path)
    assert (table.n_read, dict(table.dropped)) == (4, {})
    assert table.labels.schema.equals(LABELS_SCHEMA)
    first, second, third, fourth = table.labels.to_pylist()
    assert first == {
        "patient_id": "p1",
        "measured_at": "2020-05-15T10:30:00",
        "time_known": True,
        "target": "mpcwp",
        "value": 12.0,
        "value_original": 12.0,
        "unit_original": "mmHg",
        "method": "Fick",
    }
    assert (second["value"], second["value_original"], second["unit_original"]) == (
        pytest.approx(2.5 * 7.50062),
        2.5,
        "kPa",
    )
    assert (second["target"], second["method"]) == ("mpap", None)
    assert (third["patient_id"], third["value"], third["time_known"]) == ("p,2", 4.5, False)
    assert fourth["value"] == pytest.approx(7.35559, rel=1e-6)


def test_rows_with_nothing_in_them_and_implausible_values_are_counted(csv_of):
    path = csv_of(
        "p1,2020-05-15,mpcwp,12,mmHg",
        ",2020-05-15,mpcwp,12,mmHg",
        "p1,,mpcwp,12,mmHg",
        "p1,2020-05-15,mpcwp,,mmHg",
        "p1,2020-05-15,mpcwp,n/a,mmHg",
        "p1,2020-05-15,mpcwp,NaN,",
        "p1,2020-05-15,mpcwp,120,mmHg",
        "p1,2020-05-15,mpcwp,12,kPa",
        "p1,2020-05-15,mpcwp,0,mmHg",
        "p1,2020-05-15,mpcwp,60,mmHg",
    )
    table = read_catheter_csv(path)
    assert table.labels["value"].to_pylist() == [12.0, 0.0, 60.0]
    assert table.n_read == 10
    assert dict(table.dropped) == {"no-patient": 1, "no-time": 1, "no-value": 3, "implausible": 2}


def test_a_value_that_is_written_and_not_used_is_listed_with_its_line_and_reason(csv_of):
    path = csv_of(
        "p1,2020-05-15,mpcwp,12,mmHg",
        ",2020-05-15,mpcwp,12,mmHg",
        "p1,,mpcwp,12,mmHg",
        "p1,2020-05-15,mpcwp,n/a,mmHg",
        "p1,2020-05-16,mpcwp,12,kPa",
    )
    found = [(reject.line, reject.reason_code, reject.detail) for reject in read_catheter_csv(path).rejects]
    assert found == [
        (3, "no-patient", "the value has no patient"),
        (4, "no-time", "the value has no time"),
        (6, "implausible", "90.0074 mmHg is outside 0 to 60"),
    ]


WIDE = Layout(
    columns={"patient_id": "MRN", "measured_at": "day+time"},
    wide=(ValueColumn("mpcwp", "PCWP: mean", "mmHg"), ValueColumn("co", "CO", "mL/min")),
    date_formats=("%d.%m.%Y %H:%M", "%d.%m.%Y"),
    decimal_comma=True,
)


@pytest.mark.parametrize("separator", [";", "\t"])
def test_a_wide_table_is_read_with_its_own_names_separator_dates_and_decimal_comma(tmp_path, separator):
    lines = ["MRN;day;time;PCWP: mean;CO;note", "7;15.05.2020;10:30;12,5;4500;x", "8;16.05.2020;;;5000,5;"]
    path = tmp_path / "wide.csv"
    path.write_text("\n".join(lines).replace(";", separator))
    table = read_catheter_csv(path, layout=WIDE)
    names = ("patient_id", "measured_at", "target", "value", "unit_original", "method")
    assert [tuple(row[name] for name in names) for row in table.labels.to_pylist()] == [
        ("7", "2020-05-15T10:30:00", "mpcwp", 12.5, "mmHg", "PCWP: mean"),
        ("7", "2020-05-15T10:30:00", "co", 4.5, "mL/min", "CO"),
        ("8", "2020-05-16", "co", 5.0005, "mL/min", "CO"),
    ]
    assert (table.n_read, table.n_patients, dict(table.dropped)) == (4, 2, {"no-value": 1})


def test_a_long_table_with_other_names_and_no_unit_column_is_read_and_other_rows_are_only_counted(csv_of):
    layout = Layout(columns={"target": "itemid"}, names={"223771": "mpcwp", "220088": "co"}, units={"mpcwp": "mmHg"})
    path = csv_of(
        "p1,2020-05-15,223771,12,", "p1,2020-05-15,220045,88,bpm", header="patient_id,measured_at,itemid,value,unit"
    )
    table = read_catheter_csv(path, layout=layout)
    assert table.labels["target"].to_pylist() == ["mpcwp"]
    assert (table.n_read, dict(table.dropped), table.rejects) == (2, {"other-target": 1}, ())
    without = csv_of("p1,2020-05-15,223771,12", header="patient_id,measured_at,itemid,value")
    assert read_catheter_csv(without, layout=layout).labels.num_rows == 1
    with pytest.raises(LabelError, match="line 2: no unit for co"):
        read_catheter_csv(csv_of("p1,2020-05-15,220088,4", header="patient_id,measured_at,itemid,value"), layout=layout)


def test_a_unit_that_is_written_counts_more_than_the_one_stated_for_rows_without(csv_of):
    path = csv_of("p1,2020-05-15,mpcwp,2,kPa", "p1,2020-05-16,mpcwp,15,")
    found = read_catheter_csv(path, layout=Layout(units={"mpcwp": "mmHg"})).labels["value"].to_pylist()
    assert found == [pytest.approx(15.0012, rel=1e-5), 15.0]


def test_a_date_in_none_of_the_formats_is_named_with_the_column_and_them(csv_of):
    layout = Layout(date_formats=("%d.%m.%Y", "%m/%d/%Y"))
    with pytest.raises(LabelError, match=r"measured_at '2020-05-15': expected %d\.%m\.%Y or %m/%d/%Y"):
        read_catheter_csv(csv_of("p1,2020-05-15,mpcwp,12,mmHg"), layout=layout)


def test_a_decimal_point_where_a_comma_was_announced_is_refused(csv_of):
    with pytest.raises(LabelError, match=r"value '1\.250' is not a number; write it with a decimal comma"):
        read_catheter_csv(csv_of("p1,2020-05-15,mpcwp,1.250,mmHg"), layout=Layout(decimal_comma=True))


BAD_ROWS = {
    "no unit": ("p1,2020-05-15,mpcwp,12,", "line 3: no unit for mpcwp, expected one of mmHg, cmH2O, kPa"),
    "unknown unit": ("p1,2020-05-15,mpcwp,12,psi", "unit 'psi' for mpcwp"),
    "a flow as pressure": ("p1,2020-05-15,co,4,mmHg", "unit 'mmHg' for co, expected one of L/min, mL/min"),
    "unknown target": (
        "p1,2020-05-15,lvedp,12,mmHg",
        "unknown target 'lvedp': expected one of mpcwp, mpap, rap, co; say which",
    ),
    "decimal comma": ('p1,2020-05-15,mpcwp,"12,5",mmHg', "value '12,5' is not a number"),
    "unit in the value": ("p1,2020-05-15,mpcwp,12 mmHg,mmHg", "not a number"),
    "infinite": ("p1,2020-05-15,mpcwp,inf,mmHg", "not a number"),
    "German date": ("p1,15.05.2020,mpcwp,12,mmHg", "measured_at '15.05.2020': expected YYYY-MM-DD"),
    "time zone": ("p1,2020-05-15T10:00:00+02:00,mpcwp,12,mmHg", "without a zone"),
    "short row": ("p1,2020-05-15,mpcwp,12", "no unit"),
}


@pytest.mark.parametrize("case", BAD_ROWS)
def test_a_row_that_cannot_be_understood_is_named(csv_of, case):
    row, message = BAD_ROWS[case]
    path = csv_of("p1,2020-05-15,mpcwp,12,mmHg", row)
    with pytest.raises(LabelError, match="line 3: ") as caught:
        read_catheter_csv(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_decimal_comma_that_makes_a_field_too_many_is_refused_and_empty_ones_behind_the_last_are_not(csv_of):
    layout = Layout(wide=(ValueColumn("mpcwp", "PCWP", "mmHg"), ValueColumn("co", "CO", "L/min")))
    rows = ("p1,2020-05-15,18,4,", "p2,2020-05-15,18,5,4,1", "p3,2020-05-15,18,4")
    path = csv_of(*rows, header="patient_id,measured_at,PCWP,CO")
    with pytest.raises(
        LabelError, match=r"labels\.csv: line 3: more fields than columns, .* holds ',' \(a decimal comma"
    ):
        read_catheter_csv(path, layout=layout)
    assert read_catheter_csv(csv_of(rows[0], header="patient_id,measured_at,PCWP,CO"), layout=layout).n_read == 2


def test_many_bad_rows_are_one_message(csv_of):
    path = csv_of(*["p1,2020-05-15,mpcwp,12,psi"] * 10)
    with pytest.raises(LabelError, match=r"line 2: .*line 4: .*; and 7 more values$"):
        read_catheter_csv(path)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (
            "patient_id,measured_at,target,value",
            "column 'unit' is missing; found: patient_id.* --columns FIELD=COLUMN.* --units",
        ),
        (
            "patient;when",
            r"column 'patient_id' \(did you mean 'patient'\?\) is missing; column 'measured_at' is missing",
        ),
        ("patient_id,measured_at,target,value,unit,value", "column 'value' stands there twice"),
        ("patient_id,measured_at,target,value,unit", "it has no rows"),
    ],
)
def test_a_table_without_columns_or_rows_is_refused(csv_of, header, message):
    with pytest.raises(LabelError, match=message):
        read_catheter_csv(csv_of(header=header))


def test_a_table_of_nothing_usable_is_refused_with_the_reasons(csv_of):
    with pytest.raises(LabelError, match=r"no catheter value can be used \(implausible 2\)"):
        read_catheter_csv(csv_of(*["p1,2020-05-15,mpcwp,500,mmHg"] * 2))


def test_a_file_that_is_not_there_or_not_text_is_refused(tmp_path):
    with pytest.raises(LabelError, match=r"nowhere\.csv: not a readable CSV \(No such file"):
        read_catheter_csv(tmp_path / "nowhere.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(LabelError, match=r"binary\.csv: not a readable CSV .* save as CSV UTF-8"):
        read_catheter_csv(tmp_path / "binary.csv")
