"""Texts and tables without the patients who are gone."""

import csv
import io
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from hemometric.errors import StoreError
from hemometric.store.concatenation import record_of
from hemometric.store.tables import Reject

GONE = "(withdrawn)"
"""Stands where a name told a patient who was withdrawn."""
_DETAIL = "left out, since it named a patient who was withdrawn"
_IDS_AT_ONCE = 200


def filter_csv(path: Path, *, column: str, gone: Collection[str], records: Collection[str] = ()) -> tuple[bytes, int]:
    """A CSV without the lines of some patients; everything else in it stays.

    Args:
        path: The file, UTF-8.
        column: Where the patient stands.
        gone: Patients; blanks around an id do not count.
        records: Names of their records: a line that ends with "with record" and one of these goes as well.

    Returns:
        The new bytes, and how many lines were left out.

    Raises:
        StoreError: The file cannot be read, or has no such column.
    """
    text, (header, *rows), place = _read_csv(path, column)
    ids = {patient.strip() for patient in gone}
    known = set(records)
    kept = [
        row
        for row in rows
        if (len(row) <= place or row[place].strip() not in ids)
        and not known & {"".join(row[-1:]).rpartition("with record ")[2]}
    ]
    if len(kept) == len(rows):
        return path.read_bytes(), 0
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n" if "\r\n" in text else "\n").writerows([header, *kept])
    return out.getvalue().encode(), len(rows) - len(kept)


def list_patients(path: Path, *, column: str) -> set[str]:
    """The patients that a CSV names.

    Raises:
        StoreError: The file cannot be read, or has no such column.
    """
    _, (_, *rows), place = _read_csv(path, column)
    return {row[place].strip() for row in rows if len(row) > place}


def _read_csv(path: Path, column: str) -> tuple[str, list[list[str]], int]:
    """The text, its lines with the header, and the place of the column."""
    try:
        text = path.read_bytes().decode("utf-8")
        lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
        place = [name.removeprefix("\ufeff") for name in lines[0]].index(column)
    except (OSError, ValueError, IndexError, csv.Error) as error:
        raise StoreError(
            f"{path}: is not a CSV with a column {column} ({error}), so nobody can be found in it; mend or remove it "
            "first"
        ) from error
    return text, lines, place


def redact_rejects(
    rejects: Sequence[Reject], *, patients: Collection[str], records: Collection[str]
) -> tuple[list[Reject], int]:
    """Rejected records and windows without those of some patients.

    Whose a record is that was never read nobody knows. So a line goes if it is of a record of these patients, if it is
    the same file as one, or if an id stands in its name; an id in the detail alone is taken out of there.

    Args:
        rejects: As in `rejects.csv`.
        patients: Ids.
        records: The names of the records of these patients, without "#k".

    Returns:
        The lines that stay, and how many do not.
    """
    ids, known = _pattern(patients), set(records)
    kept = []
    for reject in rejects:
        record = record_of(reject.source)
        if record in known or reject.detail.removeprefix("the same file as ") in known or ids.search(reject.source):
            continue
        kept.append(replace(reject, detail=_DETAIL) if ids.search(reject.detail) else reject)
    return kept, len(rejects) - len(kept)


def redact_names(provenance: Mapping[str, Any], *, patients: Collection[str]) -> dict[str, Any]:
    """A provenance in which no "name" of a source tells one of these patients."""
    ids = _pattern(patients)
    return {key: _redact(value, ids) for key, value in provenance.items()}


def _redact(value: object, ids: re.Pattern[str]) -> object:
    if isinstance(value, Mapping):
        return {
            key: ids.sub(GONE, inner) if key == "name" and isinstance(inner, str) else _redact(inner, ids)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_redact(inner, ids) for inner in value]
    return value


def count_named(names: pa.ChunkedArray, *, patients: Collection[str]) -> int:
    """How many names of records tell one of these patients."""
    ids, found = sorted(patients), None
    for start in range(0, len(ids), _IDS_AT_ONCE):
        some = "|".join(re.escape(patient) for patient in ids[start : start + _IDS_AT_ONCE])
        told = pc.match_substring_regex(names, f"(^|[^A-Za-z0-9])({some})([^A-Za-z0-9]|$)")
        found = told if found is None else pc.or_(found, told)
    return 0 if found is None else int(pc.sum(found).as_py() or 0)


def _pattern(patients: Collection[str]) -> re.Pattern[str]:
    """Finds an id that stands for itself: "p1" in "ward/p1_a", not in "p12"."""
    some = "|".join(re.escape(patient) for patient in sorted(patients, key=len, reverse=True))
    return re.compile(f"(?<![A-Za-z0-9])(?:{some})(?![A-Za-z0-9])")
