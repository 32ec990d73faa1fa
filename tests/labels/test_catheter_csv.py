import pytest

from hemometric.errors import LabelError
from hemometric.labels import read_catheter_csv
from hemometric.labels.catheter_csv import FACTORS
from hemometric.store import LABELS_SCHEMA
from hemometric.targets import TARGETS


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
    assert (second["value"], second["value_original"], second["unit_original"]) == (2.5 * 7.50062, 2.5, "kPa")
    assert (second["target"], second["method"]) == ("mpap", None)
    assert (third["patient_id"], third["value"], third["time_known"]) == ("p,2", 4.5, False)
    assert fourth["value"] == pytest.approx(7.35559)


def test_conversion_factors_agree_with_the_definitions_of_the_units():
    pascal = {"mmHg": 133.322387415, "cmH2O": 98.0665, "kPa": 1000.0}
    for unit, factor in FACTORS["mmHg"].items():
        assert factor == pytest.approx(pascal[unit] / pascal["mmHg"], rel=2e-6)


def test_every_target_has_a_table_of_units_with_its_own_unit_first():
    for target in TARGETS.values():
        unit, factor = next(iter(FACTORS[target.unit].items()))
        assert (unit, factor) == (target.unit, 1.0)


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


BAD_ROWS = {
    "no unit": ("p1,2020-05-15,mpcwp,12,", "line 3: no unit for mpcwp, expected one of mmHg, cmH2O, kPa"),
    "unknown unit": ("p1,2020-05-15,mpcwp,12,psi", "unit 'psi' for mpcwp"),
    "a flow as pressure": ("p1,2020-05-15,co,4,mmHg", "unit 'mmHg' for co, expected one of L/min, mL/min"),
    "unknown target": ("p1,2020-05-15,lvedp,12,mmHg", "unknown target 'lvedp', expected one of mpcwp, mpap, rap, co"),
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


def test_many_bad_rows_are_one_message(csv_of):
    path = csv_of(*["p1,2020-05-15,mpcwp,12,psi"] * 10)
    with pytest.raises(LabelError, match=r"line 2: .*line 4: .*; and 7 more lines$"):
        read_catheter_csv(path)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("patient_id,measured_at,target,value", "column unit is missing; found: patient_id"),
        ("patient;when", "column patient_id, measured_at, target, value, unit is missing"),
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
    with pytest.raises(LabelError, match=r"binary\.csv: not a readable CSV"):
        read_catheter_csv(tmp_path / "binary.csv")
