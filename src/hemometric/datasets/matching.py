"""Which record each row of a user's table is about: exactly one, or the row is refused or counted. None is guessed."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from hemometric.datasets.metadata import Metadata, Row, list_problems
from hemometric.errors import ReadError
from hemometric.formats import find_suffix

_SAMPLES = {".hea": (".dat", ".mat"), ".ecg.json": (".npy", ".npz", ".csv")}
"""Suffix of the file that describes a record -> those of the files of samples beside it, by which people call it."""


@dataclass(frozen=True, slots=True)
class RecordName:
    """How a record is called.

    Attributes:
        path: Of the file, from the SOURCE's own name on, with suffix; "/" between folders.
        part: Which ECG of the file, where it may hold several.
        repeats: The number of the record that is its very file under another path, or None. Its name alone means no
            second record, and a row about it is about that one too.
    """

    path: str
    part: str | None = None
    repeats: int | None = None

    @property
    def whole(self) -> str:
        """Path and part."""
        return self.path if self.part is None else f"{self.path}/{self.part}"


@dataclass(frozen=True, slots=True)
class Matched:
    """Rows and records that belong together.

    Attributes:
        metadata: The table.
        rows: For each record, its row or None.
        unused: Rows about no record that was found.
    """

    metadata: Metadata
    rows: tuple[Row | None, ...]
    unused: tuple[Row, ...]

    @property
    def is_complete(self) -> bool:
        """Whether every row has a record and every record a row."""
        return not self.unused and None not in self.rows

    def account(self, *, reticent: bool = False) -> str:
        """What was matched and what was not, in a sentence.

        Args:
            reticent: Name a line of the table, and not what stands in it.
        """
        n_rows, n_used = len(self.metadata.rows), sum(row is not None for row in self.rows)
        without = len(self.rows) - n_used
        told = f"--metadata: {n_used:,} of {n_rows:,} rows are about a record that was found"
        if self.unused:
            first = self.unused[0]
            named = "" if reticent else f", {first.source or first.ecg_id!r}"
            told += f"; {len(self.unused):,} are not and say nothing (the first is line {first.line}{named})"
        return told + (f"; {without:,} of {len(self.rows):,} records have no row" if without else "")


def match_rows(metadata: Metadata, records: Sequence[RecordName]) -> Matched:
    """Find the record of each row.

    `source` is the path of a file from the SOURCE's own name on, and "/" and the part where it holds several ECGs.
    With a suffix it means exactly that file (or, for the samples of a WFDB record or an array, the file that describes
    them); without one, or with the number of a window ("#0"), the only record so called. `ecg_id` is the name without
    folders, of the only record so called.

    Raises:
        ReadError: A row may be about several records, two rows are about one record, or no row is about any; code
            "metadata". The message names the lines.
    """
    found = [_choose(row, called, records) for row, called in zip(metadata.rows, _call(metadata, records), strict=True)]
    problems = [
        f"line {row.line}: {told}" for row, told in zip(metadata.rows, found, strict=True) if isinstance(told, str)
    ]
    rows: list[Row | None] = [None] * len(records)
    for row, number in zip(metadata.rows, found, strict=True):
        if not isinstance(number, int):
            continue
        other = rows[number]
        if other is not None:
            problems.append(f"lines {other.line} and {row.line} are both about {records[number].whole}; keep one")
        rows[number] = row
    problems += _join_repeats(rows, records)
    unused = tuple(row for row, number in zip(metadata.rows, found, strict=True) if number is None)
    if not problems and len(unused) == len(metadata.rows):
        first = unused[0]
        problems.append(
            f"none of its {len(unused):,} rows is about a record that was found: line {first.line} says "
            f"{first.source or first.ecg_id!r}, the first record is {records[0].whole!r}"
        )
    if problems:
        raise ReadError(metadata.path, list_problems(problems), code="metadata")
    return Matched(metadata, tuple(rows), unused)


def _join_repeats(rows: list[Row | None], records: Sequence[RecordName]) -> Iterator[str]:
    """Give a file the row of its other path where it has none; rows that disagree about its patient are a problem."""
    for record, row in zip(records, rows, strict=True):
        if record.repeats is None or row is None:
            continue
        first = rows[record.repeats]
        if first is None:
            rows[record.repeats] = row
        elif first.facts.patient_id != row.facts.patient_id:
            yield (
                f"lines {first.line} and {row.line} disagree whose ECG it is ({record.whole} is the same file as "
                f"{records[record.repeats].whole}); keep one"
            )


def _call(metadata: Metadata, records: Iterable[RecordName]) -> list[list[int]]:
    """For each row the numbers of the records that may be meant."""
    by_source: dict[str, set[int]] = {}
    by_name: dict[str, set[int]] = {}
    for number, row in enumerate(metadata.rows):
        if row.source:
            for text in _spell(row.source):
                by_source.setdefault(text, set()).add(number)
        else:
            by_name.setdefault(row.ecg_id, set()).add(number)
    called: list[list[int]] = [[] for _ in metadata.rows]
    for number, record in enumerate(records):
        asked = [by_source[text] for text in _sources_of(record) if text in by_source]
        if by_name and record.repeats is None:
            asked += [by_name[text] for text in _names_of(record) if text in by_name]
        for row_number in set().union(*asked):
            called[row_number].append(number)
    return called


def _choose(row: Row, called: Sequence[int], records: Sequence[RecordName]) -> int | str | None:
    """The number of the record that a row is about, None where it is about none, or why that cannot be said."""
    if len(called) > 1 and row.source:
        exact = [number for number in called if records[number].whole == _clean(row.source)]
        called = exact if len(exact) == 1 else called
    if len(called) <= 1:
        return called[0] if called else None
    meant = " or ".join(records[number].whole for number in called[:3])
    more = f", or {len(called) - 3:,} more" if len(called) > 3 else ""
    if row.source:
        return f"{row.source!r} may be {meant}{more}: write the suffix"
    return f"ecg_id {row.ecg_id!r} may be {meant}{more}: say which in a column source"


def _spell(source: str) -> Iterator[str]:
    """A source as it is written, without the number of a window, and each with the suffix in small letters."""
    written = _clean(source)
    before, mark, window = written.rpartition("#")
    for text in (written, before) if mark and window.isdecimal() else (written,):
        yield text
        yield _fold(text)


def _sources_of(record: RecordName) -> set[str]:
    """What a row's `source` may be, suffix in small letters."""
    path = _clean(record.path)
    suffix = find_suffix(path) or ""
    bare, tail = path[: len(path) - len(suffix)], "" if record.part is None else f"/{record.part}"
    endings = ("", suffix, suffix.casefold(), *_SAMPLES.get(suffix.casefold(), ()))
    return {f"{bare}{ending}{tail}" for ending in endings}


def _names_of(record: RecordName) -> set[str]:
    """What a row's `ecg_id` may be."""
    name = PurePosixPath(record.path).name
    stem = name[: len(name) - len(find_suffix(name) or "")]
    if record.part is None:
        return {name, stem}
    return {record.part, f"{name}/{record.part}", f"{stem}/{record.part}"}


def _clean(source: str) -> str:
    """With "/" between folders and no "./" before."""
    return source.strip().replace("\\", "/").removeprefix("./")


def _fold(text: str) -> str:
    """With a suffix in small letters, a sample file's too."""
    known = (*_SAMPLES, *(suffix for suffixes in _SAMPLES.values() for suffix in suffixes))
    suffix = find_suffix(text) or next((text[-len(one) :] for one in known if text.casefold().endswith(one)), "")
    return text[: len(text) - len(suffix)] + suffix.casefold()
