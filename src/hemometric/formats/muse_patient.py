"""Whom a MUSE file is of, and when the ECG was taken."""

import datetime
from xml.etree.ElementTree import Element

from hemometric.ecg import Sex
from hemometric.formats.patients import find_age_on, keep_age, keep_patient
from hemometric.formats.xml_patient import Patient
from hemometric.formats.xml_tree import find_text
from hemometric.formats.xml_values import join_time, parse_day, parse_number

_SEXES: dict[str, Sex] = {"F": "female", "FEMALE": "female", "M": "male", "MALE": "male"}
_DAYS_PER_UNIT = {"YEARS": 365.25, "MONTHS": 365.25 / 12, "WEEKS": 7.0, "DAYS": 1.0, "HOURS": 1 / 24}
_LAYOUTS = ("%m-%d-%Y", "%Y-%m-%d")
"""MUSE writes the first; the second can mean nothing else either."""


def find_patient(root: Element) -> Patient:
    """Read patient and time from a file whose root element is `root`."""
    patient, test = root.find("patientdemographics"), root.find("testdemographics")
    notes: list[str] = []
    day = _find_day(find_text(test, "acquisitiondate"), "AcquisitionDate", notes)
    born = _find_day(find_text(patient, "dateofbirth"), "DateofBirth", notes)
    stated = _find_stated_age(find_text(patient, "patientage"), find_text(patient, "ageunits").upper(), notes)
    return Patient(
        patient_id=keep_patient(find_text(patient, "patientid")),
        age_years=find_age_on(day, born=born) if stated is None else stated,
        sex=_SEXES.get(find_text(patient, "gender").upper()),
        acquired_at=join_time(day, find_text(test, "acquisitiontime")),
        notes=tuple(notes),
    )


def _find_day(text: str, tag: str, notes: list[str]) -> datetime.date | None:
    """Return a day; any other layout is noted and left out, since 03-04 may be March or April."""
    day = next(filter(None, (parse_day(text, layout) for layout in _LAYOUTS)), None)
    if text and day is None:
        notes.append(f"{tag} is not MM-DD-YYYY: taken as unknown")
    return day


def _find_stated_age(text: str, unit: str, notes: list[str]) -> float | None:
    """Return the stated age; ">89", as files without names have it, is no number."""
    if not text:
        return None
    number = parse_number(text)
    if number is None or unit not in _DAYS_PER_UNIT:
        notes.append(f"PatientAge {text[:20]!r} in AgeUnits {unit[:20]!r} is no age in a known unit: not taken")
        return None
    return keep_age(number * _DAYS_PER_UNIT[unit])
