import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from hemometric.__main__ import main
from hemometric.ecg import Ecg
from hemometric.errors import ReadError, SettingsError
from hemometric.inspection import as_text, describe_ecg, describe_times, inspect_path


def test_what_is_unknown_of_an_ecg_is_said_so():
    noise = np.random.default_rng(0).normal(scale=0.1, size=(12, 1000)).astype(np.float32)
    rows = dict(describe_ecg(Ecg(waveform=noise, sampling_rate_hz=100.0, ecg_id="r1")))
    assert rows["patient_id"] == "unknown"
    assert rows["age, sex"] == "unknown, unknown"
    assert rows["length"] == "10 s (1,000 samples)"
    assert "einthoven" in rows["quality"]


def test_names_and_values_stand_in_two_columns():
    assert as_text([("a", "1"), ("long", "2")]) == "a     1\nlong  2"


@pytest.fixture
def several(tmp_path):
    """An array of 23 ECGs and its sidecar."""
    leads = ["I", "II", "V1", "V2", "V3", "V4", "V5", "V6"]
    values = np.random.default_rng(1).normal(scale=100, size=(23, 8, 1000)).astype(np.int16)
    np.save(tmp_path / "x.npy", values)
    sidecar = {"file": "x.npy", "sampling_rate_hz": 100, "unit": "uV", "leads": leads}
    (tmp_path / "x.ecg.json").write_text(json.dumps(sidecar | {"axes": ["ecg", "lead", "sample"]}))
    return tmp_path / "x.npy"


def test_the_ecgs_of_a_file_that_holds_several_are_listed(several):
    lines = inspect_path(several).splitlines()
    assert lines[0] == f"{several} holds 23 ECGs; see one with --part 0"
    assert lines[1:] == [*(f"  {number}" for number in range(20)), "  ... and 3 more"]


def test_one_ecg_of_several_is_described_by_its_part(several, tmp_path):
    text = inspect_path(several, part="7", plot=tmp_path / "7.png")
    assert text.startswith("ecg_id         x/7\n")
    assert (tmp_path / "7.png").stat().st_size > 0
    with pytest.raises(ReadError, match="holds 23 ECGs: 0, 1, 2"):
        inspect_path(several, plot=tmp_path / "all.png")


def test_a_part_of_a_store_is_refused(labelled_store):
    with pytest.raises(SettingsError, match=r"--part names one ECG, but .* is a store"):
        inspect_path(labelled_store.path, part="7")


def test_the_command_takes_a_part(several, capsys):
    assert main(["inspect", str(several), "--part", "22"]) == 0
    assert "x/22" in capsys.readouterr().out


def test_a_folder_that_is_no_store_is_refused(tmp_path):
    with pytest.raises(ReadError, match="no store"):
        inspect_path(tmp_path)


def test_a_lead_without_any_value_has_no_largest_one():
    waveform = np.random.default_rng(0).normal(scale=0.1, size=(12, 1000)).astype(np.float32)
    waveform[7] = np.nan
    waveform[8, :500] = np.nan
    largest = dict(describe_ecg(Ecg(waveform=waveform, sampling_rate_hz=100.0, ecg_id="r1")))["largest |mV|"]
    assert "V2 none" in largest
    assert f"V3 {np.nanmax(np.abs(waveform[8])):.2f}" in largest


def test_exact_copies_and_splits_that_tear_them_are_named(write_labelled_store, tmp_path):
    store = write_labelled_store(tmp_path / "store", n_patients=10, n_visits=1)
    table_file = store.path / "ecgs" / "00000.parquet"
    table = pq.read_table(table_file)
    hashes = [
        "same" if patient in ("p0000", "p0009") else str(row)
        for row, patient in enumerate(table["patient_id"].to_pylist())
    ]
    pq.write_table(
        table.set_column(table.schema.get_field_index("content_hash"), table.schema.field("content_hash"), [hashes]),
        table_file,
    )
    text = inspect_path(store.path)
    assert "1 ECGs are there more than once; 1 of them under different patients" in text
    assert "0000-0 (patient p0000) = 0009-0 (patient p0009)" in text
    assert "NOT USABLE" in text
    assert "'p0000' (train), 'p0009' (test)" in text


def test_the_days_of_the_ecgs_are_told_and_of_how_many_none_is_known():
    assert describe_times(["2021-05-15T10:00:00", None, "1984-11-09"]) == "1984-11-09 to 2021-05-15, unknown for 1 ECGs"
    assert describe_times([None]) == "unknown, so that no catheter value can be linked"


def test_the_counts_of_a_store_are_saved_where_that_is_asked_for(write_labelled_store, tmp_path, capsys):
    path = write_labelled_store(tmp_path / "store", n_patients=10, n_visits=1).path
    assert main(["inspect", str(path)]) == 0
    assert not (path / "quality.csv").exists()
    assert main(["inspect", str(path), "--save-quality"]) == 0
    assert "accepted" in capsys.readouterr().out
    assert (path / "quality.csv").read_text().startswith("source,dataset,kind,code,n\n")


def test_the_counts_of_a_file_cannot_be_saved(several):
    with pytest.raises(SettingsError, match="--save-quality is for a store"):
        inspect_path(several, save_quality=True)
