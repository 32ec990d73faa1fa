"""Copies across two stores: what is left out never unties patients who are tied where all is ingested in one go."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hemometric.errors import StoreError
from hemometric.store.copies import IDENTITY, Copies, find_copies
from hemometric.store.splits import join_copied
from hemometric.store.tables import ECGS_SCHEMA

SCHEMA = pa.schema([ECGS_SCHEMA.field(name) for name in IDENTITY])


def table(*rows):
    return pa.Table.from_pylist([dict(zip(IDENTITY, row, strict=True)) for row in rows], SCHEMA)


def find(there, new):
    is_copy, copies = find_copies(table(*there), table(*new), where="store", advice="rename it")
    return is_copy.tolist(), copies


def joined(rows):
    whole = table(*rows)
    return join_copied(whole["patient_id"], whole["content_hash"])


def test_an_ecg_is_a_copy_where_its_own_patient_has_it_and_is_kept_under_another():
    there = [("a", "p", True, "1"), ("b", "q", True, "2"), ("c", "q", True, "")]
    new = [
        ("a", "p", True, "1"),
        ("x", "p", True, "1"),
        ("y", "p", True, "2"),
        ("z", "q", True, ""),
        ("w", "p", True, "3"),
    ]
    assert find(there, new) == ([True, True, False, False, False], Copies(n=2, n_renamed=1, n_tying=1))


def test_a_record_of_nobody_is_left_out_where_all_of_it_is_one_patients_and_kept_where_it_ties():
    there = [("a", "p", True, "1"), ("b", "p", True, "2"), ("c", "q", True, "3")]
    leaf = [("x#0", "x", False, "1"), ("x#1", "x", False, "2")]
    bridge = [("y#0", "y", False, "2"), ("y#1", "y", False, "3")]
    partly = [("z#0", "z", False, "3"), ("z#1", "z", False, "4")]
    is_copy, copies = find(there, [*leaf, *bridge, *partly])
    assert (is_copy, copies) == ([True, True, *[False] * 4], Copies(n=2, n_renamed=2, n_tying=3))


def test_a_further_ecg_of_a_record_of_nobody_that_is_there_is_kept_since_it_ties_those_before():
    there = [("a", "p", True, "1"), ("x#0", "x", False, "9")]
    assert find(there, [("x#1", "x", False, "1")]) == ([False], Copies(n_tying=1))


def test_a_name_that_is_taken_is_refused_with_why():
    there = [("a", "p", True, "1"), ("b", "b", False, "2"), ("c", "p", True, "3")]
    with pytest.raises(StoreError, match=r"store: 1 ECGs have the name .* other samples \('c'\): rename it"):
        find(there, [("c", "p", True, "9"), ("a", "q", True, "1")])
    with pytest.raises(
        StoreError,
        match=r"2 ECGs are there under another patient \('a': patient 'p' there, patient 'q' now; 'b': an unknown "
        r"patient there, patient 'q' now\): .*else rename it",
    ):
        find(there, [("a", "q", True, "1"), ("b", "q", True, "2")])


# Records of one or more windows: of a known patient (several records may be) or of nobody (then of the record alone).
records = st.lists(
    st.tuples(
        st.sampled_from(["p", "q", "r", "s", None, None]), st.lists(st.sampled_from("12345678"), min_size=1, max_size=3)
    ),
    max_size=6,
)


def to_rows(found, *, folder):
    rows = []
    for number, (patient, hashes) in enumerate(found):
        record = f"{folder}/{number}"
        rows += [(f"{record}#{k}", patient or record, patient is not None, content) for k, content in enumerate(hashes)]
    return rows


@settings(deadline=None, max_examples=400)
@given(batches=st.lists(records, min_size=2, max_size=4))
def test_one_after_the_other_ties_the_same_patients_as_all_in_one_go(batches):
    added, whole, left_out = [], [], set()
    for number, batch in enumerate(batches):
        rows = to_rows(batch, folder=f"s{number}")
        is_copy, _ = find(added, rows)
        added += [row for row, copied in zip(rows, is_copy, strict=True) if not copied]
        whole += rows
    there = {row[1] for row in added}
    left_out = {row[1] for row in whole} - there
    assert all(not row[2] for row in whole if row[1] in left_out)
    expected = [tuple(patient for patient in group if patient in there) for group in joined(whole)]
    assert sorted(joined(added)) == sorted(group for group in expected if len(group) > 1)
    assert {row[3] for row in added} == {row[3] for row in whole}
    assert not any(
        find(added, to_rows(batch, folder=f"s{number}"))[0].count(False) for number, batch in enumerate(batches)
    )
