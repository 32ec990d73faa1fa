import pytest

from hemometric.datasets import CatheterValue
from hemometric.errors import SettingsError
from hemometric.labels.archive_values import RecordValue, check_values, parse_units

WEDGE = {"target": "mpcwp", "text": "6 cmH2O", "value": 6.0, "unit": "cmH2O", "method": "wedge"}


def value(patient="p1", source="a/r1", measured_at="1990-10-16", **changed):
    return RecordValue(patient, source, CatheterValue(**(WEDGE | {"measured_at": measured_at} | changed)))


def test_a_unit_is_converted_as_it_is_written_and_kept():
    (row,) = check_values([value()], units={}).labels.to_pylist()
    assert row["value"] == pytest.approx(6 * 98.0665 / 133.322387415)
    assert (row["value_original"], row["unit_original"], row["method"]) == (6.0, "cmH2O", "wedge")
    assert (row["measured_at"], row["time_known"]) == ("1990-10-16", False)


def test_where_the_user_says_what_a_unit_is_the_row_says_so_too():
    (row,) = check_values([value()], units=parse_units(["cmh2o=mmhg"])).labels.to_pylist()
    assert (row["value"], row["value_original"], row["unit_original"]) == (6.0, 6.0, "cmH2O")
    assert row["method"] == "wedge; written in cmH2O, taken as mmHg"
    flow = value(target="co", text="4,91 l/min", value=4.91, unit="l/min")
    (row,) = check_values([flow], units=parse_units(["cmH2O=mmHg"])).labels.to_pylist()
    assert (row["value"], row["unit_original"], row["method"]) == (4.91, "l/min", "wedge")


def test_a_value_that_several_records_of_a_patient_repeat_counts_once():
    table = check_values([value(), value(source="a/r2"), value(patient="p2", source="a/r3")], units={})
    assert [row["patient_id"] for row in table.labels.to_pylist()] == ["p1", "p2"]
    assert (table.n_read, table.n_patients) == (2, 2)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"value": 600.0, "text": "600 cmH2O"}, "implausible"),
        ({"unit": "hPa"}, "unknown-unit"),
        ({"unit": ""}, "unknown-unit"),
        ({"value": None, "text": "high"}, "not-a-number"),
        ({"value": float("nan"), "text": "nan"}, "not-a-number"),
        ({"measured_at": None}, "no-time"),
        ({"patient": ""}, "no-patient"),
    ],
)
def test_what_cannot_be_used_is_listed_with_what_was_written_and_where(changed, code):
    table = check_values([value(), value(**({"measured_at": "1990-10-17", "source": "a/r9"} | changed))], units={})
    assert table.labels.num_rows == 1
    (reject,) = table.rejects
    assert reject.reason_code == code
    assert reject.value == changed.get("text", "6 cmH2O")
    assert reject.detail.endswith("; with record a/r9")
    assert dict(table.dropped) == {code: 1}


@pytest.mark.parametrize("text", ["cmH2O", "=mmHg", "cmH2=mmHg", "cmH2O=L/min", "cmH2O=", ""])
def test_a_unit_that_does_not_exist_or_fit_is_refused(text):
    with pytest.raises(SettingsError, match="--catheter-unit"):
        parse_units([text])
