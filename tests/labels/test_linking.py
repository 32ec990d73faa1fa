import itertools
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hemometric.errors import LabelError
from hemometric.labels import join, link
from hemometric.store import Store, verify

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


def link_slowly(ecgs, labels, window):
    """The rule as it is written: of all pairs keep those allowed, then those best by each criterion in turn."""
    found = []
    for (number, (patient, acquired_at)), target in itertools.product(enumerate(ecgs), ("mpcwp", "co")):
        mine = [label for label in labels if label[0] == patient and label[2] == target and acquired_at is not None]
        pairs = [(*pair_slowly(acquired_at, label[1]), datetime.fromisoformat(label[1]), *label) for label in mine]
        pairs = [pair for pair in pairs if pair[1] <= window]
        for criterion, best in ((0, min), (1, min), (3, max)):
            pairs = [pair for pair in pairs if pair[criterion] == best(p[criterion] for p in pairs)]
        if pairs:
            _, _, gap, _, _, measured_at, _, value = pairs[-1]
            found.append((f"e{number}", target, value, measured_at, gap))
    return sorted(found)


def as_tuples(links):
    return sorted(tuple(row.values()) for row in links.to_pylist())


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ecgs=ECGS, labels=VALUES, window=st.sampled_from([0.0, 1.0, 6.0, 24.0, 48.0, 72.0]))
def test_linking_equals_the_rule_applied_to_all_pairs(ecgs_of, labels_of, ecgs, labels, window):
    found = join(ecgs_of(ecgs), labels_of(labels), window_hours=window)
    assert as_tuples(found.links) == link_slowly(ecgs, labels, window)


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


ECGS_AT_HAND = [
    ("p1", "2020-05-15T10:00:00"),
    ("p1", "2020-05-18T10:00:00"),
    ("p1", None),
    ("p2", "2020-05-15T10:00:00"),
    ("p3", "2020-05-15T10:00:00"),
]


def test_linking_a_csv_writes_labels_and_links_and_accounts_for_everything(make_store, csv_of):
    store = make_store(ECGS_AT_HAND)
    path = csv_of(
        "p1,2020-05-15T12:00:00,mpcwp,12,mmHg",
        "p1,2020-05-15T12:00:00,co,4,L/min",
        "p2,2020-01-01,mpcwp,12,mmHg",
        "stranger,2020-05-15,mpcwp,12,mmHg",
        "p1,2020-05-15,mpcwp,500,mmHg",
    )
    before = store.fingerprint
    summary = link(store, labels_csv=path)
    assert (summary.n_labels_read, summary.n_labels_linked, summary.n_labels_unknown_patient) == (5, 2, 1)
    assert dict(summary.dropped) == {"implausible": 1}
    assert [(step.n_patients, step.n_ecgs) for step in summary.steps] == [(3, 5), (2, 4), (2, 3), (1, 1)]
    assert [(step.title, step.n_ecgs) for step in summary.targets] == [("mpcwp", 1), ("co", 1)]
    assert "5 read, 2 linked within 24 h" in summary.text()
    assert "implausible 1" in summary.text()

    again = Store.open(store.path)
    expected = {"ecg_id": "e0", "value": 12.0, "measured_at": "2020-05-15T12:00:00", "gap_hours": -2.0}
    assert again.links().to_pylist()[0] == expected | {"target": "mpcwp"}
    assert again.labels().num_rows == 4
    assert verify(store.path) == []
    assert again.fingerprint == before


def test_without_a_csv_the_stores_own_labels_are_linked_again(make_store, labels_of):
    labels = labels_of([("p1", "2020-05-16T12:00:00", "mpcwp", 9.0)])
    store = make_store(ECGS_AT_HAND, labels=labels)
    with pytest.raises(LabelError, match="no ECG can be linked"):
        link(store)
    assert store.links() is None
    assert link(store, window_hours=48).steps[-1].n_ecgs == 2
    assert store.links()["ecg_id"].to_pylist() == ["e0", "e1"]
    link(store, window_hours=30)
    assert store.links()["ecg_id"].to_pylist() == ["e0"]
    assert verify(store.path) == []


def test_when_nothing_can_be_linked_nothing_is_written_and_the_losses_are_named(make_store, csv_of):
    store = make_store(ECGS_AT_HAND)
    with pytest.raises(LabelError, match=r"no ECG can be linked\. .*not in the store 1") as caught:
        link(store, labels_csv=csv_of("P1,2020-05-15,mpcwp,12,mmHg"))
    assert "\n" not in str(caught.value)
    assert store.labels() is None
    assert store.links() is None


def test_a_store_without_labels_says_how_to_give_some(make_store):
    with pytest.raises(LabelError, match="--labels CSV"):
        link(make_store(ECGS_AT_HAND))


def test_a_time_of_an_ecg_that_cannot_be_read_is_named(make_store, csv_of):
    store = make_store([("p1", "15.05.2020")])
    with pytest.raises(LabelError, match=r"ECG e0: time '15\.05\.2020' is not ISO 8601"):
        link(store, labels_csv=csv_of("p1,2020-05-15,mpcwp,12,mmHg"))


@pytest.mark.parametrize("window_hours", [-1.0, float("nan")])
def test_a_window_that_makes_no_sense_is_a_wrong_call(make_store, window_hours):
    with pytest.raises(ValueError, match="window_hours"):
        link(make_store(ECGS_AT_HAND), window_hours=window_hours)
