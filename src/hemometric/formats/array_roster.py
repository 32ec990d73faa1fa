"""What a sidecar says about each ECG of its array: name, patient, age, sex and time."""

import csv
import datetime
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hemometric.ecg import Sex
from hemometric.errors import ReadError
from hemometric.formats.array_sidecar import Sidecar

FACTS = ("patient_id", "age_years", "sex", "acquired_at")
_SEXES: dict[str, Sex] = {"female": "female", "f": "female", "male": "male", "m": "male"}
_NO_VALUE = {"", "nan", "none"}
_OLDEST_YEARS = 120.0


@dataclass(frozen=True, slots=True)
class Roster:
    """The ECGs of an array.

    Attributes:
        rows: Name of each ECG and its place along the axis "ecg".
        named: Whether the names are the user's own, not numbers from 0.
        facts: Of `FACTS`, those that are stated, one text an ECG; "" where unknown.
    """

    rows: Mapping[str, int]
    named: bool
    facts: Mapping[str, Sequence[str]]


def read_roster(
    path: Path, sidecar: Sidecar, *, n_ecgs: int, read_array: Callable[[str], Sequence[object]] | None
) -> Roster:
    """Collect what is known of the ECGs of an array.

    Args:
        path: The sidecar.
        sidecar: Its content.
        n_ecgs: In the array.
        read_array: From the name of an array of the same file to its values; None where the file holds one array.

    Raises:
        ReadError: A list is not as long as the array, a column or table is not there, or an id is empty or not unique
            ("sidecar").
    """
    table = _read_table(path, sidecar.table)

    def find(key: str) -> list[str] | None:
        stated = getattr(sidecar, key)
        if stated is None:
            return None
        values = _look_up(path, key, stated, table, read_array) if isinstance(stated, str) else stated
        if len(values) != n_ecgs:
            reason = f"{key} has {len(values):,} values, the array holds {n_ecgs:,} ECGs"
            raise ReadError(path, reason, code="sidecar")
        return [_as_text(value) for value in values]

    ids = find("ids")
    names = [str(row) for row in range(n_ecgs)] if ids is None else ids
    name, count = Counter(names).most_common(1)[0] if names else ("", 1)
    if count > 1 or "" in names:
        wrong = f"{name!r} stands in it {count} times" if count > 1 else "one is empty"
        raise ReadError(path, f"ids: {wrong}, expected a name of its own for each ECG", code="sidecar")
    facts = {key: values for key in FACTS if (values := find(key)) is not None}
    return Roster(rows={name: row for row, name in enumerate(names)}, named=ids is not None, facts=facts)


def find_patient(roster: Roster, row: int) -> str | None:
    """Return the patient of an ECG, or None."""
    return _fact(roster, "patient_id", row) or None


def find_age(path: Path, roster: Roster, row: int) -> float | None:
    """Return the age in years, or None.

    Raises:
        ReadError: It is no number from 0 to 120 ("metadata").
    """
    text = _fact(roster, "age_years", row)
    try:
        age = float(text) if text else None
    except ValueError:
        age = -1.0
    if age is not None and not 0 <= age <= _OLDEST_YEARS:
        reason = f"age_years of ECG {row} is {text!r}, expected 0 to {_OLDEST_YEARS:g}, or nothing where unknown"
        raise ReadError(path, reason, code="metadata")
    return age


def find_sex(path: Path, roster: Roster, row: int) -> Sex | None:
    """Return the sex, or None.

    Raises:
        ReadError: It is neither female nor male ("metadata").
    """
    text = _fact(roster, "sex", row)
    if text and text.casefold() not in _SEXES:
        reason = f"sex of ECG {row} is {text!r}, expected female or male, or nothing where unknown"
        raise ReadError(path, reason, code="metadata")
    return _SEXES.get(text.casefold())


def find_time(path: Path, roster: Roster, row: int) -> str | None:
    """Return when the ECG was acquired, ISO 8601, or None.

    Raises:
        ReadError: It is not ISO 8601 without a zone ("metadata").
    """
    text = _fact(roster, "acquired_at", row)
    if not text:
        return None
    try:
        time = datetime.datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is not None:
        reason = f"acquired_at of ECG {row} is {text!r}, expected local time such as 2020-05-15T15:35:30, without zone"
        raise ReadError(path, reason, code="metadata")
    return time.date().isoformat() if len(text) <= len("2020-05-15") else time.isoformat(timespec="seconds")


def _fact(roster: Roster, key: str, row: int) -> str:
    return roster.facts[key][row] if key in roster.facts else ""


def _as_text(value: object) -> str:
    """Write a value of a list, a table or an array as text; "" where it is unknown (None, NaN or empty)."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", errors="replace")
    text = str(value).strip()
    return "" if text.casefold() in _NO_VALUE else text


def _look_up(
    path: Path,
    key: str,
    name: str,
    table: Mapping[str, Sequence[str]] | None,
    read_array: Callable[[str], Sequence[object]] | None,
) -> Sequence[object]:
    if table is not None:
        if name not in table:
            reason = f"{key} names the column {name!r}, the table has {', '.join(table)}"
            raise ReadError(path, reason, code="sidecar")
        return table[name]
    if read_array is None:
        reason = f"{key} is {name!r}: give a list with one value an ECG, or a `table` that has this column"
        raise ReadError(path, reason, code="sidecar")
    return read_array(name)


def _read_table(path: Path, name: str | None) -> dict[str, list[str]] | None:
    if name is None:
        return None
    file = path.with_name(name)
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            header, *rows = csv.reader(stream, strict=True)
    except FileNotFoundError:
        raise ReadError(path, f"its table {name} is not beside it", code="missing") from None
    except (OSError, ValueError, csv.Error) as error:
        raise ReadError(file, f"not a CSV table in UTF-8: {error}", code="sidecar") from error
    rows = [row for row in rows if row]
    short = next((number for number, row in enumerate(rows, start=2) if len(row) != len(header)), None)
    if short is not None:
        raise ReadError(file, f"row {short} has another number of fields than the first line", code="sidecar")
    return {column.strip(): [row[place] for row in rows] for place, column in enumerate(header)}
