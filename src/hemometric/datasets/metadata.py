"""A user's own table of patients: the CSV file given as --metadata."""

import csv
import datetime
import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hemometric.datasets.facts import OLDEST_YEARS, CatheterValue, Facts
from hemometric.ecg import Sex
from hemometric.errors import ReadError
from hemometric.targets import TARGETS

KEY_COLUMNS = ("source", "ecg_id")
FACT_COLUMNS = ("patient_id", "age_years", "age", "sex", "acquired_at")
VALUE_COLUMNS = {
    f"{target.name}_{target.unit.casefold().replace('/', '_per_')}": target.name for target in TARGETS.values()
}
"""Column of catheter values -> target; the name of the column states the unit ("mpcwp_mmhg", "co_l_per_min")."""
COLUMNS = (*KEY_COLUMNS, *FACT_COLUMNS, "measured_at", *VALUE_COLUMNS)

_SEXES: dict[str, Sex] = {"f": "female", "female": "female", "m": "male", "male": "male"}
_SEPARATORS = (",", ";", "\t")
_UNKNOWN = {"na", "n/a", "nan", "null", "none", "#n/a"}
"""What programs write for an unknown value: as a patient's id it would make one person of all."""
_SHOWN_PROBLEMS = 5


@dataclass(frozen=True, slots=True)
class Row:
    """What a line of the table says about one record.

    Attributes:
        line: Its number in the file, from 1.
        source: The record, by its path from the SOURCE's own name on; "" where `ecg_id` says which.
        ecg_id: The record, by its name alone; "" where `source` says which.
        facts: About record and patient.
        values: Catheter values of the patient.
    """

    line: int
    source: str
    ecg_id: str
    facts: Facts
    values: tuple[CatheterValue, ...] = ()


@dataclass(frozen=True, slots=True)
class Metadata:
    """The table; `hemometric.datasets.match_rows` finds the record of each row.

    Attributes:
        path: The CSV file.
        rows: In its order.
    """

    path: Path
    rows: tuple[Row, ...] = field(repr=False)


def read_metadata(path: Path) -> Metadata:
    """Read a CSV file (UTF-8; commas, semicolons or tabs, as in its first line, which has the names).

    One row a record. Columns: `source` (path of the record from the SOURCE's own name on) or `ecg_id` (its name
    alone), at least one of the two; and any of `patient_id`, `age_years` (or `age`; 0 to 120), `sex` (female, male, f,
    m), `acquired_at` (ISO 8601 local time: 2020-05-15 or 2020-05-15T15:35:30) and `VALUE_COLUMNS` with `measured_at`.
    Numbers have a decimal point. An empty field means unknown.

    Raises:
        ReadError: The file is missing ("missing"), a column is unknown or doubled, a key is empty or doubled, or a
            value is out of range ("metadata"); the message names the lines.
    """
    columns, lines = _read_table(path)
    problems = _check_columns(columns)
    rows: list[Row] = []
    first: dict[tuple[str, str], int] = {}
    for number, values in [] if problems else lines:
        if not any(map(str.strip, values)):
            continue
        if len(values) != len(columns):
            problems.append(
                f"line {number} has {len(values)} fields, expected {len(columns)}{_explain(values, columns)}"
            )
            continue
        row, found = _read_row(number, {name: value.strip() for name, value in zip(columns, values, strict=True)})
        earlier = first.setdefault((row.source, row.ecg_id), number)
        if earlier != number and (row.source or row.ecg_id):
            found.append(f"{row.source or row.ecg_id!r} stands in line {earlier} already; keep one row a record")
        problems += [f"line {number}: {problem}" for problem in found]
        rows.append(row)
    if problems:
        raise ReadError(path, list_problems(problems), code="metadata")
    if not rows:
        raise ReadError(path, "has a first line and no row below it", code="metadata")
    return Metadata(path, tuple(rows))


def list_problems(problems: Sequence[str]) -> str:
    """The first few problems in one line, and how many more there are."""
    more = f"; and {len(problems) - _SHOWN_PROBLEMS:,} more" if len(problems) > _SHOWN_PROBLEMS else ""
    return "; ".join(problems[:_SHOWN_PROBLEMS]) + more


def _read_table(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the names of the columns, and the other rows each with the number of its last line."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            header = stream.readline()
            stream.seek(0)
            reader = csv.reader(stream, strict=True, delimiter=max(_SEPARATORS, key=header.count))
            columns = [name.strip() for name in next(reader, [])]
            return columns, [(reader.line_num, values) for values in reader]
    except FileNotFoundError:
        raise ReadError(path, "no such file, expected the CSV table of --metadata", code="missing") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = (error.strerror or error) if isinstance(error, OSError) else error
        raise ReadError(path, f"not a CSV table in UTF-8: {reason}", code="metadata") from error


def _explain(values: Sequence[str], columns: Sequence[str]) -> str:
    if len(values) > len(columns):
        return " (a decimal comma? write a point; or a separator within a field: put the field in quotes)"
    return ""


def _check_columns(columns: Sequence[str]) -> list[str]:
    if not columns:
        return [f"the table is empty, expected a first line with columns among {', '.join(COLUMNS)}"]
    problems = []
    for name in dict.fromkeys(columns):
        if name not in COLUMNS:
            close = difflib.get_close_matches(name.casefold(), COLUMNS, n=1)
            advice = f"did you mean {close[0]!r}?" if close else f"expected {', '.join(COLUMNS)}"
            problems.append(f"unknown column {name!r}: {advice}")
        if columns.count(name) > 1:
            problems.append(f"column {name!r} occurs twice")
    if set(VALUE_COLUMNS) & set(columns) and "measured_at" not in columns:
        problems.append("catheter values need the column 'measured_at', which says when they were measured")
    if not set(KEY_COLUMNS) & set(columns):
        problems.append("neither 'source' nor 'ecg_id' is a column, so that no row can be matched")
    if {"age", "age_years"} <= set(columns):
        problems.append("both 'age' and 'age_years' are columns; keep one")
    return problems


def _read_row(number: int, cells: Mapping[str, str]) -> tuple[Row, list[str]]:
    """Return a row and what is wrong with it."""
    problems: list[str] = []
    source, ecg_id = cells.get("source", ""), cells.get("ecg_id", "")
    if not source and not ecg_id:
        problems.append("neither source nor ecg_id is given")
    facts = Facts(
        patient_id=_read_patient(cells.get("patient_id", ""), problems),
        age_years=_read_age(cells.get("age_years") or cells.get("age") or "", problems),
        sex=_read_sex(cells.get("sex", ""), problems),
        acquired_at=_read_time("acquired_at", cells.get("acquired_at", ""), problems),
    )
    # The path says exactly which record is meant; then the name, which may belong to several, says nothing.
    return Row(number, source, "" if source else ecg_id, facts, _read_values(cells, problems)), problems


def _read_patient(text: str, problems: list[str]) -> str | None:
    if text.casefold() in _UNKNOWN:
        problems.append(f"patient_id {text!r}: leave it empty where unknown")
    return text or None


def _read_values(cells: Mapping[str, str], problems: list[str]) -> tuple[CatheterValue, ...]:
    """The catheter values of a row; whether they are plausible is judged with those of other tables."""
    measured_at = _read_time("measured_at", cells.get("measured_at", ""), problems)
    values = []
    for column, target in VALUE_COLUMNS.items():
        text = cells.get(column, "")
        if not text:
            continue
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            problems.append(f"{column} {text!r} is not a number; write it with a decimal point, without a unit")
        unit = TARGETS[target].unit
        values.append(
            CatheterValue(target=target, text=text, value=value, unit=unit, measured_at=measured_at, method=column)
        )
    return tuple(values)


def _read_age(text: str, problems: list[str]) -> float | None:
    if not text:
        return None
    try:
        age = float(text)
    except ValueError:
        age = -1.0
    if 0 <= age <= OLDEST_YEARS:
        return age
    advice = "; write it with a decimal point" if "," in text else "; leave it empty where unknown"
    problems.append(f"age {text!r} is not a number from 0 to {OLDEST_YEARS:g} years{advice}")
    return None


def _read_sex(text: str, problems: list[str]) -> Sex | None:
    if text and text.casefold() not in _SEXES:
        problems.append(f"sex {text!r}: expected female, male, f, m or nothing")
    return _SEXES.get(text.casefold())


def _read_time(column: str, text: str, problems: list[str]) -> str | None:
    if not text:
        return None
    try:
        time = datetime.datetime.fromisoformat(text)
    except ValueError:
        problems.append(f"{column} {text!r}: expected ISO 8601 such as 2020-05-15 or 2020-05-15T15:35:30")
        return None
    if time.tzinfo is not None:
        problems.append(f"{column} {text!r} has a time zone, expected the local time without")
        return None
    return time.date().isoformat() if len(text) <= len("2020-05-15") else time.isoformat(timespec="seconds")
