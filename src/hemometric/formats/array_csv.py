"""One ECG as a table of text: the first line names the leads, each further line is one sample of all."""

import csv
import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
from numpy.typing import NDArray

from hemometric.errors import ReadError
from hemometric.formats.array_sidecar import Sidecar
from hemometric.formats.leads import name_lead

_MOST_BYTES = 2**28
_SEPARATORS = (",", ";", "\t")
_FAULT = re.compile(
    r"(?:In CSV column #(\d+): )?(?:CSV parse error: )?Row #(\d+): (?:CSV conversion error to double: )?(.*)"
)
"""What pyarrow says of a damaged line: the column from 0, the line of the file from 1."""
_UNITS_PER_SECOND = {"s": 1.0, "ms": 1e3, "us": 1e6}


def read_csv(path: Path, sidecar: Sidecar) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Read the leads of a CSV file.

    Args:
        path: The file, in UTF-8; numbers with a decimal point; an empty field or NaN marks a missing sample.
        sidecar: Its separator and time column.

    Returns:
        Names of the channels that are leads, and their samples, shape (n_samples, n_channels), as they are written.

    Raises:
        ReadError: A field is no number, a line has too few or too many ("corrupt"), the file is too long
            ("too-long"), or its time column does not fit the rate ("mixed-rates") or is not there ("sidecar").
    """
    names = _read_names(path, sidecar)
    places = [place for place, name in enumerate(names) if name_lead(name) is not None]
    wanted = places if sidecar.time_column is None else [*places, _find_time(path, names, sidecar.time_column)]
    if not wanted:
        return (), np.zeros((0, 0))
    table = _read_columns(path, sidecar, names=names, wanted=sorted(set(wanted)))
    columns = {name: table[name].to_numpy() for name in table.column_names}
    if sidecar.time_column is not None:
        _check_time(path, columns[str(wanted[-1])], sidecar)
    samples = np.stack([columns[str(place)] for place in places], axis=1) if places else np.zeros((0, 0))
    return tuple(names[place] for place in places), samples


def _read_names(path: Path, sidecar: Sidecar) -> list[str]:
    if (n_bytes := path.stat().st_size) > _MOST_BYTES:
        reason = f"is {n_bytes / 2**20:,.0f} MiB long, at most {_MOST_BYTES // 2**20} are read; save it as NPY"
        raise ReadError(path, reason, code="too-long")
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            names = [name.strip() for name in next(csv.reader([stream.readline(2**16)], delimiter=sidecar.separator))]
    except (UnicodeDecodeError, csv.Error, StopIteration) as error:
        raise ReadError(path, f"its first line is not CSV in UTF-8 ({error})", code="corrupt") from error
    other = next((other for other in _SEPARATORS if len(names) == 1 and other in names[0]), None)
    if other is not None:
        reason = f"is separated by {other!r}, as its sidecar does not say; add {json.dumps({'separator': other})} to it"
        raise ReadError(path, reason, code="sidecar")
    return names


def _find_time(path: Path, names: Sequence[str], column: str) -> int:
    if names.count(column) != 1:
        reason = f"has no column {column!r}, which the sidecar names as the time; found {', '.join(names[:20])}"
        raise ReadError(path, reason, code="sidecar")
    return names.index(column)


def _read_columns(path: Path, sidecar: Sidecar, *, names: Sequence[str], wanted: Sequence[int]) -> pa.Table:
    labels = [str(place) for place in range(len(names))]
    chosen = [str(place) for place in wanted]
    try:
        return pyarrow.csv.read_csv(
            path,
            read_options=pyarrow.csv.ReadOptions(use_threads=False, skip_rows=1, column_names=labels),
            parse_options=pyarrow.csv.ParseOptions(delimiter=sidecar.separator),
            convert_options=pyarrow.csv.ConvertOptions(
                include_columns=chosen, column_types=dict.fromkeys(chosen, pa.float64())
            ),
        )
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        first = str(error).partition("\n")[0][:160]
        if fault := _FAULT.fullmatch(first):
            column, line, what = fault.groups()
            first = f"line {line}{f', {names[int(column)]}' if column else ''}: {what}"
        reason = (
            f"{first}; expected numbers with a decimal point, separated by {sidecar.separator!r}, empty where missing"
        )
        raise ReadError(path, reason, code="corrupt") from error


def _check_time(path: Path, written: NDArray[np.float64], sidecar: Sidecar) -> None:
    """Check that each sample was taken at the time that the rate says, to half a sample."""
    time_s = written / _UNITS_PER_SECOND[sidecar.time_unit or "s"]
    off = np.abs((time_s - time_s[:1]) * sidecar.sampling_rate_hz - np.arange(len(time_s)))
    wrong = np.flatnonzero(~(off <= 0.5))
    if len(wrong):
        row = int(wrong[0])
        reason = (
            f"line {row + 2} is at {written[row]:g} {sidecar.time_unit} by column {sidecar.time_column!r}, expected "
            f"{(written[0] + row / sidecar.sampling_rate_hz * _UNITS_PER_SECOND[sidecar.time_unit or 's']):g} at "
            f"{sidecar.sampling_rate_hz:g} Hz; a line may be missing, or the rate in the sidecar is wrong"
        )
        raise ReadError(path, reason, code="mixed-rates")
