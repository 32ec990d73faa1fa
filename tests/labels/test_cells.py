"""A table read block by block against the plain reading of each cell: the same values, losses, rejects and words."""

import csv
import io
from dataclasses import astuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plain_catheter_csv import read_slowly

from hemometric.errors import LabelError
from hemometric.labels import Layout, ValueColumn, read_catheter_csv

LAYOUTS = {
    "long": Layout(),
    "named": Layout(columns={"target": "item"}, names={"pcw": "mpcwp", "7": "co"}, units={"co": "L/min"}),
    "wide": Layout(
        columns={"measured_at": "day+time"},
        wide=(ValueColumn("mpcwp", "a", "kPa"), ValueColumn("co", "b", "mL/min"), ValueColumn("mpcwp", "a", "mmHg")),
        date_formats=("%d.%m.%Y %H:%M", "%d.%m.%Y"),
        decimal_comma=True,
    ),
}
HEADERS = {
    "long": ["patient_id", "measured_at", "target", "value", "unit", "method"],
    "named": ["patient_id", "item", "value", "measured_at", "note", "unit"],
    "wide": ["a", "patient_id", "day", "time", "b", "method"],
}
GOOD = st.sampled_from(["p1", " p1 ", "p2", "P2"])
DAYS = st.sampled_from(["2020-05-15", "2020-05-15T10:30", "2020-05-15 10:30:00"])
NUMBERS = st.sampled_from(["12", "12.0", "4", " 5.5", "n/a", "", "NaN", "0", "99", "4100"])
CELLS = {
    "patient_id": st.one_of(GOOD, GOOD, st.just(""), st.just('p"3\n4')),
    "measured_at": st.one_of(DAYS, DAYS, st.just("")),
    "target": st.sampled_from(["mpcwp", "co", "MPAP"]),
    "item": st.sampled_from(["pcw", "7", "other"]),
    "value": NUMBERS,
    "unit": st.sampled_from(["mmHg", "L/min", "mmhg "]),
    "method": st.sampled_from(["", "Fick", " "]),
    "day": st.sampled_from(["15.05.2020", "16.05.2020", ""]),
    "time": st.sampled_from(["10:30", "", " "]),
    "a": st.sampled_from(["2,5", "1", "", "12"]),
    "b": st.sampled_from(["4100", "5000,5", "-"]) | st.just("."),
    "note": st.sampled_from(["", "x, y"]),
}
NONSENSE = st.sampled_from(["x", "lvedp", "15.05.20", "psi", "12,5", "inf", "2020-05-15T10:00Z"])


@st.composite
def tables(draw, kind):
    """Rows of cells that are mostly sound; some rows are blank, short or too long, and some cells are nonsense."""
    rows = []
    for _ in range(draw(st.integers(0, 9))):
        row = [draw(CELLS[header]) for header in HEADERS[kind]]
        if draw(st.integers(0, 19)) == 0:
            row[draw(st.integers(0, len(row) - 1))] = draw(NONSENSE)
        change = draw(st.integers(0, 29))
        rows.append({0: [], 1: row[:-1], 2: [*row, " "], 3: row[:2]}.get(change, row))
        if draw(st.integers(0, 199)) == 0:
            rows[-1] = [*row, "1"]
    return rows


def outcome(read, path, layout):
    """All that a reader finds, or says."""
    try:
        table = read(path, layout=layout)
    except LabelError as error:
        return str(error)
    counts = table.n_read, table.n_patients, list(table.dropped.items())
    return table.labels, counts, [astuple(reject) for reject in table.rejects]


@pytest.mark.parametrize("kind", LAYOUTS)
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_reading_by_blocks_finds_and_says_what_reading_each_cell_does(tmp_path, monkeypatch, kind, data):
    monkeypatch.setattr("hemometric.labels.cells._BLOCK_ROWS", data.draw(st.sampled_from([1, 2, 4, 100])))
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=data.draw(st.sampled_from(",;\t"))).writerows([HEADERS[kind], *data.draw(tables(kind))])
    path = tmp_path / "table.csv"
    path.write_bytes(text.getvalue().encode())
    fast, slow = (outcome(read, path, LAYOUTS[kind]) for read in (read_catheter_csv, read_slowly))
    assert fast == slow


def test_progress_of_a_large_table_is_told_in_mebibytes(csv_of, monkeypatch, capsys):
    from hemometric.progress import set_quiet

    set_quiet(False)
    try:
        path = csv_of(*["p1,2020-05-15,mpcwp,12,mmHg"] * 100_000)
        read_catheter_csv(path)
        assert capsys.readouterr().err == ""
        monkeypatch.setattr("hemometric.labels.catheter_csv._SHOWN_FROM_MEBIBYTES", 2)
        assert read_catheter_csv(path).n_read == 100_000
    finally:
        set_quiet(True)
    assert "catheter values: 3 MiB in" in capsys.readouterr().err
