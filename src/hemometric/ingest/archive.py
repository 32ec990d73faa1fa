"""What is to be ingested: the records of every SOURCE, and what their tables say about them."""

import hashlib
import importlib.metadata
import os
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from hemometric.datasets import (
    CatheterValue,
    Dataset,
    Facts,
    Matched,
    RecordName,
    match_rows,
    open_dataset,
    read_metadata,
)
from hemometric.deidentification import KEY, Deidentifier
from hemometric.ecg import Ecg
from hemometric.errors import ReadError, SettingsError
from hemometric.formats import FORMATS, find_format, find_records, find_suffix, list_parts
from hemometric.ingest.limits import limits_to_list
from hemometric.ingest.settings import IngestSettings
from hemometric.progress import say
from hemometric.store import Reject, StoreSettings
from hemometric.workers import Lost, map_guarded

Value = TypeVar("Value")

_DECIDING_PACKAGES = ("hemometric", "h5py", "numpy", "pyarrow", "pydicom", "wfdb")


@dataclass(frozen=True, slots=True)
class Record:
    """A file that may hold an ECG, or one ECG of a file that holds several.

    Attributes:
        path: The file.
        source: Its name in the store.
        original: Its name in the tables of users: relative to the SOURCE's parent, without extension; then "/" and the
            part. Unless the store is de-identified, `source` is the same.
        part: Which ECG of the file, where it may hold several.
        reject: Why it is not to be read at all, where that is known before.
        n_parts: ECGs in the file.
        mend: What its archive does to it after reading (`Dataset.mend`), or None.
        same_as: The path under which this very file came before, or None.
    """

    path: Path
    source: str
    original: str
    part: str | None = None
    reject: Reject | None = None
    n_parts: int = 1
    mend: Callable[[Path, Ecg], Ecg] | None = None
    same_as: Path | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A SOURCE of the command line.

    Attributes:
        folder: Where it is, unless it is a file.
        name: Of the folder or file, in the store.
        dataset: The public archive that it is, or None.
        records: In the order in which they are read.
    """

    folder: Path | None
    name: str
    dataset: Dataset | None
    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class Archive:
    """Everything that is to be ingested, in order.

    Attributes:
        sources: As on the command line.
        records: Of all sources, one after the other.
        datasets: For each record, the public archive that its source is, or None.
        matched: The rows of the user's table, or None.
        account: What of that table and of the records has no counterpart, in a sentence; "" where nothing has none.
    """

    sources: tuple[Source, ...]
    records: tuple[Record, ...]
    datasets: tuple[Dataset | None, ...]
    matched: Matched | None
    account: str = ""

    def find_facts(self, number: int, *, header: Facts) -> Facts:
        """What is known about a record: from the user's table, else the archive's, else the file's own header.

        Args:
            number: Of the record in `records`.
            header: What the file says.
        """
        record, dataset = self.records[number], self.datasets[number]
        known = [header] if dataset is None else [dataset.facts(record.path), header]
        row = None if self.matched is None else self.matched.rows[number]
        return merge_facts(known if row is None else [row.facts, *known])

    @property
    def has_values(self) -> bool:
        """Whether catheter values may come with the records."""
        told = self.matched is not None and any(row is not None and row.values for row in self.matched.rows)
        return told or any(source.dataset is not None and source.dataset.labels is not None for source in self.sources)

    def find_values(self, number: int) -> tuple[CatheterValue, ...]:
        """The catheter values that come with a record, those of the user's table first.

        Raises:
            ReadError: What holds those of the archive is damaged.
            OSError: It cannot be read.
        """
        record, dataset = self.records[number], self.datasets[number]
        row = None if self.matched is None else self.matched.rows[number]
        brought = () if dataset is None or dataset.labels is None else dataset.labels(record.path)
        return (*(() if row is None else row.values), *brought)

    def find_remarks(self, *, with_values: bool) -> tuple[str, ...]:
        """What whoever uses the archives has to know, a sentence each.

        Args:
            with_values: Whether any catheter value came with them; else what is to be known of values is left out.
        """
        datasets = [source.dataset for source in self.sources if source.dataset is not None]
        found = [dataset.remark for dataset in datasets if with_values or dataset.labels is None]
        return tuple(dict.fromkeys(remark for remark in found if remark))

    def find_lost_folder(self) -> Path | None:
        """A SOURCE that is an empty folder or none at all by now, as when its drive is unmounted; else None."""
        folders = (source.folder for source in self.sources)
        return next((folder for folder in folders if folder is not None and _is_lost(folder)), None)


def merge_facts(known: Sequence[Facts]) -> Facts:
    """Take each fact from the first of `known` that has it."""
    return Facts(
        patient_id=_first(facts.patient_id for facts in known),
        age_years=_first(facts.age_years for facts in known),
        sex=_first(facts.sex for facts in known),
        acquired_at=_first(facts.acquired_at for facts in known),
    )


def _first(values: Iterable[Value | None]) -> Value | None:
    return next((value for value in values if value is not None), None)


def find_archive(
    sources: Sequence[str | Path], settings: IngestSettings, deidentifier: Deidentifier | None = None
) -> Archive:
    """List all records of all sources and open the tables beside them.

    Args:
        sources: Folders and files.
        settings: How they are read.
        deidentifier: Names the records where the store is de-identified.

    Raises:
        ReadError: A source does not exist or holds no ECG, or two records would have one name.
        SettingsError: No source was named.
    """
    if not sources:
        raise SettingsError("no SOURCE: name at least one folder or file with ECGs")
    found = [_find_files(Path(source), settings) for source in sources]
    listed = _list_all([file for _, _, files in found for file in files], settings)
    named = []
    for number, (path, dataset, files) in enumerate(found, start=1):
        names = _name_all(files, parent=path.parent)
        records = tuple(
            record for file, name in zip(files, names, strict=True) for record in _to_records(file, name, next(listed))
        )
        if dataset is not None and dataset.mend is not None:
            records = tuple(replace(record, mend=dataset.mend) for record in records)
        prefix = f"source{number}"
        if deidentifier is not None:
            records = tuple(_rename(record, f"{prefix}/{deidentifier.record(record.original)}") for record in records)
        name = path.name if deidentifier is None else prefix
        named.append(Source(path if path.is_dir() else None, _to_text(name), dataset, records))
    _check_names([record for source in named for record in source.records])
    kept = tuple(_refuse_repeats(named))
    if deidentifier is not None:
        kept = tuple(_hide_order(source, deidentifier) for source in kept)
    matched, account = None, ""
    if settings.metadata is not None:
        matched = match_rows(read_metadata(Path(settings.metadata)), list(_to_names(kept)))
        account = matched.account(reticent=deidentifier is not None)
        say(account)
    return Archive(
        sources=kept,
        records=tuple(record for source in kept for record in source.records),
        datasets=tuple(source.dataset for source in kept for _ in source.records),
        matched=matched,
        account="" if matched is None or matched.is_complete else account,
    )


def to_store_settings(
    archive: Archive, settings: IngestSettings, deidentifier: Deidentifier | None = None
) -> StoreSettings:
    """What decides the bytes of the store: no path, host, time, worker count or time limit."""

    def digest_table(table: Path) -> str:
        found = _digest(table.read_bytes())
        return found if deidentifier is None else deidentifier.digest(found)

    sources = [
        {
            "name": source.name,
            "dataset": None if source.dataset is None else source.dataset.name,
            "tables_sha256": [digest_table(table) for table in source.dataset.tables] if source.dataset else [],
            "repairs": None if source.dataset is None else source.dataset.repairs,
            "n_records": len(source.records),
            "records_sha256": _digest("\n".join(record.source for record in source.records).encode()),
        }
        for source in archive.sources
    ]
    metadata = None if settings.metadata is None else digest_table(Path(settings.metadata))
    return StoreSettings(
        sampling_rate_hz=settings.sampling_rate_hz,
        n_samples=settings.n_samples,
        stored_leads=settings.stored_leads,
        simulated=False,
        provenance={
            "made_by": "ingest",
            "settings": {
                "format": settings.format,
                "dataset": settings.dataset,
                "metadata_sha256": metadata,
                "shard_size": settings.shard_size,
                "duration_s": settings.duration_s,
                "pad": settings.pad,
                **({"catheter_units": settings.units_meant} if settings.catheter_units else {}),
            },
            "sources": sources,
            "versions": {package: _version(package) for package in _DECIDING_PACKAGES},
            **({} if deidentifier is None else {KEY: deidentifier.account}),
        },
    )


def _find_files(path: Path, settings: IngestSettings) -> tuple[Path, Dataset | None, list[Path]]:
    """The place of a SOURCE, the public archive that it is, and its files."""
    path = path.resolve() if ".." in path.parts or not path.name else path.absolute()
    dataset = None if settings.dataset == "none" else open_dataset(path, name=settings.dataset)
    files = [file for file in find_records(path) if settings.format in ("auto", _format_of(file))]
    if not files:
        raise ReadError(path, f"holds no ECG of format {settings.format}; leave --format away", code="empty")
    return path, dataset, files


def _is_lost(folder: Path) -> bool:
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is None
    except OSError:
        return True


def _format_of(file: Path) -> str:
    """Return the format, or "unknown", which reading the file explains."""
    return find_format(file) or ("unknown" if find_suffix(file.name) else "dicom")


def _list_all(files: Sequence[Path], settings: IngestSettings) -> Generator[tuple[str | None, ...] | Lost, None, None]:
    """The parts of each file, in order. Only files that may hold several are opened, and not by this process."""
    several = [file for file in files if _may_hold_several(file)]
    n_workers = min(settings.n_processes, len(several))
    silent = settings.deidentify is not None
    results = map_guarded(_list_parts, several, n_workers=n_workers, limits=limits_to_list(settings), silent=silent)
    waiting = set(several)
    with closing(results):
        for file in files:
            yield next(results) if file in waiting else (None,)


def _may_hold_several(file: Path) -> bool:
    known = FORMATS.get(_format_of(file))
    return known is not None and known.list_parts is not None


def _list_parts(file: Path) -> tuple[str | None, ...]:
    try:
        return list_parts(file)
    except (ReadError, OSError):
        return (None,)  # reading it says what is wrong, and then it is rejected by name


def _to_records(file: Path, name: str, parts: tuple[str | None, ...] | Lost) -> list[Record]:
    if isinstance(parts, Lost):
        return [Record(file, name, name, reject=Reject(name, parts.code, parts.detail))]
    names = [name if part is None else f"{name}/{_to_text(part)}" for part in parts]
    return [Record(file, name, name, part, n_parts=len(parts)) for name, part in zip(names, parts, strict=True)]


def _hide_order(source: Source, deidentifier: Deidentifier) -> Source:
    """A source with its records in the order of their new names: files are often called after the day or the patient.

    In their old order the first and the last dates of neighbours, each moved by days of its own, would show the true
    ones. The parts of a file stay together, since it is opened once for all of them.
    """
    files = {record.path: deidentifier.record(record.path.name) for record in source.records}
    records = sorted(source.records, key=lambda record: (files[record.path], record.source))
    return replace(source, records=tuple(records))


def _rename(record: Record, source: str) -> Record:
    reject = None if record.reject is None else replace(record.reject, source=source)
    return replace(record, source=source, reject=reject)


def _name_all(files: Sequence[Path], *, parent: Path) -> list[str]:
    """The names of the records of a SOURCE in the store: without suffix, but with it where that tells two apart.

    Only a known suffix is dropped, since a UID has points of its own.
    """
    whole = [file.relative_to(parent).as_posix() for file in files]
    bare = [name[: len(name) - len(find_suffix(name) or "")] for name in whole]
    count = Counter(bare)
    return [_to_text(name if count[short] > 1 else short) for name, short in zip(whole, bare, strict=True)]


def _to_text(name: str) -> str:
    r"""A name as it can be written in UTF-8; bytes of another encoding become "\xe9"."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _check_names(records: Sequence[Record]) -> None:
    seen: dict[str, Record] = {}
    for record in records:
        other = seen.setdefault(record.source, record)
        if other is not record:
            raise ReadError(
                record.path,
                f"would be called {record.source!r} in the store, as {other.path} is; rename one of the two SOURCE "
                "folders, name each SOURCE once, or choose one --format",
                code="duplicate-name",
            )


def _refuse_repeats(sources: Sequence[Source]) -> Iterator[Source]:
    """Refuse records whose very file came before, by a link or since one SOURCE lies in another."""
    first: dict[tuple[str, str | None], Record] = {}
    real_folders: dict[Path, str] = {}
    for source in sources:
        kept = []
        for record in source.records:
            other = first.setdefault((_find_real(record.path, real_folders), record.part), record)
            if other is not record:
                detail = f"the same file as {other.source}"
                record = replace(record, reject=Reject(record.source, "same-file", detail), same_as=other.path)
            kept.append(record)
        yield replace(source, records=tuple(kept))


def _to_names(sources: Sequence[Source]) -> Iterator[RecordName]:
    """What the rows of a user's table may call the records."""
    records = [record for source in sources for record in source.records]
    numbers = {(record.path, record.part): number for number, record in enumerate(records) if record.same_as is None}
    for source in sources:
        for record in source.records:
            parent = (record.path if source.folder is None else source.folder).parent
            path = _to_text(record.path.relative_to(parent).as_posix())
            repeats = None if record.same_as is None else numbers[record.same_as, record.part]
            yield RecordName(path, None if record.part is None else _to_text(record.part), repeats)


def _find_real(file: Path, real_folders: dict[Path, str]) -> str:
    """Where a file really is; folders are looked up once."""
    if file.is_symlink():
        return os.path.realpath(file)
    if file.parent not in real_folders:
        real_folders[file.parent] = os.path.realpath(file.parent)
    return f"{real_folders[file.parent]}/{file.name}"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _version(package: str) -> str:
    if package == "hemometric":
        import hemometric

        return hemometric.__version__
    return importlib.metadata.version(package)
