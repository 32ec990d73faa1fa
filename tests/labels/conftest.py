"""Small stores with patients and times, and the tables that belong to them."""

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from hemometric.ecg import INDEPENDENT_LEADS
from hemometric.store import ECGS_SCHEMA, LABELS_SCHEMA, Store, StoreSettings, StoreWriter

sys.path.append(str(Path(__file__).parent))  # where the plain forms of what is fast lie


def build_ecgs(rows):
    """An ECG table from (patient_id, acquired_at)."""
    table = [
        {
            "ecg_id": f"e{number}",
            "patient_id": patient,
            "patient_id_known": True,
            "acquired_at": acquired_at,
            "source": f"e{number}",
            "n_samples_original": 10,
            "sampling_rate_hz_original": 250.0,
            "content_hash": "",
        }
        for number, (patient, acquired_at) in enumerate(rows)
    ]
    return pa.Table.from_pylist(table, schema=ECGS_SCHEMA)


def build_labels(rows):
    """A label table from (patient_id, measured_at, target, value)."""
    table = [
        {
            "patient_id": patient,
            "measured_at": measured_at,
            "time_known": "T" in measured_at,
            "target": target,
            "value": value,
            "value_original": value,
            "unit_original": "mmHg",
        }
        for patient, measured_at, target, value in rows
    ]
    return pa.Table.from_pylist(table, schema=LABELS_SCHEMA)


@pytest.fixture
def make_store(tmp_path):
    """Return a function that makes a store of ECGs (patient_id, acquired_at)."""

    def make(ecgs, *, simulated=False, **tables):
        settings = StoreSettings(
            sampling_rate_hz=250.0, n_samples=10, stored_leads=INDEPENDENT_LEADS, simulated=simulated
        )
        writer = StoreWriter.open(tmp_path / "store", settings=settings, resume=False)
        half = (len(ecgs) + 1) // 2
        table = build_ecgs(ecgs)
        for start, end in ((0, half), (half, len(ecgs))):
            if start < end:
                shard = np.zeros((end - start, 8, 10), dtype=np.int16)
                writer.write_shard(shard, table.slice(start, end - start), rejects=[], cursor={})
        writer.finish(**tables)
        return Store.open(tmp_path / "store")

    return make


@pytest.fixture
def labels_of():
    """The builder of label tables."""
    return build_labels


@pytest.fixture
def ecgs_of():
    """The builder of ECG tables."""
    return build_ecgs


@pytest.fixture
def csv_of(tmp_path):
    """Return a function that writes lines to a CSV file."""

    def write(*lines, header="patient_id,measured_at,target,value,unit", encoding="utf-8"):
        path = tmp_path / "labels.csv"
        path.write_text("\n".join([header, *lines]) + "\n", encoding=encoding)
        return path

    return write
