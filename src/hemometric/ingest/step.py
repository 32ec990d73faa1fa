"""The step itself: read, check, write, account."""

from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from hemometric.deidentification import Deidentifier, check_secret, read_secret
from hemometric.errors import SettingsError, StoreError
from hemometric.ingest.archive import Archive, find_archive, to_store_settings
from hemometric.ingest.discretion import discreet
from hemometric.ingest.labels import collect_labels
from hemometric.ingest.limits import limits_of
from hemometric.ingest.records import Cut, Reading, find_begin, read_records
from hemometric.ingest.settings import IngestSettings
from hemometric.ingest.summary import IngestSummary, summarise
from hemometric.progress import say, track
from hemometric.store import MANIFEST, Reject, StoreWriter, ecgs_schema, flag_column
from hemometric.store.manifest import read_manifest
from hemometric.store.quality import count_quality, encode_quality
from hemometric.store.reading import table_path
from hemometric.store.shards import Microvolts
from hemometric.store.tables import QUALITY, read_table
from hemometric.waveform import FLAG_CODES

ROW_FLAGS = (*FLAG_CODES, "repaired")
"""Of each ECG: what `hemometric.waveform.assess` found, and whether a gain that is known to be wrong was repaired."""

_NOT_THERE = {"missing", "unreadable", "broken-link"}
"""Reasons that many records have at once where a drive is unmounted."""


def ingest(sources: Sequence[str | Path], *, out: str | Path, settings: IngestSettings | None = None) -> IngestSummary:
    """Read ECG files into a store: resampled, cut to windows, checked, not filtered.

    The order is that of `sources`, sorted within each; the bytes depend on files and settings alone. Each record found
    is either accepted with at least one window, or stands in `rejects.csv` with a reason. A file that ends the process
    that reads it, or takes too long, is a rejected record.

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
        SettingsError: A setting is out of its range, or the secret is not usable or not that of the store.
    """
    settings, out = settings or IngestSettings(), Path(out)
    deidentifier = None if settings.deidentify is None else _read_secret(Path(settings.deidentify), out=out)
    with discreet(deidentifier is not None):
        if settings.resume and (out / MANIFEST).is_file():
            check_secret(read_manifest(out).provenance, deidentifier, where=str(out))
        work = _Work(find_archive(sources, settings, deidentifier), settings, deidentifier)
        store_settings = to_store_settings(work.archive, settings, deidentifier)
        writer = StoreWriter.open(out, settings=store_settings, resume=settings.resume)
        try:
            if not writer.finished:
                _fill(writer, work)
        except KeyboardInterrupt:
            kept = f"{writer.n_rows:,} ECGs in {writer.n_shards} finished shards are kept"
            say(f"interrupted: {kept}; go on with --resume")
            raise
        finally:
            writer.close()
        return summarise(writer.path, n_records=len(work.archive.records), archive=work.archive)


@dataclass(frozen=True, slots=True)
class _Work:
    """What is to be done.

    Attributes:
        archive: The records.
        settings: How they become a store.
        deidentifier: Who their patients are not, or None.
    """

    archive: Archive
    settings: IngestSettings
    deidentifier: Deidentifier | None


def _read_secret(path: Path, *, out: Path) -> Deidentifier:
    if out.resolve() in path.resolve().parents:
        raise SettingsError(f"{path}: the secret must not lie in the store {out}; keep it where the store never goes")
    return read_secret(path)


def _fill(writer: StoreWriter, work: _Work) -> None:
    cursor = writer.cursor
    first, n_stored = cursor.get("record", 0), cursor.get("windows", 0)
    shard = _OpenShard(work.settings)
    rejects: list[Reject] = []
    with closing(_read(work, first=first, n_rejected=writer.n_rejects)) as readings:
        for number, reading in readings:
            rows = _describe(work, number, reading) if reading.numbers else []
            for window in range(n_stored if number == first else 0, len(rows)):
                shard.add(reading.microvolts[window], rows[window])
                if shard.is_full:
                    writer.write_shard(*shard.take(), rejects=rejects, cursor={"record": number, "windows": window + 1})
                    rejects = []
            rejects += reading.rejects
    if not shard.is_empty:
        writer.write_shard(*shard.take(), rejects=rejects, cursor={"record": len(work.archive.records), "windows": 0})
        rejects = []
    if not writer.n_shards:
        raise _nothing_accepted(writer.path, rejects)
    tables = [table_path(writer.path, number) for number in range(writer.n_shards)]
    brought = collect_labels(
        work.archive,
        shards=tables,
        units=work.settings.units_meant,
        deidentifier=work.deidentifier,
    )
    counts = count_quality(
        pa.concat_tables([read_table(table) for table in tables]),
        [*writer.rejects, *rejects],
        provenance=read_manifest(writer.path).provenance,
    )
    others = {**brought.files, QUALITY: encode_quality(counts)}
    writer.finish(labels=brought.labels, others=others, rejects=rejects)


def _read(work: _Work, *, first: int, n_rejected: int) -> Generator[tuple[int, Reading], None, None]:
    """Read all records from number `first` on, with progress; stop where a SOURCE is gone."""
    archive, settings = work.archive, work.settings
    cut = Cut(
        sampling_rate_hz=settings.sampling_rate_hz,
        duration_s=settings.duration_s,
        n_samples=settings.n_samples,
        n_leads=settings.n_leads,
        pad=settings.pad,
    )
    readings = read_records(
        archive.records[first:],
        cut,
        workers=settings.n_processes,
        limits=limits_of(settings),
        reticent=work.deidentifier is not None,
    )
    shown = track(
        readings,
        total=len(archive.records),
        unit="records",
        title="ingest",
        done=first,
        remark=lambda: f"{n_rejected:,} rejected",
    )
    with closing(readings), closing(shown):
        for number, reading in enumerate(shown, start=first):
            if any(reject.reason_code in _NOT_THERE for reject in reading.rejects):
                _check_sources(work)
            n_rejected += len(reading.rejects)
            yield number, reading


def _check_sources(work: _Work) -> None:
    """Tell a SOURCE that is gone from a file that is.

    Raises:
        StoreError: A folder is empty, or is not there.
    """
    folder = work.archive.find_lost_folder()
    if folder is not None:
        name = "a SOURCE" if work.deidentifier is not None else str(folder)
        raise StoreError(
            f"{name}: is empty by now (a drive that was unmounted?); bring it back, then go on with --resume: finished "
            "shards are kept"
        )


def _describe(work: _Work, number: int, reading: Reading) -> list[dict[str, Any]]:
    """One row of the ECG table for each accepted window of a record."""
    record = work.archive.records[number]
    facts = work.archive.find_facts(number, header=reading.header)
    patient_id = record.original if facts.patient_id is None else facts.patient_id
    rows = []
    for window, content_hash, flags in zip(reading.numbers, reading.content_hashes, reading.flags, strict=True):
        row = {
            "ecg_id": f"{record.source}#{window}",
            "patient_id": patient_id,
            "patient_id_known": facts.patient_id is not None,
            "acquired_at": find_begin(facts.acquired_at, seconds=window * work.settings.duration_s),
            "age_years": facts.age_years,
            "sex": facts.sex,
            "source": f"{record.source}#{window}",
            "n_samples_original": reading.n_samples,
            "sampling_rate_hz_original": reading.sampling_rate_hz,
            "content_hash": content_hash,
        }
        if work.deidentifier is not None:
            row |= _deidentify(row, work.deidentifier)
        row |= {flag_column(code): bool(flag) for code, flag in zip(ROW_FLAGS, (*flags, reading.repaired), strict=True)}
        rows.append(row)
    return rows


def _deidentify(row: dict[str, Any], deidentifier: Deidentifier) -> dict[str, Any]:
    """What takes the place of the columns that tell who a patient is; the names of records are replaced already."""
    patient = deidentifier.patient(row["patient_id"])
    return {
        "patient_id": patient,
        "acquired_at": deidentifier.moment(row["acquired_at"], patient=patient),
        "age_years": deidentifier.age(row["age_years"]),
        "content_hash": deidentifier.digest(row["content_hash"]),
    }


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
        return self._microvolts[: len(rows)], pa.Table.from_pylist(rows, schema=ecgs_schema(ROW_FLAGS))


def _nothing_accepted(out: Path, rejects: list[Reject]) -> StoreError:
    counts = Counter(reject.reason_code for reject in rejects)
    reasons = ", ".join(f"{code} {count:,}" for code, count in counts.most_common())
    example = rejects[0]
    return StoreError(
        f"{out}: not made, since none of {len(rejects):,} records can be accepted ({reasons}); "
        f"the first is {example.source}: {example.detail}"
    )
