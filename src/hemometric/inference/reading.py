"""The ECGs of files, each with what was read of it or why it cannot be read."""

import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from hemometric.ecg import Ecg
from hemometric.errors import EcgError, ReadError
from hemometric.formats import Place, find_places_apart, list_parts_apart, read_ecg_apart, read_places_apart

_MOST_PROCESSES = 4
_ECGS_PER_PROCESS = 500
"""To start a process takes as long as to read so many ECGs of WFDB, half a second of a core."""


def find_places(files: Sequence[Path]) -> list[Place]:
    """List the ECGs of files, in order; a file that holds several has as many places.

    Args:
        files: As `find_records` lists them, or as a user names them.

    Raises:
        StoreError: A process cannot be started.
    """
    if len(files) != 1:
        return find_places_apart(files, n_workers=_count_processes(len(files)))
    (file,) = files
    try:
        parts = list_parts_apart(file)
    except ReadError as error:
        return [Place(file, problem=error)]
    return [Place(file, part, len(parts)) for part in parts]


def read_places(places: Sequence[Place]) -> Iterator[tuple[Place, Ecg | ReadError | EcgError]]:
    """Read ECGs, in order; a file that ends or hangs its reader is an error like another.

    Args:
        places: One is read without a process of its own where its format is safe.

    Raises:
        StoreError: A process cannot be started.
    """
    if len(places) == 1:
        yield places[0], _read_one(places[0])
        return
    with closing(read_places_apart(places, n_workers=_count_processes(len(places)))) as outcomes:
        yield from zip(places, outcomes, strict=True)


def _read_one(place: Place) -> Ecg | ReadError | EcgError:
    if place.problem is not None:
        return place.problem
    try:
        return read_ecg_apart(place.path, part=place.part)
    except (ReadError, EcgError) as error:
        return error


def _count_processes(n_places: int) -> int:
    return min(os.cpu_count() or 1, _MOST_PROCESSES, 1 + n_places // _ECGS_PER_PROCESS)
