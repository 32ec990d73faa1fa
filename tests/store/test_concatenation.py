"""Rows of several tables as those of one, against plain sets of rows."""

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from hemometric.store import LABELS_SCHEMA, concatenation
from hemometric.store.concatenation import find_new_rows, join_rows

rows = st.lists(
    st.tuples(
        st.sampled_from(["p", "q", ""]),
        st.sampled_from(["2020-01-01", "2020-01-02T10:00:00"]),
        st.booleans(),
        st.sampled_from(["mpcwp", "co"]),
        st.sampled_from([12.0, 0.0, -0.0, 1e-300, 5.1]),
        st.just(12.0),
        st.sampled_from(["mmHg", "kPa"]),
        st.sampled_from([None, "", "fick"]),
    ),
    max_size=12,
)


def table(found):
    return pa.Table.from_pylist([dict(zip(LABELS_SCHEMA.names, row, strict=True)) for row in found], LABELS_SCHEMA)


def join_plainly(tables):
    whole = [row for found in tables for row in found]
    return [row for place, row in enumerate(whole) if row not in whole[place + 1 :]]


def test_of_equal_rows_the_last_stays(monkeypatch):
    @settings(deadline=None)
    @given(tables=st.lists(rows, min_size=1, max_size=3))
    def check(tables):
        joined = join_rows([None, *map(table, tables)])
        assert joined.schema == LABELS_SCHEMA
        assert repr(joined.to_pylist()) == repr(table(join_plainly(tables)).to_pylist())

    check()
    monkeypatch.setattr(concatenation, "_LARGEST", 4)  # the numbers of columns are folded anew each time
    check()


def test_new_rows_are_those_that_were_not_there_each_as_often_as_it_comes(monkeypatch):
    @settings(deadline=None)
    @given(before=rows, brought=rows)
    def check(before, brought):
        new = find_new_rows(table(before), table(brought))
        assert repr(new.to_pylist()) == repr(table([row for row in brought if row not in before]).to_pylist())
        assert find_new_rows(None, table(brought)).num_rows == len(brought)

    check()
    monkeypatch.setattr(concatenation, "_LARGEST", 4)
    check()
