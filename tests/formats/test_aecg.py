import numpy as np
import pytest
from aecg_writer import LEADS, RECORDED, SUBJECT, lead, make_aecg, rhythm_set, sequence, sequence_set, series, times
from ecgdatakit import FileParser

from hemometric.ecg import INDEPENDENT_LEADS, INDEPENDENT_ROWS, derive_leads
from hemometric.errors import ReadError
from hemometric.formats import read_ecg


@pytest.fixture
def write(tmp_path):
    def write(*all_series, name="x.xml", **kinds):
        path = tmp_path / name
        path.write_bytes(make_aecg(*all_series, **kinds))
        return path

    return write


def same(ecg, expected_mv):
    return np.array_equal(ecg.waveform, np.asarray(expected_mv).astype(np.float32), equal_nan=True)


def test_twelve_leads_are_read(write, digital):
    ecg = read_ecg(write(series(rhythm_set(digital))))
    assert same(ecg, digital * 0.0025)
    assert (ecg.sampling_rate_hz, ecg.ecg_id, ecg.notes) == (500.0, "x", ())


def test_eight_leads_become_twelve(write, digital):
    eight = digital[list(INDEPENDENT_ROWS)]
    ecg = read_ecg(write(series(rhythm_set(eight, INDEPENDENT_LEADS))))
    assert same(ecg, derive_leads((eight * 0.0025).astype(np.float32)))
    assert ecg.notes == ("III, aVR, aVL and aVF derived from I and II",)


@pytest.mark.parametrize(
    ("scale", "origin", "factor", "shift"),
    [
        ('value="5" unit="uV"', 'value="0" unit="uV"', 0.005, 0),
        ('value="0.005" unit="mV"', 'value="-0.5" unit="mV"', 0.005, -0.5),
        ('value="5" unit="uV"', 'value="0.25" unit="mV"', 0.005, 0.25),
        ('value="5000" unit="nV"', None, 0.005, 0),
        ('value="5" unit="uV"', 'value="0"', 0.005, 0),
    ],
)
def test_a_sample_is_origin_plus_scale_times_digit_each_in_its_unit(write, digital, scale, origin, factor, shift):
    ecg = read_ecg(write(series(rhythm_set(digital, scale=scale, origin=origin))))
    assert np.abs(ecg.waveform - (digital * factor + shift)).max() < 1e-6


@pytest.mark.parametrize(
    ("increment", "rate"),
    [('value="0.002" unit="s"', 500), ('value="1" unit="ms"', 1000), ('value="4000" unit="us"', 250)],
)
def test_the_rate_is_one_by_the_increment_in_its_unit(write, digital, increment, rate):
    for time in (times(increment), times(increment, head='value="0" unit="s"', code="TIME_RELATIVE")):
        assert read_ecg(write(series(rhythm_set(digital, time=time)))).sampling_rate_hz == rate


def test_a_derived_beat_is_not_read(write, digital):
    beat = rhythm_set(-digital[:, :50])
    rhythm = series(rhythm_set(digital), derived='<code code="REPRESENTATIVE_BEAT"/>' + beat)
    assert same(read_ecg(write(series(beat, code="REPRESENTATIVE_BEAT"), rhythm)), digital * 0.0025)


def test_of_several_rhythms_the_one_with_the_most_leads_is_read_then_the_longest(write, digital):
    some = [
        series(rhythm_set(digital[:2], LEADS[:2])),
        series(rhythm_set(digital[:, :50]), rhythm_set(digital)),
        series(rhythm_set(-digital)),
    ]
    ecg = read_ecg(write(*some))
    assert same(ecg, digital * 0.0025)
    assert ecg.notes == ("3 rhythms with the same leads, taken is the first of the longest",)


def test_leads_of_one_series_are_brought_together_from_its_sequence_sets(write, digital):
    halves = [rhythm_set(digital[:6], LEADS[:6]), rhythm_set(digital[6:], LEADS[6:])]
    ecg = read_ecg(write(series(*halves)))
    assert same(ecg, digital * 0.0025)
    assert ecg.notes == ()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (times(head='value="20250614100544.000"'), times(head='value="20250614100544.100"')),
        (times(head='value="20250614235959.980"'), times(head='value="20250615000000.080-0500"')),
        (
            times(head='value="2" unit="ms"', code="TIME_RELATIVE"),
            times(head='value="0.102" unit="s"', code="TIME_RELATIVE"),
        ),
    ],
)
def test_leads_that_start_later_are_nan_before(write, digital, first, second):
    halves = [rhythm_set(digital[:6], LEADS[:6], first), rhythm_set(digital[6:], LEADS[6:], second)]
    expected = np.full((12, 150), np.nan)
    expected[:6, :100], expected[6:, 50:] = digital[:6] * 0.0025, digital[6:] * 0.0025
    ecg = read_ecg(write(series(*halves)))
    assert same(ecg, expected)
    assert ecg.notes == ("leads begin or end at different times, NaN where one was not recorded",)


def test_a_lead_that_is_shorter_is_nan_at_its_end(write, digital):
    leads = [lead(name, list(row)) for name, row in zip(LEADS, digital, strict=True)]
    leads[3] = lead("aVR", list(digital[3, :90]))
    ecg = read_ecg(write(series(sequence_set(times(), *leads))))
    assert np.flatnonzero(np.isnan(ecg.waveform).any(axis=0)).tolist() == list(range(90, 100))
    assert np.isnan(ecg.waveform).sum() == 10


def test_other_leads_and_derived_ones_are_passed_over(write, digital):
    more = [lead("X", "nonsense"), sequence("MDC_ECG_LEAD_dI", "><digits>1 2</digits>"), sequence("MDC_PRESS", ">")]
    leads = [lead(name, list(row)) for name, row in zip(LEADS, digital, strict=True)]
    assert same(read_ecg(write(series(sequence_set(times(), *more, *leads)))), digital * 0.0025)


@pytest.mark.parametrize("prefix", ["MDC_ECG_LEAD_", "VENDOR_ECG_LEAD_", ""])
def test_leads_are_taken_by_their_code(write, digital, prefix):
    assert same(read_ecg(write(series(rhythm_set(digital, prefix=prefix)))), digital * 0.0025)


def test_patient_and_time_are_read(write, digital):
    ecg = read_ecg(write(series(rhythm_set(digital))))
    found = (ecg.patient_id, ecg.age_years, ecg.sex, ecg.acquired_at)
    assert found == ("SBJ-7", 65.0, "female", "2025-06-14T10:05:44")


REPORTED = (
    '<controlVariable><relatedObservation><code code="{}"/><value value="{}" unit="{}"/></relatedObservation>'
    "</controlVariable>"
)


@pytest.mark.parametrize(
    ("reported", "subject", "years"),
    [
        (REPORTED.format("21612-7", "46", "a"), SUBJECT, 65.0),
        (REPORTED.format("21612-7", "46", "a"), '<id extension="1"/>', 46.0),
        (REPORTED.format("21612-7", "18", "mo"), "", 1.5),
        (REPORTED.format("21612-7", "46", ""), "", None),
        (REPORTED.format("8867-4", "46", "a"), "", None),
        ("", SUBJECT.replace("19600614", "20600614"), None),
    ],
)
def test_the_age_is_that_by_the_day_of_birth_or_the_reported_one(write, digital, reported, subject, years):
    assert read_ecg(write(series(rhythm_set(digital)), subject=subject, more=reported)).age_years == years


@pytest.mark.parametrize("identity", ["", 'root="1.2.3"', 'root="1" extension="?"', 'root="1" extension="unk"'])
def test_a_subject_without_an_extension_is_nobody(write, digital, identity):
    ecg = read_ecg(write(series(rhythm_set(digital)), subject=f"<id {identity}/>"))
    assert (ecg.patient_id, ecg.sex, ecg.age_years) == (None, None, None)


@pytest.mark.parametrize(
    ("of_series", "of_file", "acquired_at"),
    [
        (RECORDED, '<low value="20010101"/>', "2025-06-14T10:05:44"),
        ('<center value="202506141005"/>', "", "2025-06-14T10:05:00"),
        ("", '<center value="20250614"/>', "2025-06-14"),
        ("", '<low value="20250614100544.5+0130"/>', "2025-06-14T10:05:44"),
        ("", '<low value="20250631"/>', None),
        ("", '<low value="2025"/>', None),
        ("", "", None),
    ],
)
def test_the_time_is_that_of_the_series_or_of_the_file(write, digital, of_series, of_file, acquired_at):
    ecg = read_ecg(write(series(rhythm_set(digital), recorded=of_series), recorded=of_file))
    assert ecg.acquired_at == acquired_at
    zone = ("time zone +0130 left out: acquired_at is the local time",) if "+0130" in of_file else ()
    assert ecg.notes == zone


def test_an_independent_reader_finds_the_same(write, digital):
    path = write(series(rhythm_set(digital, scale='value="2.5" unit="uV"', origin='value="100" unit="uV"')))
    record = FileParser().parse(path)
    oracle = {lead.label: lead.samples for lead in record.leads}
    ecg = read_ecg(path)
    assert np.abs(ecg.waveform - [oracle[lead] for lead in LEADS]).max() < 1e-6
    assert {lead.units for lead in record.leads} == {"mV"}
    assert ecg.acquired_at == record.recording.date.isoformat()


STEP_MV = 0.0025


def test_the_example_of_the_standard_is_read_as_an_independent_reader_and_as_its_dicom_form(real_data):
    ecg = read_ecg(real_data / "formats" / "Example.xml")
    oracle = {lead.label: lead.samples for lead in FileParser().parse(real_data / "formats" / "Example.xml").leads}
    assert np.abs(ecg.waveform - [oracle[lead] for lead in LEADS]).max() < 1e-6
    twin = read_ecg(real_data / "formats" / "Example.dcm")
    assert np.abs(ecg.waveform - twin.waveform).max() <= STEP_MV * 1e-3
    for attribute in ("sampling_rate_hz", "patient_id", "age_years", "sex", "acquired_at", "n_samples"):
        assert getattr(ecg, attribute) == getattr(twin, attribute)


LEAD_ERRORS = [
    ({"scale": None}, "no-unit", "lead V2 has no scale other than 0, so that its samples are no voltage"),
    ({"scale": 'value="0" unit="uV"'}, "no-unit", "lead V2 has no scale other than 0"),
    ({"scale": 'value="2.5"'}, "no-unit", "lead V2 has no unit, so that its samples are no voltage"),
    ({"origin": 'value="1"'}, "no-unit", "lead V2 has no unit"),
    ({"scale": 'value="2.5" unit="mm[Hg]"'}, "unknown-unit", "lead V2 is in 'mm[Hg]'"),
    ({"scale": 'value="two" unit="uV"'}, "corrupt", "scale of lead V2 is 'two', expected a number"),
    ({"origin": 'value="x" unit="uV"'}, "corrupt", "origin of lead V2 is 'x', expected a number"),
    ({"digits": ""}, "corrupt", "the samples of lead V2 are not all numbers"),
    ({"digits": "1 2 three"}, "corrupt", "the samples of lead V2 are not all numbers"),
    ({"name": "V1"}, "duplicate-leads", "lead V1 occurs more than once"),
    ({"name": "V3R"}, "wrong-leads", "missing V2"),
]


@pytest.mark.parametrize(("changes", "code", "message"), LEAD_ERRORS, ids=[message for _, _, message in LEAD_ERRORS])
def test_a_lead_that_is_no_voltage_is_refused_by_name(write, digital, changes, code, message):
    leads = [lead(name, list(row)) for name, row in zip(LEADS, digital, strict=True)]
    leads[7] = lead(**({"name": "V2", "digits": list(digital[7])} | changes))
    with pytest.raises(ReadError) as caught:
        read_ecg(write(series(sequence_set(times(), *leads))))
    assert caught.value.code == code
    assert message in str(caught.value)


def head(stated):
    return times(head=f'value="{stated}"')


TIME_ERRORS = [
    ("", "", "no-rate", "increment of time of lead I (head and increment, in s, ms or us) says nothing"),
    (times('value="0" unit="s"'), times(), "no-rate", "increment of time of lead I"),
    (times('value="2" unit="min"'), times(), "no-rate", "increment of time of lead I"),
    (times('value="1e-9" unit="s"'), times(), "no-rate", "says 1e+09 Hz"),
    (times(), times('value="1" unit="ms"'), "mixed-rates", "its leads have 2 different sampling rates"),
    (times(), head("20250614100544.001"), "unsupported-format", "start 0.50 samples apart, expected a whole number"),
    (times(), head("20250615100544"), "too-long", "its leads start 86,400 s apart, which is no one ECG"),
    (times(), head("20251314"), "corrupt", "some of its leads say when they start and others do not"),
    (times(), head("noon"), "corrupt", "some of its leads say when they start and others do not"),
]


@pytest.mark.parametrize(("first", "second", "code", "message"), TIME_ERRORS)
def test_leads_that_cannot_be_laid_side_by_side_are_refused(write, digital, first, second, code, message):
    halves = [rhythm_set(digital[:6], LEADS[:6], first), rhythm_set(digital[6:], LEADS[6:], second)]
    with pytest.raises(ReadError) as caught:
        read_ecg(write(series(*halves)))
    assert caught.value.code == code
    assert message in str(caught.value)


def test_leads_that_end_too_many_samples_apart_are_refused(write, digital, monkeypatch):
    monkeypatch.setattr("hemometric.formats.aecg.MOST_SAMPLES", 120)
    halves = [rhythm_set(digital[:6], LEADS[:6]), rhythm_set(digital[6:], LEADS[6:], head("20250614100544.100"))]
    with pytest.raises(ReadError, match="its leads lie 150 samples apart, expected 120 at most") as caught:
        read_ecg(write(series(*halves)))
    assert caught.value.code == "too-long"


def test_a_file_without_rhythm_is_refused(write, digital):
    beat = series(rhythm_set(digital), code="REPRESENTATIVE_BEAT")
    for all_series in ((), (beat,), (series(),), (series(sequence_set(times(), lead("X", "1 2"))),)):
        with pytest.raises(ReadError, match="holds no rhythm series with leads") as caught:
            read_ecg(write(*all_series))
        assert caught.value.code == "not-an-ecg"
