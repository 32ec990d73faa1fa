"""Section 1 of SCP-ECG (EN 1064, 5.4): who the patient is, and when the ECG was taken."""

import datetime
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from hemometric.ecg import Sex
from hemometric.formats.patients import find_age_on, keep_age, keep_patient
from hemometric.formats.scp_sections import Section

_PATIENT, _AGE, _BORN, _SEX, _DEVICE, _DAY, _TIME, _ZONE, _END = 2, 4, 5, 8, 14, 25, 26, 34, 255
_SEXES: dict[int, Sex] = {1: "male", 2: "female"}
_DAYS_PER_UNIT = {1: 365.25, 2: 365.25 / 12, 3: 7.0, 4: 1.0, 5: 1 / 24}
"""Years, months, weeks, days, hours."""
_NO_ZONE = 0x7FFF
_ENCODINGS = {
    0x03: "iso8859_2",
    0x0B: "iso8859_4",
    0x13: "iso8859_5",
    0x1B: "iso8859_6",
    0x23: "iso8859_7",
    0x2B: "iso8859_8",
    0x33: "iso8859_11",
    0x3B: "iso8859_15",
    0x07: "utf_16_le",
    0x0F: "shift_jis",
    0x17: "euc_jp",
    0x1F: "euc_jp",
    0x27: "gb2312",
    0x2F: "cp949",
    0x37: "utf_8",
}
"""Language support code -> how text is encoded (annex A); any other is ISO 8859-1, which ASCII is part of."""
_LANGUAGE_AT = 16


@dataclass(frozen=True, slots=True)
class Header:
    """What section 1 says, as `Ecg` has it; None where it does not."""

    patient_id: str | None = None
    age_years: float | None = None
    sex: Sex | None = None
    acquired_at: str | None = None
    notes: tuple[str, ...] = ()


def read_header(section: Section | None) -> Header:
    """Read section 1. What is wrong in it is left out and noted, since the waveform does not depend on it."""
    if section is None:
        return Header(notes=("the file says nothing of the patient and the time (section 1 is absent)",))
    tags, notes = _split(section)
    device = tags.get(_DEVICE, b"")
    encoding = _ENCODINGS.get(device[_LANGUAGE_AT], "latin_1") if len(device) > _LANGUAGE_AT else "latin_1"
    patient = _decode(tags.get(_PATIENT, b""), encoding)
    if patient is None:
        notes.append("the patient id cannot be decoded, taken as unknown")
    day = _find_day(tags.get(_DAY, b""))
    zone = tags.get(_ZONE, b"")
    minutes = struct.unpack_from("<h", zone)[0] if len(zone) >= 2 else _NO_ZONE
    if day is not None and minutes != _NO_ZONE:
        notes.append(f"time zone {minutes:+d} min left out, the local time taken")
    sex = tags.get(_SEX, b"")
    return Header(
        patient_id=keep_patient(patient or ""),
        age_years=_find_age(tags, day),
        sex=_SEXES.get(sex[0]) if sex else None,
        acquired_at=_join(day, tags.get(_TIME, b"")),
        notes=tuple(notes),
    )


def _split(section: Section) -> tuple[dict[int, bytes], list[str]]:
    """Return tag -> value, the first of each, and notes."""
    tags: dict[int, bytes] = {}
    at, body = 0, section.body
    while at + 3 <= len(body) and body[at] != _END:
        tag, length = struct.unpack_from("<BH", body, at)
        at += 3 + length
        if at > len(body):
            return tags, [f"section 1 ends within tag {tag}, what follows it is unknown"]
        tags.setdefault(tag, body[at - length : at])
    return tags, []


def _decode(value: bytes, encoding: str) -> str | None:
    """Return a text up to its 0, or None where that is not what it is."""
    try:
        text, _, rest = value.decode(encoding).partition("\x00")
    except UnicodeDecodeError:
        return None
    text = text.removeprefix("\ufeff").strip()
    # Text of two bytes a character in a file that announces one would become its first letter.
    return text if text.isprintable() and not rest.strip("\x00 ") else None


def _find_day(value: bytes) -> datetime.date | None:
    try:
        return datetime.date(*struct.unpack_from("<HBB", value))
    except (struct.error, ValueError):
        return None


def _join(day: datetime.date | None, time: bytes) -> str | None:
    """Return ISO 8601 of a day and a time of three bytes, of the day alone where the time is none."""
    if day is None:
        return None
    try:
        return f"{day.isoformat()}T{datetime.time(*time[:3]).isoformat()}" if len(time) >= 3 else day.isoformat()
    except ValueError:
        return day.isoformat()


def _find_age(tags: Mapping[int, bytes], day: datetime.date | None) -> float | None:
    """Return the age that is stated, else that on the day of the ECG by the day of birth."""
    stated = tags.get(_AGE, b"")
    if len(stated) >= 3:
        number, unit = struct.unpack_from("<HB", stated)
        if number and unit in _DAYS_PER_UNIT:
            return keep_age(number * _DAYS_PER_UNIT[unit])
    return find_age_on(day, born=_find_day(tags.get(_BORN, b"")))
