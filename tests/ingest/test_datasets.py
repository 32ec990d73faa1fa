"""What archives know, and what they mend, as it arrives in a store."""

import h5py
import numpy as np
import pytest

from hemometric.datasets.challenge_2021 import REPAIRS, mend
from hemometric.errors import StoreError
from hemometric.ingest import IngestSettings, ingest
from hemometric.ingest.archive import Record
from hemometric.ingest.records import Cut, read_record
from hemometric.store import Store

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
TABLE = (
    "patient_id,age,sex,recording_date,filename_lr,filename_hr\n15709,56,1,1984-11-09 09:17:34,a/00001_lr,b/00001_hr\n"
)


@pytest.fixture
def challenge(tmp_path, write, microvolts_of):
    """A Challenge of four records: E and HR with the gain of 2020 and with that of 2021; the table of PTB-XL beside."""
    for number, (name, gain) in enumerate(
        (("E00001", "4880/mV"), ("E00002", "1000/mV"), ("HR00001", "200/mV"), ("HR00002", "1000/mV"))
    ):
        write(tmp_path / "challenge" / name, microvolts_of(number), comments=("Age: 60", "Sex: Male", "Dx: 426783006"))
        header = tmp_path / "challenge" / f"{name}.hea"
        text = header.read_text().replace("1000(0)/mV", gain)
        header.write_text(text.replace("500 5000\n", "500 5000 05-May-2020 14:50:55\n", 1))
    (tmp_path / "ptb-xl").mkdir()
    (tmp_path / "ptb-xl" / "ptbxl_database.csv").write_text(TABLE)
    return tmp_path / "challenge"


def test_a_wrong_gain_is_repaired_flagged_counted_and_told_in_the_manifest(challenge, tmp_path, microvolts_of):
    summary = ingest([challenge], out=tmp_path / "store", settings=IngestSettings(sampling_rate_hz=500.0))
    store = Store.open(tmp_path / "store")
    assert store.ecgs["flag_repaired"].to_pylist() == [True, False, True, False]
    stored = np.rint(1000 * store.take(range(4)))[:, [0, 1, *range(6, 12)]]
    assert np.array_equal(stored, np.stack([microvolts_of(n)[[0, 1, *range(6, 12)]] for n in range(4)]))
    assert summary.n_repaired == 2
    assert "repaired: 2 ECGs of which the archive is known to state a wrong gain" in summary.text()
    (source,) = store.manifest.provenance["sources"]
    assert (source["dataset"], source["repairs"]) == ("challenge-2021", REPAIRS)


def test_patients_of_ptb_xl_are_known_and_the_day_of_conversion_is_not_stored(challenge, tmp_path):
    ingest([challenge], out=tmp_path / "store")
    rows = Store.open(tmp_path / "store").ecgs.to_pylist()
    assert [(row["patient_id"], row["patient_id_known"], row["acquired_at"]) for row in rows] == [
        ("challenge/E00001", False, None),
        ("challenge/E00002", False, None),
        ("ptb-xl:15709", True, "1984-11-09T09:17:34"),
        ("challenge/HR00002", False, None),
    ]


def test_without_the_archive_nothing_is_repaired(challenge, tmp_path):
    summary = ingest([challenge], out=tmp_path / "store", settings=IngestSettings(dataset="none"))
    assert summary.n_repaired == 0
    assert not any(Store.open(tmp_path / "store").ecgs["flag_repaired"].to_pylist())


def test_another_table_of_patients_is_no_resumption(challenge, tmp_path):
    ingest([challenge], out=tmp_path / "store")
    ingest([challenge], out=tmp_path / "store", settings=IngestSettings(resume=True))
    table = tmp_path / "ptb-xl" / "ptbxl_database.csv"
    table.write_text(TABLE.replace("15709", "15710"))
    with pytest.raises(StoreError, match="tables_sha256"):
        ingest([challenge], out=tmp_path / "store", settings=IngestSettings(resume=True))


def test_code_15_has_its_patients_ages_and_sexes_from_its_table(tmp_path, microvolts_of):
    root = tmp_path / "code15"
    root.mkdir()
    tracings = np.zeros((4, 4096, 12), dtype=np.float32)
    for row in range(3):
        tracings[row, 48:4048] = microvolts_of(row, rate_hz=400).T / 1000
    with h5py.File(root / "exams_part0.hdf5", "w") as file:
        file["exam_id"], file["tracings"] = np.array([11, 12, 13, 0]), tracings
    rows = ["11,50,True,7,exams_part0.hdf5", "12,51,True,7,exams_part0.hdf5", "13,,False,8,exams_part0.hdf5"]
    (root / "exams.csv").write_text("\n".join(["exam_id,age,is_male,patient_id,trace_file", *rows]) + "\n")
    ingest([root], out=tmp_path / "store")
    store = Store.open(tmp_path / "store")
    assert store.ecgs["patient_id"].to_pylist() == ["code-15:7", "code-15:7", "code-15:8"]
    assert store.ecgs["age_years"].to_pylist() == [50.0, 51.0, None]
    assert store.ecgs["sex"].to_pylist() == ["male", "male", "female"]
    assert store.manifest.provenance["sources"][0]["dataset"] == "code-15"


def test_a_folder_of_ml4h_files_keeps_the_ids_of_the_hospital(tmp_path, microvolts_of):
    (tmp_path / "patients").mkdir()
    for number, mrn in enumerate(("0004711", "0815")):
        with h5py.File(tmp_path / "patients" / f"{mrn}.hd5", "w") as file:
            for lead, samples in zip(LEADS, microvolts_of(number), strict=True):
                file[f"ecg/2012-01-05T10:00:00/{lead}"] = samples
            file["ecg/2012-01-05T10:00:00/voltageunits"] = "MICROVOLTS"
            file["ecg/2012-01-05T10:00:00/waveform_samplebase"] = "500"
    ingest([tmp_path / "patients"], out=tmp_path / "store")
    store = Store.open(tmp_path / "store")
    assert store.ecgs["patient_id"].to_pylist() == ["0004711", "0815"]
    assert store.ecgs["acquired_at"].to_pylist() == ["2012-01-05T10:00:00"] * 2
    assert store.manifest.provenance["sources"][0]["dataset"] == "ml4h-hdf5"


def test_a_header_that_is_gone_before_it_is_mended_is_a_rejected_record(challenge, tmp_path, monkeypatch):
    def lose(*_):
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr("hemometric.datasets.challenge_2021.read_header", lose)
    ecg = challenge / "E00001.hea"
    record = Record(ecg, "challenge/E00001", "challenge/E00001", mend=mend)
    cut = Cut(sampling_rate_hz=250.0, duration_s=10.0, n_samples=2500, n_leads=8, pad=False)
    (reject,) = read_record(record, cut).rejects
    assert (reject.source, reject.reason_code) == ("challenge/E00001", "unreadable")
