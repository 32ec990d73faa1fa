"""A catheter table as a de-identified store may know it: other ids, moved dates, and no word of the file itself."""

from collections.abc import Collection
from dataclasses import replace
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hemometric.deidentification import Deidentifier
from hemometric.errors import LabelError
from hemometric.labels.moments import parse_moments
from hemometric.labels.values import CatheterTable, LabelReject


def hide_patients(
    table: CatheterTable, deidentifier: Deidentifier, *, words: Collection[str] | None = None
) -> CatheterTable:
    """The same table with the ids and dates that ingest gave to the same patients, in the order of the new ids.

    The order of a table is often that of the original ids, or of the true dates: a patient's place among others would
    tell about when the patient came. Of one patient the values stay in their order, since of repeated ones the last
    counts. Rejected values keep their target and reason; what was written is left out, since it may name the patient
    (in the wrong column a number may be an id), and the line, since it tells the order.

    Args:
        table: With original ids and dates.
        deidentifier: Maps them.
        words: Targets and methods that may stay, since they are not of a row but of the table; None: all may.
    """
    name = cache(deidentifier.patient)  # a table has far more values than patients
    given = table.labels["patient_id"].combine_chunks().dictionary_encode()
    ids = pa.array([name(patient) for patient in given.dictionary.to_pylist()], pa.string()).take(given.indices)
    return move_dates(
        replace(
            table,
            labels=_with_column(table.labels, "patient_id", ids),
            rejects=tuple(
                replace(one, patient_id=name(one.patient_id) if one.patient_id else "") for one in table.rejects
            ),
        ),
        deidentifier,
        words=words,
    )


def move_dates(
    table: CatheterTable, deidentifier: Deidentifier, *, words: Collection[str] | None = None
) -> CatheterTable:
    """As `hide_patients`, of a table whose ids are those of the store already and whose dates are the true ones.

    Raises:
        LabelError: A date cannot be moved back.
    """
    given = table.labels["patient_id"].combine_chunks().dictionary_encode()
    patients, codes = given.dictionary.to_pylist(), given.indices.to_numpy()
    days = np.array([deidentifier.days(patient) for patient in patients], dtype=np.int64)[codes]
    try:
        moved = parse_moments(table.labels["measured_at"]).move_back(days).texts()
    except ValueError:
        raise LabelError("the date of a value is too early to be moved back; correct the table") from None
    labels = _with_column(table.labels, "measured_at", moved)
    if words is not None:
        may_stay = pc.is_in(labels["method"], value_set=pa.array(sorted(words), pa.string()))
        labels = _with_column(labels, "method", pc.if_else(may_stay, labels["method"], pa.scalar(None, pa.string())))
    rejects = (_hide(reject, words) for reject in table.rejects)
    turns = np.empty(len(patients), dtype=np.int64)
    turns[sorted(range(len(patients)), key=patients.__getitem__)] = np.arange(len(patients))
    order = pa.array(np.argsort(turns[codes], kind="stable"))
    return replace(
        table,
        labels=labels.combine_chunks().take(order),
        rejects=tuple(sorted(rejects, key=lambda one: (one.patient_id, one.target, one.reason_code))),
    )


def hide_error(error: LabelError, deidentifier: Deidentifier | None) -> LabelError:
    """The error that may be told: itself where nothing is to be hidden."""
    if deidentifier is None:
        return error
    return LabelError(
        "the table of --labels cannot be used; what is wrong is left out because of --deidentify, since it may name a "
        "patient: link it to a store that is not de-identified to see it"
    )


def _with_column(labels: pa.Table, name: str, values: pa.Array | pa.ChunkedArray) -> pa.Table:
    place = labels.schema.get_field_index(name)
    return labels.set_column(place, labels.schema.field(name), values)


def _hide(reject: LabelReject, words: Collection[str] | None) -> LabelReject:
    return replace(
        reject,
        line=0,
        measured_at="",
        target=reject.target if words is None or reject.target in words else "",
        value="",
        unit="",
        detail=reject.detail.partition(" is ")[2] if reject.reason_code == "implausible" else "",  # the range alone
    )
