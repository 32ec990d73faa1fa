import warnings

import numpy as np
import pytest
from ecgdatakit import FileParser
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from muse_writer import LEADS, PATIENT, TEST, lead_data, make_muse, rhythm, waveform

from hemometric.ecg import INDEPENDENT_LEADS, INDEPENDENT_ROWS, derive_leads
from hemometric.errors import ReadError
from hemometric.formats import read_ecg


@pytest.fixture
def write(tmp_path):
    def write(*waveforms, name="x.xml", **kinds):
        path = tmp_path / name
        path.write_bytes(make_muse(*waveforms, **kinds))
        return path

    return write


def same(ecg, expected_mv):
    return np.array_equal(ecg.waveform, np.asarray(expected_mv).astype(np.float32))


def test_twelve_leads_are_read_as_they_are_stored(write, digital):
    ecg = read_ecg(write(rhythm(digital)))
    assert same(ecg, digital * 4.88 / 1000)
    assert (ecg.sampling_rate_hz, ecg.ecg_id, ecg.notes) == (500.0, "x", ())


def test_eight_leads_become_twelve(write, digital):
    eight = digital[list(INDEPENDENT_ROWS)]
    ecg = read_ecg(write(rhythm(eight, INDEPENDENT_LEADS)))
    assert same(ecg, derive_leads((eight * 4.88 / 1000).astype(np.float32)))
    assert ecg.notes == ("III, aVR, aVL and aVF derived from I and II",)


def test_the_rhythm_is_read_and_not_the_median_beat(write, digital):
    path = write(rhythm(digital[:, :30], kind="Median"), rhythm(digital), rhythm(-digital[:, :20], kind="median"))
    assert same(read_ecg(path), digital * 4.88 / 1000)


def test_of_several_rhythms_the_one_with_the_most_leads_is_read_then_the_longest(write, digital):
    few = rhythm(digital[:3], LEADS[:3])
    ecg = read_ecg(write(few, rhythm(digital[:, :40]), rhythm(digital), rhythm(-digital)))
    assert same(ecg, digital * 4.88 / 1000)
    assert ecg.notes == ("4 rhythms, taken is the first of the longest with the most leads",)


def test_a_waveform_without_a_type_is_a_rhythm_where_there_is_no_other(write, digital):
    leads = [lead_data(name, list(lead)) for name, lead in zip(LEADS, digital, strict=True)]
    unnamed = waveform(leads, None, SampleExponent=None, WaveformStartTime=None)
    ecg = read_ecg(write(rhythm(digital[:, :30], kind="Median"), unnamed))
    assert same(ecg, digital * 4.88 / 1000)
    assert ecg.notes == ("waveform without a type, taken as rhythm",)
    assert read_ecg(write(unnamed, rhythm(-digital))).notes == ()


@pytest.mark.parametrize(
    ("unit", "step", "millivolts"),
    [("MICROVOLTS", "5", 0.005), ("MILLIVOLTS", "0.00488", 0.00488), ("microvolts", "2.5", 0.0025), ("uV", "1", 0.001)],
)
def test_the_unit_of_a_step_is_what_the_file_says(write, digital, unit, step, millivolts):
    ecg = read_ecg(write(rhythm(digital, LeadAmplitudeUnits=unit, LeadAmplitudeUnitsPerBit=step)))
    assert same(ecg, digital * millivolts)


def test_each_lead_has_its_own_step(write, digital):
    leads = [lead_data(name, list(lead)) for name, lead in zip(LEADS, digital, strict=True)]
    leads[7] = lead_data("V2", list(digital[7]), LeadAmplitudeUnitsPerBit="2.44")
    ecg = read_ecg(write(waveform(leads)))
    assert np.array_equal(ecg.waveform[7], (digital[7] * 2.44 / 1000).astype(np.float32))
    assert np.array_equal(ecg.waveform[8], (digital[8] * 4.88 / 1000).astype(np.float32))


@pytest.mark.parametrize(("base", "exponent", "rate"), [(500, 0, 500), (25, 1, 250), (5, 2, 500), (10000, -1, 1000)])
def test_the_rate_is_base_times_ten_to_the_exponent(write, digital, base, exponent, rate):
    leads = [lead_data(name, list(lead)) for name, lead in zip(LEADS, digital, strict=True)]
    assert read_ecg(write(waveform(leads, SampleBase=base, SampleExponent=exponent))).sampling_rate_hz == rate


def test_order_case_and_further_leads_do_not_matter(write, digital):
    names = ["V4R", "X", *[name.upper() for name in reversed(LEADS)]]
    path = write(rhythm(np.concatenate([digital[:2] + 1, digital[::-1]]), names))
    assert same(read_ecg(path), digital * 4.88 / 1000)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(st.lists(st.integers(-(2**15), 2**15 - 1), min_size=1, max_size=30))
def test_any_whole_numbers_of_16_bits_survive(write, samples):
    assert same(read_ecg(write(rhythm([samples] * 12))), np.array([samples] * 12) * 4.88 / 1000)


def test_an_independent_reader_finds_the_same(write, digital):
    eight = digital[list(INDEPENDENT_ROWS)]
    path = write(rhythm(eight[:, :30], INDEPENDENT_LEADS, kind="Median"), rhythm(eight, INDEPENDENT_LEADS))
    record = FileParser().parse(path)
    ecg = read_ecg(path)
    oracle = {lead.label: lead.samples for lead in record.leads}
    assert {lead.units for lead in record.leads} == {"mV"}
    found = ecg.waveform[list(INDEPENDENT_ROWS)]
    assert np.abs(found - [oracle[lead] for lead in INDEPENDENT_LEADS]).max() < 1e-6
    assert ecg.sampling_rate_hz == record.leads[0].sampling_rate
    assert (ecg.patient_id, int(ecg.age_years)) == (record.patient.patient_id, record.patient.age)
    assert ecg.acquired_at == record.recording.date.isoformat()


def test_patient_and_time_are_read(write, digital):
    ecg = read_ecg(write(rhythm(digital)))
    found = (ecg.patient_id, ecg.age_years, ecg.sex, ecg.acquired_at)
    assert found == ("MRN-17", 63.0, "female", "2025-06-14T10:05:44")


@pytest.mark.parametrize(
    ("changes", "years"),
    [
        ({"PatientAge": "18", "AgeUnits": "MONTHS"}, 1.5),
        ({"PatientAge": "26", "AgeUnits": "weeks"}, 0.5),
        ({"PatientAge": "0", "AgeUnits": "DAYS"}, 0.0),
        ({"PatientAge": "12", "AgeUnits": "HOURS"}, 0.0),
        ({"PatientAge": None, "DateofBirth": "06-15-1960"}, 65.0),
        ({"PatientAge": None, "DateofBirth": "1960-06-15"}, 65.0),
        ({"PatientAge": "63", "DateofBirth": "06-15-1950"}, 63.0),
        ({"PatientAge": None, "DateofBirth": "06-15-2026"}, None),
        ({"PatientAge": "163"}, None),
        ({"PatientAge": None}, None),
    ],
)
def test_the_age_is_the_stated_one_or_that_by_the_day_of_birth(write, digital, changes, years):
    ecg = read_ecg(write(rhythm(digital), patient=PATIENT | changes))
    assert ecg.age_years == years
    assert ecg.notes == ()


@pytest.mark.parametrize("changes", [{"PatientAge": ">89"}, {"AgeUnits": None}, {"AgeUnits": "LUSTRA"}])
def test_an_age_that_is_no_number_of_a_known_unit_is_noted_and_unknown(write, digital, changes):
    escaped = {tag: text and text.replace(">", "&gt;") for tag, text in (PATIENT | changes).items()}
    ecg = read_ecg(write(rhythm(digital), patient=escaped))
    assert ecg.age_years is None
    assert "is no age in a known unit: not taken" in ecg.notes[0]
    born = read_ecg(write(rhythm(digital), patient=escaped | {"DateofBirth": "06-15-1930"}))
    assert born.age_years == 95.0


@pytest.mark.parametrize(
    ("day", "clock", "acquired_at", "n_notes"),
    [
        ("06-14-2025", "9:05", "2025-06-14T09:05:00", 0),
        ("06-14-2025", None, "2025-06-14", 0),
        ("06-14-2025", "25:00:00", "2025-06-14", 0),
        ("14-06-2025", "10:05:44", None, 1),
        ("06/14/2025", "10:05:44", None, 1),
        (None, "10:05:44", None, 0),
    ],
)
def test_the_time_is_month_day_year_or_unknown(write, digital, day, clock, acquired_at, n_notes):
    ecg = read_ecg(write(rhythm(digital), test={"AcquisitionDate": day, "AcquisitionTime": clock}))
    assert ecg.acquired_at == acquired_at
    assert [note.startswith("AcquisitionDate is not MM-DD-YYYY") for note in ecg.notes] == [True] * n_notes


@pytest.mark.parametrize(
    ("changes", "patient", "sex"),
    [({"PatientID": "0", "Gender": "M"}, None, "male"), ({"PatientID": None, "Gender": "UNKNOWN"}, None, None)],
)
def test_placeholders_are_nobody(write, digital, changes, patient, sex):
    ecg = read_ecg(write(rhythm(digital), patient=PATIENT | changes))
    assert (ecg.patient_id, ecg.sex) == (patient, sex)


@pytest.mark.parametrize("encoding", ["ISO-8859-1", "UTF-8", "UTF-16"])
def test_names_with_umlauts_are_read_in_every_encoding(write, digital, encoding):
    path = write(rhythm(digital), patient=PATIENT | {"PatientID": "Müller"}, encoding=encoding)
    assert read_ecg(path).patient_id == "Müller"


def test_checksums_that_are_counted_otherwise_are_noted_and_absent_ones_are_not(write, digital):
    note = "no checksum of a lead is right (LeadDataCRC32), taken as counted otherwise"
    assert read_ecg(write(rhythm(digital, LeadDataCRC32=17))).notes == (note,)
    assert read_ecg(write(rhythm(digital, LeadDataCRC32=0))).notes == ()
    assert read_ecg(write(rhythm(digital, LeadDataCRC32=None))).notes == ()


LEAD_ERRORS = [
    ({"LeadAmplitudeUnits": None}, "no-unit", "lead V2 has no LeadAmplitudeUnits"),
    ({"LeadAmplitudeUnitsPerBit": None}, "no-unit", "lead V2 has no LeadAmplitudeUnitsPerBit"),
    ({"LeadAmplitudeUnits": "MMHG"}, "unknown-unit", "lead V2 is in 'MMHG', expected V, mV, uV or nV"),
    ({"LeadAmplitudeUnitsPerBit": "-10"}, "corrupt", "lead V2 has '-10' units per bit, expected a number above 0"),
    ({"LeadAmplitudeUnitsPerBit": "4,88"}, "corrupt", "'4,88' units per bit"),
    ({"LeadSampleSize": 4}, "unsupported-format", "lead V2 has samples of '4' bytes, expected 2"),
    ({"LeadSampleCountTotal": 101}, "truncated", "holds 200 bytes of samples, LeadSampleCountTotal announces 202"),
    ({"LeadSampleCountTotal": 99}, "corrupt", "lead V2 holds 200 bytes of samples, LeadSampleCountTotal announces 198"),
    ({"LeadSampleCountTotal": None}, "corrupt", "LeadSampleCountTotal of lead V2 is '', expected a whole number"),
    ({"LeadSampleCountTotal": 0, "WaveFormData": ""}, "truncated", "lead V2 holds 0 bytes"),
    ({"WaveFormData": "Zg=f"}, "corrupt", "the samples of lead V2 are no base64"),
    ({"WaveFormData": "ü"}, "corrupt", "the samples of lead V2 are no base64"),
    ({"LeadDataCRC32": 17}, "corrupt", "checksum of lead V2 is wrong (LeadDataCRC32), others are right"),
    ({"LeadTimeOffset": 2500}, "unsupported-format", "lead V2 has LeadTimeOffset '2500', expected 0"),
    ({"LeadOffsetFirstSample": 2}, "unsupported-format", "lead V2 has LeadOffsetFirstSample '2', expected 0"),
    ({"FirstSampleBaseline": "x"}, "unsupported-format", "lead V2 has FirstSampleBaseline 'x', expected 0"),
    ({"LeadID": "V1"}, "duplicate-leads", "lead V1 occurs more than once"),
    ({"LeadID": "V4R"}, "wrong-leads", "missing V2"),
    ({"LeadID": None}, "wrong-leads", "missing V2"),
]


@pytest.mark.parametrize(("changes", "code", "message"), LEAD_ERRORS, ids=[message for _, _, message in LEAD_ERRORS])
def test_a_lead_that_is_no_voltage_in_time_is_refused_by_name(write, digital, changes, code, message):
    leads = [lead_data(name, list(lead)) for name, lead in zip(LEADS, digital, strict=True)]
    leads[7] = lead_data("V2", list(digital[7]), **changes)
    with pytest.raises(ReadError) as caught:
        read_ecg(write(waveform(leads)))
    assert caught.value.code == code
    assert message in str(caught.value)


def test_leads_of_different_lengths_are_refused(write, digital):
    leads = [lead_data(name, list(lead)) for name, lead in zip(LEADS, digital, strict=True)]
    leads[9] = lead_data("V4", list(digital[9, :-1]))
    with pytest.raises(ReadError, match="lead V4 has 99 samples, lead I has 100") as caught:
        read_ecg(write(waveform(leads)))
    assert caught.value.code == "corrupt"


@pytest.mark.parametrize(
    ("base", "exponent"), [(None, 0), (0, 0), (-500, 0), ("many", 0), (500, "x"), (500, 10), (5000, 6)]
)
def test_a_rhythm_without_a_rate_is_refused(write, digital, base, exponent):
    leads = [lead_data(name, list(lead)) for name, lead in zip(LEADS, digital, strict=True)]
    with pytest.raises(ReadError, match=r"SampleBase x 10\^SampleExponent says") as caught:
        read_ecg(write(waveform(leads, SampleBase=base, SampleExponent=exponent)))
    assert caught.value.code == "no-rate"


def test_a_file_without_rhythm_is_refused(write, digital):
    for waveforms, held in (((rhythm(digital, kind="Median"),), "median"), ((), "nothing")):
        with pytest.raises(ReadError, match=f"holds no rhythm .* but {held}") as caught:
            read_ecg(write(*waveforms))
        assert caught.value.code == "not-an-ecg"
    with pytest.raises(ReadError, match="expected the 12 leads") as caught:
        read_ecg(write(waveform([])))
    assert caught.value.code == "wrong-leads"


def test_the_independent_reader_is_silent_about_files_of_our_writer(write, digital):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert FileParser().parse(write(rhythm(digital), test=TEST)).raw_metadata["checksum_valid"]
