from collections import Counter

import pytest

from hemometric.formats import find_records
from hemometric.ingest import IngestSettings, ingest
from hemometric.store import Store, quality_of, verify
from hemometric.store.tables import decode_rejects

RECORDS = {"ptbxl": 500, "ptbdb": 3, "challenge2021": 53, "formats": 4}
WINDOWS = {"ptbxl": 500, "ptbdb": 25, "challenge2021": 51}
REASONS = {("challenge2021", "flat-lead"): 2}
NO_ECGS = ["ATTRIBUTION.md", "LICENSE.txt", "ptbxl_database.csv", "scp_statements.csv"]


def test_every_real_record_is_accounted_for(tmp_path, real_data):
    summary = ingest([real_data / name for name in WINDOWS], out=tmp_path / "store")
    assert summary.n_records == summary.n_accepted_records + summary.n_rejected_records == 556
    assert summary.n_accepted_records == 554
    assert dict(summary.reasons) == {"flat-lead": 2}
    assert summary.n_patients == 466
    assert summary.n_copied == 4
    owned_twice = [double for double in summary.doubles if double.n_patients > 1]
    assert [double.ecg_ids for double in owned_twice] == [
        ("ptbxl/records500/00000/00145_hr#0", "ptbxl/records500/00000/00463_hr#0"),
        ("challenge2021/E07509#0", "challenge2021/E07510#0"),
    ]
    store = Store.open(tmp_path / "store")
    assert len(store) == summary.n_windows == 576
    assert Counter(source.split("/")[0] for source in store.ecgs["source"].to_pylist()) == WINDOWS
    rejects = decode_rejects(store.path / "rejects.csv")
    assert Counter((reject.source.split("/")[0], reject.reason_code) for reject in rejects) == REASONS
    assert set(store.splits()) == {"train", "validation", "calibration", "test"}
    split_of = dict(zip(store.ecgs["ecg_id"].to_pylist(), store.splits().tolist(), strict=True))
    for double in summary.doubles:
        assert len({split_of[ecg] for ecg in double.ecg_ids}) == 1, double
    assert verify(store.path) == []
    counts = {(row.source, row.kind, row.code): row.n for row in quality_of(store)}
    assert counts["challenge2021", "rejected", "flat-lead"] == 2
    assert sum(n for (_, kind, _), n in counts.items() if kind == "accepted") == 576
    assert sum(n for (_, _, code), n in counts.items() if code == "electrode-swap") <= 3


def test_every_real_file_is_a_record_the_samples_of_one_or_no_ecg(real_data):
    records = find_records(real_data)
    assert Counter(record.relative_to(real_data).parts[0] for record in records) == RECORDS
    stems = {record.with_suffix("") for record in records}
    files = [file for file in real_data.rglob("*") if file.is_file()]
    assert sorted(file.name for file in files if file.with_suffix("") not in stems) == NO_ECGS
    assert len(files) == 560 + 556 + 4


@pytest.mark.parametrize(("name", "n_windows"), [("dicom", 1), ("scp", 1), ("aecg", 1), ("sierra-xml", 1)])
def test_a_real_file_of_every_clinical_format_is_ingested(tmp_path, real_data, name, n_windows):
    settings = IngestSettings(format=name)
    summary = ingest([real_data / "formats"], out=tmp_path / "store", settings=settings)
    assert (summary.n_accepted_records, summary.n_rejected_records, summary.n_windows) == (1, 0, n_windows)


def test_files_of_one_name_in_several_formats_keep_their_suffix(tmp_path, real_data):
    summary = ingest([real_data / "formats"], out=tmp_path / "store")
    assert (summary.n_accepted_records, summary.n_rejected_records, summary.n_windows) == (4, 0, 4)
    assert Store.open(tmp_path / "store").ecgs["source"].to_pylist() == [
        "formats/Example.dcm#0",
        "formats/Example.scp#0",
        "formats/Example.xml#0",
        "formats/sierra_1_04#0",
    ]
