"""Read ECGs from HDF5 files of a known layout: one patient a file as ML4H writes them, or CODE-15."""

import atexit
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

import h5py

from hemometric.ecg import Ecg
from hemometric.errors import ReadError
from hemometric.formats.hdf5_code15 import find_exams
from hemometric.formats.hdf5_contents import Contents
from hemometric.formats.hdf5_objects import describe, find_dataset, find_object
from hemometric.formats.hdf5_patient import find_patient_ecgs
from hemometric.formats.parts import no_such_part

Result = TypeVar("Result")

_CHUNK_CACHE_BYTES = 2**26
"""64 MiB of unpacked chunks: where a chunk holds samples of many ECGs, reading them in order unpacks each once."""
_CHUNK_SLOTS = 10_007
"""A prime, as HDF5 asks, about a hundred times the chunks that fit."""
_UNREADABLE = (
    OSError,
    KeyError,
    IndexError,
    ValueError,
    TypeError,
    RuntimeError,
    AttributeError,
    EOFError,
    ArithmeticError,
    MemoryError,
    SystemError,
)
"""What h5py raises on a file that is damaged."""
_SHOWN_OBJECTS = 6


@dataclass(slots=True)
class _Opened:
    """A file that is kept open, since opening and listing it anew for each ECG takes most of the time.

    HDF5 reads it through a Python file, so that neither a lock nor HDF5's own list of open files keeps anyone from
    writing it meanwhile.

    Attributes:
        state: Path, device, number, time of change and size; another state is another file.
    """

    state: tuple[Path, int, int, int, int]
    stream: BinaryIO
    file: h5py.File
    contents: Contents | None = None

    def close(self) -> None:
        """Let go of the file."""
        self.file.close()
        self.stream.close()


_kept = threading.local()


def read_hdf5(path: Path, part: str | None) -> Ecg:
    """Read one ECG of an HDF5 file; the file stays open for the next one.

    Args:
        path: The file.
        part: The date of the ECG (one patient a file) or its exam id (CODE-15); None takes the only one.

    Raises:
        ReadError: See `hemometric.formats.read_ecg`.
    """

    def read(contents: Contents) -> Ecg:
        chosen = next(iter(contents.parts), "") if part is None else part
        if chosen not in contents.parts:
            raise no_such_part(path, chosen, contents.parts)
        return contents.read(chosen)

    return _guarded(path, read)


def list_hdf5(path: Path) -> tuple[str, ...]:
    """Name the ECGs of an HDF5 file: dates (one patient a file) or exam ids (CODE-15).

    Raises:
        ReadError: See `hemometric.formats.read_ecg`.
    """
    return _guarded(path, lambda contents: tuple(contents.parts))


def holds_patient_ecgs(path: Path) -> bool:
    """Say whether an HDF5 file holds the ECGs of one patient (`ecg/<date>/<lead>`).

    Raises:
        ReadError: It is damaged, or too near to another layout.
    """
    return _guarded(path, lambda contents: contents.is_one_patient)


def close_hdf5() -> None:
    """Close the file that this thread keeps open, if there is one."""
    opened: _Opened | None = getattr(_kept, "opened", None)
    _kept.opened = None
    if opened is not None:
        opened.close()


atexit.register(close_hdf5)


def _guarded(path: Path, use: Callable[[Contents], Result]) -> Result:
    """Use the contents of a file; whatever HDF5 says of a damaged one becomes a `ReadError`."""
    try:
        opened = _open(path)
        if opened.contents is None:
            opened.contents = _find_contents(path, opened.file)
        return use(opened.contents)
    except _UNREADABLE as error:
        close_hdf5()
        first = str(error).strip("'\"").partition("\n")[0][:160]
        reason = f"damaged HDF5 file, copy or export it again ({type(error).__name__}: {first})"
        raise ReadError(path, reason, code="corrupt") from error


def _open(path: Path) -> _Opened:
    found = path.stat()
    state = (path, found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size)
    opened: _Opened | None = getattr(_kept, "opened", None)
    if opened is not None and opened.state == state:
        return opened
    close_hdf5()
    stream = path.open("rb")
    try:
        file = h5py.File(stream, "r", rdcc_nbytes=_CHUNK_CACHE_BYTES, rdcc_nslots=_CHUNK_SLOTS)
    except BaseException:
        stream.close()
        raise
    _kept.opened = _Opened(state, stream, file)
    return _kept.opened  # type: ignore[no-any-return]  # an attribute of a thread has no type


def _find_contents(path: Path, file: h5py.File) -> Contents:
    contents = find_exams(path, file) or find_patient_ecgs(path, file)
    if contents is not None:
        return contents
    names = list(file)
    found = [(name, find_object(file, name)) for name in names[:_SHOWN_OBJECTS]]
    shown = [f"/{name} ({'a link' if what is None else describe(what)})" for name, what in found]
    more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
    reason = (
        "an HDF5 file of another layout than one patient a file (ecg/<date>/<lead>) or CODE-15 (exam_id, "
        f"tracings (N, 4096, 12)); found {', '.join(shown) + more or 'nothing'}{_name_sibling(file)}; "
        "docs/formats/hdf5.md says how to bring it here"
    )
    raise ReadError(path, reason, code="unsupported-format")


def _name_sibling(file: h5py.File) -> str:
    """Say why a file that is near to CODE-15 is not taken for it."""
    ids, tracings = find_dataset(file, "exam_id"), find_dataset(file, "tracings")
    if tracings is None:
        return ""
    if ids is None:
        return ": without exam_id the order of the leads is unknown, it differs between CODE-test and SaMi-Trop"
    return ": as in IKEM, whose leads, rate and unit differ" if tracings.shape[2:] == (8,) else ""
