"""Files that are there as a whole or not at all, also after a power cut."""

import contextlib
import errno
import hashlib
import io
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from hemometric.errors import StoreError

Piece = bytes | memoryview

_AT_ONCE, _PIECE = 2**30, 2**23
_NO_COPY_IN_KERNEL = {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}
"""What the kernel answers where two file systems, or one of them, do not go together with `copy_file_range`."""

_ADVICE = {
    errno.ENOSPC: "the disk is full: free space",
    errno.EDQUOT: "your share of the disk is used up: remove files or ask for more",
    errno.EROFS: "the disk is read-only, perhaps since it failed: mount it for writing",
    errno.EACCES: "mend the permissions",
    errno.EPERM: "mend the permissions",
}


def digest(pieces: Sequence[Piece]) -> str:
    """SHA-256 of the concatenated `pieces`, as hex."""
    found = hashlib.sha256()
    for piece in pieces:
        found.update(piece)
    return found.hexdigest()


def digest_file(path: Path) -> str:
    """SHA-256 of a file's bytes, as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_aside(path: Path, pieces: Sequence[Piece]) -> None:
    """Write `pieces` to `path` and wait until they are on the disk.

    Raises:
        StoreError: The disk is full or not writable; what was begun is removed again.
    """
    try:
        with path.open("wb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        with contextlib.suppress(OSError):  # a disk that turned read-only
            path.unlink(missing_ok=True)
        raise cannot_write(path, error) from error


def copy_aside(file: Path, path: Path, *, expected: str) -> None:
    """Copy a file to `path` and wait until it is on the disk. A file system that can share the blocks does so.

    The copy is hashed, not the file: so it is read once, and what stands there at last is what was checked.

    Args:
        file: What is copied.
        path: Where to.
        expected: Its SHA-256.

    Raises:
        StoreError: It cannot be read, has another hash, or the disk is full or not writable; then nothing is left.
    """
    try:
        source = file.open("rb", buffering=0)
    except OSError as error:
        raise StoreError(f"{file}: cannot be read ({error.strerror or error}); restore it first") from error
    try:
        with source, path.open("wb+", buffering=0) as copy:
            _copy_bytes(source, copy)
            os.fsync(copy.fileno())
            copy.seek(0)
            found = hashlib.file_digest(copy, "sha256").hexdigest()
    except OSError as error:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        raise cannot_write(path, error) from error
    if found != expected:
        path.unlink(missing_ok=True)
        raise StoreError(
            f"{file}: changed since it was written; restore it first (hemometric verify says what changed)"
        )


def _copy_bytes(source: io.FileIO, copy: io.FileIO) -> None:
    try:
        while os.copy_file_range(source.fileno(), copy.fileno(), _AT_ONCE):
            pass
    except OSError as error:
        if error.errno not in _NO_COPY_IN_KERNEL:
            raise
        shutil.copyfileobj(source, copy, _PIECE)


def publish(aside: Path, path: Path) -> None:
    """Give a finished file its final name in one step, and wait until the name is on the disk.

    Raises:
        StoreError: The name cannot be given.
    """
    try:
        aside.replace(path)
        sync_directory(path.parent)
    except OSError as error:
        raise cannot_write(path, error) from error


def sync_directory(path: Path) -> None:
    """Wait until the names in a directory are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def cannot_write(path: Path, error: OSError) -> StoreError:
    """The error to raise where the operating system refused a write."""
    advice = _ADVICE.get(error.errno or 0, "free space or mend the permissions")
    return StoreError(
        f"{path}: cannot be written ({error.strerror or error}); {advice}, then go on (where the command has it with "
        "--resume): what is finished is kept"
    )
