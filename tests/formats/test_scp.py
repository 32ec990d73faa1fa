import struct
from datetime import date

import numpy as np
import pytest
from ecgdatakit import FileParser
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scp_writer import (
    DEFAULT,
    LEADS,
    PATIENT,
    SWITCHING,
    beats_section,
    crc,
    leads_section,
    make_sections,
    packed_section,
    patient_section,
    seal,
    subtract,
    tables_section,
    thin,
)

from hemometric.ecg import INDEPENDENT_LEADS, INDEPENDENT_ROWS, derive_leads
from hemometric.errors import ReadError
from hemometric.formats import read_ecg
from hemometric.formats.scp_beats import count_thinned, restore_thinned
from hemometric.formats.scp_leads import Lead

TABLES = {"none": None, "default": [DEFAULT], "switching": SWITCHING}
PACKINGS = [(tables, order) for tables in TABLES for order in (0, 1, 2)]


@pytest.fixture
def write(tmp_path):
    def write(sections, name="x.scp", **kinds):
        path = tmp_path / name
        path.write_bytes(seal(sections, **kinds))
        return path

    return write


@pytest.fixture
def digital():
    """Twelve leads of 300 samples, shape (12, 300), with small and with the largest steps."""
    rng = np.random.default_rng([11, 1])
    samples = np.cumsum(rng.integers(-12, 13, size=(12, 300)), axis=1)
    samples[4, 100:104] = [32767, -32768, 32767, 0]
    return samples


def by_oracle(path):
    """The leads by ecgdatakit, an independent reader, in mV."""
    leads = FileParser().parse(path).leads
    assert {lead.units for lead in leads} == {"mV"}
    return {lead.label: lead.samples for lead in leads}


def same(ecg, expected_mv):
    return np.array_equal(ecg.waveform, np.asarray(expected_mv).astype(np.float32), equal_nan=True)


@pytest.mark.parametrize(("tables", "order"), PACKINGS)
def test_what_was_packed_is_unpacked(write, digital, tables, order):
    ecg = read_ecg(write(make_sections(digital, tables=TABLES[tables], order=order, nanovolts=2500)))
    assert same(ecg, digital * 0.0025)
    assert (ecg.sampling_rate_hz, ecg.ecg_id, ecg.notes) == (500.0, "x", ())


@pytest.mark.parametrize(("tables", "order"), [pair for pair in PACKINGS if pair[0] != "switching"])
def test_an_independent_reader_finds_the_same(write, digital, tables, order):
    path = write(make_sections(digital, tables=TABLES[tables], order=order, nanovolts=2500))
    oracle = by_oracle(path)
    assert same(read_ecg(path), [oracle[lead] for lead in LEADS])


def test_an_independent_reader_finds_the_same_after_switches_of_the_table(write, digital):
    path = write(make_sections(digital, tables=SWITCHING, order=1))
    oracle = by_oracle(path)
    assert same(read_ecg(path), [oracle[lead] for lead in LEADS])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    st.lists(st.integers(-(2**15), 2**15 - 1), min_size=1, max_size=40),
    st.sampled_from(sorted(TABLES)),
    st.integers(0, 2),
)
def test_any_whole_numbers_of_16_bits_survive(write, samples, tables, order):
    digital = np.array([samples] * 8)
    path = write(make_sections(digital, names=INDEPENDENT_LEADS, tables=TABLES[tables], order=order))
    assert same(read_ecg(path), derive_leads((digital / 1000).astype(np.float32)))


def test_leads_are_taken_by_number_and_not_by_place(write, digital):
    names = ["V4R", *reversed(LEADS), "X"]
    order = [names.index(lead) for lead in LEADS]
    digital = np.concatenate([digital, digital[:2] + 1])
    assert same(read_ecg(write(make_sections(digital, names=names))), digital[order] / 1000)


def test_eight_leads_become_twelve(write, digital):
    ecg = read_ecg(write(make_sections(digital[list(INDEPENDENT_ROWS)], names=INDEPENDENT_LEADS)))
    assert np.array_equal(ecg.waveform, derive_leads((digital[list(INDEPENDENT_ROWS)] / 1000).astype(np.float32)))
    assert ecg.notes == ("III, aVR, aVL and aVF derived from I and II",)


def test_leads_of_other_times_are_nan_where_they_were_not_recorded(write, digital):
    ranges = [(11, 310)] * 6 + [(1, 290)] * 6
    leads = [lead[: last - first + 1] for lead, (first, last) in zip(digital, ranges, strict=True)]
    expected = np.full((12, 310), np.nan)
    for row, (lead, (first, last)) in enumerate(zip(leads, ranges, strict=True)):
        expected[row, first - 1 : last] = lead / 1000
    ecg = read_ecg(write(make_sections(leads, ranges=ranges)))
    assert same(ecg, expected)
    assert ecg.notes == ("leads begin or end at different times, NaN where one was not recorded",)


def test_a_common_start_that_is_not_the_first_sample_is_no_gap(write, digital):
    assert same(read_ecg(write(make_sections(digital, ranges=[(51, 350)] * 12))), digital / 1000)


def test_leads_that_are_not_marked_as_simultaneous_are_noted(write, digital):
    sections = make_sections(digital)
    sections[3] = leads_section(LEADS, [(1, 300)] * 12, simultaneous=False)
    assert "not marked as simultaneous" in read_ecg(write(sections)).notes[0]


# Beats: a reference beat of 40 samples whose sample 15 lies on each fiducial sample.
BEATS = [(0, 2, 12, 36), (0, 60, 74, 99), (1, 130, 144, 160), (0, 270, 290, 300)]
PROTECTED = [(9, 20), (69, 80), (141, 152), (285, 296)]


def with_beats(digital, *, subtracted, factor=1, order=2, nanovolts=1000, first=1):
    """A record whose beats are taken away, and whose samples between them are thinned out, as asked."""
    rng = np.random.default_rng([11, 2])
    reference = np.cumsum(rng.integers(-30, 31, size=(len(digital), 40)), axis=1)
    stored = [
        subtract(lead, first, beat, 15, BEATS) if subtracted else list(lead)
        for lead, beat in zip(digital, reference, strict=True)
    ]
    if factor > 1:
        stored = [thin(lead, first, PROTECTED, factor) for lead in stored]
    last = first + digital.shape[1] - 1
    sections = make_sections(digital)
    sections[3] = leads_section(LEADS, [(first, last)] * len(digital), subtracted=subtracted)
    sections[4] = beats_section(reference_ms=80, reference_fiducial=15, beats=BEATS, protected=PROTECTED)
    packing = {"tables": [DEFAULT], "nanovolts": nanovolts}
    sections[5] = packed_section(reference, order=1, interval_us=2000, **packing)
    sections[6] = packed_section(stored, order=order, interval_us=2000 * factor, bimodal=factor > 1, **packing)
    return sections


@pytest.mark.parametrize("first", [1, 31])
def test_the_reference_beat_is_added_where_it_was_taken_away(write, digital, first):
    digital = digital // 4  # leaves room for what is taken away
    path = write(with_beats(digital, subtracted=True, first=first))
    ecg, oracle = read_ecg(path), by_oracle(path)
    assert same(ecg, digital / 1000)
    assert same(ecg, [oracle[lead] for lead in LEADS])


def test_a_reference_beat_of_other_steps_is_added_in_volts(write, digital):
    sections = with_beats(np.zeros_like(digital), subtracted=True, nanovolts=5000)
    coarse = read_ecg(write(sections)).waveform
    body = bytearray(sections[5])
    body[:2] = struct.pack("<H", 2500)
    path = write({**sections, 5: bytes(body)})
    oracle = by_oracle(path)
    assert np.abs(coarse).max() < 1e-6
    assert np.allclose(read_ecg(path).waveform, [oracle[lead] for lead in LEADS], atol=1e-6)
    assert np.abs(read_ecg(path).waveform).max() > 0.1


@pytest.mark.parametrize("subtracted", [False, True])
@pytest.mark.parametrize("factor", [2, 4])
def test_bimodal_compression_keeps_protected_areas_and_straight_lines(write, factor, subtracted):
    lines = np.outer(np.arange(-6, 6), 4 * np.arange(300)) + 100
    ecg = read_ecg(write(with_beats(lines, subtracted=subtracted, factor=factor)))
    protected = np.concatenate([np.arange(first - 1, last) for first, last in PROTECTED])
    assert np.array_equal(ecg.waveform[:, protected], (lines[:, protected] / 1000).astype(np.float32))
    assert ecg.notes == (f"one of {factor} samples was kept between beats, straight lines drawn (bimodal compression)",)
    if not subtracted:
        # A run begins and ends in the middle of a block, where the line stays level: half a block at most.
        steps = np.abs(lines[:, 1] - lines[:, 0])[:, None] / 1000
        assert (np.abs(ecg.waveform - lines / 1000) <= (factor - 1) / 2 * steps + 1e-5).all()
        assert np.allclose(ecg.waveform[:, 24:64], lines[:, 24:64] / 1000, atol=1e-5)


def fields(ecg):
    return {name: getattr(ecg, name) for name in ecg.__slots__}


@settings(deadline=None)
@given(
    st.integers(1, 50),
    st.integers(1, 120),
    st.lists(st.tuples(st.integers(1, 20), st.integers(0, 20)), max_size=6),
    st.integers(2, 8),
)
def test_thinned_leads_are_counted_and_restored_as_they_were_thinned(first, n_samples, gaps, factor):
    protected, at = [], 0
    for gap, size in gaps:
        protected.append((at + gap, at + gap + size))
        at += gap + size
    lead = Lead("I", first, first + n_samples - 1)
    level = thin([7] * n_samples, first, protected, factor)
    assert count_thinned(lead, protected, factor=factor) == len(level)
    restored = restore_thinned(np.array(level), lead, protected, factor=factor)
    assert np.array_equal(restored, np.full(n_samples, 7.0))
    samples = np.random.default_rng([n_samples, first]).integers(-50, 50, n_samples)
    restored = restore_thinned(np.array(thin(samples, first, protected, factor)), lead, protected, factor=factor)
    for start, end in protected:
        kept = slice(max(start - first, 0), max(end - first + 1, 0))
        assert np.array_equal(restored[kept], samples[kept])


def test_from_version_3_of_the_protocol_there_is_no_bimodal_compression(write, digital):
    sections = make_sections(digital)
    body = bytearray(sections[6])
    body[5] = 1
    assert same(read_ecg(write({**sections, 6: bytes(body)}, protocol=30)), digital / 1000)


def day(year, month, number):
    return struct.pack("<HBB", year, month, number)


def device(language):
    return (14, bytes(16) + bytes([language]) + bytes(20))


KNOWN = [
    ([], {"patient_id": None, "age_years": None, "sex": None, "acquired_at": None, "notes": ()}),
    (PATIENT, {"patient_id": "P-17", "age_years": 61.0, "sex": "female", "acquired_at": "2021-03-04T05:06:07"}),
    ([(2, b"  \0")], {"patient_id": None}),
    ([(2, b"ANONYMOUS\0")], {"patient_id": None}),
    ([(2, "Müller-1\0".encode("latin-1"))], {"patient_id": "Müller-1"}),
    ([(2, "Ж-1\0".encode()), device(0x37)], {"patient_id": "Ж-1"}),
    ([(2, "Ж-1\0".encode("utf-16-le")), device(0x07)], {"patient_id": "Ж-1"}),
    (
        [(2, "AB-1\0".encode("utf-16-le"))],
        {"patient_id": None, "notes": ("the patient id cannot be decoded, taken as unknown",)},
    ),
    ([(8, b"\x01")], {"sex": "male"}),
    ([(8, b"\x09")], {"sex": None}),
    ([(4, struct.pack("<HB", 18, 2))], {"age_years": 1.5}),
    ([(4, struct.pack("<HB", 0, 0)), (5, day(1953, 5, 8)), (25, day(2002, 11, 22))], {"age_years": 49.54}),
    ([(5, day(1953, 5, 8))], {"age_years": None}),
    ([(5, day(2003, 5, 8)), (25, day(2002, 11, 22))], {"age_years": None}),
    ([(4, struct.pack("<HB", 500, 1))], {"age_years": None}),
    ([(25, day(2002, 11, 31)), (26, b"\x01\x02\x03")], {"acquired_at": None}),
    ([(25, day(2002, 11, 30)), (26, b"\x18\x02\x03")], {"acquired_at": "2002-11-30"}),
    ([(25, day(2002, 11, 30))], {"acquired_at": "2002-11-30"}),
    (
        [(25, day(2002, 11, 30)), (34, struct.pack("<hH", -90, 0))],
        {"acquired_at": "2002-11-30", "notes": ("time zone -90 min left out, the local time taken",)},
    ),
    ([(25, day(2002, 11, 30)), (34, struct.pack("<hH", 0x7FFF, 0))], {"notes": ()}),
]


@pytest.mark.parametrize(("tags", "found"), KNOWN)
def test_what_is_known_of_the_patient_and_the_time(write, digital, tags, found):
    ecg = read_ecg(write({**make_sections(digital), 1: patient_section(tags)}))
    for name, value in found.items():
        assert getattr(ecg, name) == value, name


def test_a_damaged_or_absent_patient_section_is_noted(write, digital):
    sections = make_sections(digital)
    broken = patient_section([(2, b"P-1\0")])[:-3] + b"\x08\xff\x00\x01"
    ecg = read_ecg(write({**sections, 1: broken}))
    assert (ecg.patient_id, ecg.notes) == ("P-1", ("section 1 ends within tag 8, what follows it is unknown",))
    del sections[1]
    assert "section 1 is absent" in read_ecg(write(sections)).notes[0]


def without(number):
    return lambda sections: sections.pop(number)


def change(number, layout, at, *values):
    def edit(sections):
        body = bytearray(sections[number])
        struct.pack_into(f"<{layout}", body, at, *values)
        sections[number] = bytes(body)

    return edit


def replace(number, body):
    return lambda sections: sections.update({number: body})


BAD_SECTIONS = [
    (without(6), "not-an-ecg", "holds no rhythm (section 6)"),
    (without(3), "corrupt", "section 3 is absent"),
    (without(2), "corrupt", "samples of a lead, announced are 300"),
    (change(6, "H", 0, 0), "no-unit", "section 6 gives 0 nV a step"),
    (change(6, "H", 2, 0), "no-rate", "section 6 gives 0 us from sample to sample"),
    (change(6, "B", 4, 3), "corrupt", "differences of order 3"),
    (change(6, "H", 6, 65535), "corrupt", "section 6 ends at byte"),
    (change(6, "B", 5, 1), "corrupt", "section 4 is absent"),
    (change(3, "B", 0, 255), "corrupt", "section 3 ends at byte"),
    (change(3, "I", 2, 0), "corrupt", "gives lead 1 the samples 0 to 300"),
    (change(3, "I", 6, 330), "corrupt", "section 6 ends after 3"),
    (change(3, "II", 2, 2**31, 2**31 + 299), "too-long", "samples apart"),
    (change(3, "B", 10, 2), "duplicate-leads", "lead II occurs more than once"),
    (change(3, "B", 10, 0), "wrong-leads", "missing I"),
    (change(3, "B", 1, 0x65), "corrupt", "section 4 is absent"),
    (change(2, "H", 0, 300), "corrupt", "announces 300 Huffman tables"),
    (change(2, "H", 0, 2), "corrupt", "section 2 ends at byte"),
    (replace(2, tables_section([[("1", 1, 1, 0)]])), "corrupt", "bits that are no Huffman code"),
    (replace(2, tables_section([[("1", 60, 1, 0)]])), "corrupt", "a Huffman code of 60 bits"),
    (replace(2, tables_section([[("1", 1, 0, 2)]])), "corrupt", "switches to Huffman table 2 of 1"),
]


@pytest.mark.parametrize(("edit", "code", "message"), BAD_SECTIONS)
def test_bad_sections_are_refused_in_one_line_that_names_the_file(write, digital, edit, code, message):
    sections = make_sections(digital)
    edit(sections)
    refused(write(sections), code, message)


def refused(path, code, message):
    with pytest.raises(ReadError) as caught:
        read_ecg(path)
    assert caught.value.code == code
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


BAD_BEATS = [
    (without(4), "corrupt", "section 4 is absent"),
    (without(5), "corrupt", "section 5 is absent"),
    (change(4, "I", 8, 40), "corrupt", "section 4 gives a beat the samples 40 to 36"),
    (change(4, "I", 16, 60), "corrupt", "behind one that ends at 60"),
    (change(4, "H", 4, 900), "corrupt", "section 4 ends at byte"),
    (change(4, "H", 4, 10_001), "corrupt", "announces 10,001 beats"),
    (change(4, "H", 0, 90), "corrupt", "section 5 ends"),
    (change(5, "H", 2, 0), "no-rate", "section 5 gives 0 us"),
    (change(6, "H", 2, 3000), "unsupported-format", "a sample each 3000 us, its reference beat one each 2000 us"),
    (change(6, "H", 2, 18000), "unsupported-format", "or a small multiple where bimodal compression is used"),
    (change(6, "B", 5, 0), "unsupported-format", "a sample each 8000 us"),
    (replace(4, beats_section(reference_ms=80, reference_fiducial=15, beats=BEATS)), "corrupt", "no protected area"),
]


@pytest.mark.parametrize(("edit", "code", "message"), BAD_BEATS)
def test_bad_beats_are_refused(write, digital, edit, code, message):
    sections = with_beats(digital // 4, subtracted=True, factor=4)
    edit(sections)
    refused(write(sections), code, message)


def test_every_changed_byte_is_found_by_a_checksum(tmp_path, digital):
    content = seal(make_sections(digital[:, :20]))
    path = tmp_path / "x.scp"
    for place in [*range(16), *range(22, len(content))]:
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :])
        with pytest.raises(ReadError) as caught:
            read_ecg(path)
        assert caught.value.code in {"corrupt", "truncated"}, place


def test_a_wrong_checksum_of_one_section_is_named(tmp_path, digital):
    content = bytearray(seal(make_sections(digital)))
    content[6] ^= 1
    path = tmp_path / "x.scp"
    path.write_bytes(struct.pack("<H", crc(content[2:])) + content[2:])
    refused(path, "corrupt", "the checksum of section 0 is")


@pytest.mark.parametrize("kept", [22, 100, 143, 500, -1])
def test_a_file_that_was_cut_off_is_refused(tmp_path, digital, kept):
    path = tmp_path / "x.scp"
    path.write_bytes(seal(make_sections(digital))[:kept])
    with pytest.raises(ReadError) as caught:
        read_ecg(path)
    assert caught.value.code == "truncated"


def test_what_stands_behind_the_record_does_not_matter(tmp_path, digital):
    path = tmp_path / "record.SCP"
    path.write_bytes(seal(make_sections(digital)) + b"more")
    assert same(read_ecg(path), digital / 1000)
    assert read_ecg(path).ecg_id == "record"


def test_the_real_file_holds_what_its_dicom_form_holds(real_data):
    """All 60,000 samples agree exactly: both hold steps of 2.5 uV, and the compression of this file loses nothing."""
    scp, dicom = (read_ecg(real_data / "formats" / f"Example.{suffix}") for suffix in ("scp", "dcm"))
    assert np.array_equal(scp.waveform, dicom.waveform)
    assert fields(scp) | {"waveform": None} == fields(dicom) | {"waveform": None}
    assert (scp.patient_id, scp.sex, scp.acquired_at) == ("SBJ-123", "male", "2002-11-22T09:10:00")
    assert scp.age_years == round((date(2002, 11, 22) - date(1953, 5, 8)).days / 365.25, 2)


def test_an_independent_reader_finds_the_same_in_the_real_file(real_data):
    oracle = by_oracle(real_data / "formats" / "Example.scp")
    assert same(read_ecg(real_data / "formats" / "Example.scp"), [oracle[lead] for lead in LEADS])
