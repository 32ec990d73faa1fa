"""Whom a Sierra file is of, and when the ECG was taken."""

from xml.etree.ElementTree import Element

from hemometric.ecg import Sex
from hemometric.formats.patients import find_age_on, keep_age, keep_patient
from hemometric.formats.xml_patient import Patient
from hemometric.formats.xml_tree import find_attribute, find_text
from hemometric.formats.xml_values import join_time, parse_day, parse_number

_SEXES: dict[str, Sex] = {"FEMALE": "female", "MALE": "male"}
_DAYS_PER_UNIT = {
    "years": 365.25,
    "months": 365.25 / 12,
    "weeks": 7.0,
    "days": 1.0,
    "hours": 1 / 24,
    "minutes": 1 / 1440,
}
_PATIENT = "patient/generalpatientdata"


def find_patient(root: Element) -> Patient:
    """Read patient and time from a file whose root element is `root`."""
    patient = root.find(_PATIENT)
    day = parse_day(find_attribute(root, "dataacquisition", "date"), "%Y-%m-%d")
    # The attribute defaultage is a setting of the cardiograph, never the patient's age.
    stated = [(parse_number(find_text(patient, f"age/{unit}")), days) for unit, days in _DAYS_PER_UNIT.items()]
    age = next((keep_age(number * days) for number, days in stated if number is not None), None)
    born = parse_day(find_text(patient, "age/dateofbirth"), "%Y-%m-%d")
    identity = find_text(patient, "patientid")
    return Patient(
        patient_id=keep_patient(identity) if identity.strip("- ") else None,
        age_years=find_age_on(day, born=born) if age is None else age,
        sex=_SEXES.get(find_text(patient, "sex").upper()),
        acquired_at=join_time(day, find_attribute(root, "dataacquisition", "time")),
    )
