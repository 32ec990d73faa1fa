"""Catheter values that an archive brings along with its records."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pyarrow as pa

from hemometric.datasets import CatheterValue
from hemometric.errors import SettingsError
from hemometric.labels.moments import parse_moment
from hemometric.labels.units import KINDS, find_unit, same_unit
from hemometric.labels.values import CatheterTable, LabelReject, explain_implausible, label_row
from hemometric.store import LABELS_SCHEMA
from hemometric.targets import TARGETS


@dataclass(frozen=True, slots=True)
class RecordValue:
    """A catheter value and the record that it came with.

    Attributes:
        patient_id: Of the record; "" where the value cannot be given to a patient.
        source: Name of the record in the store.
        value: What the archive writes.
    """

    patient_id: str
    source: str
    value: CatheterValue


def check_values(
    found: Iterable[RecordValue], *, units: Mapping[str, str], damaged: Iterable[LabelReject] = ()
) -> CatheterTable:
    """Check and convert the values of an archive, as `read_catheter_csv` does with those of a table.

    A value that several records of a patient repeat counts once. What cannot be used becomes a reject, never an error:
    the ECGs of the record are fine.

    Args:
        found: In the order of the records.
        units: Unit as written -> the unit in which such values are in truth, where the user says so.
        damaged: What could not be read at all.
    """
    rows: list[dict[str, object]] = []
    rejects = list(damaged)
    seen: set[tuple[str, CatheterValue]] = set()
    for one in found:
        key = (one.patient_id, one.value)
        if key in seen:
            continue
        seen.add(key)
        try:
            rows.append(_to_row(one, units))
        except _UnusableError as unusable:
            rejects.append(_reject(one, unusable.code, unusable.detail))
    patients = {patient for patient, _ in seen} | {reject.patient_id for reject in rejects}
    return CatheterTable(
        labels=pa.Table.from_pylist(rows, schema=LABELS_SCHEMA),
        n_read=len(rows) + len(rejects),
        n_patients=len(patients - {""}),
        dropped=Counter(reject.reason_code for reject in rejects),
        rejects=tuple(rejects),
    )


def parse_units(texts: Iterable[str]) -> dict[str, str]:
    """Read what the units of an archive mean, as it stands on the command line.

    Args:
        texts: Such as "cmH2O=mmHg": what is written in cmH2O is in truth in mmHg.

    Raises:
        SettingsError: A text is not of that form, names a unit that there is not, or two of different kinds.
    """
    units: dict[str, str] = {}
    for text in (part.strip() for given in texts for part in given.split(",")):
        written, equals, meant = (part.strip() for part in text.partition("="))
        if not (equals and written and meant):
            raise SettingsError(f"--catheter-unit {text!r}: expected WRITTEN=MEANT, such as cmH2O=mmHg")
        kinds = [kind for kind in KINDS if any(same_unit(written, unit) for unit in kind)]
        if not kinds or not any(same_unit(meant, unit) for unit in kinds[0]):
            known = "; ".join(", ".join(kind) for kind in KINDS)
            raise SettingsError(f"--catheter-unit {text!r}: expected two units of one kind, of: {known}")
        units[written] = next(unit for unit in kinds[0] if same_unit(meant, unit))
    return units


class _UnusableError(Exception):
    """A value that cannot be used.

    Attributes:
        code: As in `LabelReject`.
        detail: One sentence.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def _to_row(one: RecordValue, units: Mapping[str, str]) -> dict[str, object]:
    """Return a row of `LABELS_SCHEMA`.

    Raises:
        _UnusableError: The value cannot be used.
    """
    value, target = one.value, TARGETS[one.value.target]
    if not one.patient_id:
        raise _UnusableError("no-patient", "the value has no patient")
    if value.value is None or not math.isfinite(value.value):
        raise _UnusableError("not-a-number", f"{value.text!r} is not a number with a unit")
    if value.measured_at is None:
        raise _UnusableError("no-time", "the value has no time")
    meant = next((unit for written, unit in units.items() if same_unit(written, value.unit)), None)
    try:
        _, factor = find_unit(value.unit if meant is None else meant, target)
    except ValueError as error:
        raise _UnusableError("unknown-unit", str(error)) from None
    detail = explain_implausible(value.value * factor, target)
    if detail is not None:
        raise _UnusableError("implausible", detail)
    method = value.method if meant is None else f"{value.method}; written in {value.unit}, taken as {meant}"
    return label_row(
        patient_id=one.patient_id,
        moment=parse_moment(value.measured_at),
        target=target,
        original=value.value,
        unit=value.unit,
        factor=factor,
        method=method,
    )


def _reject(one: RecordValue, code: str, detail: str) -> LabelReject:
    value = one.value
    return LabelReject(
        line=0,
        patient_id=one.patient_id,
        measured_at=value.measured_at or "",
        target=value.target,
        value=value.text,
        unit=value.unit,
        reason_code=code,
        detail=f"{detail}; with record {one.source}",
    )
