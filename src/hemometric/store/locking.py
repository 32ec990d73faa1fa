"""One process at a time: a lock that ends with the process that holds it, however that ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from hemometric.errors import StoreError
from hemometric.store.durable import cannot_write

LOCK = ".lock"
"""The lock of a store lies in its folder, there only while somebody writes; what a kill leaves behind is none."""


@contextmanager
def locked(path: Path, *, what: str, doing: str = "") -> Iterator[None]:
    """Hold the lock whose file is `path`, which is there only meanwhile.

    Args:
        path: In a folder that exists.
        what: What is written under the lock, for the message.
        doing: What is done under the lock, for whoever comes meanwhile.

    Raises:
        StoreError: Another process holds it, or the file cannot be written.
    """
    with take_lock(path, what=what, doing=doing):
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def take_lock(path: Path, *, what: str, doing: str = "") -> IO[bytes]:
    """Take the lock whose file is `path`; it is let go when the returned file is closed, or its process ends.

    Args:
        path: In a folder that exists.
        what: What is written under the lock, for the message.
        doing: What is done under the lock, for whoever comes meanwhile.

    Raises:
        StoreError: Another process holds it, or the file cannot be written.
    """
    try:
        while True:
            file = path.open("ab+")  # its content is the holder's until it is ours
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_still(file.fileno(), path):
                    file.truncate(0)
                    file.write(f"{doing or 'writing'}, process {os.getpid()}".encode())
                    file.flush()
                    return file
            except BlockingIOError:
                raise _taken(what, file) from None
            except BaseException:
                file.close()
                raise
            file.close()  # who held it took the file away between our opening and our locking
    except OSError as error:
        raise cannot_write(path, error) from error


def _taken(what: str, file: IO[bytes]) -> StoreError:
    with file:
        file.seek(0)
        holder = file.read(200).decode("utf-8", "replace")
    return StoreError(
        f"{what}: another process is writing this{holder and f' ({holder})'}; wait until it is done, or end it"
    )


def _is_still(descriptor: int, path: Path) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(descriptor), there)
