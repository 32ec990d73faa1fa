"""`ingest --deidentify` and `link --deidentify` of every format that names a patient: nothing of it is left."""

import datetime
import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pyarrow.parquet as pq
import pydicom
from aecg_writer import make_aecg, rhythm_set, series, times
from edf_writer import LEADS, make_edf, signal
from muse_writer import make_muse, rhythm
from pydicom.data import get_testdata_file
from scp_writer import make_sections, patient_section, seal
from sierra_writer import describe, make_packed, make_sierra, write_base64

from hemometric.deidentification import Deidentifier
from hemometric.ingest import IngestSettings, ingest
from hemometric.labels import link
from hemometric.store import Store

SECRET = b"a secret that is long enough"
PATIENT, NAME, DOCTOR, DEVICE = "QX-7391846200", "Oosterhuisen", "Vandenbroucke", "SERIAL-99817"
BORN, DAY = "1921-03-22", "2014-07-11"
SPELLINGS = ("%Y-%m-%d", "%Y%m%d", "%d.%m.%Y", "%m-%d-%Y", "%m/%d/%Y", "%d-%b-%Y", "%d.%m.%y", "%Y/%m/%d")

Write = Callable[[Path, str], None]


def draw() -> np.ndarray:
    """Twelve leads of 10 s at 500 Hz, whole microvolts, which obey Einthoven's law exactly."""
    at = np.arange(5000) / 500
    beat = np.exp(-((((at % 0.8) - 0.4) / 0.012) ** 2)) + 0.25 * np.exp(-((((at % 0.8) - 0.65) / 0.05) ** 2))
    noise = np.random.default_rng([14, 7]).normal(0, 8, (8, 5000))
    sizes = np.linspace(400, 1500, 8)[:, None]
    one, two, *chest = (20 * np.rint((sizes * beat + noise) / 20)).astype(np.int64)
    return np.array([one, two, two - one, -(one + two) // 2, one - two // 2, two - one // 2, *chest])


def write_muse(folder: Path, patient: str) -> None:
    told = {"PatientID": f"  {patient} ", "PatientLastName": NAME, "DateofBirth": "03-22-1921", "PatientAge": "93"}
    test = {"AcquisitionTime": "10:05:44", "AcquisitionDate": "07-11-2014", "OverreaderLastName": DOCTOR}
    content = make_muse(
        rhythm(draw() // 5, LeadAmplitudeUnitsPerBit="5"), patient=told, test=test | {"AcquisitionDevice": DEVICE}
    )
    (folder / f"MUSE_20140711_{patient}.xml").write_bytes(content)


def write_aecg(folder: Path, patient: str) -> None:
    subject = (
        f'<id root="1.2.3" extension="{patient}"/><subjectDemographicPerson><name>{NAME}</name>'
        '<birthTime value="19210322"/></subjectDemographicPerson>'
    )
    at = "20140711100544.000"
    leads = rhythm_set(draw() // 5, time=times(head=f'value="{at}"'), scale='value="5" unit="uV"')
    whole = series(leads, recorded=f'<low value="{at}"/><high value="20140711100554.000"/>')
    content = make_aecg(whole, subject=subject, recorded='<center value="20140711"/>', more=f"<!-- {DOCTOR} -->")
    (folder / f"{patient}.xml").write_bytes(content)


def write_sierra(folder: Path, patient: str, *, packed: bool) -> None:
    told = (
        f"<patientid> {patient} </patientid><name><lastname>{NAME}</lastname></name><age><dateofbirth>{BORN}"
        "</dateofbirth></age><sex>Female</sex>"
    )
    digital = draw() // 5
    if packed:
        content = make_packed(digital)
        text = content.decode("utf-16").replace("<patientid>P-9</patientid>", f"<patientid>{patient}</patientid>")
        text = text.replace("1960-06-14", BORN)
    else:
        made = make_sierra(write_base64(digital), attributes=describe(len(digital[0])), patient=told)
        text = made.decode("utf-16")
    (folder / f"{patient}.xml").write_bytes(text.replace("2025-06-14", DAY).encode("utf-16"))


def write_scp(folder: Path, patient: str) -> None:
    sections = make_sections(draw())
    tags = [(0, NAME.encode() + b"\0"), (2, patient.encode() + b"\0"), (5, struct.pack("<HBB", 1921, 3, 22))]
    tags += [(8, b"\x02"), (20, DOCTOR.encode() + b"\0")]
    tags += [(25, struct.pack("<HBB", 2014, 7, 11)), (26, bytes([10, 5, 44]))]
    sections[1] = patient_section(tags)
    (folder / f"{patient}.scp").write_bytes(seal(sections))


def write_dicom(folder: Path, patient: str) -> None:
    dataset = pydicom.dcmread(str(get_testdata_file("waveform_ecg.dcm")))
    dataset.PatientID, dataset.PatientName, dataset.PatientBirthDate = patient, NAME, "19210322"
    dataset.AcquisitionDateTime, dataset.StudyDate, dataset.StudyTime = "20140711100544", "20140711", "100544"
    dataset.PatientAge = "093Y"
    dataset.ReferringPhysicianName, dataset.DeviceSerialNumber, dataset.AccessionNumber = DOCTOR, DEVICE, "ACC-99113"
    dataset.save_as(folder / f"{patient}.dcm")


def write_edf(folder: Path, patient: str, *, width: int) -> None:
    signals = [signal(lead, row, physical=(-32768.0, 32767.0)) for lead, row in zip(LEADS, draw(), strict=True)]
    content = make_edf(
        signals,
        width=width,
        patient=f"{patient} F 22-MAR-1921 {NAME}",
        recording=f"Startdate 11-JUL-2014 ACC-99113 {DOCTOR} {DEVICE}",
        day="11.07.14",
        time="10.05.44",
        reserved="EDF+C" if width == 2 else "BDF+C",
    )
    (folder / f"{patient}.{'edf' if width == 2 else 'bdf'}").write_bytes(content)


def write_hdf5(folder: Path, patient: str) -> None:
    told = {"voltageunits": "MICROVOLTS", "waveform_samplebase": "500", "dateofbirth": "03-22-1921"}
    with h5py.File(folder / f"{patient}.hd5", "w") as file:
        ecg = file.create_group(f"ecg/{DAY}T10:05:44")
        file.attrs["patient"] = NAME
        for lead, row in zip(LEADS, draw(), strict=True):
            ecg[lead] = row.astype(np.int16)
        for name, value in {**told, "patientlastname": NAME, "overreaderlastname": DOCTOR}.items():
            ecg[name] = value


def write_npy(folder: Path, patient: str) -> None:
    np.save(folder / f"{patient}.npy", draw().astype(np.int32))
    told = {"file": f"{patient}.npy", "sampling_rate_hz": 500, "unit": "uV", "leads": LEADS, "axes": ["lead", "sample"]}
    told |= {"patient_id": [f" {patient} "], "ids": [NAME], "acquired_at": [f"{DAY}T10:05:44"], "age_years": [93]}
    (folder / f"{patient}.ecg.json").write_text(json.dumps(told))


WRITERS: dict[str, Write] = {
    "muse": write_muse,
    "aecg": write_aecg,
    "sierra": lambda folder, patient: write_sierra(folder, patient, packed=False),
    "sierra packed": lambda folder, patient: write_sierra(folder, patient, packed=True),
    "scp": write_scp,
    "dicom": write_dicom,
    "edf": lambda folder, patient: write_edf(folder, patient, width=2),
    "bdf": lambda folder, patient: write_edf(folder, patient, width=3),
    "hdf5": write_hdf5,
    "npy": write_npy,
}


def damage(folder: Path) -> None:
    """A file that is cut, an empty one, a link in a circle, a link to a good one, and a copy."""
    good = max(folder.iterdir(), key=lambda file: (file.name.endswith(".ecg.json"), file.stat().st_size))
    content, suffix = good.read_bytes(), "".join(good.suffixes[-2:])
    (folder / f"{NAME}-cut{suffix}").write_bytes(content[: len(content) // 2])
    (folder / f"{NAME}-empty{suffix}").write_bytes(b"")
    (folder / f"{NAME}-circle{suffix}").symlink_to(f"{NAME}-circle{suffix}")
    (folder / f"Z{NAME}-link{suffix}").symlink_to(good.name)
    shutil.copytree(folder, folder / NAME, symlinks=True)


def search(found: bytes) -> list[str]:
    """Which of the originals stand in some bytes, in one of the ways in which they may be written."""
    dates = [datetime.date.fromisoformat(day).strftime(form) for day in (BORN, DAY) for form in SPELLINGS]
    dates += [day.upper() for day in dates]
    words = (PATIENT, PATIENT[3:], NAME, NAME.upper(), DOCTOR, DEVICE, "ACC-99113", *dates)
    return [word for word in words for code in ("utf-8", "utf-16-le") if word.encode(code) in found]


def read_all(store: Path) -> bytes:
    """Every byte of a store, its tables as text too, and the names of its files."""
    pieces = []
    for path in sorted(store.rglob("*")):
        pieces.append(str(path.relative_to(store)).encode())
        if path.is_file():
            pieces.append(path.read_bytes())
        if path.suffix == ".parquet":
            table = pq.ParquetFile(path)
            pieces.append(json.dumps(table.read().to_pylist()).encode() + str(table.metadata.metadata).encode())
    return b"\0".join(pieces)


def test_no_format_leaves_anything_and_the_catheter_table_finds_every_patient(tmp_path, capfd):
    source, out, secret = tmp_path / NAME, tmp_path / "store", tmp_path / "secret"
    secret.write_bytes(SECRET)
    patients = {kind: f"{PATIENT}-{number}" for number, kind in enumerate(WRITERS)}
    for kind, patient in patients.items():
        (source / kind).mkdir(parents=True)
        WRITERS[kind](source / kind, patient)
        damage(source / kind)
    told = ingest([source], out=out, settings=IngestSettings(deidentify=secret, workers=2)).text()
    table = tmp_path / f"{NAME}.csv"
    rows = [f" {patient} ,{DAY}T12:05:44,mpcwp,17,mmHg" for patient in patients.values()]
    table.write_text("\n".join(["patient_id,measured_at,target,value,unit", *rows]) + "\n")
    one = Deidentifier(SECRET)
    told += link(Store.open(out), labels_csv=table, deidentifier=one).text()
    written = capfd.readouterr()
    store = Store.open(out)
    of_ecg = dict(zip(store.ecgs["ecg_id"].to_pylist(), store.ecgs["patient_id"].to_pylist(), strict=True))
    links = store.links()
    assert links is not None
    linked = {of_ecg[ecg_id] for ecg_id in links["ecg_id"].to_pylist()}
    assert [kind for kind, patient in patients.items() if one.patient(patient) not in linked] == []
    assert {round(gap, 6) for gap in links["gap_hours"].to_pylist()} == {-2.0}
    rejected = [line.split(",")[1] for line in (out / "rejects.csv").read_text().splitlines()[1:]]
    assert len(rejected) > 4 * len(WRITERS)
    assert {"empty", "broken-link", "same-file"} < set(rejected)
    assert search(read_all(out) + "\0".join([told, written.out, written.err]).encode()) == []
    assert {age for age in store.ecgs["age_years"].to_pylist() if age is not None} == {90.0}
