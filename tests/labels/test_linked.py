import numpy as np
import pyarrow as pa
import pytest

from hemometric.errors import LabelError, SettingsError
from hemometric.labels import link, linked_labels, measured_labels
from hemometric.store import LINKS_SCHEMA, TRUTH_SCHEMA, write_store_table

ECGS = [
    ("p2", "2020-05-15T10:00:00"),
    ("p1", "2020-05-15T10:00:00"),
    ("p1", "2020-05-15T10:00:00"),
    ("p1", "2020-06-15T10:00:00"),
]
TRUTH = pa.Table.from_pylist(
    [
        {"patient_id": patient, "visit_at": at, "target": target, "value": value, "measured": value + 1}
        for patient, at, target, value in (
            ("p1", "2020-06-15T10:00:00", "mpcwp", 30.0),
            ("p1", "2020-05-15T10:00:00", "mpcwp", 10.0),
            ("p1", "2020-05-15T10:00:00", "co", 5.0),
            ("p2", "2020-06-15T10:00:00", "mpcwp", 20.0),
        )
    ],
    schema=TRUTH_SCHEMA,
)


@pytest.fixture
def labels(labels_of):
    return labels_of(
        [
            ("p1", "2020-05-15T12:00:00", "mpcwp", 12.0),
            ("p2", "2020-05-16T09:00:00", "mpcwp", 22.0),
            ("p2", "2020-05-16T09:00:00", "rap", 5.0),
        ]
    )


def test_linked_values_come_as_ascending_rows(make_store, labels):
    store = make_store(ECGS, labels=labels)
    link(store)
    found = linked_labels(store, "mpcwp")
    assert found.rows.tolist() == [0, 1, 2]
    assert found.values.tolist() == [22.0, 12.0, 12.0]
    assert (found.rows.dtype, found.values.dtype, len(found)) == (np.int64, np.float64, 3)


def test_labels_that_were_not_linked_are_linked_in_memory_within_a_day(make_store, labels):
    store = make_store(ECGS, labels=labels)
    in_memory = linked_labels(store, "mpcwp")
    assert store.links() is None
    link(store)
    assert linked_labels(store, "mpcwp").rows.tolist() == in_memory.rows.tolist()


def test_a_narrow_link_is_not_widened(make_store, labels):
    store = make_store(ECGS, labels=labels)
    link(store, window_hours=4)
    assert linked_labels(store, "mpcwp").rows.tolist() == [1, 2]


def test_the_order_of_links_on_disk_does_not_matter(make_store):
    store = make_store(ECGS)
    rows = [
        {"ecg_id": f"e{k}", "target": "mpcwp", "value": float(k), "measured_at": "2020-05-15", "gap_hours": None}
        for k in (2, 0)
    ]
    write_store_table(store.path, "links.parquet", pa.Table.from_pylist(rows, schema=LINKS_SCHEMA))
    assert linked_labels(store, "mpcwp").values.tolist() == [0.0, 2.0]


def test_what_is_missing_is_told(make_store, labels):
    store = make_store(ECGS, labels=labels)
    with pytest.raises(LabelError, match=r"no ECG has a linked value of co; targets with one: mpcwp, rap"):
        linked_labels(store, "co")
    with pytest.raises(SettingsError, match="unknown target 'pcwp'"):
        linked_labels(store, "pcwp")
    with pytest.raises(LabelError, match="only simulated stores"):
        measured_labels(store, "mpcwp")


def test_a_store_without_any_labels_says_what_to_run(make_store):
    with pytest.raises(LabelError, match="run `hemometric link"):
        linked_labels(make_store(ECGS), "mpcwp")


def test_links_to_ecgs_of_another_store_are_refused(make_store):
    store = make_store(ECGS)
    row = {"ecg_id": "other", "target": "mpcwp", "value": 1.0, "measured_at": "2020-05-15", "gap_hours": None}
    write_store_table(store.path, "links.parquet", pa.Table.from_pylist([row], schema=LINKS_SCHEMA))
    with pytest.raises(LabelError, match="names 1 ECGs that are not in the store; link again"):
        linked_labels(store, "mpcwp")


def test_the_truth_is_every_visits_measurement_and_not_the_noise_free_value(make_store, labels):
    store = make_store(ECGS, simulated=True, labels=labels, truth=TRUTH)
    found = measured_labels(store, "mpcwp")
    assert found.rows.tolist() == [1, 2, 3]
    assert found.values.tolist() == [11.0, 11.0, 31.0]
    assert measured_labels(store, "mpcwp", source="links").rows.tolist() == [0, 1, 2]


def test_a_truth_that_fits_no_ecg_is_refused(make_store):
    store = make_store(ECGS, simulated=True, truth=TRUTH)
    with pytest.raises(LabelError, match="no rap at the time of any ECG"):
        measured_labels(store, "rap")
