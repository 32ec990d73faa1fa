"""What is to be ingested: the settings, the records of every SOURCE, and what their tables say about them."""

import hashlib
import importlib.metadata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from hemometric.datasets import Dataset, Facts, Metadata, open_dataset, read_metadata
from hemometric.ecg import INDEPENDENT_LEADS, LEADS
from hemometric.errors import ReadError, SettingsError
from hemometric.formats import FORMATS, find_format, find_records, find_suffix, list_parts
from hemometric.store import StoreSettings

Value = TypeVar("Value")

_DECIDING_PACKAGES = ("hemometric", "h5py", "numpy", "pyarrow", "pydicom", "wfdb")


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestSettings:
    """How files become a store.

    Attributes:
        format: "auto" reads every format that is known; a name of `FORMATS` leaves the others out.
        dataset: "auto" recognises a public archive per SOURCE; a name insists on it; "none" looks for none.
        metadata: A CSV with what is known about the records; it goes before what archive and file say.
        sampling_rate_hz: Of the store.
        n_leads: 8 (I, II, V1-V6; the other four are derived on reading) or 12.
        shard_size: ECGs per shard.
        duration_s: Length of the windows that records are cut to.
        pad: Fill up records that are shorter than `duration_s` instead of refusing them.
        workers: Processes that read; the result does not depend on it.
        resume: Go on with a store that was interrupted.
    """

    format: str = "auto"
    dataset: str = "auto"
    metadata: Path | None = None
    sampling_rate_hz: float = 250.0
    n_leads: int = 8
    shard_size: int = 4096
    duration_s: float = 10.0
    pad: bool = False
    workers: int = 1
    resume: bool = False

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            SettingsError: One is out of its range.
        """
        rules = (
            ("format", self.format in ("auto", *FORMATS), f"one of auto, {', '.join(FORMATS)}"),
            ("sampling_rate_hz", 1 <= self.sampling_rate_hz <= 100_000, "a rate from 1 to 100,000 Hz"),
            ("n_leads", self.n_leads in (8, 12), "8 or 12"),
            ("shard_size", self.shard_size >= 1, "at least 1"),
            ("duration_s", 0 < self.duration_s <= 3600, "a length up to an hour"),
            ("workers", self.workers >= 1, "at least 1"),
        )
        wrong = [f"{name} is {getattr(self, name)!r}, expected {rule}" for name, fine, rule in rules if not fine]
        if wrong:
            raise SettingsError("; ".join(wrong))

    @property
    def n_samples(self) -> int:
        """Per lead of every stored ECG."""
        return round(self.duration_s * self.sampling_rate_hz)

    @property
    def stored_leads(self) -> tuple[str, ...]:
        """The leads that are stored."""
        return INDEPENDENT_LEADS if self.n_leads == len(INDEPENDENT_LEADS) else LEADS


@dataclass(frozen=True, slots=True)
class Record:
    """A file that may hold an ECG, or one ECG of a file that holds several.

    Attributes:
        path: The file.
        source: Its name in the store: relative to the SOURCE's parent, without extension; then "/" and the part.
        part: Which ECG of the file, where it may hold several.
    """

    path: Path
    source: str
    part: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A SOURCE of the command line.

    Attributes:
        name: Of the folder or file.
        dataset: The public archive that it is, or None.
        records: In the order in which they are read.
    """

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
        metadata: The user's table, or None.
    """

    sources: tuple[Source, ...]
    records: tuple[Record, ...]
    datasets: tuple[Dataset | None, ...]
    metadata: Metadata | None

    def find_facts(self, number: int, *, record_name: str, header: Facts) -> Facts:
        """What is known about a record: from the user's table, else the archive's, else the file's own header.

        Args:
            number: Of the record in `records`.
            record_name: As the file gives it.
            header: What the file says.
        """
        record, dataset = self.records[number], self.datasets[number]
        known = [header] if dataset is None else [dataset.facts(record.path), header]
        if self.metadata is not None:
            told = self.metadata.facts(source=record.source, record_name=record_name)
            known = known if told is None else [told, *known]
        return merge_facts(known)


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


def find_archive(sources: Sequence[str | Path], settings: IngestSettings) -> Archive:
    """List all records of all sources and open the tables beside them.

    Raises:
        ReadError: A source does not exist or holds no ECG, or two records would have one name.
        SettingsError: No source was named.
    """
    if not sources:
        raise SettingsError("no SOURCE: name at least one folder or file with ECGs")
    found = tuple(_find_source(Path(source), settings) for source in sources)
    records = tuple(record for source in found for record in source.records)
    datasets = tuple(source.dataset for source in found for _ in source.records)
    _check_names(records)
    metadata = None if settings.metadata is None else read_metadata(Path(settings.metadata))
    return Archive(sources=found, records=records, datasets=datasets, metadata=metadata)


def to_store_settings(archive: Archive, settings: IngestSettings) -> StoreSettings:
    """What decides the bytes of the store: no path, host, time or worker count."""
    sources = [
        {
            "name": source.name,
            "dataset": None if source.dataset is None else source.dataset.name,
            "n_records": len(source.records),
            "records_sha256": _digest("\n".join(record.source for record in source.records).encode()),
        }
        for source in archive.sources
    ]
    metadata = None if settings.metadata is None else _digest(Path(settings.metadata).read_bytes())
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
            },
            "sources": sources,
            "versions": {package: _version(package) for package in _DECIDING_PACKAGES},
        },
    )


def _find_source(path: Path, settings: IngestSettings) -> Source:
    path = path.resolve() if ".." in path.parts or not path.name else path.absolute()
    dataset = None if settings.dataset == "none" else open_dataset(path, name=settings.dataset)
    files = [file for file in find_records(path) if settings.format in ("auto", _format_of(file))]
    if not files:
        raise ReadError(path, f"holds no ECG of format {settings.format}; leave --format away", code="empty")
    records = tuple(record for file in files for record in _records_of(file, parent=path.parent))
    return Source(name=path.name, dataset=dataset, records=records)


def _format_of(file: Path) -> str:
    """Return the format, or "unknown", which reading the file explains."""
    return find_format(file) or ("unknown" if find_suffix(file.name) else "dicom")


def _records_of(file: Path, *, parent: Path) -> list[Record]:
    name = _name(file, parent=parent)
    known = FORMATS.get(_format_of(file))
    if known is None or known.list_parts is None:
        return [Record(file, name)]
    try:
        parts = list_parts(file)
    except ReadError:
        return [Record(file, name)]  # reading it says what is wrong, and then it is rejected by name
    return [Record(file, name if part is None else f"{name}/{part}", part) for part in parts]


def _name(file: Path, *, parent: Path) -> str:
    """The name of a record in the store; only a known suffix is dropped, since a UID has points of its own."""
    relative = file.relative_to(parent)
    suffix = find_suffix(file.name)
    return relative.as_posix() if suffix is None else relative.as_posix()[: -len(suffix)]


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


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _version(package: str) -> str:
    if package == "hemometric":
        import hemometric

        return hemometric.__version__
    return importlib.metadata.version(package)
