import itertools
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hemometric.labels import join

PATIENTS = ("p1", "p2", "p3")
MOMENTS = st.one_of(
    st.integers(0, 100).map(lambda hours: (datetime(2020, 3, 27) + timedelta(hours=hours)).isoformat()),
    st.integers(0, 5).map(lambda days: f"2020-03-{27 + days}" if days < 5 else "2020-04-01"),
)
ECGS = st.lists(st.tuples(st.sampled_from(PATIENTS), st.one_of(st.none(), MOMENTS)), min_size=1, max_size=8)
VALUES = st.lists(
    st.tuples(st.sampled_from(PATIENTS), MOMENTS, st.sampled_from(("mpcwp", "co")), st.floats(1, 20)),
    min_size=1,
    max_size=12,
)


def pair_slowly(acquired_at, measured_at):
    """(1 where only dates are known, largest possible distance in hours, gap)."""
    ecg_time, label_time = datetime.fromisoformat(acquired_at), datetime.fromisoformat(measured_at)
    if len(acquired_at) == len(measured_at) == 19:
        gap = (ecg_time - label_time) / timedelta(hours=1)
        return 0, abs(gap), gap
    return 1, 24 * (abs((ecg_time.date() - label_time.date()) / timedelta(days=1)) + 1), None


def certainly(side, acquired_at, measured_at):
    """Whether the ECG lies on that side whatever the hours that are not known."""
    n_known = min(len(acquired_at), len(measured_at))
    ecg, value = acquired_at[:n_known], measured_at[:n_known]
    same = ecg == value and n_known == 19
    return side == "both" or same or (ecg < value if side == "before" else ecg > value)


def link_slowly(ecgs, labels, window, side):
    """The rule as it is written: of all pairs keep those allowed, then those best by each criterion in turn."""
    found = []
    for (number, (patient, acquired_at)), target in itertools.product(enumerate(ecgs), ("mpcwp", "co")):
        mine = [label for label in labels if label[0] == patient and label[2] == target and acquired_at is not None]
        pairs = [(*pair_slowly(acquired_at, label[1]), datetime.fromisoformat(label[1]), *label) for label in mine]
        pairs = [pair for pair in pairs if pair[1] <= window and certainly(side, acquired_at, pair[5])]
        for criterion, best in ((0, min), (1, min), (3, max)):
            pairs = [pair for pair in pairs if pair[criterion] == best(p[criterion] for p in pairs)]
        if pairs:
            _, _, gap, _, _, measured_at, _, value = pairs[-1]
            found.append((f"e{number}", target, value, measured_at, gap))
    return sorted(found)


def as_tuples(links):
    return sorted(tuple(row.values()) for row in links.to_pylist())


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    ecgs=ECGS,
    labels=VALUES,
    window=st.sampled_from([0.0, 1.0, 6.0, 24.0, 48.0, 72.0]),
    side=st.sampled_from(["before", "after", "both"]),
)
def test_linking_equals_the_rule_applied_to_all_pairs(ecgs_of, labels_of, ecgs, labels, window, side):
    found = join(ecgs_of(ecgs), labels_of(labels), window_hours=window, side=side)
    assert as_tuples(found.links) == link_slowly(ecgs, labels, window, side)


CASES = {
    "nearest of two": (
        ["2020-05-15T10:00:00"],
        [("2020-05-15T00:00:00", 1.0), ("2020-05-15T12:00:00", 2.0)],
        (2.0, -2.0),
    ),
    "a tie goes to the later": (
        ["2020-05-15T10:00:00"],
        [("2020-05-15T12:00:00", 1.0), ("2020-05-15T08:00:00", 2.0)],
        (1.0, -2.0),
    ),
    "of the same time the last row": (
        ["2020-05-15T10:00:00"],
        [("2020-05-15T10:00:00", 1.0), ("2020-05-15T10:00:00", 2.0)],
        (2.0, 0.0),
    ),
    "exactly at the edge": (["2020-05-16T10:00:00"], [("2020-05-15T10:00:00", 1.0)], (1.0, 24.0)),
    "one second too far": (["2020-05-16T10:00:01"], [("2020-05-15T10:00:00", 1.0)], None),
    "across midnight with times": (["2020-05-16T00:30:00"], [("2020-05-15T23:30:00", 1.0)], (1.0, 1.0)),
    "same day by date": (["2020-05-15T23:00:00"], [("2020-05-15", 1.0)], (1.0, None)),
    "next day by date": (["2020-05-16T00:30:00"], [("2020-05-15", 1.0)], None),
    "ECG with date only": (["2020-05-15"], [("2020-05-15T10:00:00", 1.0)], (1.0, None)),
    "a known distance goes before a date": (
        ["2020-05-15T23:00:00"],
        [("2020-05-15", 1.0), ("2020-05-15T00:00:00", 2.0)],
        (2.0, 23.0),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_rule_by_example(ecgs_of, labels_of, case):
    times, values, expected = CASES[case]
    ecgs = ecgs_of([("p", time) for time in times])
    labels = labels_of([("p", time, "mpcwp", value) for time, value in values])
    links = join(ecgs, labels, window_hours=24.0).links.to_pylist()
    assert [(row["value"], row["gap_hours"]) for row in links] == ([] if expected is None else [expected])


def test_ecgs_whose_side_dates_do_not_tell_are_counted(ecgs_of, labels_of):
    ecgs = ecgs_of([("p", "2020-05-15"), ("p", "2020-05-14T23:00:00"), ("p", "2020-05-15T10:00:00")])
    labels = labels_of([("p", "2020-05-15", "mpcwp", 1.0)])
    found = join(ecgs, labels, window_hours=48.0, side="before")
    assert found.links["ecg_id"].to_pylist() == ["e1"]
    assert found.n_order_unknown == 2
    assert [step.n_ecgs for step in found.steps] == [3, 3, 3, 3, 1]
    assert join(ecgs, labels, window_hours=48.0).n_order_unknown == 0
