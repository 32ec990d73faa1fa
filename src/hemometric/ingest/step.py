"""The step itself: read, check, write, account."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from hemometric.errors import StoreError
from hemometric.ingest.archive import Archive, IngestSettings, find_archive, to_store_settings
from hemometric.ingest.records import Cut, Reading, read_records
from hemometric.ingest.summary import IngestSummary, summarise
from hemometric.progress import say, track
from hemometric.store import Reject, StoreWriter, ecgs_schema, flag_column
from hemometric.store.shards import Microvolts
from hemometric.waveform import FLAG_CODES


def ingest(sources: Sequence[str | Path], *, out: str | Path, settings: IngestSettings | None = None) -> IngestSummary:
    """Read ECG files into a store: resampled, cut to windows, checked, not filtered.

    The order is that of `sources`, sorted within each; the bytes depend on files and settings alone. Each record found
    is either accepted with at least one window, or stands in `rejects.csv` with a reason.

    Args:
        sources: Folders, searched with their subfolders, or single files.
        out: The store to be made.
        settings: How; the defaults where None.

    Returns:
        What was read and what was not, of the whole store.

    Raises:
        ReadError: A source does not exist or holds no ECG, two records would have one name, or a table is not usable.
        StoreError: `out` is not free, has other settings than the ones to resume with, cannot be written, or no
            record was accepted (then nothing is left behind).
        SettingsError: A setting is out of its range.
    """
    settings = settings or IngestSettings()
    archive = find_archive(sources, settings)
    writer = StoreWriter.open(out, settings=to_store_settings(archive, settings), resume=settings.resume)
    try:
        if not writer.finished:
            _fill(writer, archive, settings)
    except KeyboardInterrupt:
        say(f"interrupted: {writer.n_rows:,} ECGs in {writer.n_shards} finished shards are kept; go on with --resume")
        raise
    finally:
        writer.close()
    return summarise(writer.path, n_records=len(archive.records))


def _fill(writer: StoreWriter, archive: Archive, settings: IngestSettings) -> None:
    cursor = writer.cursor
    first, n_stored = cursor.get("record", 0), cursor.get("windows", 0)
    shard = _OpenShard(settings)
    rejects: list[Reject] = []
    for number, reading in _read(archive, settings, first=first):
        rows = _describe(archive, number, reading) if reading.numbers else []
        for window in range(n_stored if number == first else 0, len(rows)):
            shard.add(reading.microvolts[window], rows[window])
            if shard.is_full:
                writer.write_shard(*shard.take(), rejects=rejects, cursor={"record": number, "windows": window + 1})
                rejects = []
        rejects += reading.rejects
    if not shard.is_empty:
        writer.write_shard(*shard.take(), rejects=rejects, cursor={"record": len(archive.records), "windows": 0})
        rejects = []
    if not writer.n_shards:
        raise _nothing_accepted(writer.path, rejects)
    writer.finish(rejects=rejects)


def _read(archive: Archive, settings: IngestSettings, *, first: int) -> Iterator[tuple[int, Reading]]:
    cut = Cut(
        sampling_rate_hz=settings.sampling_rate_hz,
        duration_s=settings.duration_s,
        n_samples=settings.n_samples,
        n_leads=settings.n_leads,
        pad=settings.pad,
    )
    readings = read_records(archive.records[first:], cut, workers=settings.workers)
    n_records = len(archive.records)
    yield from enumerate(track(readings, total=n_records, unit="records", title="ingest", done=first), start=first)


def _describe(archive: Archive, number: int, reading: Reading) -> list[dict[str, Any]]:
    """One row of the ECG table for each accepted window of a record."""
    source = archive.records[number].source
    facts = archive.find_facts(number, record_name=reading.record_name, header=reading.header)
    rows = []
    for window, content_hash, flags in zip(reading.numbers, reading.content_hashes, reading.flags, strict=True):
        row = {
            "ecg_id": f"{source}#{window}",
            "patient_id": source if facts.patient_id is None else facts.patient_id,
            "patient_id_known": facts.patient_id is not None,
            "acquired_at": facts.acquired_at,
            "age_years": facts.age_years,
            "sex": facts.sex,
            "source": f"{source}#{window}",
            "n_samples_original": reading.n_samples,
            "sampling_rate_hz_original": reading.sampling_rate_hz,
            "content_hash": content_hash,
        }
        row |= {flag_column(code): bool(flag) for code, flag in zip(FLAG_CODES, flags, strict=True)}
        rows.append(row)
    return rows


class _OpenShard:
    """The shard that is being filled; its memory is taken once."""

    def __init__(self, settings: IngestSettings) -> None:
        shape = (settings.shard_size, len(settings.stored_leads), settings.n_samples)
        self._microvolts: Microvolts = np.empty(shape, dtype=np.int16)
        self._rows: list[dict[str, Any]] = []

    @property
    def is_full(self) -> bool:
        return len(self._rows) == len(self._microvolts)

    @property
    def is_empty(self) -> bool:
        return not self._rows

    def add(self, microvolts: Microvolts, row: dict[str, Any]) -> None:
        self._microvolts[len(self._rows)] = microvolts
        self._rows.append(row)

    def take(self) -> tuple[Microvolts, pa.Table]:
        rows, self._rows = self._rows, []
        return self._microvolts[: len(rows)], pa.Table.from_pylist(rows, schema=ecgs_schema(FLAG_CODES))


def _nothing_accepted(out: Path, rejects: list[Reject]) -> StoreError:
    counts = Counter(reject.reason_code for reject in rejects)
    reasons = ", ".join(f"{code} {count:,}" for code, count in counts.most_common())
    example = rejects[0]
    return StoreError(
        f"{out}: not made, since none of {len(rejects):,} records can be accepted ({reasons}); "
        f"the first is {example.source}: {example.detail}"
    )
