"""A check of the heaps in which an HDF5 file keeps its texts, before the HDF5 library walks through them.

In a damaged heap the library (2.0) takes steps of no length and never comes to an end: 5 of 600 mutants of a file by
ML4H did this to it. Layout of a heap: HDF5 File Format Specification 3.0, III.E "Global Heap".
"""

import mmap
from pathlib import Path

from hemometric.errors import ReadError

_MAGIC = b"GCOL\x01\x00\x00\x00"
_HEADER_BYTES = 16
"""Of a heap (mark, version, size) and of an object in it (number, references, size)."""


def check_heaps(path: Path) -> None:
    """Walk through all heaps of a file.

    Args:
        path: The file, with lengths of 8 bytes as every writer of today uses.

    Raises:
        ReadError: One is damaged ("corrupt").
    """
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        at = content.find(_MAGIC)
        while at >= 0:
            stop = at + int.from_bytes(content[at + 8 : at + 16], "little")
            if not _is_whole(content, at + _HEADER_BYTES, min(stop, len(content))):
                reason = "damaged HDF5 file, copy or export it again (the heap of its texts has an object of no size)"
                raise ReadError(path, reason, code="corrupt")
            at = content.find(_MAGIC, at + 1)


def _is_whole(content: mmap.mmap, at: int, stop: int) -> bool:
    """Say whether one object follows the other up to `stop`; number 0 is free space, whose size counts its header."""
    while at + _HEADER_BYTES <= stop:
        number = int.from_bytes(content[at : at + 2], "little")
        size = int.from_bytes(content[at + 8 : at + 16], "little")
        step = size if number == 0 else _HEADER_BYTES + -(-size // 8) * 8
        if step < _HEADER_BYTES:
            return False
        at += step
    return True
