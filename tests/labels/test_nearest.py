"""The join by sorted arrays against the plain one, which tries all pairs: bit for bit, with every count."""

from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from plain_linking import join_slowly

from hemometric.errors import LabelError
from hemometric.labels import join

START = datetime(2020, 2, 28)
STEPS = (timedelta(hours=6), timedelta(minutes=1), timedelta(microseconds=1))
TIMES = st.tuples(st.integers(-12, 12), st.integers(-2, 2), st.sampled_from([0, 0, 0, 1, 250_000])).map(
    lambda counts: START + sum((count * step for count, step in zip(counts, STEPS, strict=True)), timedelta())
)
FAR = st.datetimes(datetime(1950, 1, 1), datetime(2080, 1, 1))
MOMENTS = st.one_of(
    TIMES.map(datetime.isoformat),
    TIMES.map(lambda at: at.date().isoformat()),
    TIMES.map(lambda at: f"{at:%Y-%m-%d %H:%M}"),
    FAR.map(datetime.isoformat),
)
ECGS = st.lists(st.tuples(st.sampled_from("abcd"), st.one_of(st.none(), MOMENTS, MOMENTS)), min_size=1, max_size=12)
VALUES = st.lists(
    st.tuples(st.sampled_from("abcx"), MOMENTS, st.sampled_from(("mpcwp", "co", "rap")), st.integers(1, 20).map(float)),
    min_size=1,
    max_size=24,
)
WINDOWS = st.sampled_from([0.0, 1 / 60, 6.0, 12.0, 24.0, 48.0, 100.0, 1e6, float("inf")])
SIDES = st.sampled_from(["before", "after", "both"])


@settings(deadline=None, max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ecgs=ECGS, labels=VALUES, window=WINDOWS, side=SIDES)
@example(ecgs=[("d", "2020-02-28")], labels=[("x", "2020-02-28", "co", 1.0)], window=24.0, side="both")
@example(
    ecgs=[("a", "2020-02-28T12:00:00"), ("a", "2020-02-28")],
    labels=[("a", "2020-02-28T18:00:00", "co", 1.0), ("a", "2020-02-28T06:00:00", "co", 2.0)],
    window=24.0,
    side="both",
)
@example(ecgs=[("a", None)], labels=[("a", "2020-02-28", "co", 1.0)], window=24.0, side="before")
def test_the_fast_join_finds_what_trying_all_pairs_finds_to_the_last_bit(
    ecgs_of, labels_of, ecgs, labels, window, side
):
    tables = ecgs_of(ecgs), labels_of(labels)
    fast, slow = (one(*tables, window_hours=window, side=side) for one in (join, join_slowly))
    assert fast.links.equals(slow.links)
    assert [column.num_chunks for column in fast.links.columns] == [column.num_chunks for column in slow.links.columns]
    for count in ("n_labels_linked", "n_patients_linked", "n_order_unknown", "steps", "targets"):
        assert getattr(fast, count) == getattr(slow, count)


@pytest.mark.parametrize(
    ("ecgs", "labels"),
    [
        ([("a", "2020-02-28"), ("a", "yesterday")], [("a", "2020-02-28", "co", 1.0)]),
        ([("a", "yesterday")], [("x", "2020-02-28", "co", 1.0), ("a", "2020-02-30", "co", 1.0)]),
        ([("a", "2020-02-28T10:00:00+01:00")], [("a", "2020-02-28", "co", 1.0)]),
    ],
)
def test_a_time_that_cannot_be_read_is_told_in_the_same_words(ecgs_of, labels_of, ecgs, labels):
    told = []
    for one in (join, join_slowly):
        with pytest.raises(LabelError) as caught:
            one(ecgs_of(ecgs), labels_of(labels), window_hours=24.0, side="both")
        told.append(str(caught.value))
    assert told[0] == told[1]
