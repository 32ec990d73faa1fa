import contextlib
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import wfdb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hemometric.ecg import INDEPENDENT_ROWS, LEADS
from hemometric.errors import ReadError
from hemometric.formats import find_records, read_ecg
from hemometric.formats.wfdb_record import read_wfdb

pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")  # wfdb itself uses pandas so when it writes

ODD_SPELLINGS = (
    "i",
    "Lead II",
    "MDC_ECG_LEAD_III",
    "AVR",
    "avl",
    "lead aVF",
    "v1",
    "V2",
    "ECG_lead_V3",
    "V4",
    "v5",
    "lead v6",
)


@pytest.fixture
def millivolt():
    """Twelve leads of 100 samples that obey Einthoven and Goldberger, mV, shape (12, 100)."""
    independent = np.random.default_rng([3, 4]).uniform(-1.5, 1.5, size=(8, 100))
    one, two = independent[:2]
    return np.stack([one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2, *independent[2:]])


@pytest.mark.parametrize("storage", ["16", "212", "24", "32"])
def test_shuffled_leads_of_odd_spelling_come_back_in_order(tmp_path, millivolt, storage):
    order = np.random.default_rng([1, 2]).permutation(12)
    wfdb.wrsamp(
        "record",
        fs=500,
        units=[["mV", "uV", "V"][place % 3] for place in order],
        sig_name=[ODD_SPELLINGS[place] for place in order],
        p_signal=(millivolt * np.array([1, 1e3, 1e-3] * 4)[:, None])[order].T,
        fmt=[storage] * 12,
        write_dir=str(tmp_path),
        comments=["age: 61", "sex: female"],
    )
    ecg = read_ecg(tmp_path / "record")
    step = 3.5 / 4000 if storage == "212" else 3.5 / 60000
    assert np.abs(ecg.waveform - millivolt).max() < step
    assert (ecg.age_years, ecg.sex, ecg.ecg_id, ecg.sampling_rate_hz) == (61.0, "female", "record", 500.0)


def test_mistake_10_of_the_method_page_the_lead_order_of_mimic_iv_ecg_is_read_and_not_assumed(write_record, millivolt):
    """Its headers name I, II, III, aVR, aVF, aVL, V1 to V6: https://physionet.org/content/mimic-iv-ecg/1.0/."""
    order = [0, 1, 2, 3, 5, 4, *range(6, 12)]
    ecg = read_ecg(write_record(np.round(millivolt[order] * 1000), names=[LEADS[row] for row in order]))
    assert np.abs(ecg.waveform - millivolt).max() < 1e-3


def test_eight_leads_become_twelve_by_einthoven_and_goldberger(write_record, millivolt):
    names = [LEADS[row] for row in INDEPENDENT_ROWS]
    digital = np.round(millivolt[list(INDEPENDENT_ROWS)] * 1000)
    ecg = read_ecg(write_record(digital, names=names))
    assert np.abs(ecg.waveform - millivolt).max() < 1.6e-3
    assert "derived from I and II" in ecg.notes[-1]


def test_a_missing_file_of_other_channels_does_not_matter(tmp_path, write_record, digital):
    header = write_record(digital)
    text = header.read_text().replace("record 12 500", "record 15 500")
    header.write_text(text + "".join(f"record.xyz 16 1000 16 0 0 0 0 {name}\n" for name in ("vx", "vy", "vz")))
    ecg = read_ecg(header)
    assert np.array_equal(ecg.waveform, (digital / 1000).astype(np.float32))
    (tmp_path / "record.dat").unlink()
    with pytest.raises(ReadError, match=r"record\.dat, which holds signals I to V6, is not beside the header"):
        read_ecg(header)


def test_defaults_of_the_format_are_noted(write_record, digital):
    ecg = read_ecg(write_record(digital, gain="0"))
    assert np.array_equal(ecg.waveform, (digital / 200).astype(np.float32))
    assert ecg.notes == (
        "unit absent: mV as the format says",
        "gain absent or 0: 200 per unit as the format says",
    )
    assert read_ecg(write_record(digital)).notes == ()


def test_missing_samples_stay_nan(write_record, digital):
    digital[2, 5:9] = -32768
    ecg = read_ecg(write_record(digital))
    assert np.isnan(ecg.waveform[2, 5:9]).all()
    assert np.isnan(ecg.waveform).sum() == 4


def test_a_record_line_that_wfdb_refuses_is_read(tmp_path, digital):
    scipy.io.savemat(tmp_path / "E1.mat", {"val": digital.astype(np.int16)}, format="4")
    lines = [f"E1.mat 16+24 1000/mV 16 0 0 0 0 {name}" for name in LEADS]
    header = tmp_path / "E1.hea"
    header.write_text("\n".join(["E1.mat 12 500 100 05-Feb-2020 11:39:16", *lines]) + "\n#Age: 74\n#Sex: F\n")
    with pytest.raises(ValueError, match="invalid syntax"):
        wfdb.rdrecord(str(tmp_path / "E1"))
    ecg = read_ecg(header)
    assert np.array_equal(ecg.waveform, (digital / 1000).astype(np.float32))
    assert (ecg.acquired_at, ecg.age_years, ecg.sex) == ("2020-02-05T11:39:16", 74.0, "female")


def test_microvolt_in_latin_1_is_not_read_as_volt(write_record, digital):
    header = write_record(digital, gain="1(0)/µV")
    expected = read_ecg(header).waveform
    header.write_bytes(header.read_text(encoding="utf-8").encode("latin-1"))
    assert np.array_equal(read_ecg(header).waveform, expected)
    assert np.allclose(expected, digital / 1000, rtol=1e-6)


def test_segments_are_joined(tmp_path, write_record, digital):
    write_record(digital, stem="record_1")
    write_record(digital[:, :40], stem="record_2")
    master = tmp_path / "record.hea"
    master.write_text("record/3 12 500 150\nrecord_1 100\n~ 10\nrecord_2 40\n# Age: 50\n")
    ecg = read_ecg(master)
    assert np.array_equal(ecg.waveform[:, :100], (digital / 1000).astype(np.float32))
    assert np.isnan(ecg.waveform[:, 100:110]).all()
    assert np.array_equal(ecg.waveform[:, 110:], (digital[:, :40] / 1000).astype(np.float32))
    assert (ecg.notes, ecg.age_years) == (("joined from 3 segments",), 50.0)
    assert find_records(tmp_path) == [master]


@pytest.mark.parametrize(("name", "shown"), [("record_2", "record_2"), ("x" * 300, "x" * 80)])
def test_a_missing_segment_is_named(tmp_path, write_record, digital, name, shown):
    write_record(digital, stem="record_1")
    master = tmp_path / "record.hea"
    master.write_text(f"record/2 12 500 200\nrecord_1 100\n{name} 100\n")
    with pytest.raises(ReadError, match=rf"its segment {shown}\.hea is not beside it") as caught:
        read_ecg(master)
    assert caught.value.code == "missing"


@pytest.mark.parametrize(
    ("second", "code"),
    [
        ("record_2 12 500 99\n", "corrupt"),
        ("record_2 12 250 100\n", "mixed-rates"),
        ("record_2/1 12 500 100\nrecord_1 100\n", "corrupt"),
    ],
)
def test_segments_that_do_not_fit_are_refused(tmp_path, write_record, digital, second, code):
    first = write_record(digital, stem="record_1")
    lines = first.read_text().partition("\n")[2] if "/" not in second else ""
    (tmp_path / "record_2.hea").write_text(second + lines)
    (tmp_path / "record.hea").write_text("record/2 12 500 200\nrecord_1 100\nrecord_2 100\n")
    with pytest.raises(ReadError) as caught:
        read_ecg(tmp_path / "record.hea")
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("record_line", "gap", "code", "message"),
    [
        ("record/2 12 500 110", 99_999_999, "corrupt", "announces 110 samples a lead, its segments hold 100,000,099"),
        ("record/2 12 500", 99_999_999, "too-long", "99,999,999 samples lie in gaps, at most 4,194,304 are filled"),
        ("record/2 12 1e-300 110", 10, "mixed-rates", "record_1 has 500 frames a second, the record 1e-300"),
        ("record/2 12 250 110", 10, "mixed-rates", "record_1 has 500 frames a second, the record 250"),
    ],
)
def test_segments_and_gaps_that_contradict_the_record_are_refused(
    tmp_path, write_record, digital, record_line, gap, code, message
):
    write_record(digital, stem="record_1")
    (tmp_path / "record.hea").write_text(f"{record_line}\nrecord_1 100\n~ {gap}\n")
    with pytest.raises(ReadError, match=message) as caught:
        read_ecg(tmp_path / "record.hea")
    assert caught.value.code == code


def test_a_record_of_gaps_only_is_refused(tmp_path):
    (tmp_path / "record.hea").write_text("record/1 12 500 100\n~ 100\n")
    with pytest.raises(ReadError, match="none of its segments holds samples") as caught:
        read_ecg(tmp_path / "record.hea")
    assert caught.value.code == "empty"


@pytest.mark.parametrize("gain", ["1e-308/mV", "1e-33(0)/uV", "1e-30(999999999999999)/mV"])
def test_a_gain_that_makes_no_voltage_is_refused(write_record, digital, gain):
    with pytest.raises(ReadError, match="the gain of lead I is 1e-3") as caught:
        read_ecg(write_record(digital, gain=gain))
    assert caught.value.code == "corrupt"


def test_a_folder_in_the_place_of_samples_is_refused(write_record, digital):
    header = write_record(digital, record_line="record 12 500 1")
    header.write_text(header.read_text().replace("record.dat", "."))
    with pytest.raises(ReadError, match=r"signal file \., which holds signals I to V6, is not beside") as caught:
        read_ecg(header)
    assert caught.value.code == "missing"


def test_a_bad_header_is_refused(tmp_path):
    with pytest.raises(ReadError, match="not a WFDB header"):
        read_wfdb(tmp_path / "x.hea", b"nothing of the kind")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)
@given(st.integers(0, 700), st.binary(min_size=1, max_size=4))
def test_a_damaged_header_is_read_or_refused(write_record, digital, place, noise):
    header = write_record(digital, comments="# Age: 50\n")
    content = header.read_bytes()
    header.write_bytes(content[:place] + noise + content[place + len(noise) :])
    with contextlib.suppress(ReadError):
        assert read_ecg(header).waveform.shape[0] == 12


@pytest.mark.parametrize("name", ["ptbxl/records500/00000/00001_hr", "challenge2021/E07503", "challenge2021/Q0001"])
def test_real_records_equal_wfdb(real_data, name):
    golden = wfdb.rdrecord(str(real_data / name))
    ecg = read_ecg(real_data / f"{name}.hea")
    order = [[lead.casefold() for lead in golden.sig_name].index(lead.casefold()) for lead in LEADS]
    assert np.array_equal(ecg.waveform, golden.p_signal.T[order].astype(np.float32))
    assert (ecg.sampling_rate_hz, ecg.n_samples) == (golden.fs, golden.sig_len)


def test_a_real_record_without_its_xyz_file_equals_wfdb(real_data):
    golden = wfdb.rdrecord(str(real_data / "ptbdb/s0010_re"), channels=list(range(12)))
    ecg = read_ecg(real_data / "ptbdb/s0010_re.hea")
    assert np.array_equal(ecg.waveform, golden.p_signal.T.astype(np.float32))
    assert (ecg.age_years, ecg.sex, ecg.notes) == (81.0, "female", ("unit absent: mV as the format says",))


@pytest.mark.parametrize(("folder", "n_records"), [("ptbxl", 500), ("ptbdb", 3), ("challenge2021", 53)])
def test_real_archives_are_found_whole_and_every_tenth_record_is_read(real_data, folder, n_records):
    records = find_records(real_data / folder)
    assert len(records) == n_records
    for record in records[::10]:
        waveform = read_ecg(Path(record)).waveform
        assert np.isfinite(waveform).all()
        assert 0.05 < np.abs(waveform).max() < 40
