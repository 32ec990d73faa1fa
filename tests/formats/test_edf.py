import warnings

import numpy as np
import pyedflib
import pytest
from edf_writer import LEADS, annotations, make_edf, signal

from hemometric.ecg import INDEPENDENT_LEADS, INDEPENDENT_ROWS, derive_leads
from hemometric.errors import EcgError, ReadError
from hemometric.formats import read_ecg

KINDS = {
    "edf": pyedflib.FILETYPE_EDF,
    "edf+": pyedflib.FILETYPE_EDFPLUS,
    "bdf": pyedflib.FILETYPE_BDF,
    "bdf+": pyedflib.FILETYPE_BDFPLUS,
}


@pytest.fixture
def digital():
    """Twelve leads of 300 samples of 16 bits, shape (12, 300), the ends of the range among them."""
    samples = np.random.default_rng([12, 1]).integers(-20_000, 20_000, size=(12, 300))
    samples[2, :4] = [-32768, 32767, 0, -1]
    return samples


@pytest.fixture
def write(tmp_path):
    def write(signals, name="x.edf", **fields):
        path = tmp_path / name
        path.write_bytes(make_edf(signals, **fields))
        return path

    return write


def plain(steps, names=LEADS, **fields):
    return [signal(name, lead, **fields) for name, lead in zip(names, steps, strict=True)]


def same(ecg, expected_mv):
    """Within half of what float32 can tell apart at these voltages."""
    return ecg.waveform.shape == np.shape(expected_mv) and np.allclose(
        ecg.waveform, expected_mv, rtol=1e-6, atol=1e-6, equal_nan=True
    )


def write_by_pyedflib(path, kind, leads_mv, *, unit, extra=()):
    """Write 2 s at 500 Hz by an independent library; `extra` are labels of other signals at 50 Hz."""
    per_mv = {"uV": 1000, "mV": 1, "V": 0.001}[unit]
    most = 2**23 - 1 if kind.startswith("bdf") else 2**15 - 1
    channels = [
        {
            "label": label,
            "dimension": unit if place < 12 else "mmHg",
            "sample_frequency": 500 if place < 12 else 50,
            "physical_max": 5 * per_mv,
            "physical_min": -5 * per_mv,
            "digital_max": most,
            "digital_min": -most - 1,
            "transducer": "",
            "prefilter": "",
        }
        for place, label in enumerate([*(f"ECG {lead}" for lead in LEADS), *extra])
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of 0.005, which it writes with eight characters
        with pyedflib.EdfWriter(str(path), len(channels), file_type=KINDS[kind]) as writer:
            writer.setSignalHeaders(channels)
            writer.setPatientCode("P-17")
            writer.setSex(0)
            writer.setBirthdate(pyedflib.edfwriter.date(1961, 3, 4))
            writer.setStartdatetime(pyedflib.edfwriter.datetime(2021, 3, 4, 5, 6, 7))
            writer.writeSamples([*(leads_mv * per_mv), *(np.zeros(100) for _ in extra)])


@pytest.mark.parametrize("unit", ["uV", "mV", "V"])
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_file_of_an_independent_writer_reads_as_its_own_reader_does(tmp_path, kind, unit):
    leads_mv = np.random.default_rng([12, 2]).uniform(-4.5, 4.5, size=(12, 1000))
    path = tmp_path / f"x.{kind[:3]}"
    write_by_pyedflib(path, kind, leads_mv, unit=unit, extra=["PAP"])
    with pyedflib.EdfReader(str(path)) as reader:
        golden = np.array([reader.readSignal(place) for place in range(12)]) / {"uV": 1000, "mV": 1, "V": 0.001}[unit]
    ecg = read_ecg(path)
    assert np.abs(ecg.waveform - golden).max() < 1e-6
    assert np.abs(ecg.waveform - leads_mv).max() < (
        2e-6 if kind.startswith("bdf") else 1.01 * 10 / 2**16
    )  # it cuts steps off
    assert (ecg.sampling_rate_hz, ecg.acquired_at) == (500.0, "2021-03-04T05:06:07")
    if kind.endswith("+"):
        assert (ecg.patient_id, ecg.sex, ecg.age_years) == ("P-17", "female", 60.0)
        assert ecg.notes == ()


@pytest.mark.parametrize(
    "names",
    [
        [f"ECG {lead}" for lead in LEADS],
        [f"EKG {lead.upper()}" for lead in LEADS],
        [f"Lead {lead}" for lead in LEADS],
        [lead.lower() for lead in LEADS],
    ],
)
def test_labels_of_leads(write, digital, names):
    assert same(read_ecg(write(plain(digital, names))), digital / 10_000)


def test_leads_are_taken_by_label_and_not_by_place(write, digital):
    names = ["PAP", *reversed(LEADS), "ECG V4R"]
    digital = np.concatenate([digital, digital[:2] + 1])
    signals = plain(digital, names)
    signals[0] |= {"unit": "mmHg", "physical": (0, 0), "per_record": 20}
    assert same(read_ecg(write(signals)), digital[[names.index(lead) for lead in LEADS]] / 10_000)


def test_eight_leads_become_twelve(write, digital):
    ecg = read_ecg(write(plain(digital[list(INDEPENDENT_ROWS)], INDEPENDENT_LEADS)))
    assert same(ecg, derive_leads((digital[list(INDEPENDENT_ROWS)] / 10_000).astype(np.float32)))
    assert ecg.notes == ("III, aVR, aVL and aVF derived from I and II",)


@pytest.mark.parametrize(("unit", "per_mv"), [("uV", 1000), ("µV", 1000), ("mV", 1), ("V", 0.001), ("nV", 1e6)])
def test_units_and_ranges_make_millivolts(write, digital, unit, per_mv):
    signals = plain(digital, unit=unit, physical=(-2.5, 7.5), digital=(-32768, 32767))
    signals[3] |= {"physical": (2, -2), "digital": (-2048, 2047)}
    expected = (digital + 32768) * (10 / 65535) - 2.5
    expected[3] = 2 - (digital[3] + 2048) * (4 / 4095)
    assert same(read_ecg(write(signals)), expected / per_mv)


def test_samples_of_24_bits(write):
    digital = np.random.default_rng([12, 3]).integers(-(2**23), 2**23, size=(12, 200))
    digital[0, :5] = [-(2**23), 2**23 - 1, -1, 0, 1]
    signals = plain(digital, physical=(-262144, 262143), digital=(-(2**23), 2**23 - 1))
    ecg = read_ecg(write(signals, "x.bdf", width=3, reserved="24BIT"))
    step = 524287 / (2**24 - 1)
    assert np.allclose(ecg.waveform, ((digital + 2**23) * step - 262144) / 1000, rtol=1e-6)
    assert (ecg.n_samples, ecg.ecg_id) == (200, "x")


DAYS = {"day": "04.03.21", "time": "05.06.07"}
STARTS = [
    ({}, "2021-03-04T05:06:07", ()),
    ({"recording": "Startdate X X X X"}, None, ()),
    ({"recording": "some text"}, "2021-03-04T05:06:07", ()),
    ({"recording": "", "day": "04.03.85"}, "1985-03-04T05:06:07", ()),
    ({"recording": "", "day": "04.03.84"}, "2084-03-04T05:06:07", ()),
    ({"recording": "", "day": "01.01.85", "time": "00.00.00"}, None, ()),
    ({"recording": "", "time": "25.06.07"}, "2021-03-04", ()),
    ({"recording": "", "time": "        "}, "2021-03-04", ()),
    ({"recording": "Startdate 04-MAR-1921 X X X"}, "1921-03-04T05:06:07", ()),
    (
        {"recording": "Startdate 05-MAR-2021 X X X"},
        "2021-03-05T05:06:07",
        ("the start in the recording field differs from the start date, the former taken",),
    ),
    (
        {"recording": "", "day": "31.02.21"},
        None,
        ("the day of the recording is no day of the calendar, taken as unknown",),
    ),
]


@pytest.mark.parametrize(("fields", "acquired_at", "notes"), STARTS)
def test_when_it_was_recorded(write, digital, fields, acquired_at, notes):
    ecg = read_ecg(write(plain(digital), **fields))
    assert (ecg.acquired_at, ecg.notes) == (acquired_at, notes)


FREE_TEXT = ("the patient field is free text and no EDF+ patient field: id, age and sex taken as unknown",)
PATIENTS = [
    ("P-17 F 04-MAR-1961 Doe", ("P-17", "female", 60.0, ())),
    ("P-17 M X X", ("P-17", "male", None, ())),
    ("X X X X", (None, None, None, ())),
    ("P-17 X 04-MAR-2031 X", ("P-17", None, None, ())),
    ("P-17 X 31-FEB-1961 X", ("P-17", None, None, ())),
    ("Jane Doe, born 1961", (None, None, None, FREE_TEXT)),
    ("P-17", (None, None, None, FREE_TEXT)),
    ("", (None, None, None, ())),
]


@pytest.mark.parametrize("reserved", ["", "EDF+C"])
@pytest.mark.parametrize(("patient", "known"), PATIENTS)
def test_what_is_known_of_the_patient(write, digital, patient, known, reserved):
    ecg = read_ecg(write(plain(digital), patient=patient, reserved=reserved))
    assert (ecg.patient_id, ecg.sex, ecg.age_years, ecg.notes) == known


def test_the_number_of_records_may_be_unknown(write, digital):
    path = write(plain(digital), n_records=-1)
    ecg = read_ecg(path)
    assert same(ecg, digital / 10_000)
    assert ecg.notes == ("number of records not known to the file: 3 by its size",)
    path.write_bytes(path.read_bytes()[:-7])
    ecg = read_ecg(path)
    assert same(ecg, digital[:, :200] / 10_000)
    assert "2 by its size, the last 2,393 bytes are no whole record" in ecg.notes[0]


def test_what_stands_behind_the_last_record_is_noted(write, digital):
    ecg = read_ecg(write(plain(digital), n_records=2))
    assert same(ecg, digital[:, :200] / 10_000)
    assert ecg.notes == ("2,400 bytes behind the last announced record left out",)


@pytest.mark.parametrize("width", [2, 3])
def test_gaps_of_a_discontinuous_file_are_nan_to_the_nearest_sample(write, digital, width):
    signals = [annotations([7.0, 7.2, 7.9016], width=width), *plain(digital)]
    ecg = read_ecg(write(signals, width=width, reserved="EDF+D" if width == 2 else "BDF+D"))
    expected = np.full((12, 551), np.nan)
    expected[:, :200], expected[:, 451:] = digital[:, :200] / 10_000, digital[:, 200:] / 10_000
    assert same(ecg, expected)
    assert ecg.notes == (f"recording with 1 gaps ({'EDF' if width == 2 else 'BDF'}+D), filled with NaN",)


def test_a_discontinuous_file_without_gaps_is_whole(write, digital):
    ecg = read_ecg(write([*plain(digital), annotations([0.0, 0.2, 0.4])], reserved="EDF+D"))
    assert same(ecg, digital / 10_000)
    assert ecg.notes == ()


def one(place, **fields):
    def edit(signals):
        signals[place] |= fields

    return edit


def swap_label(signals):
    signals[11]["label"] = "V5"


BAD_SIGNALS = [
    (one(2, unit=""), {}, "no-unit", "lead III has no unit"),
    (one(2, unit="mmHg"), {}, "unknown-unit", "lead III is in 'mmHg'"),
    (one(2, per_record=50), {}, "mixed-rates", "a record holds 50 or 100 samples of a lead"),
    (one(2, digital=(5, 5)), {}, "corrupt", "'III' has the digital range 5 to 5"),
    (one(2, digital=(5, -5)), {}, "corrupt", "'III' has the digital range 5 to -5"),
    (one(2, digital=("", 5)), {}, "corrupt", "the digital range of 'III' is '', expected a whole number"),
    (one(2, physical=(1, 1)), {}, "corrupt", "the physical range 1 to 1"),
    (one(2, physical=("1,5", 2)), {}, "corrupt", "the physical range of 'III' is '1,5', expected a number"),
    (one(2, physical=("-9e307", "9e307")), {}, "corrupt", "the physical range -9e+307 to 9e+307"),
    (one(2, label="aVR"), {}, "duplicate-leads", "lead aVR occurs more than once"),
    (one(2, label="EEG Fpz"), {}, "wrong-leads", "missing III"),
    (swap_label, {}, "duplicate-leads", "lead V5"),
    (one(0), {"record_s": "0"}, "no-rate", "a record of 0 s holds 100 samples"),
    (one(0), {"record_s": "1e-9"}, "no-rate", "which is no sampling rate"),
    (one(0), {"record_s": "-1"}, "corrupt", "3 records of -1 s"),
    (one(0), {"record_s": "one"}, "corrupt", "the duration of a record is 'one'"),
    (one(0), {"n_records": "many"}, "corrupt", "the number of records is 'many'"),
    (one(0), {"n_records": -2}, "corrupt", "-2 records"),
    (
        one(0),
        {"n_records": 4},
        "truncated",
        "holds 7,200 bytes of samples (3 records), announced are 4 records of 2,400",
    ),
    (one(0), {"n_records": 0}, "truncated", "announced are 1 records"),
    (one(0), {"reserved": "EDF+D"}, "corrupt", "record 1 of a discontinuous file does not say when it starts"),
]


@pytest.mark.parametrize(("edit", "fields", "code", "message"), BAD_SIGNALS)
def test_bad_edf_is_refused_in_one_line_that_names_the_file(write, digital, edit, fields, code, message):
    signals = plain(digital)
    edit(signals)
    refused(write(signals, **fields), code, message)


def refused(path, code, message):
    with pytest.raises(ReadError) as caught:
        read_ecg(path)
    assert caught.value.code == code
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("onsets_s", "code", "message"),
    [
        ([0.0, 0.1, 0.4], "corrupt", "record 2 starts before record 1 ends"),
        ([0.0, 0.6, 0.4], "corrupt", "record 3 starts before record 2 ends"),
        ([0.0, 0.2, 99999.0], "too-long", "its gaps are 49,999,300 samples long"),
    ],
)
def test_records_that_overlap_or_lie_far_apart_are_refused(write, digital, onsets_s, code, message):
    refused(write([*plain(digital), annotations(onsets_s)], reserved="EDF+D"), code, message)


def test_all_samples_may_be_missing_behind_a_number_of_header_bytes_that_does_not_fit(write, digital):
    path = write(plain(digital))
    content = bytearray(path.read_bytes())
    content[184:192] = b"512     "
    path.write_bytes(content)
    refused(path, "corrupt", "a header of 512 bytes cannot describe 12 signals")


@pytest.mark.parametrize("size", [8, 200, 256, 1000, 3327, 3328, 5000, 10_527])
def test_a_file_that_was_cut_off_is_refused(write, digital, size):
    path = write(plain(digital))
    assert path.stat().st_size == 10_528
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ReadError) as caught:
        read_ecg(path)
    assert caught.value.code == "truncated"


def test_a_file_without_suffix_is_known_by_its_content(write, digital):
    assert read_ecg(write(plain(digital), "ecg.2021")).ecg_id == "ecg.2021"
    assert read_ecg(write(plain(digital), "ECG.EDF")).ecg_id == "ECG"


def test_a_rate_that_no_number_of_samples_gives_is_not_invented(write, digital):
    with pytest.raises((ReadError, EcgError)):
        read_ecg(write(plain(digital), record_s="1e999"))
