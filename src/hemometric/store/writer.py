"""Writing a store so that it may be killed at any moment and go on later, ending with the same bytes.

A shard is finished when its table has its name: journal, shard and table are written aside in `.incoming/`, then the
journal, the shard and last the table are renamed. The journal of a shard holds what a resumed run must know (where to
go on, what was rejected until then, the hashes); it is gone once the store is complete.
"""

import contextlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Self

import pyarrow as pa

from hemometric.errors import StoreError
from hemometric.store.durable import Piece, cannot_write, digest, publish, sync_directory, write_aside
from hemometric.store.locking import take_lock
from hemometric.store.manifest import INCOMING, MANIFEST, Manifest, read_manifest, write_manifest
from hemometric.store.reading import shard_path, table_path
from hemometric.store.shards import Microvolts, encode_shard, find_shard
from hemometric.store.tables import (
    LABELS_SCHEMA,
    TRUTH_SCHEMA,
    Reject,
    check_ecgs_schema,
    count_rows,
    encode_rejects,
    encode_table,
)


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """What decides the bytes of a store; a resumed run must bring the same.

    Attributes:
        sampling_rate_hz: Of every ECG.
        n_samples: Per lead, of every ECG.
        stored_leads: `INDEPENDENT_LEADS` or `LEADS`.
        simulated: Whether the ECGs come from the virtual cohort.
        provenance: JSON: settings, versions, sources. No time, host, path or worker count.
    """

    sampling_rate_hz: float
    n_samples: int
    stored_leads: tuple[str, ...]
    simulated: bool
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def to_manifest(self) -> Manifest:
        """The manifest of a store with these settings that is not complete."""
        return Manifest(
            sampling_rate_hz=self.sampling_rate_hz,
            n_samples=self.n_samples,
            stored_leads=self.stored_leads,
            simulated=self.simulated,
            provenance=json.loads(json.dumps(self.provenance)),
        )


@dataclass(frozen=True, slots=True)
class _Journal:
    """What is kept of a finished shard until the store is complete."""

    n_rows: int
    shard_hash: str
    table_hash: str
    cursor: dict[str, Any]
    rejects: tuple[Reject, ...]

    def encode(self) -> bytes:
        rejects = [[reject.source, reject.reason_code, reject.detail] for reject in self.rejects]
        content = [self.n_rows, self.shard_hash, self.table_hash, self.cursor, rejects]
        return json.dumps(content).encode()

    @classmethod
    def decode(cls, path: Path) -> "_Journal":
        try:
            n_rows, shard_hash, table_hash, cursor, rejects = json.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise StoreError(f"{path}: the store cannot go on ({error}); remove the store and start anew") from error
        return cls(n_rows, shard_hash, table_hash, cursor, tuple(Reject(*reject) for reject in rejects))


class StoreWriter:
    """Writes a store shard by shard. Open it with `StoreWriter.open`, and `close` it unless it was finished.

    Nothing is on the disk before the first shard is.

    Attributes:
        path: The store's directory.
        finished: True where the store is complete: there is nothing to be written.
    """

    def __init__(self, path: Path, manifest: Manifest, *, journals: list[_Journal], finished: bool) -> None:
        self.path = path
        self.finished = finished
        self._manifest = manifest
        self._journals = journals
        self._lock: IO[bytes] | None = None

    @classmethod
    def open(cls, path: str | Path, *, settings: StoreSettings, resume: bool) -> Self:
        """Begin a store, or go on with one.

        Args:
            path: The store's directory; missing, empty, or with `resume` one that was begun with the same settings.
            settings: What decides its bytes.
            resume: Go on after the last finished shard; begin where there is none; do nothing where it is complete.

        Raises:
            StoreError: `path` is something else, a store without `resume`, a store of other settings, or another
                process is writing it.
        """
        path = Path(path)
        manifest = settings.to_manifest()
        if not _is_begun(path):
            return cls(path, manifest, journals=[], finished=False)
        there = read_manifest(path)
        if not resume:
            state = "is already a complete store" if there.complete else "is a store that was interrupted"
            advice = "choose another --out" if there.complete else "go on with --resume, or choose another --out"
            raise StoreError(f"{path}: {state}; {advice}")
        _check_same(path, there, manifest)
        writer = cls(path, manifest, journals=[], finished=there.complete)
        if there.complete:
            writer._manifest = there
            shutil.rmtree(path / INCOMING, ignore_errors=True)
            return writer
        writer._take_lock()
        try:
            if read_manifest(path).complete:
                shutil.rmtree(path / INCOMING, ignore_errors=True)
                raise StoreError(f"{path}: another process has just finished this store; nothing is left to be done")
            writer._make_folders()
            writer._journals = _read_journals(path)
        except StoreError:
            writer.close()
            raise
        return writer

    @property
    def n_shards(self) -> int:
        """Finished shards."""
        return (
            sum(name.startswith("shards/") for name in self._manifest.files) if self.finished else len(self._journals)
        )

    @property
    def n_rows(self) -> int:
        """ECGs in finished shards."""
        return self._manifest.n_ecgs if self.finished else sum(journal.n_rows for journal in self._journals)

    @property
    def n_rejects(self) -> int:
        """What was rejected until the last finished shard; 0 once the store is complete."""
        return len(self._all_rejects())

    @property
    def cursor(self) -> dict[str, Any]:
        """What was given with the last finished shard; empty at the start and once the store is complete."""
        return dict(self._journals[-1].cursor) if self._journals else {}

    def write_shard(
        self, waveforms: Microvolts, ecgs: pa.Table, *, rejects: Sequence[Reject], cursor: Mapping[str, Any]
    ) -> None:
        """Add a shard and its table; when this returns they are on the disk, and before that nothing of them counts.

        Args:
            waveforms: Shape (n, n_stored_leads, n_samples), int16 microvolts, n >= 1.
            ecgs: n rows of `ECGS_SCHEMA`, then bool flag columns.
            rejects: What was rejected since the shard before.
            cursor: JSON from which a resumed run knows where to go on.

        Raises:
            StoreError: The disk is full or not writable; what is finished stays.
            ValueError: The arguments do not fit each other or the store.
        """
        if self.finished:
            raise ValueError(f"{self.path} is complete: no shard can be added")
        self._check(waveforms, ecgs)
        number = self.n_shards
        shard, table = encode_shard(waveforms), encode_table(ecgs)
        journal = _Journal(
            n_rows=len(waveforms),
            shard_hash=digest(shard),
            table_hash=digest([table]),
            cursor=dict(cursor),
            rejects=tuple(rejects),
        )
        try:
            self._begin()
            self._put(shard_path(self.path, number), shard)
            self._put(_journal_path(self.path, number), [journal.encode()])
            self._put(table_path(self.path, number), [table])
        except StoreError:
            self._tidy(number)
            raise
        self._journals.append(journal)

    def finish(
        self,
        *,
        labels: pa.Table | None = None,
        truth: pa.Table | None = None,
        card: str | None = None,
        rejects: Sequence[Reject] = (),
    ) -> None:
        """Complete the store: tables, `rejects.csv`, and at last the manifest with all hashes.

        Args:
            labels: Catheter values (`LABELS_SCHEMA`).
            truth: Every visit's values (`TRUTH_SCHEMA`), of a simulated store.
            card: Markdown that says what the store is, for people.
            rejects: What was rejected since the last shard.

        Raises:
            StoreError: The disk is full or not writable, or no shard was written.
            ValueError: A table has other columns.
        """
        if self.finished:
            return
        if not self._journals:
            raise StoreError(f"{self.path}: no ECG was accepted, so there is no store")
        self._begin()
        pieces = {"rejects.csv": encode_rejects([*self._all_rejects(), *rejects])}
        for name, table, schema in (
            ("labels.parquet", labels, LABELS_SCHEMA),
            ("truth.parquet", truth, TRUTH_SCHEMA),
        ):
            if table is not None:
                pieces[name] = encode_table(table.cast(schema))
        if card is not None:
            pieces["card.md"] = card.encode()
        for name, encoded in pieces.items():
            self._put(self.path / name, [encoded])
        files = {name: digest([encoded]) for name, encoded in pieces.items()}
        for number, journal in enumerate(self._journals):
            files[shard_path(self.path, number).relative_to(self.path).as_posix()] = journal.shard_hash
            files[table_path(self.path, number).relative_to(self.path).as_posix()] = journal.table_hash
        done = {"complete": True, "n_ecgs": self.n_rows, "files": dict(sorted(files.items()))}
        self._manifest = self._manifest.model_copy(update=done)
        write_manifest(self.path, self._manifest)
        self.finished = True
        shutil.rmtree(self.path / INCOMING, ignore_errors=True)  # resuming tidies up what a bad disk keeps
        self.close()
        self._journals = []

    def close(self) -> None:
        """Let another process go on with the store."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _all_rejects(self) -> list[Reject]:
        return [reject for journal in self._journals for reject in journal.rejects]

    def _check(self, waveforms: Microvolts, ecgs: pa.Table) -> None:
        expected = (ecgs.num_rows, len(self._manifest.stored_leads), self._manifest.n_samples)
        if waveforms.dtype.name != "int16" or waveforms.shape != expected or not ecgs.num_rows:
            raise ValueError(
                f"expected int16 {expected} with at least one row, got {waveforms.dtype} {waveforms.shape}"
            )
        try:
            check_ecgs_schema(ecgs.schema, where="ecgs")
        except StoreError as error:
            raise ValueError(str(error)) from error

    def _begin(self) -> None:
        if self._lock is not None:
            return
        self._take_lock()
        if (self.path / MANIFEST).exists():
            if read_manifest(self.path).complete:
                shutil.rmtree(self.path / INCOMING, ignore_errors=True)
            self.close()
            raise StoreError(f"{self.path}: another process has written this store meanwhile; choose another --out")
        write_manifest(self.path, self._manifest)
        self._make_folders()

    def _make_folders(self) -> None:
        """Make what is missing: a kill may have come between the manifest and the folders."""
        try:
            for folder in ("shards", "ecgs", f"{INCOMING}/journal"):
                (self.path / folder).mkdir(exist_ok=True)
            sync_directory(self.path)
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def _take_lock(self) -> None:
        try:
            (self.path / INCOMING).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(self.path, error) from error
        self._lock = take_lock(self.path / INCOMING / "lock", what=str(self.path))

    def _put(self, path: Path, pieces: Sequence[Piece]) -> None:
        aside = self.path / INCOMING / f"{path.name}.part"
        write_aside(aside, pieces)
        publish(aside, path)

    def _tidy(self, number: int) -> None:
        """Take back what a failed shard left; where it was the first one, the whole begun store."""
        if self._lock is None:
            return
        if number:
            with contextlib.suppress(OSError):  # a disk that turned read-only; what is left does not count
                for path in (table_path(self.path, number), shard_path(self.path, number)):
                    path.unlink(missing_ok=True)
        else:
            shutil.rmtree(self.path, ignore_errors=True)
            self.close()


def _is_begun(path: Path) -> bool:
    """Whether there is a store, complete or not; False where there is nothing, or what a kill left before it began.

    Raises:
        StoreError: There is something else.
    """
    if not path.exists():
        return False
    if not path.is_dir():
        raise StoreError(f"{path}: is a file; choose another --out")
    names = {entry.name for entry in path.iterdir()}
    if MANIFEST in names:
        return True
    if names <= {INCOMING}:
        return False
    raise StoreError(f"{path}: exists and is not a hemometric store; choose another --out")


def _check_same(path: Path, there: Manifest, wanted: Manifest) -> None:
    before, now = _flatten(_fixed(there)), _flatten(_fixed(wanted))
    differing = [name for name in sorted(before.keys() | now.keys()) if before.get(name) != now.get(name)]
    told = [name for name in differing if not name.endswith("_sha256")] or differing
    if told:
        changes = "; ".join(f"{name} was {before.get(name)!r}, now {now.get(name)!r}" for name in told)
        raise StoreError(f"{path}: begun with other settings: {changes}; use the same again, or choose another --out")


def _fixed(manifest: Manifest) -> dict[str, Any]:
    return manifest.model_dump(mode="json", exclude={"complete", "n_ecgs", "files"})


def _flatten(value: object, name: str = "") -> dict[str, object]:
    """Nested settings as one level of dotted names, without the word "provenance" and "settings" in front."""
    if isinstance(value, Mapping):
        items = [(str(key), inner) for key, inner in value.items()]
    elif isinstance(value, list) and any(isinstance(inner, Mapping) for inner in value):
        items = [(str(key), inner) for key, inner in enumerate(value)]
    else:
        return {name.removeprefix("provenance.").removeprefix("settings."): value}
    flat: dict[str, object] = {}
    for key, inner in items:
        flat |= _flatten(inner, f"{name}.{key}" if name else key)
    return flat


def _journal_path(store: Path, number: int) -> Path:
    return store / INCOMING / "journal" / f"{number:05d}.json"


def _read_journals(store: Path) -> list[_Journal]:
    """Find the finished shards: those that have a table.

    Raises:
        StoreError: A finished shard does not fit its journal.
    """
    journals: list[_Journal] = []
    while table_path(store, len(journals)).exists():
        number = len(journals)
        journal = _Journal.decode(_journal_path(store, number))
        n_rows = {find_shard(shard_path(store, number)).shape[0], count_rows(table_path(store, number))}
        if n_rows != {journal.n_rows}:
            raise StoreError(f"{shard_path(store, number)}: not as it was written; remove the store and start anew")
        journals.append(journal)
    return journals
