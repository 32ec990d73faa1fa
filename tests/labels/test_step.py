import csv
import dataclasses
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hemometric.errors import LabelError, SettingsError
from hemometric.labels import Layout, ValueColumn, link, linked_labels
from hemometric.labels.repeats import count_repeats
from hemometric.store import Store, verify
from hemometric.targets import Event, Target, find_target, forget_targets

EF = Target("ef", "ejection fraction", "%", 5.0, 90.0, (Event("ef", "<", 40.0),))


@pytest.fixture(autouse=True)
def _nothing_defined():
    forget_targets()
    yield
    forget_targets()


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
    assert [(one.target, one.n_values, one.n_linked, one.n_ecgs) for one in summary.targets] == [
        ("mpcwp", 3, 1, 1),
        ("co", 1, 1, 1),
    ]
    assert "5 read, 2 linked within 24 h; left out: patient not in the store 1 (such as 'stranger')" in summary.text()
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
    assert "ECGs: in the store 5, of a patient with a catheter value 0, of these, with a known time 0" in str(
        caught.value
    )
    assert store.labels() is None
    assert store.links() is None


@pytest.mark.parametrize(("table", "known"), [("7", "007"), ("007.0", "7"), ("ptb-xl:7", "7"), ("p7", "P7")])
def test_an_id_that_another_program_may_have_changed_is_shown_beside_the_one_that_is_meant(
    make_store, csv_of, table, known
):
    store = make_store([(known, "2020-05-15T10:00:00"), ("8", "2020-05-15T10:00:00")])
    said = link(store, labels_csv=csv_of(f"{table},2020-05-15,mpcwp,12,mmHg", "8,2020-05-15,mpcwp,12,mmHg")).text()
    assert f"is {table!r} of the table {known!r} of the store?" in said
    assert (
        "letter by letter"
        not in link(store, labels_csv=csv_of("8,2020-05-15,mpcwp,12,mmHg", "9,2020-05-15,co,4,L/min")).text()
    )


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


def test_a_side_that_there_is_not_is_a_wrong_call(make_store):
    with pytest.raises(ValueError, match="side must be one of before, after, both, got 'left'"):
        link(make_store(ECGS_AT_HAND), side="left")


MIXED = (
    "p1,2020-05-15T12:00:00,mpcwp,12,mmHg",
    "p1,2020-05-15T12:00:00,mpcwp,12,mmHg",
    "p1,2020-05-15T12:00:00,mpcwp,14,mmHg",
    "p1,2020-05-18,co,4,L/min",
    "stranger,2020-05-15,mpcwp,12,mmHg",
    "p1,2020-05-15,mpcwp,500,mmHg",
    "p2,2020-05-15,mpcwp,,mmHg",
)


def test_the_account_of_all_losses_lies_in_the_store(make_store, csv_of):
    store = make_store(ECGS_AT_HAND)
    path = csv_of(*MIXED)
    summary = link(store, labels_csv=path)
    content = json.loads((store.path / "attrition.json").read_text())
    assert [(step["n_values"], step["n_patients"]) for step in content["values"]] == [(7, 3), (5, 2), (4, 1), (2, 1)]
    assert [(step["n_ecgs"], step["n_patients"]) for step in content["ecgs"]] == [(5, 3), (3, 1), (2, 1), (2, 1)]
    assert content["dropped"] == {"implausible": 1, "no-value": 1}
    assert (content["n_repeated"], content["n_repeated_differing"]) == (2, 2)
    assert (content["table"]["file"], content["window_hours"], content["side"]) == ("labels.csv", 24.0, "both")
    mpcwp, co = content["targets"]
    assert (mpcwp["n_values"], mpcwp["n_linked"], mpcwp["median_gap_hours"], mpcwp["n_dates_only"]) == (4, 1, 2.0, 0)
    assert (co["n_ecgs"], co["median_gap_hours"], co["n_dates_only"]) == (1, None, 1)
    assert "2 values repeat patient, target and time of a later row, 2 of them with another number" in summary.text()
    assert str(path.parent) not in (store.path / "attrition.json").read_text()
    with (store.path / "label_rejects.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    assert [(row["line"], row["patient_id"], row["value"], row["reason_code"]) for row in rows] == [
        ("7", "p1", "500", "implausible")
    ]
    assert (store.path / "gaps.png").read_bytes().startswith(b"\x89PNG")
    assert verify(store.path) == []


def test_another_window_keeps_what_is_known_of_the_table(make_store, csv_of):
    store = make_store(ECGS_AT_HAND)
    link(store, labels_csv=csv_of(*MIXED))
    first = json.loads((store.path / "attrition.json").read_text())
    again = link(store, window_hours=3)
    assert (again.n_labels_read, dict(again.dropped)) == (7, {"implausible": 1, "no-value": 1})
    second = json.loads((store.path / "attrition.json").read_text())
    assert second["table"] == first["table"]
    assert second["ecgs"][-1]["n_ecgs"] == 1


def test_the_same_link_writes_the_same_bytes(make_store, csv_of):
    store = make_store(ECGS_AT_HAND)
    path = csv_of(*MIXED)
    link(store, labels_csv=path)
    first = dict(Store.open(store.path).manifest.files)
    link(store, labels_csv=path)
    assert Store.open(store.path).manifest.files == first


def test_the_picture_has_a_panel_for_each_target_and_says_what_is_simulated(make_store, csv_of):
    from hemometric.labels.gaps import draw_gaps
    from hemometric.targets import TARGETS

    store = make_store(ECGS_AT_HAND)
    link(store, labels_csv=csv_of(*MIXED))
    pictures = {
        draw_gaps(store.links(), targets=TARGETS, window_hours=24, simulated=simulated) for simulated in (True, False)
    }
    assert len(pictures) == 2


def test_a_target_of_ones_own_is_linked_from_a_wide_table_and_known_to_whoever_opens_the_store(make_store, csv_of):
    store = make_store(ECGS_AT_HAND)
    path = csv_of("p1,2020-05-15T12:00:00,0.35,12", header="patient_id,measured_at,LVEF,PCWP")
    layout = Layout(wide=(ValueColumn("ef", "LVEF", "fraction"), ValueColumn("mpcwp", "PCWP", "mmHg")))
    link(store, labels_csv=path, layout=layout, targets=[EF])
    forget_targets()
    opened = Store.open(store.path)
    assert find_target("ef") == EF
    assert linked_labels(opened, "ef").values.tolist() == [35.0]
    assert verify(store.path) == []


def test_new_events_are_taken_but_another_unit_needs_the_values_again(make_store, csv_of):
    store = make_store(ECGS_AT_HAND)
    link(store, labels_csv=csv_of("p1,2020-05-15,ef,35,%"), targets=[EF])
    changed = dataclasses.replace(EF, events=(Event("ef", "<", 35.0),))
    link(store, targets=[changed])
    assert find_target("ef") == changed
    other = dataclasses.replace(EF, unit="points")
    with pytest.raises(SettingsError, match="its values of ef are in %, not in points: give the table again"):
        link(store, targets=[other])
    assert find_target("ef") == changed
    link(store, labels_csv=csv_of("p1,2020-05-15,ef,35,points"), targets=[other])
    assert store.labels()["unit_original"].to_pylist() == ["points"]


def test_a_built_in_target_is_not_defined_anew(make_store, csv_of):
    with pytest.raises(SettingsError, match="mpcwp is built in"):
        link(
            make_store(ECGS_AT_HAND),
            labels_csv=csv_of("p1,2020-05-15,mpcwp,12,mmHg"),
            targets=[dataclasses.replace(EF, name="mpcwp", events=(Event("mpcwp", ">", 12.0),))],
        )


@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from("ab"),
            st.sampled_from(["2020-05-15", "2020-05-16"]),
            st.sampled_from(["co", "rap"]),
            st.sampled_from([4.0, 5.0]),
        ),
        max_size=12,
    )
)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_repeats_are_counted_as_one_by_one(labels_of, rows):
    last = {row[:3]: row[3] for row in rows}
    differing = sum(row[3] != last[row[:3]] for row in rows)
    assert count_repeats(labels_of(rows)) == (len(rows) - len(last), differing)


def test_an_interrupted_link_leaves_the_store_as_it_was(make_store, csv_of, monkeypatch):
    store = make_store(ECGS_AT_HAND)
    link(store, labels_csv=csv_of("p1,2020-05-15,mpcwp,12,mmHg"))
    before = {path: path.read_bytes() for path in store.path.rglob("*") if path.is_file()}

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    for step in (
        "hemometric.labels.catheter_csv._understand",
        "hemometric.labels.linking.find_nearest",
        "hemometric.labels.gaps.draw_gaps",
        "hemometric.store.changing.Change.commit",
    ):
        table = csv_of("p1,2020-05-15,co,4,L/min")
        with monkeypatch.context() as patch:
            patch.setattr(step, interrupt)
            with pytest.raises(KeyboardInterrupt):
                link(store, labels_csv=table)
        left = {path: path.read_bytes() for path in store.path.rglob("*") if path.is_file()}
        assert {path: left[path] for path in before} == before
        assert Store.open(store.path).labels()["target"].to_pylist() == ["mpcwp"]
    assert verify(store.path) == []
    link(store, labels_csv=csv_of("p1,2020-05-15,co,4,L/min"))
    assert Store.open(store.path).labels()["target"].to_pylist() == ["co"]
