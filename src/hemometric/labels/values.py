"""Catheter values that were read, checked and not yet written: those that can be used, and those that cannot."""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from hemometric.labels.moments import Moment
from hemometric.targets import Target


@dataclass(frozen=True, slots=True)
class LabelReject:
    """A value that was written and is not used.

    Attributes:
        line: Of the file, the header being line 1; 0 for a value that came with an archive.
        patient_id: As written.
        measured_at: As written.
        target: Name of the target, or what stands for it.
        value: As written.
        unit: As written.
        reason_code: "no-patient", "no-time" or "implausible"; of an archive also "unknown-unit", "not-a-number" and
            the codes of `ReadError`.
        detail: One sentence.
    """

    line: int
    patient_id: str
    measured_at: str
    target: str
    value: str
    unit: str
    reason_code: str
    detail: str


@dataclass(frozen=True, slots=True)
class CatheterTable:
    """What was read.

    Attributes:
        labels: The values that can be used, `LABELS_SCHEMA`, in the order in which they were read.
        n_read: Values that were looked at: rows of a long table, cells of a wide one, fields of an archive.
        n_patients: Patients among them.
        dropped: Those that were left out, by reason: as in `LabelReject`, and "no-value" and "other-target".
        rejects: Those of them that hold a value of a target.
    """

    labels: pa.Table
    n_read: int
    n_patients: int
    dropped: Mapping[str, int]
    rejects: tuple[LabelReject, ...]


def label_row(  # noqa: PLR0913  (one argument for each column)
    *, patient_id: str, moment: Moment, target: Target, original: float, unit: str, factor: float, method: str
) -> dict[str, object]:
    """A row of `LABELS_SCHEMA`.

    Args:
        patient_id: Whose value it is.
        moment: When it was measured.
        target: What was measured.
        original: The value as written.
        unit: Its unit as written.
        factor: What turns it into the target's unit.
        method: How it was measured; "" where nobody says.
    """
    return {
        "patient_id": patient_id,
        "measured_at": moment.text(),
        "time_known": moment.time_known,
        "target": target.name,
        "value": original * factor,
        "value_original": original,
        "unit_original": unit,
        "method": method or None,
    }


def explain_implausible(value: float, target: Target) -> str | None:
    """Why a value cannot be one of this target, or None where it can.

    Args:
        value: In the target's unit.
        target: What was measured.
    """
    if target.low <= value <= target.high:
        return None
    return f"{value:.6g} {target.unit} is outside {target.low:g} to {target.high:g}"
