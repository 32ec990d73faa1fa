"""Reading in other processes: a file that ends or hangs the process that reads it is an error, not the end of all.

One file of a format that is safe is read here, since to start a process takes longer. Of many files all are read apart.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from hemometric.ecg import Ecg
from hemometric.errors import EcgError, ReadError
from hemometric.formats.find import find_format
from hemometric.formats.known import FORMATS, HEAD_BYTES, is_hdf5
from hemometric.formats.read import list_parts, read_ecg
from hemometric.formats.sizes import seconds_to_list, seconds_to_read
from hemometric.workers import Limits, Lost, map_guarded

Result = TypeVar("Result")

_SECONDS, _MEMORY_BYTES = 60.0, 2**34
_PATIENT_LIMITS = Limits(seconds=600.0, memory_bytes=_MEMORY_BYTES)
"""Of the one file that a person asks for."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an ECG is.

    Attributes:
        path: The file.
        part: Which ECG of it, where it may hold several.
        n_parts: ECGs in the file, as far as that is known.
        problem: Why it cannot be read, where that is known without reading it.
    """

    path: Path
    part: str | None = None
    n_parts: int = 1
    problem: ReadError | None = None

    @property
    def name(self) -> str:
        """What a person calls it: the file, and the part where there are several."""
        return str(self.path) if self.part is None or self.n_parts == 1 else f"{self.path}, part {self.part}"


@dataclass(frozen=True, slots=True)
class _Refusal:
    """A `ReadError` or `EcgError` on its way between processes."""

    is_of_file: bool
    reason: str
    code: str


_Errand = tuple[Path, str | None, int]
"""File, part, and how many ECGs the file holds."""


def read_ecg_apart(path: Path, *, part: str | None = None) -> Ecg:
    """Read an ECG as `read_ecg` does; a file that ends its reader is an error and not the end of this process.

    Only HDF5 is read in another process, which takes some tenths of a second: damaged files of that format were seen to
    end the process within the library that reads them.

    Args:
        path: The file.
        part: Which ECG of a file that holds several.

    Raises:
        ReadError: As `read_ecg`; or its reader ended, hung or took too much memory.
        EcgError: As `read_ecg`.
        StoreError: The process cannot be started.
    """
    return _do_apart(_read, path, part)


def list_parts_apart(path: Path) -> tuple[str | None, ...]:
    """List the ECGs of a file as `list_parts` does; see `read_ecg_apart`.

    Raises:
        ReadError: As `list_parts`; or its reader ended, hung or took too much memory.
        StoreError: The process cannot be started.
    """
    return _do_apart(_list, path, None)


def find_places_apart(files: Sequence[Path], *, n_workers: int) -> list[Place]:
    """List the ECGs of files in order; a file whose ECGs cannot be listed is one place with a problem.

    Args:
        files: As `find_records` lists them.
        n_workers: Processes at most.

    Raises:
        StoreError: A process cannot be started.
    """
    are_several = [_may_hold_several(file) for file in files]
    errands = [(file, None, 1) for file, several in zip(files, are_several, strict=True) if several]
    limits = Limits(seconds=_SECONDS, memory_bytes=_MEMORY_BYTES, more_seconds=_seconds_to_list)
    places: list[Place] = []
    with closing(
        map_guarded(_list, errands, n_workers=min(n_workers, len(errands)), limits=limits, silent=True)
    ) as outcomes:
        for file, several in zip(files, are_several, strict=True):
            outcome = next(outcomes) if several else (None,)
            if isinstance(outcome, tuple):
                places += [Place(file, part, len(outcome)) for part in outcome]
            else:
                places.append(Place(file, problem=_as_read_error(file, outcome)))
    return places


def read_places_apart(places: Sequence[Place], *, n_workers: int) -> Generator[Ecg | ReadError | EcgError, None, None]:
    """Read ECGs in order, each in one of a few processes that are kept; what is wrong with one stands in its place.

    A file may take a minute, a large one longer (`seconds_to_read`).

    Args:
        places: Any number.
        n_workers: Processes at most.

    Raises:
        StoreError: A process cannot be started.
    """
    wanted = [(place.path, place.part, place.n_parts) for place in places if place.problem is None]
    limits = Limits(seconds=_SECONDS, memory_bytes=_MEMORY_BYTES, more_seconds=_seconds_to_read)
    outcomes = map_guarded(_read, wanted, n_workers=min(n_workers, len(wanted)), limits=limits, silent=True)
    with closing(outcomes):
        for place in places:
            if place.problem is not None:
                yield place.problem
                continue
            outcome = next(outcomes)
            if isinstance(outcome, _Refusal) and not outcome.is_of_file:
                yield EcgError(outcome.reason, code=outcome.code)
            else:
                yield outcome if isinstance(outcome, Ecg) else _as_read_error(place.path, outcome)


def _do_apart(function: Callable[[_Errand], Result | _Refusal], path: Path, part: str | None) -> Result:
    n_workers = 1 if _may_crash(path) else 0
    (outcome,) = map_guarded(function, [(path, part, 1)], n_workers=n_workers, limits=_PATIENT_LIMITS, silent=True)
    if isinstance(outcome, _Refusal) and not outcome.is_of_file:
        raise EcgError(outcome.reason, code=outcome.code)
    if isinstance(outcome, (Lost, _Refusal)):
        raise _as_read_error(path, outcome)
    return outcome


def _as_read_error(path: Path, outcome: Lost | _Refusal) -> ReadError:
    if isinstance(outcome, Lost):
        return ReadError(path, f"its reader came to no end: {outcome.detail}; the file is damaged", code=outcome.code)
    return ReadError(path, outcome.reason, code=outcome.code)


def _may_hold_several(file: Path) -> bool:
    known = FORMATS.get(find_format(file) or "")
    return known is None or known.list_parts is not None


def _may_crash(path: Path) -> bool:
    try:
        if not path.is_file():
            return False  # opening a pipe would wait for its other end
        with path.open("rb") as file:
            return is_hdf5(file.read(HEAD_BYTES))
    except OSError:
        return False  # reading it says what is wrong


def _seconds_to_list(errand: _Errand) -> float:
    return seconds_to_list(errand[0])


def _seconds_to_read(errand: _Errand) -> float:
    path, _, n_parts = errand
    return seconds_to_read(path, n_parts=n_parts)


def _read(errand: _Errand) -> Ecg | _Refusal:
    path, part, _ = errand
    try:
        return read_ecg(path, part=part)
    except ReadError as error:
        return _Refusal(True, error.reason, error.code)
    except EcgError as error:
        return _Refusal(False, str(error), error.code)
    except OSError as error:
        return _Refusal(True, f"cannot be read ({error.strerror or error})", "unreadable")


def _list(errand: _Errand) -> tuple[str | None, ...] | _Refusal:
    try:
        return list_parts(errand[0])
    except ReadError as error:
        return _Refusal(True, error.reason, error.code)
    except OSError as error:
        return _Refusal(True, f"cannot be read ({error.strerror or error})", "unreadable")
