from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hemometric.errors import ReadError
from hemometric.formats.wfdb_header import decode_header, find_age_and_sex, is_header, parse_day, parse_header

HEADER = Path("x.hea")


def parse(record_line="x 1 500 5000", signal_line="x.dat 16 1000(0)/mV 16 0 -7 12 0 I", rest=""):
    return parse_header(HEADER, f"{record_line}\n{signal_line}\n{rest}")


@pytest.mark.parametrize(
    ("line", "gain", "baseline", "unit", "stated"),
    [
        ("x.dat 16 1000.0(0)/mV 16 0 5 6 0 I", 1000.0, 0, "mV", True),
        ("x.dat 16 1000/mV 16 0 5 6 0 I", 1000.0, 0, "mV", True),
        ("x.dat 16 2000 16 0 5 6 0 I", 2000.0, 0, "", True),
        ("x.dat 16 2e2(-12)/uV 16 3 5 6 0 I", 200.0, -12, "uV", True),
        ("x.dat 16 200 11 1024 5 6 0 I", 200.0, 1024, "", True),
        ("x.dat 16 0 16 0 5 6 0 I", 200.0, 0, "", False),
        ("x.dat 16", 200.0, 0, "", False),
    ],
)
def test_gain_baseline_and_unit_follow_the_format_and_its_defaults(line, gain, baseline, unit, stated):
    signal = parse(signal_line=line).signals[0]
    assert (signal.gain, signal.baseline, signal.unit, signal.gain_stated) == (gain, baseline, unit, stated)


def test_the_storage_format_is_taken_apart():
    signal = parse(signal_line="x.mat 212x4:3+24 1000 16 0 -5 6 0 lead V1 of two words").signals[0]
    assert (signal.storage, signal.per_frame, signal.skew, signal.offset) == ("212", 4, 3, 24)
    assert (signal.initial, signal.description) == (-5, "lead V1 of two words")


@pytest.mark.parametrize(
    ("record_line", "rate", "n_frames", "acquired_at"),
    [
        ("x 1 500 5000", 500.0, 5000, None),
        ("E00001.mat 1 500 5000 05-Feb-2020 11:39:16", 500.0, 5000, "2020-02-05T11:39:16"),
        ("x 1 500 5000 11:39:16 05/02/2020", 500.0, 5000, "2020-02-05T11:39:16"),
        ("x 1 500 5000 11:39:16.250 05/02/2020", 500.0, 5000, "2020-02-05T11:39:16"),
        ("x 1 500 5000 11:39:16", 500.0, 5000, None),
        ("x 1 360.5/25(3) 0", 360.5, None, None),
        ("x 1 500", 500.0, None, None),
        ("x 1", 250.0, None, None),
        ("x 1 500 5000 11:39:16 31/02/2020", 500.0, 5000, None),
    ],
)
def test_record_lines_of_every_kind(record_line, rate, n_frames, acquired_at):
    header = parse(record_line)
    assert (header.frame_rate_hz, header.n_frames, header.acquired_at) == (rate, n_frames, acquired_at)


def test_what_is_assumed_is_noted():
    assert "250 Hz as the format says" in parse("x 1").notes[0]
    assert "does not exist" in parse("x 1 500 5000 11:39:16 31/02/2020").notes[0]


@pytest.mark.parametrize(
    ("comments", "age", "sex"),
    [
        ("# age: 81\n# sex: female\n", 81.0, "female"),
        ("#Age: 53\n#Sex: Male\n", 53.0, "male"),
        ("# Age: NaN\n# Sex: Unknown\n", None, None),
        ("# age: n/a\n", None, None),
        ("#<age>: 69 <sex>: F <diagnoses> none\n", 69.0, "female"),
        ("# Dosage: 30\n# Infarction age: 7\n", None, None),
        ("# Age: 300\n# Sex: M\n", None, "male"),
        ("# Age: -1\n", None, None),
        ("", None, None),
    ],
)
def test_age_and_sex_come_from_the_comments(comments, age, sex):
    assert find_age_and_sex(parse(rest=comments))[:2] == (age, sex)


def test_an_implausible_age_is_noted():
    assert "age 300" in find_age_and_sex(parse(rest="# Age: 300\n"))[2][0]


def test_a_header_of_segments_names_them():
    header = parse_header(HEADER, "x/2 12 500 10000\nx_1 5000\nx_2 5000\n")
    assert (header.segments, header.signals, header.n_frames) == ((("x_1", 5000), ("x_2", 5000)), (), 10000)


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("", "not-an-ecg", "not a WFDB header"),
        ("hello world\n", "not-an-ecg", "got 'hello world'"),
        ("x 2 500 5000\nx.dat 16 1000 16 0 0 0 0 I\n", "corrupt", "announces 2 signals and lists 1"),
        ("x/2 12 500 5000\nx_1 5000\n", "corrupt", "announces 2 segments and lists 1"),
        ("x/1 12 500 5000\nx_1\n", "corrupt", "expected 'name n_samples'"),
        ("x 1 0 5000\nx.dat 16\n", "corrupt", "sampling rate is 0"),
        ("x 1 500 5000\nx.dat sixteen\n", "corrupt", "expected 'file format gain ...'"),
        ("x 1 500 5000\nx.dat\n", "corrupt", "expected 'file format gain ...'"),
        ("x 1 500 5000\nx.dat 16 much\n", "corrupt", "expected a gain"),
        ("x 1 500 5000\nx.dat 16 1.2.3\n", "corrupt", "expected a gain"),
        ("x 1 500 5000\nx.dat 16 1000 16 zero\n", "corrupt", "expected a whole number at place 5"),
        ("x 1 500 5000\n../x.dat 16 1000\n", "corrupt", "another folder"),
    ],
)
def test_a_header_that_is_none_is_refused(text, code, message):
    with pytest.raises(ReadError, match=message) as caught:
        parse_header(HEADER, text)
    assert caught.value.code == code


@given(st.text(max_size=200))
def test_any_text_is_parsed_or_refused(text):
    try:
        parse_header(HEADER, text)
    except ReadError:
        return
    assert is_header(text)


def test_a_micro_sign_survives_both_encodings():
    line = "x 1 500 10\nx.dat 16 1(0)/µV 16 0 0 0 0 I\n"
    units = [
        parse_header(HEADER, decode_header(line.encode(encoding))).signals[0].unit for encoding in ("utf-8", "latin-1")
    ]
    assert units == ["µV", "µV"]


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("01/10/1990", "1990-10-01"),
        ("29-Sep-1990", "1990-09-29"),
        ("1/2/1990", "1990-02-01"),
        ("29-Sep-90", None),
        ("29-Xyz-1990", None),
        ("31/02/1990", None),
        ("1990-10-01", None),
        ("n/a", None),
    ],
)
def test_days_are_read_day_first_and_never_guessed(text, day):
    assert parse_day(text) == day
