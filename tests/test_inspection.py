import json

import numpy as np
import pytest

from hemometric.__main__ import main
from hemometric.ecg import Ecg
from hemometric.errors import ReadError, SettingsError
from hemometric.inspection import as_text, describe_ecg, inspect_path


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
