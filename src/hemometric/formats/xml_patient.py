"""What every XML format says of the patient and the time."""

from dataclasses import dataclass

from hemometric.ecg import Sex


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """What a file says, as `Ecg` has it; None where it does not.

    Attributes:
        patient_id: Who.
        age_years: At acquisition.
        sex: "female", "male" or None.
        acquired_at: ISO 8601.
        notes: What was left out, one sentence each.
    """

    patient_id: str | None
    age_years: float | None
    sex: Sex | None
    acquired_at: str | None
    notes: tuple[str, ...] = ()
