"""A user's table of catheter values, with every unit stated and every value checked."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from hemometric.errors import LabelError
from hemometric.labels.cells import Cells, Texts, read_cells
from hemometric.labels.layout import Layout
from hemometric.labels.moments import Moment, parse_moment, parse_moment_as
from hemometric.labels.units import find_unit
from hemometric.labels.values import CatheterTable, LabelReject, explain_implausible
from hemometric.progress import track
from hemometric.settings import suggest
from hemometric.store import LABELS_SCHEMA
from hemometric.targets import Target, known_targets

MISSING_VALUES = frozenset({"", "na", "n/a", "nan", "null", "none", "."})
_REASONS = ("used", "other-target", "no-value", "no-patient", "no-time", "implausible")
_USED, _OTHER_TARGET, _NO_VALUE, _NO_PATIENT, _NO_TIME, _IMPLAUSIBLE = range(len(_REASONS))
_SHOWN = 3
_MEBIBYTE = 2**20
_SHOWN_FROM_MEBIBYTES = 8
"""Size of a table from which progress is shown: a smaller one is read in about a second."""

_Numbers = NDArray[np.int64]
_Flags = NDArray[np.bool_]
Meaning = TypeVar("Meaning")


def read_catheter_csv(
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
    reading = _Reading(layout, known)
    n_mebibytes = _count_mebibytes(path)
    parts = _read_into(reading, path, layout, n_mebibytes)
    if n_mebibytes >= _SHOWN_FROM_MEBIBYTES:
        parts = track(parts, total=n_mebibytes, unit="MiB", title="catheter values")
    for _ in parts:
        pass
    return reading.to_table(path)


def _count_mebibytes(path: Path) -> int:
    try:
        return path.stat().st_size // _MEBIBYTE + 1
    except OSError:  # the reader says what is wrong with the file
        return 1


def _read_into(reading: "_Reading", path: Path, layout: Layout, n_mebibytes: int) -> Iterator[None]:
    """Read a table into `reading`, yielding once for each MiB of it."""
    n_told = 0
    for cells, n_bytes in read_cells(path, layout):
        reading.add(cells)
        n_now = min(n_bytes // _MEBIBYTE, n_mebibytes)
        yield from (None for _ in range(n_told, n_now))
        n_told = n_now
    yield from (None for _ in range(n_told, n_mebibytes))


class _Reading:
    """What was read of a table so far."""

    def __init__(self, layout: Layout, targets: Mapping[str, Target]) -> None:
        self._layout = layout
        self._targets = targets
        self._counts: Counter[str] = Counter()
        self._tables: list[pa.Table] = []
        self._rejects: list[LabelReject] = []
        self._patients: set[str] = set()
        self._problems: list[str] = []
        self._n_problems = 0

    def add(self, cells: Cells) -> None:
        """Check and convert a block of the table."""
        self._patients.update(cells.patient_id.distinct)
        reasons = _find_gaps(cells, self._layout)
        there = np.flatnonzero(reasons == _USED)
        if len(there):
            known = self._understand(cells.at(there))
            reasons[there[known.implausible]] = _IMPLAUSIBLE
            self._tables.append(known.to_labels(np.flatnonzero(known.usable)))
            details = {int(there[at]): known.explain(at) for at in np.flatnonzero(known.implausible).tolist()}
        else:
            details = {}
        self._count(reasons)
        for place in np.flatnonzero(reasons >= _NO_PATIENT).tolist():
            reason = _REASONS[reasons[place]]
            detail = details.get(place, f"the value has no {reason.removeprefix('no-')}")
            self._rejects.append(_reject(cells, place, reason, detail))

    def to_table(self, path: Path) -> CatheterTable:
        """All of it.

        Raises:
            LabelError: A value cannot be understood, or none can be used.
        """
        if self._n_problems:
            more = f"; and {self._n_problems - _SHOWN:,} more values" if self._n_problems > _SHOWN else ""
            raise LabelError(f"{path}: {'; '.join(self._problems)}{more}")
        n_read = self._counts.total()
        dropped = Counter({reason: count for reason, count in self._counts.items() if reason != "used"})
        if not self._counts["used"]:
            reasons = ", ".join(f"{reason} {count:,}" for reason, count in dropped.most_common()) or "it has no rows"
            raise LabelError(f"{path}: no catheter value can be used ({reasons})")
        labels = pa.concat_tables(self._tables).combine_chunks()
        return CatheterTable(labels, n_read, len(self._patients - {""}), dict(dropped), tuple(self._rejects))

    def _count(self, reasons: _Numbers) -> None:
        codes, first, counts = np.unique(reasons, return_index=True, return_counts=True)
        for at in np.argsort(first).tolist():
            self._counts[_REASONS[codes[at]]] += int(counts[at])

    def _understand(self, cells: Cells) -> "_Known":
        """Read values that are asked for and complete; what cannot be understood is a problem of the table."""
        layout = self._layout
        header = layout.header("measured_at")
        target = _understand(
            cells.target, lambda text: _find(layout.names.get(text, text.casefold()), text, self._targets)
        )
        moment = _understand(cells.measured_at, lambda text: _parse_time(text, layout.date_formats, header=header))
        value = _understand(cells.value, lambda text: _parse_value(text, decimal_comma=layout.decimal_comma))
        unit = _understand_units(cells.unit, target, layout)
        fields = (target, moment, value, unit)
        understood = np.logical_and.reduce([one.good for one in fields])
        bad = np.flatnonzero(~understood)
        self._n_problems += len(bad)
        for place in bad[: max(_SHOWN - len(self._problems), 0)].tolist():
            problem = next(filter(None, (one.problem(place) for one in fields)))
            self._problems.append(f"line {cells.lines[place]}: {problem}")
        return _Known(cells, target, moment, value, unit, understood)


@dataclass(frozen=True, slots=True)
class _Understood(Generic[Meaning]):
    """What the texts of a column mean.

    Attributes:
        codes: (n,) which meaning each has.
        meanings: None where a text cannot be understood, or does not occur.
        problems: What is wrong, by code.
    """

    codes: _Numbers
    meanings: Sequence[Meaning | None]
    problems: Mapping[int, str]

    @property
    def good(self) -> _Flags:
        """(n,) whether each can be understood."""
        good: _Flags = np.isfinite(self.numbers(lambda _: 1.0))
        return good

    def problem(self, place: int) -> str | None:
        """What is wrong with one."""
        return self.problems.get(int(self.codes[place]))

    def numbers(self, of: Callable[[Meaning], float]) -> NDArray[np.float64]:
        """(n,) a number of each; NaN where it cannot be understood."""
        each = [math.nan if meaning is None else of(meaning) for meaning in self.meanings]
        numbers: NDArray[np.float64] = np.array(each, dtype=np.float64)[self.codes]
        return numbers

    def texts(self, of: Callable[[Meaning], str], at: _Numbers) -> pa.Array:
        """A text of some."""
        each = [None if meaning is None else of(meaning) for meaning in self.meanings]
        return pa.array(each, pa.string()).take(pa.array(self.codes[at]))


@dataclass(frozen=True, slots=True)
class _Known:
    """Values that were asked for and are complete.

    Attributes:
        cells: As they are written.
        target: What was measured.
        moment: When.
        original: As written, in the unit that is written.
        unit: Its name, and what turns it into that of the target.
        understood: (n,) whether all of these can be understood.
    """

    cells: Cells
    target: _Understood[Target]
    moment: _Understood[Moment]
    original: _Understood[float]
    unit: _Understood[tuple[str, float]]
    understood: _Flags

    @property
    def implausible(self) -> _Flags:
        """(n,) whether each is outside the range of its target."""
        low, high = self.target.numbers(lambda target: target.low), self.target.numbers(lambda target: target.high)
        return self.understood & ~((low <= self._converted) & (self._converted <= high))

    @property
    def usable(self) -> _Flags:
        """(n,) whether each is understood and plausible."""
        return self.understood & ~self.implausible

    @property
    def _originals(self) -> NDArray[np.float64]:
        return self.original.numbers(float)

    @property
    def _converted(self) -> NDArray[np.float64]:
        return self._originals * self.unit.numbers(lambda unit: unit[1])

    def explain(self, place: int) -> str:
        """Why an implausible value is that."""
        target = self.target.meanings[self.target.codes[place]]
        original = self.original.meanings[self.original.codes[place]]
        unit = self.unit.meanings[self.unit.codes[place]]
        if target is None or original is None or unit is None:
            raise ValueError(f"value {place} is not understood")
        return explain_implausible(original * unit[1], target) or ""

    def to_labels(self, at: _Numbers) -> pa.Table:
        """`LABELS_SCHEMA` of some."""
        method = self.cells.method
        columns = {
            "patient_id": pa.array(self.cells.patient_id.distinct, pa.string()).take(
                pa.array(self.cells.patient_id.codes[at])
            ),
            "measured_at": self.moment.texts(Moment.text, at),
            "time_known": self.moment.numbers(lambda moment: moment.time_known)[at] == 1.0,
            "target": self.target.texts(lambda target: target.name, at),
            "value": self._converted[at],
            "value_original": self._originals[at],
            "unit_original": self.unit.texts(lambda unit: unit[0], at),
            "method": pa.array([text or None for text in method.distinct], pa.string()).take(
                pa.array(method.codes[at])
            ),
        }
        return pa.table(columns, schema=LABELS_SCHEMA)


def _understand(texts: Texts, read: Callable[[str], Meaning]) -> _Understood[Meaning]:
    """Read each distinct text once.

    Args:
        texts: The column.
        read: From a text to its meaning; raises ValueError where it has none.
    """
    meanings: list[Meaning | None] = [None] * len(texts.distinct)
    problems = {}
    for code in np.unique(texts.codes).tolist():
        try:
            meanings[code] = read(texts.distinct[code])
        except ValueError as error:
            problems[code] = str(error)
    return _Understood(texts.codes, meanings, problems)


def _understand_units(units: Texts, targets: _Understood[Target], layout: Layout) -> _Understood[tuple[str, float]]:
    """Read each unit once for each target that it occurs with."""
    pairs, codes = np.unique(targets.codes * len(units.distinct) + units.codes, return_inverse=True)
    meanings: list[tuple[str, float] | None] = [None] * len(pairs)
    problems = {}
    for code, pair in enumerate(pairs.tolist()):
        of_target, of_unit = divmod(pair, len(units.distinct))
        target = targets.meanings[of_target]
        if target is None:
            problems[code] = targets.problems[of_target]
            continue
        try:
            meanings[code] = find_unit(units.distinct[of_unit] or layout.units.get(target.name, ""), target)
        except ValueError as error:
            problems[code] = str(error)
    return _Understood(codes, meanings, problems)


def _find_gaps(cells: Cells, layout: Layout) -> _Numbers:
    """Why values are left out since they are not asked for or something is not there: (n,) places in `_REASONS`."""
    gaps = {
        _OTHER_TARGET: cells.target.are(lambda text: bool(layout.names) and text not in layout.names),
        _NO_VALUE: cells.value.are(lambda text: text.casefold() in MISSING_VALUES),
        _NO_PATIENT: cells.patient_id.are(lambda text: not text),
        _NO_TIME: cells.measured_at.are(lambda text: not text),
    }
    return np.select(list(gaps.values()), list(gaps), default=_USED)


def _reject(cells: Cells, place: int, code: str, detail: str) -> LabelReject:
    return LabelReject(
        line=int(cells.lines[place]),
        patient_id=cells.patient_id[place],
        measured_at=cells.measured_at[place],
        target=cells.target[place],
        value=cells.value[place],
        unit=cells.unit[place],
        reason_code=code,
        detail=detail,
    )


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
