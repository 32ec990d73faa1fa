"""How long a record may take under the default settings."""

import json
from pathlib import Path

import numpy as np
import pytest

from hemometric.ecg import LEADS
from hemometric.ingest import IngestSettings
from hemometric.ingest.archive import Record, find_archive
from hemometric.ingest.limits import limits_of, limits_to_list

SLOW_BYTES_PER_S = 1e6
"""Of a disk far away."""


def sparse(path: Path, n_bytes: int) -> Path:
    with path.open("wb") as file:
        file.truncate(n_bytes)
    return path


@pytest.mark.parametrize("hours", [1, 6, 24, 48])
def test_a_record_of_hours_has_the_time_to_be_read_from_a_slow_disk(tmp_path: Path, hours: int):
    n_bytes = hours * 3600 * 500 * 12 * 2
    sparse(tmp_path / "holter.dat", n_bytes)
    header = sparse(tmp_path / "holter.hea", 1000)
    allowed = limits_of(IngestSettings()).allow(Record(header, "holter", "holter"))
    assert allowed >= max(60.0, 1.9 * n_bytes / SLOW_BYTES_PER_S)


def test_each_exam_of_a_large_file_has_the_time_of_a_file_and_no_more(tmp_path: Path):
    file = sparse(tmp_path / "exams_part0.hdf5", 4 * 10**9)
    exam = Record(file, "exams_part0/1", "exams_part0/1", "1", n_parts=20_000)
    assert limits_of(IngestSettings()).allow(exam) == 60.0
    assert limits_to_list(IngestSettings()).allow(file) == 600.0


def test_the_settings_may_allow_more_but_no_less(tmp_path: Path):
    record = Record(sparse(tmp_path / "x.edf", 100 * 10**6), "x", "x")
    allowed = [limits_of(IngestSettings(seconds_per_file=seconds)).allow(record) for seconds in (5, 60, 900)]
    assert allowed == [200.0, 200.0, 900.0]


def test_the_ecgs_of_a_file_are_counted(tmp_path: Path):
    np.save(tmp_path / "x.npy", np.zeros((3, 12, 5000), dtype=np.int16))
    axes = ["ecg", "lead", "sample"]
    sidecar = {"file": "x.npy", "sampling_rate_hz": 500, "unit": "uV", "leads": LEADS, "axes": axes}
    (tmp_path / "x.ecg.json").write_text(json.dumps(sidecar))
    found = find_archive([tmp_path], IngestSettings(workers=0))
    assert [record.n_parts for record in found.records] == [3, 3, 3]
