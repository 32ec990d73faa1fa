"""Writing a store so that it may be killed at any moment and go on later, ending with the same bytes.

A shard is finished when its table has its name: journal, shard and table are written aside in `.incoming/`, then the
journal, the shard and last the table are renamed. The journal of a shard holds what a resumed run must know (where to
go on, what was rejected until then, the hashes); it is gone once the store is complete.
"""

import contextlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Self

import pyarrow as pa

from hemometric.errors import StoreError
from hemometric.store.beginning import StoreSettings, check_same, is_begun
from hemometric.store.durable import Piece, cannot_write, copy_aside, digest, publish, sync_directory, write_aside
from hemometric.store.journals import Journal, journal_path, read_journals
from hemometric.store.locking import LOCK, locked, take_lock
from hemometric.store.manifest import INCOMING, MANIFEST, Manifest, read_manifest, write_manifest
from hemometric.store.reading import count_shards, shard_path, table_path
from hemometric.store.shards import Microvolts, encode_shard, find_shard
from hemometric.store.tables import (
    LABELS_SCHEMA,
    TRUTH_SCHEMA,
    Reject,
    check_ecgs_schema,
    encode_rejects,
    encode_table,
)


class StoreWriter:
    """Writes a store shard by shard. Open it with `StoreWriter.open`, and `close` it unless it was finished.

    Nothing is on the disk before the first shard is.

    Attributes:
        path: The store's directory.
        finished: True where the store is complete: there is nothing to be written.
    """

    def __init__(self, path: Path, manifest: Manifest, *, journals: list[Journal], finished: bool) -> None:
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
        if not is_begun(path):
            return cls(path, manifest, journals=[], finished=False)
        there = read_manifest(path)
        if not resume:
            state = "is already a complete store" if there.complete else "is a store that was interrupted"
            advice = "choose another --out" if there.complete else "go on with --resume, or choose another --out"
            raise StoreError(f"{path}: {state}; {advice}")
        check_same(path, there, manifest)
        writer = cls(path, manifest, journals=[], finished=there.complete)
        if there.complete:
            writer._manifest = there
            _tidy_up(path)
            return writer
        writer._take_lock()
        try:
            if read_manifest(path).complete:
                shutil.rmtree(path / INCOMING, ignore_errors=True)
                raise StoreError(f"{path}: another process has just finished this store; nothing is left to be done")
            writer._make_folders()
            writer._journals = read_journals(path)
        except StoreError:
            writer.close()
            raise
        return writer

    @property
    def n_shards(self) -> int:
        """Finished shards."""
        return count_shards(self._manifest) if self.finished else len(self._journals)

    @property
    def n_rows(self) -> int:
        """ECGs in finished shards."""
        return self._manifest.n_ecgs if self.finished else sum(journal.n_rows for journal in self._journals)

    @property
    def n_rejects(self) -> int:
        """What was rejected until the last finished shard; 0 once the store is complete."""
        return len(self.rejects)

    @property
    def rejects(self) -> list[Reject]:
        """The same by name."""
        return [reject for journal in self._journals for reject in journal.rejects]

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
        self._check(waveforms.dtype.name, waveforms.shape, ecgs)
        shard, table = encode_shard(waveforms), encode_table(ecgs)
        journal = Journal(
            n_rows=len(waveforms),
            shard_hash=digest(shard),
            table_hash=digest([table]),
            cursor=dict(cursor),
            rejects=tuple(rejects),
        )
        self._add(journal, table, write=lambda aside: write_aside(aside, shard))

    def copy_shard(self, file: Path, ecgs: pa.Table, *, expected: str, cursor: Mapping[str, Any]) -> None:
        """Add a shard with the very bytes of another store's, as `write_shard` does; they need not fit into memory.

        Args:
            file: The shard of a store with the same samples and stored leads.
            ecgs: Its rows.
            expected: Its SHA-256.
            cursor: JSON from which a resumed run knows where to go on.

        Raises:
            StoreError: It is not as it was written, or the disk is full or not writable; what is finished stays.
            ValueError: The arguments do not fit each other or the store.
        """
        self._check("int16", find_shard(file).shape, ecgs)
        table = encode_table(ecgs)
        journal = Journal(
            n_rows=ecgs.num_rows, shard_hash=expected, table_hash=digest([table]), cursor=dict(cursor), rejects=()
        )
        self._add(journal, table, write=lambda aside: copy_aside(file, aside, expected=expected))

    def _add(self, journal: Journal, table: bytes, *, write: Callable[[Path], None]) -> None:
        number = self.n_shards
        try:
            self._begin()
            aside = self.path / INCOMING / f"{shard_path(self.path, number).name}.part"
            write(aside)
            publish(aside, shard_path(self.path, number))
            self._put(journal_path(self.path, number), [journal.encode()])
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
        others: Mapping[str, bytes] | None = None,
        rejects: Sequence[Reject] = (),
    ) -> None:
        """Complete the store: tables, `rejects.csv`, and at last the manifest with all hashes.

        Args:
            labels: Catheter values (`LABELS_SCHEMA`).
            truth: Every visit's values (`TRUTH_SCHEMA`), of a simulated store.
            card: Markdown that says what the store is, for people.
            others: Further files by name.
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
        pieces = {"rejects.csv": encode_rejects([*self.rejects, *rejects])}
        for name, table, schema in (
            ("labels.parquet", labels, LABELS_SCHEMA),
            ("truth.parquet", truth, TRUTH_SCHEMA),
        ):
            if table is not None:
                pieces[name] = encode_table(table.cast(schema))
        if card is not None:
            pieces["card.md"] = card.encode()
        pieces |= others or {}
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
            with contextlib.suppress(OSError):  # a disk that turned read-only; what is left behind is no lock
                (self.path / LOCK).unlink(missing_ok=True)
            self._lock.close()
            self._lock = None

    def _check(self, dtype: str, shape: tuple[int, ...], ecgs: pa.Table) -> None:
        if self.finished:
            raise ValueError(f"{self.path} is complete: no shard can be added")
        expected = (ecgs.num_rows, len(self._manifest.stored_leads), self._manifest.n_samples)
        if dtype != "int16" or shape != expected or not ecgs.num_rows:
            raise ValueError(f"expected int16 {expected} with at least one row, got {dtype} {shape}")
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
        doing = str(self._manifest.provenance.get("made_by", ""))
        self._lock = take_lock(self.path / LOCK, what=str(self.path), doing=doing)

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


def _tidy_up(path: Path) -> None:
    """Remove what a kill left of the writing of a store that is complete, unless somebody is changing the store."""
    if not ((path / INCOMING).exists() or (path / LOCK).exists()):
        return
    with contextlib.suppress(StoreError), locked(path / LOCK, what=str(path)):
        shutil.rmtree(path / INCOMING, ignore_errors=True)
