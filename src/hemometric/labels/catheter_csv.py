"""A user's table of catheter values, with every unit stated and every value checked."""

import csv
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import pyarrow as pa

from hemometric.errors import LabelError
from hemometric.labels.moments import Moment, parse_moment
from hemometric.store import LABELS_SCHEMA
from hemometric.targets import TARGETS, Target

REQUIRED_COLUMNS = ("patient_id", "measured_at", "target", "value", "unit")

FACTORS: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "mmHg": MappingProxyType({"mmHg": 1.0, "cmH2O": 0.735559, "kPa": 7.50062}),
        "L/min": MappingProxyType({"L/min": 1.0, "mL/min": 0.001}),
    }
)
"""By a target's unit: the units in which its values may be written, and what they are multiplied by (NIST SP 811)."""

_MISSING_VALUES = frozenset({"", "na", "n/a", "nan", "null", "none", "."})
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class CatheterTable:
    """What was read.

    Attributes:
        labels: The values that can be used, `LABELS_SCHEMA`, in the order of the file.
        n_read: Rows of the file.
        dropped: Rows that were left out, by reason: "no-patient", "no-time", "no-value", "implausible".
    """

    labels: pa.Table
    n_read: int
    dropped: Mapping[str, int]


def read_catheter_csv(path: Path) -> CatheterTable:
    """Read catheter values: columns patient_id, measured_at, target, value, unit and, if you like, method.

    `measured_at` is ISO 8601 by the same clock as the ECGs, a date or a date with time. A unit is converted only where
    it is stated. Rows without patient, time or value and values outside the target's plausible range are left out and
    counted; what looks like a mistake of the whole table (an unknown unit or target, a decimal comma) is refused.

    Raises:
        LabelError: The file cannot be read, lacks a column, or has rows that cannot be understood; the message names
            the lines.
    """
    rows: list[dict[str, object]] = []
    dropped: Counter[str] = Counter()
    problems: list[str] = []
    read = _read_rows(path)
    for line, row in read:
        reason = _find_gap(row)
        if reason is None:
            try:
                label, reason = _to_label(row)
                rows += [label] if reason is None else []
            except ValueError as error:
                problems.append(f"line {line}: {error}")
        if reason is not None:
            dropped[reason] += 1
    if problems:
        more = f"; and {len(problems) - _SHOWN:,} more lines" if len(problems) > _SHOWN else ""
        raise LabelError(f"{path}: {'; '.join(problems[:_SHOWN])}{more}")
    if not rows:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in dropped.most_common()) or "it has no rows"
        raise LabelError(f"{path}: no catheter value can be used ({reasons})")
    return CatheterTable(labels=pa.Table.from_pylist(rows, schema=LABELS_SCHEMA), n_read=len(read), dropped=dropped)


def _read_rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file, restval="")
            missing = [name for name in REQUIRED_COLUMNS if name not in (table.fieldnames or ())]
            if missing:
                found = ", ".join(table.fieldnames or ()) or "none"
                raise LabelError(f"{path}: column {', '.join(missing)} is missing; found: {found}")
            return [
                (table.line_num, {name: value.strip() for name, value in row.items() if isinstance(value, str)})
                for row in table
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise LabelError(f"{path}: not a readable CSV ({reason}); expected UTF-8 with commas") from error


def _find_gap(row: Mapping[str, str]) -> str | None:
    """The reason to leave a row out since something is not there, or None."""
    if not row["patient_id"]:
        return "no-patient"
    if not row["measured_at"]:
        return "no-time"
    return "no-value" if row["value"].casefold() in _MISSING_VALUES else None


def _to_label(row: Mapping[str, str]) -> tuple[dict[str, object], str | None]:
    """Return a row of `LABELS_SCHEMA`, and the reason to leave it out or None.

    Raises:
        ValueError: The row cannot be understood.
    """
    target = _parse_target(row["target"])
    moment = _parse_time(row["measured_at"])
    original = _parse_value(row["value"])
    unit, factor = _parse_unit(row["unit"], target)
    value = original * factor
    label: dict[str, object] = {
        "patient_id": row["patient_id"],
        "measured_at": moment.text(),
        "time_known": moment.time_known,
        "target": target.name,
        "value": value,
        "value_original": original,
        "unit_original": unit,
        "method": row.get("method") or None,
    }
    return label, None if target.low <= value <= target.high else "implausible"


def _parse_target(text: str) -> Target:
    try:
        return TARGETS[text.casefold()]
    except KeyError:
        raise ValueError(f"unknown target {text!r}, expected one of {', '.join(TARGETS)}") from None


def _parse_time(text: str) -> Moment:
    try:
        return parse_moment(text)
    except ValueError as error:
        zone = "zone" in str(error)
        hint = (
            "write the local time of the ECGs, without a zone" if zone else "expected YYYY-MM-DD or YYYY-MM-DDThh:mm:ss"
        )
        raise ValueError(f"measured_at {text!r}: {hint}") from None


def _parse_value(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"value {text!r} is not a number; write it with a decimal point and without unit")
    return value


def _parse_unit(text: str, target: Target) -> tuple[str, float]:
    factors = FACTORS[target.unit]
    for unit, factor in factors.items():
        if text.casefold() == unit.casefold():
            return unit, factor
    known = ", ".join(factors)
    stated = f"unit {text!r}" if text else "no unit"
    raise ValueError(f"{stated} for {target.name}, expected one of {known}; no unit is guessed")
