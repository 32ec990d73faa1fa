import base64
import struct

import numpy as np
import pytest
import sierraecg
from ecgdatakit import FileParser
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sierra_writer import (
    LEADS,
    describe,
    difference,
    make_packed,
    make_sierra,
    pack_lead,
    pack_lzw,
    pack_xli,
    subtract_limb_leads,
    write_base64,
)

from hemometric.ecg import INDEPENDENT_LEADS, INDEPENDENT_ROWS, derive_leads
from hemometric.errors import ReadError
from hemometric.formats import read_ecg
from hemometric.formats.sierra_xli import unpack_xli

STEP_MV = 0.005


@pytest.fixture
def write(tmp_path):
    def write(content, name="x.xml"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


@pytest.fixture
def smooth():
    """Twelve leads of 300 samples that obey Einthoven and Goldberger to a step, shape (12, 300)."""
    eight = np.cumsum(np.random.default_rng([17, 1]).integers(-20, 21, size=(8, 300)), axis=1)
    return np.rint(derive_leads(eight.astype(np.float32))).astype(np.int64)


def same(ecg, digital, step_mv=STEP_MV):
    return np.array_equal(ecg.waveform, (np.asarray(digital) * step_mv).astype(np.float32))


def by_ecgdatakit(path):
    """The leads by ecgdatakit, in mV."""
    leads = FileParser().parse(path).leads
    assert {lead.units for lead in leads} == {"mV"}
    return {lead.label: lead.samples for lead in leads}


@pytest.mark.parametrize("version", ["1.04", "1.04.01", "1.04.02"])
def test_packed_leads_are_unpacked(write, smooth, version):
    content = base64.b64encode(pack_xli(smooth)).decode()
    file = make_sierra(content, version=version, attributes=describe(300, compression="XLI"))
    ecg = read_ecg(write(file))
    assert same(ecg, smooth)
    assert (ecg.sampling_rate_hz, ecg.ecg_id, ecg.notes) == (500.0, "x", ())


def test_the_first_version_names_neither_leads_nor_rate_beside_its_rhythm(write, smooth):
    attributes = {"compressflag": "True", "compressmethod": "XLI", "dataencoding": "Base64"}
    attributes |= {"durationperchannel": "1200", "nbitspersample": "16"}
    signal = "<samplingrate>250</samplingrate><signalresolution>2.5</signalresolution>"
    signal += "<acquisitiontype>STD-12</acquisitiontype><signaloffset>0</signaloffset>"
    content = base64.b64encode(pack_xli(smooth)).decode()
    file = make_sierra(content, version="1.03", attributes=attributes, signal=signal, encoding="utf-8")
    ecg = read_ecg(write(file))
    assert same(ecg, smooth, 0.0025)
    assert ecg.sampling_rate_hz == 250.0


@pytest.mark.parametrize(("encoding", "xml"), [("Base64", "utf-8"), ("Plain", "utf-16")])
def test_leads_that_are_not_packed_are_read_as_they_stand(write, smooth, encoding, xml):
    text = write_base64(smooth) if encoding == "Base64" else " ".join(map(str, smooth.ravel()))
    ecg = read_ecg(write(make_sierra(text, attributes=describe(300, dataencoding=encoding), encoding=xml)))
    assert same(ecg, smooth)


def test_an_offset_is_subtracted_from_numbers_without_sign(write, smooth):
    attributes = describe(300, signalsigned="False", signaloffset="32768")
    content = np.asarray(smooth + 32768, dtype="<u2").tobytes()
    assert same(read_ecg(write(make_sierra(base64.b64encode(content).decode(), attributes=attributes))), smooth)


def test_what_the_rhythm_says_of_itself_goes_before_what_was_recorded(write, smooth):
    signal = "<samplingrate>1000</samplingrate><resolution>1</resolution><signaloffset>7</signaloffset>"
    ecg = read_ecg(write(make_sierra(write_base64(smooth), attributes=describe(300), signal=signal)))
    assert same(ecg, smooth)
    assert ecg.sampling_rate_hz == 500.0


def test_eight_leads_become_twelve(write, smooth):
    eight = smooth[list(INDEPENDENT_ROWS)]
    attributes = describe(300, leadlabels=" ".join(INDEPENDENT_LEADS), numberofleads=8)
    packed = base64.b64encode(b"".join(map(pack_lead, eight))).decode()
    for text, more in ((write_base64(eight), {}), (packed, {"compression": "XLI"})):
        ecg = read_ecg(write(make_sierra(text, attributes=attributes | more)))
        assert np.array_equal(ecg.waveform, derive_leads((eight * STEP_MV).astype(np.float32)))
        assert ecg.notes == ("III, aVR, aVL and aVF derived from I and II",)


def test_leads_that_the_cardiograph_derived_are_noted(write, smooth):
    signal = "<derivedleads>V1 V3 V4 V6</derivedleads>"
    ecg = read_ecg(write(make_sierra(write_base64(smooth), attributes=describe(300), signal=signal)))
    assert ecg.notes == ("leads that the cardiograph derived from others: V1 V3 V4 V6",)


def test_the_calibration_mark_is_cut_off(write, smooth):
    mark = np.repeat([0, 200, 0], [50, 100, 50])
    ecg = read_ecg(write(make_packed(np.concatenate([smooth, np.tile(mark, (12, 1))], axis=1))))
    assert same(ecg, smooth)
    assert ecg.notes == ("calibration mark in the last 0.40 s left out",)


@pytest.mark.parametrize(
    "tail", [np.zeros(200), np.repeat([0, 199, 0], [50, 100, 50]), np.repeat([0, 200], [10, 20]), np.full(200, 30)]
)
def test_an_end_that_is_no_mark_stays(write, smooth, tail):
    whole = np.concatenate([smooth, np.tile(tail.astype(int), (12, 1))], axis=1)
    assert same(read_ecg(write(make_packed(whole))), whole)


def test_a_mark_without_an_ecg_before_it_stays(write):
    whole = np.tile(np.repeat([0, 200, 0], [50, 100, 50]), (12, 1))
    assert same(read_ecg(write(make_packed(whole))), whole)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.lists(st.integers(-4000, 4000), min_size=2, max_size=60))
def test_any_samples_survive_packing(tmp_path, samples):
    unpacked = unpack_xli(tmp_path, pack_lead(samples), n_leads=1, n_samples=len(samples))
    assert unpacked.tolist() == [samples]


def test_a_table_of_strings_that_is_full_stays(tmp_path):
    samples = np.cumsum(np.random.default_rng([17, 2]).integers(-30, 31, size=3000)).tolist()
    assert unpack_xli(tmp_path, pack_lead(samples), n_leads=1, n_samples=3000).tolist() == [samples]


@pytest.mark.parametrize("encoding", ["packed", "Base64"])
def test_an_independent_reader_finds_the_same(write, smooth, encoding):
    plain = make_sierra(write_base64(smooth), attributes=describe(300))
    path = write(make_packed(smooth) if encoding == "packed" else plain)
    oracle = by_ecgdatakit(path)
    assert np.abs(read_ecg(path).waveform - [oracle[lead] for lead in LEADS]).max() < 1e-6


def test_the_reader_that_found_the_packing_out_finds_the_same(write, smooth):
    signal = "<samplingrate>500</samplingrate>"
    packed = base64.b64encode(pack_xli(smooth)).decode()
    path = write(make_sierra(packed, attributes=describe(300, compression="XLI"), signal=signal))
    leads = sierraecg.read_file(str(path)).leads
    assert [lead.label for lead in leads] == list(LEADS)
    assert same(read_ecg(path), [lead.samples for lead in leads])


def test_a_real_file_is_read_as_both_independent_readers_read_it(real_data):
    path = real_data / "formats" / "sierra_1_04.xml"
    ecg = read_ecg(path)
    leads = {lead.label: lead.samples for lead in sierraecg.read_file(str(path)).leads}
    oracle = by_ecgdatakit(path)
    assert ecg.n_samples == 5300
    assert same(ecg, [leads[lead][:5300] for lead in LEADS])
    assert np.abs(ecg.waveform - [oracle[lead][:5300] for lead in LEADS]).max() < 1e-6
    mark = [leads[lead][5300:] * STEP_MV for lead in LEADS]
    assert np.unique(mark).tolist() == [0.0, 1.0]
    assert (ecg.patient_id, ecg.age_years, ecg.sex) == ("9999", 60.05, "male")
    assert ecg.acquired_at == "2010-01-19T15:19:22"
    assert ecg.notes == ("calibration mark in the last 0.40 s left out",)


def test_a_real_file_obeys_einthoven_and_goldberger_to_a_step(real_data):
    first, second, third, right, left, foot = read_ecg(real_data / "formats" / "sierra_1_04.xml").waveform[:6]
    assert np.abs(first - second + third).max() <= STEP_MV * 1.01
    for lead, expected in ((right, -(first + second) / 2), (left, first - second / 2), (foot, second - first / 2)):
        assert np.abs(lead - expected).max() <= STEP_MV * 2.01


@pytest.mark.parametrize(
    ("age", "years"),
    [
        ("<years>63</years>", 63.0),
        ("<months>18</months>", 1.5),
        ("<weeks>26</weeks>", 0.5),
        ("<days>0</days>", 0.0),
        ("<hours>12</hours>", 0.0),
        ("<minutes>5</minutes>", 0.0),
        ("<dateofbirth>1960-06-14</dateofbirth>", 65.0),
        ("<dateofbirth/>", None),
        ("<dateofbirth>14.06.1960</dateofbirth>", None),
        ("<years>---</years>", None),
        ("<years>199</years>", None),
    ],
)
def test_the_age_is_the_one_that_is_entered_and_never_the_default(write, smooth, age, years):
    patient = f'<patientid>1</patientid><age defaultage="50">{age}</age>'
    ecg = read_ecg(write(make_sierra(write_base64(smooth), attributes=describe(300), patient=patient)))
    assert ecg.age_years == years


@pytest.mark.parametrize(
    ("patient", "found"),
    [
        ("<patientid> P-9 </patientid><sex>Female</sex>", ("P-9", "female")),
        ("<patientid>---</patientid><sex>Unknown</sex>", (None, None)),
        ("<patientid>0</patientid><sex>male</sex>", (None, "male")),
        ("", (None, None)),
    ],
)
def test_who_the_patient_is(write, smooth, patient, found):
    ecg = read_ecg(write(make_sierra(write_base64(smooth), attributes=describe(300), patient=patient)))
    assert (ecg.patient_id, ecg.sex) == found
    assert ecg.acquired_at == "2025-06-14T10:05:44"


ERRORS = [
    ({"resolution": None}, "no-unit", "has no resolution (microvolts of a step)"),
    ({"resolution": "0"}, "corrupt", "its resolution is '0', expected microvolts above 0"),
    ({"samplespersecond": None}, "no-rate", "samplespersecond says nothing"),
    ({"samplespersecond": "-500"}, "no-rate", "samplespersecond says -500 Hz"),
    ({"durationperchannel": None}, "corrupt", "its durationperchannel is '', expected milliseconds above 0"),
    ({"durationperchannel": "1e9"}, "too-long", "announces 5e+08 samples a lead"),
    ({"durationperchannel": "1e308"}, "too-long", "announces inf samples a lead"),
    ({"durationperchannel": "602"}, "truncated", "holds 3,600 samples, announced are 12 leads of 301"),
    ({"dataencoding": "Hex"}, "unsupported-format", "its rhythm is written as dataencoding 'Hex'"),
    ({"dataencoding": None}, "unsupported-format", "dataencoding '', expected Base64 or Plain"),
    ({"compression": "ZIP"}, "unsupported-format", "compression 'ZIP', expected XLI or none"),
    ({"compressflag": "True"}, "unsupported-format", "compression 'unnamed'"),
    ({"compression": "XLI", "dataencoding": "Plain"}, "unsupported-format", "XLI in dataencoding 'Plain'"),
    ({"compression": "XLI", "signalsigned": "False"}, "unsupported-format", "XLI of numbers without sign"),
    ({"compression": "XLI", "signaloffset": "3"}, "unsupported-format", "XLI with a signaloffset"),
    ({"signalsigned": "False", "signaloffset": "1e308"}, "corrupt", "its signaloffset is '1e308', expected steps"),
    ({"signaloffset": "half"}, "corrupt", "its signaloffset is 'half', expected steps"),
    ({"bitspersample": "12"}, "unsupported-format", "samples of '12' bits, expected 16"),
    ({"numberofleads": "8"}, "corrupt", "announces 8 leads and names 12"),
    ({"leadlabels": None}, "wrong-leads", "does not name its leads, and its type of acquisition is 'EASI'"),
    ({"leadlabels": "Id IId V1d", "numberofleads": 3}, "wrong-leads", "found none of them"),
    ({"leadlabels": " ".join((*LEADS[:11], "V5"))}, "duplicate-leads", "lead V5 occurs more than once"),
    ({"leadlabels": "X " * 65, "numberofleads": 65}, "corrupt", "names 65 leads, expected 64 at most"),
]


@pytest.mark.parametrize(("changes", "code", "message"), ERRORS, ids=[message for _, _, message in ERRORS])
def test_a_rhythm_that_is_no_voltage_in_time_is_refused_by_name(write, smooth, changes, code, message):
    signal = "<acquisitiontype>EASI</acquisitiontype>"
    file = make_sierra(write_base64(smooth), attributes=describe(300, **changes), signal=signal)
    with pytest.raises(ReadError) as caught:
        read_ecg(write(file))
    assert caught.value.code == code
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("waveforms", "code", "message"),
    [
        ("", "not-an-ecg", "holds no rhythm"),
        ('<unparsedwaveforms href="x.dat"/>', "missing", "its rhythm lies in another file"),
        ("<leadwaveforms/>", "unsupported-format", "its rhythm is written lead by lead"),
    ],
)
def test_a_file_without_a_rhythm_of_its_own_is_refused(write, waveforms, code, message):
    with pytest.raises(ReadError, match=message) as caught:
        read_ecg(write(make_sierra("", waveforms=waveforms)))
    assert caught.value.code == code


def test_another_version_is_refused(write):
    with pytest.raises(ReadError, match=r"is 'PhilipsECG' '2.0', read are .*SierraECG 1\.03") as caught:
        read_ecg(write(make_sierra("", version="2.0")))
    assert caught.value.code == "unsupported-format"


def test_packed_leads_in_another_order_are_refused(write, smooth):
    with pytest.raises(ReadError, match="is packed with leads in the order II I III") as caught:
        read_ecg(write(make_packed(smooth, leadlabels="II I III aVR aVL aVF V1 V2 V3 V4 V5 V6")))
    assert caught.value.code == "unsupported-format"


def test_a_text_that_is_no_base64_is_refused(write):
    for changes in ({}, {"compression": "XLI"}):
        with pytest.raises(ReadError, match="the samples of its rhythm are no base64") as caught:
            read_ecg(write(make_sierra("Zg=f", attributes=describe(300, **changes))))
        assert caught.value.code == "corrupt"


def chunk(packed, size=None):
    return struct.pack("<ihh", len(packed) if size is None else size, 1, 0) + packed


def bits(*codes):
    text = "".join(f"{code:010b}" for code in codes)
    text += "0" * (-len(text) % 8)
    return bytes(int(text[at : at + 8], 2) for at in range(0, len(text), 8))


DAMAGED = [
    (b"", "truncated", "its packed rhythm ends behind 0 of 2 leads"),
    (pack_lead(range(20)) + b"\x01", "truncated", "its packed rhythm ends behind 1 of 2 leads"),
    (chunk(b"\x00", 9), "truncated", "packed lead 1 announces 9 bytes, 1 are left"),
    (chunk(b"\x00", -1), "corrupt", "packed lead 1 announces -1 bytes"),
    (pack_lead(range(20)) + pack_lead(range(19)), "truncated", "packed lead 2 holds 19 samples, announced are 20"),
    (chunk(bits(65, 300)), "corrupt", "packed lead 1 has a code of no string"),
    (chunk(bits(300)), "corrupt", "packed lead 1 has a code of no string"),
    (pack_lead(range(41)), "corrupt", "packed lead 1 holds more than twice the samples"),
    (chunk(pack_lzw(bytes([0x7F] * 20 + [0xFF] * 20))) * 2, "corrupt", "leave the range of 16 bits"),
]


@pytest.mark.parametrize(("content", "code", "message"), DAMAGED, ids=[message for _, _, message in DAMAGED])
def test_a_damaged_packing_is_refused(tmp_path, content, code, message):
    with pytest.raises(ReadError, match=message) as caught:
        unpack_xli(tmp_path, content, n_leads=2, n_samples=20)
    assert caught.value.code == code


def test_the_writer_keeps_to_second_differences():
    codes, correction = difference([3, 5, 4, 4, 9])
    assert (codes, correction) == ([3, 5, 63, 59, 64], 3)
    assert subtract_limb_leads([[3], [5], [2], [-4], [0], [3]]) == [[3], [5], [0], [0], [0], [0]]
