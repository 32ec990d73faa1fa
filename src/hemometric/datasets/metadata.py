"""A user's own table of patients: the CSV file given as --metadata."""

import csv
import datetime
import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hemometric.datasets.facts import OLDEST_YEARS, Facts
from hemometric.ecg import Sex
from hemometric.errors import ReadError
from hemometric.formats import find_suffix

KEY_COLUMNS = ("source", "ecg_id")
COLUMNS = (*KEY_COLUMNS, "patient_id", "age_years", "age", "sex", "acquired_at")

_SEXES: dict[str, Sex] = {"f": "female", "female": "female", "m": "male", "male": "male"}
_SAMPLE_SUFFIXES = (".dat", ".mat")
_SHOWN_PROBLEMS = 5


@dataclass(frozen=True, slots=True)
class Metadata:
    """A table of facts by source or by name of the record.

    Attributes:
        path: The CSV file.
        by_source: Keys as in the column `source` of a store, without the number of the window.
        by_name: Keys as `Ecg.ecg_id`.
    """

    path: Path
    by_source: Mapping[str, Facts] = field(repr=False)
    by_name: Mapping[str, Facts] = field(repr=False)

    def facts(self, *, source: str, record_name: str) -> Facts | None:
        """Return the row of a record, by source before by name; None where there is none.

        Args:
            source: As in the column `source` of a store; a window number ("#0") and a suffix (".hea") do not matter.
            record_name: `Ecg.ecg_id`.
        """
        found = self.by_source.get(_normalise(source))
        return found if found is not None else self.by_name.get(record_name)


def read_metadata(path: Path) -> Metadata:
    """Read a CSV file (comma, UTF-8, names in the first line) with one row a record.

    Columns: `source` (as in a store: path relative to the SOURCE's parent, without suffix) or `ecg_id` (name of the
    file without suffix), at least one of the two; and any of `patient_id`, `age_years` (or `age`; 0 to 120), `sex`
    (female, male, f, m) and `acquired_at` (ISO 8601 local time: 2020-05-15 or 2020-05-15T15:35:30). An empty field
    means unknown.

    Raises:
        ReadError: The file is missing ("missing"), a column is unknown or doubled, a key is empty or doubled, or a
            value is out of range ("metadata"); the message names the lines.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            rows = list(csv.reader(stream, strict=True))
    except FileNotFoundError:
        raise ReadError(path, "no such file, expected the CSV table of --metadata", code="missing") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ReadError(path, f"not a CSV table in UTF-8: {error}", code="metadata") from error
    columns = [name.strip() for name in rows[0]] if rows else []
    problems = _check_columns(columns)
    by_source: dict[str, Facts] = {}
    by_name: dict[str, Facts] = {}
    for number, values in enumerate(rows[1:] if not problems else [], start=2):
        if not any(map(str.strip, values)):
            continue
        if len(values) != len(columns):
            problems.append(f"line {number} has {len(values)} fields, expected {len(columns)}")
            continue
        row = {column: value.strip() for column, value in zip(columns, values, strict=True)}
        facts, found = _read_row(row)
        keys = ((by_source, _normalise(row.get("source", ""))), (by_name, row.get("ecg_id", "")))
        problems += [f"line {number}: {problem}" for problem in (*found, *_add(facts, keys))]
    if problems:
        more = f"; and {len(problems) - _SHOWN_PROBLEMS} more" if len(problems) > _SHOWN_PROBLEMS else ""
        raise ReadError(path, "; ".join(problems[:_SHOWN_PROBLEMS]) + more, code="metadata")
    return Metadata(path=path, by_source=by_source, by_name=by_name)


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
    if not set(KEY_COLUMNS) & set(columns):
        problems.append("neither 'source' nor 'ecg_id' is a column, so that no row can be matched")
    if {"age", "age_years"} <= set(columns):
        problems.append("both 'age' and 'age_years' are columns; keep one")
    return problems


def _add(facts: Facts, keys: Sequence[tuple[dict[str, Facts], str]]) -> list[str]:
    """Enter a row under its keys and return what is wrong with them."""
    if not any(key for _, key in keys):
        return ["neither source nor ecg_id is given"]
    doubled = [f"{key!r} occurs twice" for table, key in keys if key and key in table]
    for table, key in keys:
        if key:
            table[key] = facts
    return doubled


def _read_row(row: Mapping[str, str]) -> tuple[Facts, list[str]]:
    problems: list[str] = []
    facts = Facts(
        patient_id=row.get("patient_id") or None,
        age_years=_read_age(row.get("age_years") or row.get("age") or "", problems),
        sex=_read_sex(row.get("sex", ""), problems),
        acquired_at=_read_time(row.get("acquired_at", ""), problems),
    )
    return facts, problems


def _read_age(text: str, problems: list[str]) -> float | None:
    if not text:
        return None
    try:
        age = float(text)
    except ValueError:
        age = -1.0
    if 0 <= age <= OLDEST_YEARS:
        return age
    problems.append(f"age {text!r} is not a number from 0 to {OLDEST_YEARS:g} years; leave it empty where unknown")
    return None


def _read_sex(text: str, problems: list[str]) -> Sex | None:
    if text and text.casefold() not in _SEXES:
        problems.append(f"sex {text!r}: expected female, male, f, m or nothing")
    return _SEXES.get(text.casefold())


def _read_time(text: str, problems: list[str]) -> str | None:
    if not text:
        return None
    try:
        time = datetime.datetime.fromisoformat(text)
    except ValueError:
        problems.append(f"acquired_at {text!r}: expected ISO 8601 such as 2020-05-15 or 2020-05-15T15:35:30")
        return None
    if time.tzinfo is not None:
        problems.append(f"acquired_at {text!r} has a time zone, expected the local time without")
        return None
    return time.date().isoformat() if len(text) <= len("2020-05-15") else time.isoformat(timespec="seconds")


def _normalise(source: str) -> str:
    """Drop the window number, a suffix and a leading "./" from a source."""
    bare = source.strip().replace("\\", "/").removeprefix("./")
    bare = bare.rpartition("#")[0] if bare.rpartition("#")[2].isdecimal() and "#" in bare else bare
    suffix = find_suffix(bare) or next((known for known in _SAMPLE_SUFFIXES if bare.casefold().endswith(known)), "")
    return bare[: len(bare) - len(suffix)]
