"""Reading a single file in a process of its own, where the format's library may end the process that uses it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from hemometric.ecg import Ecg
from hemometric.errors import EcgError, ReadError
from hemometric.formats.known import HEAD_BYTES, is_hdf5
from hemometric.formats.read import list_parts, read_ecg
from hemometric.workers import Limits, Lost, map_guarded

Result = TypeVar("Result")

_LIMITS = Limits(seconds=600.0, memory_bytes=2**34)


@dataclass(frozen=True, slots=True)
class _Refusal:
    """A `ReadError` or `EcgError` on its way between processes."""

    is_of_file: bool
    reason: str
    code: str


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


def _do_apart(function: Callable[[tuple[Path, str | None]], Result | _Refusal], path: Path, part: str | None) -> Result:
    n_workers = 1 if _may_crash(path) else 0
    (outcome,) = map_guarded(function, [(path, part)], n_workers=n_workers, limits=_LIMITS, silent=True)
    if isinstance(outcome, Lost):
        raise ReadError(path, f"its reader came to no end: {outcome.detail}; the file is damaged", code=outcome.code)
    if isinstance(outcome, _Refusal):
        if outcome.is_of_file:
            raise ReadError(path, outcome.reason, code=outcome.code)
        raise EcgError(outcome.reason, code=outcome.code)
    return outcome


def _may_crash(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return is_hdf5(file.read(HEAD_BYTES))
    except OSError:
        return False  # reading it says what is wrong


def _read(errand: tuple[Path, str | None]) -> Ecg | _Refusal:
    path, part = errand
    try:
        return read_ecg(path, part=part)
    except ReadError as error:
        return _Refusal(True, error.reason, error.code)
    except EcgError as error:
        return _Refusal(False, str(error), error.code)


def _list(errand: tuple[Path, str | None]) -> tuple[str | None, ...] | _Refusal:
    try:
        return list_parts(errand[0])
    except ReadError as error:
        return _Refusal(True, error.reason, error.code)
