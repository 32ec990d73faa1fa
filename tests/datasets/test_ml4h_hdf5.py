import h5py
import numpy as np
import pytest

from hemometric.datasets import open_dataset
from hemometric.datasets.ml4h_hdf5 import find_root
from hemometric.formats import list_parts, read_ecg

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")


def write_patient(path, *, group="ecg", dates=("2001-02-03T04:05:06", "2002-02-03T04:05:06")):
    with h5py.File(path, "w") as file:
        for date in dates:
            for lead in LEADS:
                file.create_dataset(f"{group}/{date}/{lead}", data=np.arange(5000, dtype=np.int16))
            file[f"{group}/{date}/voltageunits"] = "MICROVOLTS"
            file[f"{group}/{date}/waveform_samplebase"] = "500"
            file[f"{group}/{date}/gender"] = "Female"


@pytest.mark.parametrize("group", ["ecg", "partners_ecg_rest"])
def test_a_folder_of_patients_is_recognised_and_each_keeps_its_own_id(tmp_path, group):
    for mrn in ("0004711", "0815"):
        write_patient(tmp_path / f"{mrn}.hd5", group=group)
    dataset = open_dataset(tmp_path)
    assert dataset is not None
    assert (dataset.name, dataset.root) == ("ml4h-hdf5", tmp_path)
    first, second = list_parts(tmp_path / "0004711.hd5")
    assert first < second
    ecg = read_ecg(tmp_path / "0004711.hd5", part=first)
    assert (ecg.patient_id, ecg.acquired_at, ecg.sex) == ("0004711", "2001-02-03T04:05:06", "female")
    assert find_root(tmp_path / "0815.hd5") == tmp_path


def test_a_damaged_file_does_not_hide_the_others(tmp_path):
    (tmp_path / "0001.hd5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    write_patient(tmp_path / "0002.hd5")
    assert find_root(tmp_path) == tmp_path


def test_hdf5_of_another_layout_is_not_taken_for_it(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["values"] = np.zeros(3)
    assert find_root(tmp_path) is None
    assert find_root(tmp_path / "no-such.h5") is None
