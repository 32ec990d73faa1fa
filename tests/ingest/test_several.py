"""Files that hold many ECGs, from disk to store."""

import json

import h5py
import numpy as np
import pytest

from hemometric.ecg import INDEPENDENT_ROWS, LEADS
from hemometric.ingest import IngestSettings, ingest
from hemometric.store import Store


@pytest.fixture
def microvolts(microvolts_of):
    """Three ECGs of 10 s at 500 Hz, int16, shape (3, 12, 5000)."""
    return np.stack([microvolts_of(number) for number in range(3)]).astype(np.int16)


@pytest.fixture
def array(tmp_path, microvolts):
    """An array of three ECGs of two patients beside its sidecar."""
    folder = tmp_path / "mine"
    folder.mkdir()
    np.save(folder / "x.npy", microvolts)
    sidecar = {"file": "x.npy", "sampling_rate_hz": 500, "unit": "uV", "leads": LEADS}
    facts = {"ids": ["a", "b", "c"], "patient_id": ["p", "q", "p"]}
    (folder / "x.ecg.json").write_text(json.dumps(sidecar | facts | {"axes": ["ecg", "lead", "sample"]}))
    return folder / "x.npy"


@pytest.mark.parametrize(("named", "prefix"), [("folder", "mine/"), ("file", "")])
def test_every_ecg_of_an_array_is_stored_under_its_id(tmp_path, array, microvolts, named, prefix):
    source = array.parent if named == "folder" else array
    settings = IngestSettings(sampling_rate_hz=500, format="arrays")
    summary = ingest([source], out=tmp_path / "store", settings=settings)
    assert (summary.n_records, summary.n_accepted_records) == (3, 3)
    store = Store.open(tmp_path / "store")
    assert store.ecgs["source"].to_pylist() == [f"{prefix}x/{name}#0" for name in "abc"]
    assert store.ecgs["patient_id"].to_pylist() == ["p", "q", "p"]
    for row in range(3):
        expected = microvolts[row, INDEPENDENT_ROWS].astype(np.float64) / 1000
        np.testing.assert_array_equal(store.take_independent([row])[0], expected.astype(np.float32))


def test_exams_of_code_15_are_stored_with_their_patients_by_any_number_of_workers(tmp_path, microvolts):
    folder = tmp_path / "code15"
    folder.mkdir()
    tracings = np.zeros((4, 4096, 12), dtype=np.float32)
    tracings[:3, 48:4048] = microvolts[:, :, :4000].transpose(0, 2, 1) / 1000
    tracings[1] = 0
    with h5py.File(folder / "exams_part0.hdf5", "w") as file:
        file.create_dataset("exam_id", data=[5, 6, 7, 0])
        file.create_dataset("tracings", data=tracings)
    (folder / "exams.csv").write_text("exam_id,age,is_male,patient_id\n5,60,True,1\n6,61,False,2\n7,62,False,1\n")
    for workers in (1, 2):
        ingest([folder], out=tmp_path / f"store{workers}", settings=IngestSettings(workers=workers))
    store = Store.open(tmp_path / "store1")
    assert store.ecgs["source"].to_pylist() == ["code15/exams_part0/5#0", "code15/exams_part0/7#0"]
    assert store.ecgs["patient_id"].to_pylist() == ["code-15:1", "code-15:1"]
    assert store.ecgs["sex"].to_pylist() == ["male", "female"]
    rejects = (tmp_path / "store1" / "rejects.csv").read_text()
    assert "code15/exams_part0/6,empty," in rejects
    assert rejects == (tmp_path / "store2" / "rejects.csv").read_text()
    files = sorted(path.relative_to(store.path) for path in store.path.rglob("*") if path.is_file())
    assert len(files) > 3
    for name in files:
        assert (store.path / name).read_bytes() == (tmp_path / "store2" / name).read_bytes(), name


def test_a_file_whose_ecgs_cannot_be_listed_is_rejected_by_name(tmp_path, array):
    (array.parent / "other.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    (array.parent / "x.ecg.json").with_name("lost.ecg.json").write_text('{"file": "lost.npy"}')
    summary = ingest([array.parent], out=tmp_path / "store")
    assert (summary.n_records, summary.n_accepted_records) == (5, 3)
    rejects = (tmp_path / "store" / "rejects.csv").read_text()
    assert "mine/other,corrupt," in rejects
    assert "mine/lost,sidecar," in rejects
