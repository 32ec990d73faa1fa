"""A user's table of catheter values, cell by cell.

It is what `hemometric.labels.read_catheter_csv` was before it was made fast, and decides what that must read and say.
"""

import csv
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from hemometric.errors import LabelError
from hemometric.labels.layout import Layout
from hemometric.labels.moments import Moment, parse_moment, parse_moment_as
from hemometric.labels.units import find_unit
from hemometric.labels.values import CatheterTable, LabelReject, explain_implausible, label_row
from hemometric.settings import suggest
from hemometric.store import LABELS_SCHEMA
from hemometric.targets import Target, known_targets

MISSING_VALUES = frozenset({"", "na", "n/a", "nan", "null", "none", "."})
_SEPARATORS = (",", ";", "\t")
_SHOWN = 3
_BEYOND = "\0"
"""Where the reader of rows puts fields beyond the last column; no header of a text file."""


@dataclass(frozen=True, slots=True)
class _Cell:
    """A value as it is written, with all that stands for it."""

    line: int
    patient_id: str
    measured_at: str
    target: str
    value: str
    unit: str
    method: str

    def reject(self, code: str, detail: str) -> LabelReject:
        written = (self.line, self.patient_id, self.measured_at, self.target, self.value, self.unit)
        return LabelReject(*written, reason_code=code, detail=detail)


def read_slowly(
    path: Path, *, layout: Layout | None = None, targets: Mapping[str, Target] | None = None
) -> CatheterTable:
    """Read catheter values, by default from columns patient_id, measured_at, target, value, unit and perhaps method.

    `measured_at` is by the same clock as the ECGs, a date or a date with time. A unit is converted only where it is
    stated. Rows without patient, time or value and values outside the target's plausible range are left out, counted
    and listed; what looks like a mistake of the whole table (an unknown unit or target, a decimal comma that was not
    announced) is refused.

    Args:
        path: UTF-8, columns separated by commas, semicolons or tabs.
        layout: Where it has other columns.
        targets: Those that may occur, by name; None: all that are known.

    Raises:
        LabelError: The file cannot be read, lacks a column, or has rows that cannot be understood; the message names
            the lines.
    """
    layout = layout or Layout()
    known = known_targets() if targets is None else targets
    rows: list[dict[str, object]] = []
    rejects: list[LabelReject] = []
    dropped: Counter[str] = Counter()
    problems: list[str] = []
    patients: set[str] = set()
    for cell in _read_cells(path, layout):
        patients.add(cell.patient_id)
        reason = _find_gap(cell, layout)
        reject = None
        if reason in ("no-patient", "no-time"):
            reject = cell.reject(reason, f"the value has no {reason.removeprefix('no-')}")
        elif reason is None:
            try:
                label, reject = _to_label(cell, layout=layout, targets=known)
                rows += [label] if reject is None else []
            except ValueError as error:
                problems.append(f"line {cell.line}: {error}")
        if reject is not None:
            rejects.append(reject)
            reason = reject.reason_code
        dropped[reason or "used"] += 1
    if problems:
        more = f"; and {len(problems) - _SHOWN:,} more values" if len(problems) > _SHOWN else ""
        raise LabelError(f"{path}: {'; '.join(problems[:_SHOWN])}{more}")
    n_read = dropped.total()
    del dropped["used"]
    if not rows:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in dropped.most_common()) or "it has no rows"
        raise LabelError(f"{path}: no catheter value can be used ({reasons})")
    labels = pa.Table.from_pylist(rows, schema=LABELS_SCHEMA)
    return CatheterTable(labels, n_read, len(patients - {""}), dict(dropped), tuple(rejects))


def _read_cells(path: Path, layout: Layout) -> list[_Cell]:
    cells: list[_Cell] = []
    longer: list[str] = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            header = file.readline()
            file.seek(0)
            separator = max(_SEPARATORS, key=header.count)
            table = csv.DictReader(file, restkey=_BEYOND, restval="", delimiter=separator)
            try:
                places = layout.find_columns(table.fieldnames or ())
            except ValueError as error:
                raise LabelError(f"{path}: {error}") from None
            for row in table:
                cells += _cells_of(row, table.line_num, places, layout)
                if any(map(str.strip, row.get(_BEYOND, ()))):
                    longer.append(str(table.line_num))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise LabelError(
            f"{path}: not a readable CSV ({reason}); expected UTF-8 with commas, semicolons or tabs "
            "(Excel: save as CSV UTF-8)"
        ) from error
    if longer:
        more = f" and {len(longer) - _SHOWN:,} more" if len(longer) > _SHOWN else ""
        raise LabelError(
            f"{path}: line {', '.join(longer[:_SHOWN])}{more}: more fields than columns, so that values may stand in "
            f"the wrong one; a field that holds {separator!r} (a decimal comma?) must be in quotes"
        )
    return cells


def _cells_of(
    row: Mapping[str, str], line: int, places: Mapping[str, Sequence[str]], layout: Layout
) -> Iterator[_Cell]:
    at = {name: " ".join(part for part in (row[one].strip() for one in places[name]) if part) for name in places}
    patient, moment, method = at["patient_id"], at["measured_at"], at.get("method", "")
    if not layout.wide:
        yield _Cell(line, patient, moment, at["target"], at["value"], at.get("unit", ""), method)
    for column in layout.wide:
        value = row[column.header].strip()
        yield _Cell(line, patient, moment, column.target, value, column.unit, method or column.header)


def _find_gap(cell: _Cell, layout: Layout) -> str | None:
    """The reason to leave a value out since it is not asked for or something is not there, or None."""
    if layout.names and cell.target not in layout.names:
        return "other-target"
    if cell.value.casefold() in MISSING_VALUES:
        return "no-value"
    if not cell.patient_id:
        return "no-patient"
    return None if cell.measured_at else "no-time"


def _to_label(
    cell: _Cell, *, layout: Layout, targets: Mapping[str, Target]
) -> tuple[dict[str, object], LabelReject | None]:
    """Return a row of `LABELS_SCHEMA`, and the rejection where its value is not plausible.

    Raises:
        ValueError: The value cannot be understood.
    """
    target = _find(layout.names.get(cell.target, cell.target.casefold()), cell.target, targets)
    moment = _parse_time(cell.measured_at, layout.date_formats, header=layout.header("measured_at"))
    original = _parse_value(cell.value, decimal_comma=layout.decimal_comma)
    unit, factor = find_unit(cell.unit or layout.units.get(target.name, ""), target)
    label = label_row(
        patient_id=cell.patient_id,
        moment=moment,
        target=target,
        original=original,
        unit=unit,
        factor=factor,
        method=cell.method,
    )
    detail = explain_implausible(original * factor, target)
    return label, None if detail is None else cell.reject("implausible", detail)


def _find(name: str, text: str, targets: Mapping[str, Target]) -> Target:
    if name in targets:
        return targets[name]
    hint = suggest(name, list(targets))
    raise ValueError(f"unknown target {text!r}{hint}; say which it is with --names, or define one of your own")


def _parse_time(text: str, formats: Sequence[str], *, header: str) -> Moment:
    try:
        return parse_moment_as(text, tuple(formats)) if formats else parse_moment(text)
    except ValueError as error:
        if "zone" in str(error):
            hint = "write the local time of the ECGs, without a zone"
        elif formats:
            hint = f"expected {' or '.join(formats)}"
        else:
            hint = "expected YYYY-MM-DD or YYYY-MM-DDThh:mm:ss, or say what it is with --date-format"
        raise ValueError(f"{header} {text!r}: {hint}") from None


def _parse_value(text: str, *, decimal_comma: bool) -> float:
    mark = "comma" if decimal_comma else "point"
    try:
        if decimal_comma and "." in text:
            raise ValueError
        value = float(text.replace(",", ".") if decimal_comma else text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        announced = "" if decimal_comma or "," not in text else ", or announce a decimal comma with --decimal-comma"
        raise ValueError(f"value {text!r} is not a number; write it with a decimal {mark} and without unit{announced}")
    return value
