"""Whom an aECG file is of, and when the ECG was taken."""

import datetime
import re
from xml.etree.ElementTree import Element

from hemometric.ecg import Sex
from hemometric.formats.patients import find_age_on, keep_age, keep_patient
from hemometric.formats.xml_patient import Patient
from hemometric.formats.xml_tree import find_attribute
from hemometric.formats.xml_values import join_time, parse_day, parse_number

_SEXES: dict[str, Sex] = {"F": "female", "M": "male"}
_DAYS_PER_UNIT = {"a": 365.25, "mo": 365.25 / 12, "wk": 7.0, "d": 1.0, "h": 1 / 24}
"""Units of UCUM."""
_UNKNOWN = {"?", "UNK", "NA"}
_REPORTED_AGE = "21612-7"
_SUBJECT = "componentof/timepointevent/componentof/subjectassignment/subject/trialsubject"
_PERSON = _SUBJECT + "/subjectdemographicperson"
_TIME = re.compile(r"(\d{8})(?:(\d\d)(\d\d)(\d\d)?(?:\.\d+)?)?([+-]\d{4})?", re.ASCII)


def find_patient(root: Element, series: Element) -> Patient:
    """Read subject and time from a file.

    Args:
        root: Its root element.
        series: The series that is read, whose time goes before that of the file.
    """
    stated = next(filter(None, map(_find_effective_time, (series, root))), "")
    day, acquired_at, zone = _split(stated)
    born, _, _ = _split(find_attribute(root, _PERSON + "/birthtime", "value"))
    subject = find_attribute(root, _SUBJECT + "/id", "extension")
    age = find_age_on(day, born=born)
    return Patient(
        patient_id=None if subject.upper() in _UNKNOWN else keep_patient(subject),
        age_years=_find_reported_age(root) if age is None else age,
        sex=_SEXES.get(find_attribute(root, _PERSON + "/administrativegendercode", "code").upper()),
        acquired_at=acquired_at,
        notes=(f"time zone {zone} left out: acquired_at is the local time",) if zone and acquired_at else (),
    )


def _find_effective_time(element: Element) -> str:
    """Return the start of the time of an element, or its middle where only this is stated."""
    places = ("effectivetime/low", "effectivetime/center", "effectivetime")
    return next(filter(None, (find_attribute(element, place, "value") for place in places)), "")


def _split(text: str) -> tuple[datetime.date | None, str | None, str]:
    """Return the day, the time in ISO 8601 and the zone of "20021122091000.000-0500"."""
    match = _TIME.fullmatch(text)
    if match is None:
        return None, None, ""
    date, hour, minute, second, zone = match.groups()
    day = parse_day(date, "%Y%m%d")
    return day, join_time(day, f"{hour}:{minute}:{second or '00'}" if hour else ""), zone or ""


def _find_reported_age(root: Element) -> float | None:
    for observation in root.findall("controlvariable/relatedobservation"):
        if find_attribute(observation, "code", "code") == _REPORTED_AGE:
            number = parse_number(find_attribute(observation, "value", "value"))
            days = _DAYS_PER_UNIT.get(find_attribute(observation, "value", "unit"))
            return None if number is None or days is None else keep_age(number * days)
    return None
