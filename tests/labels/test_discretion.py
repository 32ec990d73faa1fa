"""Ids and dates of a whole table against those of each value alone."""

from datetime import date, datetime

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hemometric.deidentification import Deidentifier
from hemometric.errors import LabelError
from hemometric.labels import CatheterTable, LabelReject
from hemometric.labels.discretion import hide_patients, move_dates

SECRET = Deidentifier(b"sixteen bytes and more")
MOMENTS = st.one_of(
    st.datetimes(datetime(1900, 1, 1)).map(datetime.isoformat), st.dates(date(1900, 1, 1)).map(date.isoformat)
)
VALUES = st.lists(st.tuples(st.sampled_from(["p1", "p2", "ü"]), MOMENTS, st.just("co"), st.floats(1, 9)), max_size=9)


def hide_slowly(labels, words):
    """Each value alone, in the order of the new ids."""
    rows = labels.to_pylist()
    for row in rows:
        row["patient_id"] = SECRET.patient(row["patient_id"])
        row["measured_at"] = SECRET.moment(row["measured_at"], patient=row["patient_id"])
        row["method"] = row["method"] if words is None or row["method"] in words else None
    return pa.Table.from_pylist(sorted(rows, key=lambda row: row["patient_id"]), schema=labels.schema)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=VALUES, methods=st.lists(st.sampled_from([None, "Fick", "of Mr X"]), min_size=9, max_size=9))
@pytest.mark.parametrize("words", [None, {"Fick", "co"}])
def test_a_table_is_hidden_as_each_of_its_values(labels_of, values, methods, words):
    labels = labels_of(values)
    labels = labels.set_column(7, labels.schema.field(7), pa.array(methods[: len(values)], pa.string()))
    half = len(values) // 2
    labels = pa.concat_tables([labels.slice(0, half), labels.slice(half)])
    rejects = tuple(LabelReject(line, "p1", "", "co", "x", "", "no-time", "") for line in range(2))
    table = CatheterTable(labels, len(values), 2, {}, rejects)
    hidden = hide_patients(table, SECRET, words=words)
    assert hidden.labels.equals(hide_slowly(labels, words))
    assert {reject.patient_id for reject in hidden.rejects} == {SECRET.patient("p1")}


def test_of_an_implausible_value_the_range_is_told_and_not_the_number(labels_of):
    detail = "400117 mmHg is outside 0 to 60"  # somebody's id in the wrong column
    reject = LabelReject(7, "p1", "2020-05-15", "mpcwp", "400117", "mmHg", "implausible", detail)
    (hidden,) = hide_patients(CatheterTable(labels_of([]), 1, 1, {}, (reject,)), SECRET).rejects
    assert hidden.detail == "outside 0 to 60"
    assert "400117" not in str(hidden)


def test_each_patient_is_hashed_once_and_not_each_value(labels_of, monkeypatch):
    asked = []
    honest = Deidentifier._hash
    monkeypatch.setattr(Deidentifier, "_hash", lambda self, *what: asked.append(what) or honest(self, *what))
    labels = labels_of([(f"p{number % 3}", "2020-05-15", "co", 4.0) for number in range(300)])
    hide_patients(CatheterTable(labels, 300, 3, {}, ()), SECRET)
    assert sorted(kind for kind, _ in asked) == ["days"] * 3 + ["patient"] * 3


def test_a_date_that_cannot_be_moved_is_refused_without_naming_it(labels_of):
    labels = labels_of([("p1", "0002-05-15", "co", 4.0)])
    with pytest.raises(LabelError, match="too early to be moved back") as caught:
        move_dates(CatheterTable(labels, 1, 1, {}, ()), SECRET)
    assert "0002" not in str(caught.value)
