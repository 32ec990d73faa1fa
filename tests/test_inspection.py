import numpy as np
import pytest

from hemometric.ecg import Ecg
from hemometric.errors import ReadError
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


def test_a_folder_that_is_no_store_is_refused(tmp_path):
    with pytest.raises(ReadError, match="no store"):
        inspect_path(tmp_path)
