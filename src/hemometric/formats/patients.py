"""What files say of a patient: which ids mean nobody, and how old somebody born on a day was."""

import datetime

_PLACEHOLDERS = {"", "0", "x", "anonymous", "anonymized", "anonymised", "unknown", "none", "n/a"}
_DAYS_PER_YEAR = 365.25
OLDEST_YEARS = 120.0


def keep_patient(text: str) -> str | None:
    """Return a patient id as it is written, or None for what stands in its place and would make all patients one.

    >>> keep_patient(" SBJ-123 "), keep_patient("Anonymous")
    ('SBJ-123', None)
    """
    patient = text.strip()
    return None if patient.casefold() in _PLACEHOLDERS else patient


def keep_age(days: float) -> float | None:
    """Return an age in years, or None where no patient has it.

    Args:
        days: Since birth.
    """
    years = days / _DAYS_PER_YEAR
    return round(years, 2) if 0 <= years <= OLDEST_YEARS else None


def find_age_on(day: datetime.date | None, *, born: datetime.date | None) -> float | None:
    """Return the age in years on a day, or None where either day is unknown or the two do not fit."""
    return None if day is None or born is None else keep_age((day - born).days)
