"""MIMIC-IV-ECG from its files to links: lead order, missing samples, dead leads, and chartevents."""

import numpy as np
import pytest

from hemometric.ecg import LEADS
from hemometric.ingest import IngestSettings, ingest
from hemometric.labels import link
from hemometric.store import Store

ORDER = ("I", "II", "III", "aVR", "aVF", "aVL", "V1", "V2", "V3", "V4", "V5", "V6")
MISSING = -(2**15)


@pytest.fixture
def archive(tmp_path, write, microvolts_of):
    """Three patients: a good ECG, one with missing samples in V3, one without signal in V1."""
    root = tmp_path / "mimic-iv-ecg"
    lines = ["subject_id,study_id,file_name,ecg_time,path"]
    for number in range(3):
        subject, study = 10000032 + number, 40000000 + number
        rows = microvolts_of(number)[[LEADS.index(lead) for lead in ORDER]].copy()
        if number == 1:
            rows[ORDER.index("V3"), 100:4000] = MISSING
        if number == 2:
            rows[ORDER.index("V1")] = 0
        path = f"files/p1000/p{subject}/s{study}/{study}"
        write(root / path, rows, leads=ORDER)
        lines.append(f"{subject},{study},{study},2180-07-23 08:44:00,{path}")
    (root / "record_list.csv").write_text("\n".join(lines) + "\n")
    return root


def test_leads_are_read_by_name_and_not_by_place(tmp_path, archive, microvolts_of):
    ingest([archive], out=tmp_path / "store", settings=IngestSettings(sampling_rate_hz=500, n_leads=12))
    store = Store.open(tmp_path / "store")
    expected = microvolts_of(0) / 1000
    assert np.abs(store.take([0])[0] - expected).max() < 1e-6
    assert np.abs(expected[LEADS.index("aVL")] - expected[LEADS.index("aVF")]).max() > 0.1
    assert store.ecgs["patient_id"].to_pylist() == ["mimic-iv:10000032"]
    assert store.ecgs["acquired_at"].to_pylist() == ["2180-07-23T08:44:00"]


def test_missing_samples_and_leads_without_signal_are_refused_by_name(tmp_path, archive):
    summary = ingest([archive], out=tmp_path / "store")
    rejects = (tmp_path / "store" / "rejects.csv").read_text().splitlines()[1:]
    assert summary.n_rejected_records == 2
    assert "V3" in rejects[0]
    assert "V1" in rejects[1]
    assert dict(summary.reasons) == {"nan": 1, "flat-lead": 1}
    assert "warning: no hosp/patients.csv of MIMIC-IV" in summary.text()


def test_chartevents_are_linked_to_its_ecgs(tmp_path, archive):
    ingest([archive], out=tmp_path / "store")
    events = tmp_path / "chartevents.csv"
    events.write_text(
        "subject_id,hadm_id,stay_id,charttime,storetime,itemid,value,valuenum,valueuom,warning\n"
        "10000032,1,1,2180-07-23 12:44:00,2180-07-23 14:45:00,223771,21,21,mmHg,0\n"
    )
    link(Store.open(tmp_path / "store"), labels_csv=events, preset="mimic-iv")
    (row,) = Store.open(tmp_path / "store").links().to_pylist()
    assert (row["target"], row["value"], row["gap_hours"]) == ("mpcwp", 21.0, -4.0)
