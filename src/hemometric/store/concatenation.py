"""Rows of several tables as those of one."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from hemometric.errors import StoreError
from hemometric.store.tables import LABEL_REJECTS


def record_of(source: str) -> str:
    """The record of a source: without "#k"."""
    record, mark, number = source.rpartition("#")
    return record if mark and number.isdigit() else source


def records_of(ecgs: pa.Table) -> set[str]:
    """The records of some ECGs, by name."""
    return {record_of(source) for source in ecgs["source"].to_pylist()}


def join_rows(tables: Iterable[pa.Table | None]) -> pa.Table | None:
    """All rows, in order; of equal ones the last, since of several values at one time `link` takes the last.

    None where there is no table.
    """
    there = [table for table in tables if table is not None]
    if not there:
        return None
    whole = pa.concat_tables(there)
    numbered = whole.append_column("row", pa.array(np.arange(whole.num_rows)))
    last = numbered.group_by(whole.column_names).aggregate([("row", "max")])["row_max"]
    return whole.take(pa.array(np.sort(last.to_numpy())))


def join_label_rejects(paths: Sequence[Path]) -> bytes | None:
    """The bytes of one `label_rejects.csv` with all lines of those in some stores, equal ones once; None without any.

    Raises:
        StoreError: One cannot be read.
    """
    columns: dict[str, None] = {}
    lines: dict[tuple[tuple[str, str], ...], None] = {}
    there = [path / LABEL_REJECTS for path in paths if (path / LABEL_REJECTS).exists()]
    for path in there:
        try:
            with path.open(newline="", encoding="utf-8") as file:
                table = csv.DictReader(file, restkey="more", restval="")
                columns |= dict.fromkeys(table.fieldnames or ())
                lines |= dict.fromkeys(tuple(line.items()) for line in table)
        except (OSError, ValueError, csv.Error) as error:
            raise StoreError(f"{path}: cannot be read ({error}); link its store again") from error
    if not there:
        return None
    text = io.StringIO(newline="")
    rows = csv.DictWriter(text, list(columns), restval="", extrasaction="ignore", lineterminator="\n")
    rows.writeheader()
    rows.writerows(dict(line) for line in lines)
    return text.getvalue().encode()
