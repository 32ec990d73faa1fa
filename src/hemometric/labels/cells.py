"""The cells of a user's table, read as a stream of blocks in which each distinct text stands once.

A hospital's table repeats patients, times, units and numbers: what is to be understood is understood once for each
distinct text of a block, and rows are numbers.
"""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from hemometric.errors import LabelError
from hemometric.labels.layout import Layout

if TYPE_CHECKING:
    import _csv

_Numbers = NDArray[np.int64]
_Flags = NDArray[np.bool_]

_SEPARATORS = (",", ";", "\t")
_SHOWN = 3
_BLOCK_ROWS = 2**16


@dataclass(frozen=True, slots=True)
class Texts:
    """A column of texts.

    Attributes:
        codes: (n,) which of `distinct` each is.
        distinct: Texts; one may stand there twice.
    """

    codes: _Numbers
    distinct: Sequence[str]

    def __getitem__(self, place: int) -> str:
        return self.distinct[int(self.codes[place])]

    def at(self, chosen: _Numbers) -> "Texts":
        """Some of them."""
        return Texts(self.codes[chosen], self.distinct)

    def are(self, says: Callable[[str], bool]) -> _Flags:
        """(n,) what is said of each."""
        flags: _Flags = np.array([says(text) for text in self.distinct], dtype=np.bool_)[self.codes]
        return flags


@dataclass(frozen=True, slots=True)
class Cells:
    """Values as they are written, with all that stands for them.

    Attributes:
        lines: (n,) of the file, the header being line 1.
        patient_id: As written; "" where nothing is, as in the others.
        measured_at: As written.
        target: As written, or as the layout names it.
        value: As written.
        unit: As written, or as the layout names it.
        method: As written, or the header of a column of values.
    """

    lines: _Numbers
    patient_id: Texts
    measured_at: Texts
    target: Texts
    value: Texts
    unit: Texts
    method: Texts

    def at(self, chosen: _Numbers) -> "Cells":
        """Some of them."""
        columns = (self.patient_id, self.measured_at, self.target, self.value, self.unit, self.method)
        return Cells(self.lines[chosen], *(column.at(chosen) for column in columns))


def read_cells(path: Path, layout: Layout) -> Iterator[tuple[Cells, int]]:
    """Yield the cells of a table in order, block by block, and the bytes of the file that were read so far.

    Args:
        path: UTF-8 with a header, columns separated by commas, semicolons or tabs.
        layout: Where everything stands.

    Raises:
        LabelError: The file cannot be read or lacks a column, or, told at the end, some rows have more fields than
            columns.
    """
    longer: list[str] = []
    try:
        with path.open("rb") as raw, io.TextIOWrapper(raw, newline="", encoding="utf-8-sig") as file:
            header = file.readline()
            file.seek(0)
            separator = max(_SEPARATORS, key=header.count)
            table = csv.reader(file, delimiter=separator)
            headers = next(table, [])
            try:
                places = layout.find_columns(headers)
            except ValueError as error:
                raise LabelError(f"{path}: {error}") from None
            for lines, rows in _read_blocks(table, len(headers), longer):
                yield _to_cells(lines, rows, headers, places, layout), raw.tell()
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


def _read_blocks(table: "_csv.Reader", width: int, longer: list[str]) -> Iterator[tuple[list[int], list[list[str]]]]:
    """Yield line numbers and rows, filled up to the width of the header; lines of longer rows go into `longer`."""
    lines: list[int] = []
    rows: list[list[str]] = []
    for row in table:
        if not row:
            continue
        if len(row) < width:
            row += [""] * (width - len(row))
        elif len(row) > width and any(map(str.strip, row[width:])):
            longer.append(str(table.line_num))
        lines.append(table.line_num)
        rows.append(row)
        if len(rows) == _BLOCK_ROWS:
            yield lines, rows
            lines, rows = [], []
    if rows:
        yield lines, rows


def _to_cells(
    lines: Sequence[int],
    rows: Sequence[Sequence[str]],
    headers: Sequence[str],
    places: Mapping[str, Sequence[str]],
    layout: Layout,
) -> Cells:
    at = {header: column for column, header in enumerate(headers)}

    def column_of(name: str) -> Texts:
        parts = [at[header] for header in places.get(name, ())]
        if len(parts) == 1:
            return _encode([row[parts[0]] for row in rows])
        return _encode([" ".join(part for part in (row[one].strip() for one in parts) if part) for row in rows])

    numbers = np.array(lines, dtype=np.int64)
    who, when, method = (column_of(name) for name in ("patient_id", "measured_at", "method"))
    if not layout.wide:
        return Cells(numbers, who, when, column_of("target"), column_of("value"), column_of("unit"), method)
    n_rows, n_columns = len(rows), len(layout.wide)
    each = np.repeat(np.arange(n_rows), n_columns)
    which = np.tile(np.arange(n_columns), n_rows)
    values = [_encode([row[at[column.header]] for row in rows]) for column in layout.wide]
    return Cells(
        lines=numbers[each],
        patient_id=who.at(each),
        measured_at=when.at(each),
        target=Texts(which, [column.target for column in layout.wide]),
        value=_side_by_side(values),
        unit=Texts(which, [column.unit for column in layout.wide]),
        method=_or_else(method.at(each), Texts(which, [column.header for column in layout.wide])),
    )


def _encode(texts: Sequence[str]) -> Texts:
    encoded = pa.array(texts, pa.string()).dictionary_encode()
    return Texts(encoded.indices.to_numpy().astype(np.int64), [text.strip() for text in encoded.dictionary.to_pylist()])


def _side_by_side(columns: Sequence[Texts]) -> Texts:
    """The texts of several columns, row by row."""
    first = np.cumsum([0, *(len(column.distinct) for column in columns)])[:-1]
    codes = np.stack([column.codes for column in columns], axis=1) + first
    return Texts(codes.ravel(), [text for column in columns for text in column.distinct])


def _or_else(texts: Texts, others: Texts) -> Texts:
    """Texts, and where nothing is written those of another column."""
    codes = np.where(texts.are(bool), texts.codes, others.codes + len(texts.distinct))
    return Texts(codes, [*texts.distinct, *others.distinct])
