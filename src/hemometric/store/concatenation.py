"""Rows of several tables as those of one."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from hemometric.errors import StoreError
from hemometric.store.tables import LABEL_REJECTS

_LARGEST = 2**62


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
    numbers = _number_rows(whole)
    last = np.zeros(numbers.max(initial=-1) + 1, dtype=np.int64)
    last[numbers] = np.arange(len(numbers))  # of several the last counts
    is_last = np.zeros(len(numbers), dtype=np.bool_)
    is_last[last] = True
    return whole if is_last.all() else whole.filter(pa.array(is_last))


def find_new_rows(before: pa.Table | None, brought: pa.Table) -> pa.Table:
    """The rows of `brought` that are not in `before`; of several equal ones all."""
    if before is None:
        return brought
    numbers = _number_rows(pa.concat_tables([before, brought]))
    is_known = np.zeros(numbers.max(initial=-1) + 1, dtype=np.bool_)
    is_known[numbers[: before.num_rows]] = True
    return brought.filter(pa.array(~is_known[numbers[before.num_rows :]]))


def _number_rows(table: pa.Table) -> NDArray[np.int64]:
    """Numbers from 0, shape (n_rows,), equal where two rows are equal in all columns; null equals null.

    Columns are numbered one by one and folded into one number, which is numbered anew before it would overflow. For
    8.75 million catheter values that takes 1 GB; grouping by all columns takes 2.7 GB, and 1.6 times as long.
    """
    folded, n_folded = np.zeros(table.num_rows, dtype=np.int64), 1
    for column in table.columns:
        if pa.types.is_floating(column.type):
            column = pc.add(column, 0.0)  # -0.0 equals 0.0
        numbers, n_numbers = _number_values(column.combine_chunks())
        if n_folded * n_numbers > _LARGEST:
            folded, n_folded = _number_values(pa.array(folded))
        folded = folded * n_numbers + numbers
        n_folded *= n_numbers
    return _number_values(pa.array(folded))[0]


def _number_values(values: pa.Array) -> tuple[NDArray[np.int64], int]:
    encoded = values.dictionary_encode(null_encoding="encode")
    return encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64), max(len(encoded.dictionary), 1)


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
