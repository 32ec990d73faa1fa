"""A catheter table as a de-identified store may know it: other ids, moved dates, and no word of the file itself."""

from dataclasses import replace

import pyarrow as pa

from hemometric.deidentification import Deidentifier
from hemometric.errors import LabelError
from hemometric.labels.values import CatheterTable, LabelReject


def hide_patients(table: CatheterTable, deidentifier: Deidentifier) -> CatheterTable:
    """The same table with the ids and dates that ingest gave to the same patients.

    Rejected values keep their line, target and reason; what was written is left out, since it may name the patient.
    """
    ids = table.labels["patient_id"].to_pylist()
    moments = table.labels["measured_at"].to_pylist()
    moved = [deidentifier.moment(at, patient_id=patient) for at, patient in zip(moments, ids, strict=True)]
    if None in moved:
        where = moved.index(None)
        raise LabelError(f"value {where + 1} of the table: its date is too early to be moved back; correct the table")
    labels = table.labels
    for name, values in (("patient_id", [deidentifier.patient(patient) for patient in ids]), ("measured_at", moved)):
        place = labels.schema.get_field_index(name)
        labels = labels.set_column(place, labels.schema.field(name), pa.array(values, labels.schema.field(name).type))
    return replace(table, labels=labels, rejects=tuple(_hide(reject, deidentifier) for reject in table.rejects))


def hide_error(error: LabelError, deidentifier: Deidentifier | None) -> LabelError:
    """The error that may be told: itself where nothing is to be hidden."""
    if deidentifier is None:
        return error
    return LabelError(
        "the table of --labels cannot be used; what is wrong is left out because of --deidentify, since it may name a "
        "patient: link it to a store that is not de-identified to see it"
    )


def _hide(reject: LabelReject, deidentifier: Deidentifier) -> LabelReject:
    patient = deidentifier.patient(reject.patient_id) if reject.patient_id else ""
    detail = reject.detail if reject.reason_code == "implausible" else ""
    return replace(reject, patient_id=patient, measured_at="", value="", unit="", detail=detail)
