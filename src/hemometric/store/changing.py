"""Changing a complete store so that it is, after a kill at any moment, as before or as after.

New files are written aside, in `.change/`. When all are there, `.change/plan.json` gets its name: that is the moment at
which the change has happened. Then the files are renamed to where they go, the manifest last, and the plan is removed.
Who finds a plan only has to do the same renames again (`mend`); who finds files without a plan throws them away. While
there is a plan, no store opens.
"""

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hemometric.errors import StoreError
from hemometric.store.durable import (
    Piece,
    cannot_write,
    digest,
    digest_file,
    publish,
    sync_directory,
    write_aside,
)
from hemometric.store.locking import LOCK, locked
from hemometric.store.manifest import (
    CHANGE,
    INCOMING,
    MANIFEST,
    PLAN,
    Manifest,
    encode_manifest,
    read_manifest,
)

APPEND = ".append"
"""A store within a store: the ECGs of an append that was interrupted, or is going on."""
_FILES = "files"


class Change:
    """A change that is being prepared. See `changing`.

    Attributes:
        store: The directory.
        doing: The command that changes it.
    """

    def __init__(self, store: Path, doing: str) -> None:
        self.store = store
        self.doing = doing
        self._hashes: dict[str, str] = {}
        self._put: list[str] = []
        self._removed: list[str] = []

    def put(self, name: str, pieces: Sequence[Piece], *, listed: bool = True) -> None:
        """Prepare a file.

        Args:
            name: Relative to the store.
            pieces: Its bytes.
            listed: Whether its hash stands in the manifest.

        Raises:
            StoreError: The disk is full or not writable.
        """
        write_aside(self._aside(name), pieces)
        self._put.append(name)
        if listed:
            self._hashes[name] = digest(pieces)

    def put_file(self, name: str, file: Path, *, expected: str) -> None:
        """Prepare a file whose bytes another file has, which stays where it is.

        Args:
            name: Relative to the store.
            file: On the disk for good already.
            expected: Its SHA-256.

        Raises:
            StoreError: It cannot be read, or the disk is full or not writable.
        """
        aside = self._aside(name)
        try:
            os.link(file, aside)
        except OSError:  # not every file system has links
            try:
                shutil.copyfile(file, aside)
                with aside.open("rb+") as copy:
                    os.fsync(copy.fileno())
            except OSError as error:
                raise cannot_write(aside, error) from error
        self._put.append(name)
        self._hashes[name] = expected

    def remove(self, name: str) -> None:
        """Take a file or folder away with the change, whether it is there or not."""
        self._removed.append(name)

    def commit(self, manifest: Manifest) -> None:
        """Let the change happen.

        Args:
            manifest: Of the store as it will be, with the files as they were before.

        Raises:
            StoreError: The disk is full or not writable.
        """
        gone = {name for name in manifest.files if name in self._removed}
        kept = {name: found for name, found in manifest.files.items() if name not in gone}
        files = dict(sorted({**kept, **self._hashes}.items()))
        write_aside(self._aside(MANIFEST), [encode_manifest(manifest.model_copy(update={"files": files}))])
        change = self.store / CHANGE
        plan = {"doing": self.doing, "put": [*self._put, MANIFEST], "remove": self._removed}
        write_aside(change / f"{PLAN}.part", [json.dumps(plan).encode()])
        try:
            for folder in {self._aside(name).parent for name in self._put} | {change / _FILES, change, self.store}:
                sync_directory(folder)
        except OSError as error:
            raise cannot_write(change, error) from error
        publish(change / f"{PLAN}.part", change / PLAN)
        _put_in_place(self.store)

    def _aside(self, name: str) -> Path:
        aside = self.store / CHANGE / _FILES / name
        try:
            aside.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(aside.parent, error) from error
        return aside


@contextmanager
def changing(store: Path, *, doing: str) -> Iterator[Change]:
    """Prepare a change of a complete store under its lock; it happens when it is committed.

    What an interrupted change left is finished or thrown away before.

    Args:
        store: Its directory.
        doing: The command, for whoever comes meanwhile.

    Raises:
        StoreError: There is no store, another process is writing it, or it cannot be written.
    """
    _check_there(store)
    with locked(store / LOCK, what=str(store), doing=doing):
        _tidy(store)
        try:
            yield Change(store, doing)
        finally:
            if not (store / CHANGE / PLAN).exists():
                shutil.rmtree(store / CHANGE, ignore_errors=True)


def mend(path: str | Path) -> list[str]:
    """Finish the change of a store that was interrupted while it was put in place; throw away what did not get so far.

    Args:
        path: The store.

    Returns:
        One sentence for each thing that was done; empty where nothing was to be done.

    Raises:
        StoreError: There is no complete store, another process is writing it, or it cannot be written.
    """
    path = Path(path)
    _check_there(path)
    with locked(path / LOCK, what=str(path), doing="mend"):
        done = _tidy(path)
        if not read_manifest(path).complete:
            raise StoreError(f"{path}: incomplete (it was interrupted); finish it with the same command and --resume")
        for name in find_leftovers(path):
            _remove(path / name)
            done.append(f"removed {name}, which an interrupted command left")
    return done


def find_leftovers(store: Path) -> list[str]:
    """What interrupted commands left beside a complete store; nothing of it counts."""
    temporary = {APPEND, INCOMING, *(f".{name}" for name in read_manifest(store).files), f".{MANIFEST}"}
    return sorted(entry.name for entry in store.iterdir() if entry.name in temporary)


def check_unchanged(store: Path, manifest: Manifest, name: str) -> None:
    """Check a file that is to be written anew: otherwise what a bad disk made of it would get a good hash.

    Raises:
        StoreError: It has not the hash that the manifest says, or cannot be read.
    """
    expected = manifest.files.get(name)
    try:
        if expected is None or digest_file(store / name) == expected:
            return
    except OSError as error:
        raise StoreError(f"{store / name}: cannot be read ({error.strerror or error}); restore it first") from error
    raise StoreError(f"{store / name}: changed since it was written; restore it first (hemometric verify {store})")


def _check_there(store: Path) -> None:
    if not (store / MANIFEST).is_file():
        read_manifest(store)  # says what is wrong


def _tidy(store: Path) -> list[str]:
    """Finish the change of which there is a plan, or throw away what there is of one."""
    if (store / CHANGE / PLAN).exists():
        return [f"finished an interrupted {_put_in_place(store)}"]
    if (store / CHANGE).exists():
        _remove(store / CHANGE)
        return ["threw away what an interrupted command had prepared; the store is as before"]
    return []


def _put_in_place(store: Path) -> str:
    """Do what the plan says, whatever of it was done before, and say which command made it."""
    change = store / CHANGE
    try:
        plan = json.loads((change / PLAN).read_bytes())
        doing, put, removed = plan["doing"], plan["put"], plan["remove"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise StoreError(f"{change / PLAN}: cannot be read ({error}); restore the store from a copy") from error
    try:
        for name in removed:
            if name not in put:
                _delete(store / name)
        for name in put:
            aside, there = change / _FILES / name, store / name
            if aside.exists():  # else an earlier attempt moved it
                there.parent.mkdir(exist_ok=True)
                aside.replace(there)
        for folder in {(store / name).parent for name in put} | {store}:
            sync_directory(folder)
        (change / PLAN).unlink()
        sync_directory(change)
    except OSError as error:
        raise StoreError(
            f"{store}: the change is prepared but cannot be put in place ({error.strerror or error}); mend the disk or "
            f"the permissions, then finish it with hemometric mend {store}"
        ) from error
    shutil.rmtree(change, ignore_errors=True)  # without a plan it is nothing, and the next one removes it
    return str(doing)


def _remove(path: Path) -> None:
    try:
        _delete(path)
    except OSError as error:
        raise cannot_write(path, error) from error


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
