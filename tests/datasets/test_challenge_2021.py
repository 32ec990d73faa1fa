import shutil

import numpy as np
import pytest

from hemometric.datasets import Facts, open_dataset
from hemometric.datasets.challenge_2021 import find_root, mend, open_at
from hemometric.ecg import LEADS
from hemometric.errors import ReadError
from hemometric.formats import read_ecg

PTB_XL_TABLE = (
    "patient_id,age,sex,recording_date,filename_lr,filename_hr\n"
    "15709.0,56.0,1,1984-11-09 09:17:34,records100/00000/00001_lr,records500/00000/00001_hr\n"
)


def write_record(path, *, gain="1000.0(0)/mV", record_line=None, comments=("Age: 60", "Sex: Male", "Dx: 426783006")):
    """A record as the Challenges have it: .mat of version 4, whose numbers begin at byte 24; returns them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng([20, 21]).integers(-1500, 1500, size=(12, 5000)).astype("<i2")
    lines = [record_line or f"{path.name} 12 500 5000"]
    lines += [f"{path.name}.mat 16+24 {gain} 16 0 {row[0]} 0 0 {lead}" for lead, row in zip(LEADS, values, strict=True)]
    path.with_name(path.name + ".hea").write_text("\n".join([*lines, *(f"#{line}" for line in comments)]) + "\n")
    path.with_name(path.name + ".mat").write_bytes(bytes(24) + values.T.tobytes())
    return values


@pytest.mark.parametrize(
    "place", ["A0001", "g1/Q0001", "ptb/g1/S0001", "georgia/E00001", "training/ptb-xl/g22/HR21837", "ningbo/g1/JS10647"]
)
def test_the_published_layout_and_a_flat_folder_are_recognised(tmp_path, place):
    write_record(tmp_path / place)
    for source in (tmp_path, (tmp_path / place).parent, tmp_path / f"{place}.hea"):
        assert find_root(source) == (source.parent if source.suffix else source)


@pytest.mark.parametrize("name", ["E0001", "00001_hr", "E00001x", "s0010_re"])
def test_records_of_other_names_are_not_taken_for_it(tmp_path, name):
    write_record(tmp_path / "E00001")
    write_record(tmp_path / name)
    assert find_root(tmp_path) is None


def test_records_without_diagnoses_are_not_taken_for_it(tmp_path):
    write_record(tmp_path / "E00001", comments=("Age: 60",))
    assert find_root(tmp_path) is None
    write_record(tmp_path / "E00002")  # one of the first has them
    assert find_root(tmp_path) == tmp_path


def test_what_keeps_a_folder_from_being_a_challenge_is_said(tmp_path):
    write_record(tmp_path / "georgia" / "g1" / "E00001", comments=("Age: 60",))
    with pytest.raises(ReadError, match=r"headers in g1/ are named so, and none of the first 5 has the line; leave"):
        open_dataset(tmp_path, name="challenge-2021")
    write_record(tmp_path / "georgia" / "g1" / "00001_hr")
    with pytest.raises(ReadError, match=r"of 2 headers in g1/ 1 are named so, and not 00001_hr\.hea; leave"):
        open_dataset(tmp_path, name="challenge-2021")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ReadError, match=r"g1 and the like; leave --dataset out"):
        open_dataset(tmp_path / "empty", name="challenge-2021")


@pytest.mark.parametrize("place", ["challenge", ".", "ptb-xl"])
def test_the_patient_of_an_hr_record_is_that_of_ptb_xl_where_its_table_lies_near(tmp_path, place):
    write_record(tmp_path / "challenge" / "HR00001")
    write_record(tmp_path / "challenge" / "HR00002")
    (tmp_path / place).mkdir(exist_ok=True)
    (tmp_path / place / "ptbxl_database.csv").write_text(PTB_XL_TABLE)
    dataset = open_dataset(tmp_path / "challenge")
    assert dataset is not None
    assert (dataset.name, dataset.tables) == ("challenge-2021", (tmp_path / place / "ptbxl_database.csv",))
    known = Facts(patient_id="ptb-xl:15709", age_years=56, sex="female", acquired_at="1984-11-09T09:17:34")
    assert dataset.facts(tmp_path / "challenge" / "HR00001.hea") == known
    assert dataset.facts(tmp_path / "challenge" / "HR00002.hea") == Facts()


def test_the_table_is_found_where_physionet_puts_it(tmp_path):
    write_record(tmp_path / "files" / "challenge-2021" / "1.0.3" / "training" / "ptb-xl" / "g1" / "HR00001")
    table = tmp_path / "files" / "ptb-xl" / "1.0.3" / "ptbxl_database.csv"
    table.parent.mkdir(parents=True)
    table.write_text(PTB_XL_TABLE)
    assert open_at(tmp_path / "files" / "challenge-2021" / "1.0.3").tables == (table,)


def test_without_the_table_no_patient_is_invented(tmp_path):
    for name in ("HR00001", "S0001", "JS00001", "A0001"):
        write_record(tmp_path / "challenge" / name)
        assert open_at(tmp_path / "challenge").facts(tmp_path / "challenge" / f"{name}.hea") == Facts()


@pytest.mark.parametrize(("name", "gain"), [("E00001", "4880/mV"), ("HR00001", "200/mV"), ("HR00001", "200(0)/mv")])
def test_a_gain_that_is_known_to_be_wrong_is_repaired_and_said(tmp_path, name, gain):
    digital = write_record(tmp_path / name, gain=gain)
    ecg = mend(tmp_path / f"{name}.hea", read_ecg(tmp_path / f"{name}.hea"))
    assert np.abs(ecg.waveform - digital / 1000).max() < 1e-6
    stated = gain.partition("/")[0].removesuffix("(0)")
    assert ecg.notes == (f"gain {stated}/mV, which this archive is known to state wrongly: read with 1000/mV",)


@pytest.mark.parametrize(
    ("name", "gain"),
    [
        *[
            ("E00001", "1000/mV"),
            ("E00001", "200/mV"),
            ("HR00001", "4880/mV"),
            ("JS00001", "4880/mV"),
            ("S0001", "200"),
        ],
        ("HR00001", "0"),  # none is stated, which is another fault
    ],
)
def test_any_other_gain_is_taken_as_it_stands(tmp_path, name, gain):
    write_record(tmp_path / name, gain=gain)
    read = read_ecg(tmp_path / f"{name}.hea")
    assert mend(tmp_path / f"{name}.hea", read) is read


def test_where_only_some_leads_state_the_wrong_gain_nothing_is_repaired(tmp_path):
    write_record(tmp_path / "E00001", gain="4880/mV")
    header = tmp_path / "E00001.hea"
    header.write_text(header.read_text().replace("4880/mV", "1000/mV", 1))
    read = read_ecg(header)
    assert mend(header, read) is read


@pytest.mark.parametrize(
    ("date", "acquired_at"), [("05-May-2020 14:50:55", None), ("01-Oct-1990 10:00:00", "1990-10-01T10:00:00")]
)
def test_the_date_of_the_conversion_is_not_that_of_the_recording(tmp_path, date, acquired_at):
    write_record(tmp_path / "E00001", record_line=f"E00001.mat 12 500 5000 {date}")
    read = read_ecg(tmp_path / "E00001.hea")
    ecg = mend(tmp_path / "E00001.hea", read)
    assert ecg.acquired_at == acquired_at
    assert any("converted" in note for note in ecg.notes) == (acquired_at is None)
    assert ecg.waveform is read.waveform


def write_as_challenge(path, real, *, scale=1.0):
    """Write a real record of PTBDB as the Challenges do: whole microvolts in .mat."""
    ecg = read_ecg(real)
    path.parent.mkdir(parents=True, exist_ok=True)
    microvolts = np.rint(1000 * scale * ecg.waveform).astype("<i2")
    lines = [f"{path.name} 12 1000 {ecg.n_samples}"]
    lines += [f"{path.name}.mat 16+24 1000/mV 16 0 0 0 0 {lead}" for lead in LEADS]
    path.with_name(path.name + ".hea").write_text("\n".join([*lines, "#Age: 81", "#Dx: 164865005"]) + "\n")
    path.with_name(path.name + ".mat").write_bytes(bytes(24) + microvolts.T.tobytes())


def test_an_s_record_is_found_in_ptbdb_by_its_samples(real_data, tmp_path):
    originals = ("s0010_re", "s0015lre", "s0017lre")
    for patient, name in zip(("patient001", "patient002", "patient003"), originals, strict=True):
        (tmp_path / "ptbdb" / patient).mkdir(parents=True)
        for suffix in (".hea", ".dat"):
            shutil.copy(real_data / "ptbdb" / f"{name}{suffix}", tmp_path / "ptbdb" / patient)
    challenge = tmp_path / "challenge"
    write_as_challenge(challenge / "S0001", real_data / "ptbdb" / "s0015lre.hea")
    write_as_challenge(challenge / "S0002", real_data / "ptbdb" / "s0017lre.hea", scale=1.02)
    dataset = open_at(challenge)
    assert dataset.facts(challenge / "S0001.hea") == Facts(patient_id="ptbdb:patient002", acquired_at="1990-10-17")
    assert dataset.facts(challenge / "S0002.hea") == Facts()


def test_the_real_records_are_recognised_and_read_as_they_are(real_data):
    root = real_data / "challenge2021"
    dataset = open_dataset(root)
    assert dataset is not None
    assert (dataset.name, dataset.root) == ("challenge-2021", root)
    assert dataset.tables == (real_data / "ptbxl" / "ptbxl_database.csv",)
    headers = sorted(root.glob("*.hea"))
    assert len(headers) == 53
    for header in headers[::10]:
        read = read_ecg(header)
        mended = mend(header, read)
        assert mended.waveform is read.waveform
    mended = mend(root / "Q0001.hea", read_ecg(root / "Q0001.hea"))
    assert mended.acquired_at is None  # the header says 15-May-2020, when all of CPSC-Extra was converted


def test_real_georgia_records_with_the_header_of_2020_become_what_that_of_2021_says(real_data, tmp_path):
    for name in ("E07500", "HR06000"):
        shutil.copy(real_data / "challenge2021" / f"{name}.mat", tmp_path)
        right = read_ecg(real_data / "challenge2021" / f"{name}.hea")
        wrong = "4880/mV" if name.startswith("E") else "200/mV"
        text = (real_data / "challenge2021" / f"{name}.hea").read_text()
        header = tmp_path / f"{name}.hea"
        header.write_text(text.replace("1000.0(0)/mV", wrong).replace("1000.0(0)/mv", wrong))
        assert np.abs(mend(header, read_ecg(header)).waveform - right.waveform).max() < 1e-6
