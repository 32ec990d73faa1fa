"""`quality.csv`: how many ECGs of each source were accepted, flagged or rejected, by reason."""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from hemometric.store.concatenation import record_of, records_of
from hemometric.store.reading import Store
from hemometric.store.tables import QUALITY, REJECTS, Reject, decode_rejects, find_flags, write_store_files

KINDS = ("accepted", "unflagged", "flag", "not-judged", "rejected", "rejected-window")
"""Accepted ECGs; those of them without a flag; ECGs by flag; by flag those that an older hemometric brought, which did
not know it; rejected records by reason, and rejected windows of records that were accepted with others."""

SINGLE_FILES = "(single files)"
_COLUMNS = ("source", "dataset", "kind", "code", "n")
_MOST_SHOWN = 5


@dataclass(frozen=True, slots=True, order=True)
class QualityCount:
    """A row of `quality.csv`.

    Attributes:
        source: First folder of the ECGs' `source`: the name of a SOURCE; `SINGLE_FILES` for files without a folder.
        dataset: The public archive that it is, or "".
        kind: One of `KINDS`.
        code: Of the flag, or the reason; else "".
        n: How many, > 0.
    """

    source: str
    dataset: str
    kind: str
    code: str
    n: int


def count_quality(
    ecgs: pa.Table, rejects: Sequence[Reject], *, provenance: Mapping[str, Any]
) -> tuple[QualityCount, ...]:
    """Count what was accepted, flagged and rejected.

    Args:
        ecgs: Of the whole store, with its flags.
        rejects: As in `rejects.csv`.
        provenance: Of the store; it tells which source is which public archive.

    Returns:
        Sorted by source, kind in the order of `KINDS`, and code.
    """
    flags = find_flags(ecgs.schema)
    sources = pc.replace_substring_regex(ecgs["source"], r"(#\d+)?$", "/")
    sources = pc.replace_substring_regex(sources, r"^([^/]*)/.+$", r"\1").combine_chunks()
    counts: Counter[tuple[str, str, str]] = Counter()
    unflagged = pa.array([True] * len(sources))
    for code, column in flags.items():
        judged = ecgs[column].combine_chunks()
        flagged = pc.fill_null(judged, False)
        unflagged = pc.and_(unflagged, pc.invert(flagged))
        _add(counts, sources.filter(flagged), kind="flag", code=code)
        _add(counts, sources.filter(pc.is_null(judged)), kind="not-judged", code=code)
    _add(counts, sources, kind="accepted")
    _add(counts, sources.filter(unflagged), kind="unflagged")
    accepted = records_of(ecgs) if rejects else set()
    for reject in rejects:
        record = record_of(reject.source)
        is_window = record != reject.source and record in accepted
        kind = "rejected-window" if is_window else "rejected"
        counts[record.partition("/")[0] if "/" in record else f"{record}/", kind, reject.reason_code] += 1
    folded: Counter[tuple[str, str, str]] = Counter()
    for (source, kind, code), n in counts.items():
        folded[SINGLE_FILES if source.endswith("/") else source, kind, code] += n
    datasets = dict(_find_datasets(provenance))
    rows = [QualityCount(source, datasets.get(source, ""), kind, code, n) for (source, kind, code), n in folded.items()]
    return tuple(sorted(rows, key=lambda row: (row.source, KINDS.index(row.kind), row.code)))


def encode_quality(counts: Sequence[QualityCount]) -> bytes:
    """The bytes of `quality.csv`."""
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(_COLUMNS)
    rows.writerows((row.source, row.dataset, row.kind, row.code, row.n) for row in counts)
    return text.getvalue().encode()


def quality_of(store: Store) -> tuple[QualityCount, ...]:
    """Count the quality of a store as it is now.

    Raises:
        StoreError: A table cannot be read.
    """
    path = store.path / REJECTS
    rejects = decode_rejects(path) if path.exists() else []
    return count_quality(store.ecgs, rejects, provenance=store.manifest.provenance)


def write_quality(path: str | Path) -> None:
    """Write `quality.csv` of a store, or replace it: append and withdraw remove it, since it counts what was there.

    Raises:
        StoreError: The store cannot be read or written.
    """
    store = Store.open(path)
    write_store_files(store.path, {QUALITY: encode_quality(quality_of(store))})


def quality_text(counts: Sequence[QualityCount]) -> str:
    """The counts as a table for people: a line for each reason, a column for each source, the largest first."""
    total: Counter[str] = Counter()
    cells: Counter[tuple[str, str, str]] = Counter()
    for row in counts:
        total[row.source] += row.n * (row.kind in ("accepted", "rejected"))
        cells[row.source, row.kind, row.code] += row.n
    largest = sorted(total, key=lambda source: (-total[source], source))
    columns = [[source] for source in largest[:_MOST_SHOWN]]
    names = [source for (source,) in columns]
    if len(largest) > _MOST_SHOWN:
        columns.append(largest[_MOST_SHOWN:])
        names.append(f"{len(columns[-1]):,} others")
    if len(largest) > 1:
        columns.append(largest)
        names.append("all")
    reasons = sorted({(row.kind, row.code) for row in counts}, key=lambda what: (KINDS.index(what[0]), what[1]))
    lines = [["quality", *names]]
    for kind, code in reasons:
        label = f"  {kind}: {code}" if code else kind
        lines.append([label, *(f"{sum(cells[source, kind, code] for source in column):,}" for column in columns)])
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(
            [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))]
        )
        for line in lines
    )


def _add(counts: Counter[tuple[str, str, str]], sources: pa.Array, *, kind: str, code: str = "") -> None:
    for one in pc.value_counts(sources).to_pylist():
        counts[one["values"], kind, code] += one["counts"]


def _find_datasets(provenance: object) -> Iterator[tuple[str, str]]:
    """Name of a SOURCE -> the public archive that it is; of appended and merged ones too."""
    if isinstance(provenance, Mapping):
        name, dataset = provenance.get("name"), provenance.get("dataset")
        if isinstance(name, str) and isinstance(dataset, str):
            yield name, dataset
        for value in provenance.values():
            yield from _find_datasets(value)
    elif isinstance(provenance, list):
        for value in provenance:
            yield from _find_datasets(value)
