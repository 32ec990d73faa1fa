"""One process at a time: a lock that ends with the process that holds it, however that ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from hemometric.errors import StoreError
from hemometric.store.durable import cannot_write


@contextmanager
def locked(path: Path, *, what: str) -> Iterator[None]:
    """Hold the lock whose file is `path`, which is there only meanwhile.

    Args:
        path: In a folder that exists.
        what: What is written under the lock, for the message.

    Raises:
        StoreError: Another process holds it, or the file cannot be written.
    """
    with take_lock(path, what=what):
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def take_lock(path: Path, *, what: str) -> IO[bytes]:
    """Take the lock whose file is `path`; it is let go when the returned file is closed, or its process ends.

    Args:
        path: In a folder that exists.
        what: What is written under the lock, for the message.

    Raises:
        StoreError: Another process holds it, or the file cannot be written.
    """
    try:
        while True:
            file = path.open("wb")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_still(file.fileno(), path):
                    return file
            except BaseException:
                file.close()
                raise
            file.close()  # who held it took the file away between our opening and our locking
    except BlockingIOError:
        raise StoreError(f"{what}: another process is writing this; wait for it or end it") from None
    except OSError as error:
        raise cannot_write(path, error) from error


def _is_still(descriptor: int, path: Path) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(descriptor), there)
