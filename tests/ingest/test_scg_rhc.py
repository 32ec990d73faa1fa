"""SCG-RHC from its files to links: leads by name among other channels, and what becomes of records that lack one."""

import csv
import json

import numpy as np
import pytest

from hemometric.ingest import ingest
from hemometric.ingest.records import find_begin
from hemometric.labels import link
from hemometric.store import Store

CHANNELS = (
    *("patch_ECG", "RHC_pressure"),
    *("ECG_lead_I", "ECG_lead_II", "ECG_lead_III", "aVR", "aVL", "aVF"),
    *(f"ECG_lead_V{number}" for number in range(1, 7)),
)
SAID = {
    "age": 61,
    "gender": "Female",
    "MacStTime": "5/15/2020 09:30:00",
    "ChamEvents_in_s": {"PCW": 20},
    "maclabMeas": {"PCWM         ": 17.0, "PAM          ": "NaN", "Avg. COmL/min": 4650.0, "RAM          ": 9.0},
}


@pytest.fixture
def archive(tmp_path, write, microvolts_of):
    """A record with all leads, one without V6, one with only the eight independent leads."""
    folder = tmp_path / "scg-rhc" / "processed_data"
    independent = [place for place, name in enumerate(CHANNELS) if name not in ("ECG_lead_III", "aVR", "aVL", "aVF")]
    for name, chosen in (
        ("TRM107-RHC1", range(len(CHANNELS))),
        ("TRM108-RHC1", range(len(CHANNELS) - 1)),
        ("TRM109-RHC1", independent),
    ):
        leads = microvolts_of(int(name[3:6]), seconds=35)
        others = np.full((2, leads.shape[1]), 25, dtype=np.int16)
        rows = np.concatenate([others, leads])[list(chosen)]
        write(folder / name, rows, leads=[CHANNELS[place] for place in chosen])
        (folder / f"{name}.json").write_text(json.dumps(SAID))
    return folder.parent


def test_leads_are_found_by_name_and_a_record_without_one_is_refused_with_its_values(tmp_path, archive, microvolts_of):
    summary = ingest([archive], out=tmp_path / "store")
    store = Store.open(tmp_path / "store")
    assert dict(summary.reasons) == {"wrong-leads": 1}
    assert "missing V6" in (store.path / "rejects.csv").read_text()
    assert store.ecgs["patient_id"].to_pylist() == ["scg-rhc:TRM107"] * 3 + ["scg-rhc:TRM109"] * 3
    assert set(store.ecgs["age_years"].to_pylist()) == {61.0}
    expected = microvolts_of(107, seconds=35)[6, :5000:2] / 1000
    assert np.abs(store.take([0])[0, 6] - expected).max() < 0.05
    rows = [
        (row["patient_id"], row["target"], row["value"], row["unit_original"]) for row in store.labels().to_pylist()
    ]
    assert rows == [
        (f"scg-rhc:TRM{number}", target, value, unit)
        for number in (107, 109)
        for target, value, unit in (("mpcwp", 17.0, "mmHg"), ("rap", 9.0, "mmHg"), ("co", 4.65, "mL/min"))
    ]


def test_link_joins_every_window_to_the_values_of_its_catheterisation(tmp_path, archive):
    ingest([archive], out=tmp_path / "store")
    link(Store.open(tmp_path / "store"), window_hours=2)
    links = Store.open(tmp_path / "store").links().to_pylist()
    assert len(links) == 6 * 3
    assert {round(row["gap_hours"] * 3600) for row in links if row["target"] == "mpcwp"} == {-20, -10, 0}


def test_each_window_has_its_own_time_and_a_day_without_a_time_stays_a_day(tmp_path, archive):
    (archive / "processed_data" / "TRM109-RHC1.json").write_text(json.dumps(SAID | {"MacStTime": ""}))
    header = archive / "processed_data" / "TRM109-RHC1.hea"
    first, *others = header.read_text().splitlines()
    header.write_text("\n".join([f"{first} 00:00:00 31/12/9999", *others]) + "\n")
    ingest([archive], out=tmp_path / "store")
    times = Store.open(tmp_path / "store").ecgs["acquired_at"].to_pylist()
    assert times[:3] == ["2020-05-15T09:30:00", "2020-05-15T09:30:10", "2020-05-15T09:30:20"]
    assert times[3:] == ["9999-12-31T00:00:00", "9999-12-31T00:00:10", "9999-12-31T00:00:20"]
    assert find_begin("9999-12-31T23:59:59", seconds=10) == "9999-12-31T23:59:59"
    assert find_begin("2020-05-15", seconds=10) == "2020-05-15"
    assert find_begin("no time: T", seconds=10) == "no time: T"
    assert find_begin(None, seconds=10) is None


def test_windows_after_a_vasodilator_are_joined_to_the_values_under_it(tmp_path, archive):
    tables = archive / "meta_information"
    tables.mkdir()
    (tables / "RHC_values.csv").write_text(
        "Study ID,RHC Phase,PCWM,PAM\nTRM107.RHC1,Baseline,17,\nTRM107.RHC1,Nitroprusside,8,\n"
    )
    (tables / "PAM_PCWP_timestamp_in_TBME.json").write_text(
        json.dumps({"TRM107-RHC1": {"PCW_VI": {"datetime": "09:30:22"}}})
    )
    said = SAID | {"ChamEvents_in_s": {"PCW": 2}}
    (archive / "processed_data" / "TRM107-RHC1.json").write_text(json.dumps(said))
    ingest([archive], out=tmp_path / "store")
    link(Store.open(tmp_path / "store"), window_hours=1 / 60)
    links = Store.open(tmp_path / "store").links().to_pylist()
    wedges = {row["ecg_id"].rpartition("/")[2]: row["value"] for row in links if row["target"] == "mpcwp"}
    assert {name: value for name, value in wedges.items() if "TRM107" in name} == {
        "TRM107-RHC1#0": 17.0,
        "TRM107-RHC1#1": 17.0,
        "TRM107-RHC1#2": 8.0,
    }


def test_a_json_that_is_damaged_costs_the_values_and_not_the_ecg(tmp_path, archive):
    (archive / "processed_data" / "TRM107-RHC1.json").write_text("{")
    ingest([archive], out=tmp_path / "store")
    store = Store.open(tmp_path / "store")
    assert len(store) == 6
    assert set(store.labels()["patient_id"].to_pylist()) == {"scg-rhc:TRM109"}
    with (store.path / "label_rejects.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["patient_id"], row["reason_code"]) == ("scg-rhc:TRM107", "metadata")
    assert row["detail"].startswith("not a readable JSON")
    assert row["detail"].endswith("; with record scg-rhc/processed_data/TRM107-RHC1")
