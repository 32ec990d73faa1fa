"""Arrays of NumPy, as NPY and NPZ: mapped into memory where the file allows it, never unpickled, of bounded size."""

import math
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from hemometric.errors import ReadError

_MOST_UNPACKED_BYTES = 2**28
"""Of a compressed array, which must be unpacked as a whole to read one ECG of it."""
_SUFFIX = ".npy"
_UNREADABLE = (
    ValueError,
    EOFError,
    OSError,
    zipfile.BadZipFile,
    zlib.error,
    LookupError,
    ArithmeticError,
    MemoryError,
    RuntimeError,
    TypeError,
    SyntaxError,
    tokenize.TokenError,
)
"""What NumPy and zipfile raise on a file that is damaged."""


def open_npy(path: Path) -> NDArray[Any]:
    """Map an NPY file into memory.

    Raises:
        ReadError: It is damaged ("corrupt") or holds Python objects or records ("unsupported-format").
    """
    try:
        with path.open("rb") as stream:
            shape, fortran, dtype = _read_header(stream)
            offset = stream.tell()
        _check_type(path, dtype)
        return _map(path, shape, fortran, dtype, offset=offset, n_bytes=path.stat().st_size - offset)
    except _UNREADABLE as error:
        raise _damaged(path, "NPY", error) from error


def list_npz(path: Path) -> tuple[str, ...]:
    """Name the arrays of an NPZ file.

    Raises:
        ReadError: It is damaged ("corrupt").
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return tuple(name.removesuffix(_SUFFIX) for name in archive.namelist() if name.endswith(_SUFFIX))
    except _UNREADABLE as error:
        raise _damaged(path, "NPZ", error) from error


def open_npz(path: Path, name: str) -> NDArray[Any]:
    """Open one array of an NPZ file: mapped into memory where it is stored as it is, else unpacked.

    Raises:
        ReadError: As `open_npy`; "no-such-array", or "too-long" for a compressed array of more than 256 MiB.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            try:
                member = archive.getinfo(name + _SUFFIX)
            except KeyError:
                arrays = ", ".join(map(ascii, list_npz(path))) or "none"
                raise ReadError(path, f"holds no array {name!r}, only {arrays}", code="no-such-array") from None
            return _open_member(path, archive, member)
    except _UNREADABLE as error:
        raise _damaged(path, "NPZ", error) from error


def _open_member(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or member.flag_bits & 1:
        reason = f"array {member.filename} is encrypted or compressed in a way that NumPy does not use"
        raise ReadError(path, reason, code="unsupported-format")
    stored = member.compress_type == zipfile.ZIP_STORED
    if not stored and member.file_size > _MOST_UNPACKED_BYTES:
        reason = (
            f"array {member.filename} is compressed and {member.file_size / 2**20:,.0f} MiB long, at most "
            f"{_MOST_UNPACKED_BYTES // 2**20} are unpacked; save it with np.save or np.savez, without compression"
        )
        raise ReadError(path, reason, code="too-long")
    with archive.open(member) as stream:
        shape, fortran, dtype = _read_header(stream)
        _check_type(path, dtype)
        n_header = stream.tell()
        if stored:
            offset = _find_content(path, member) + n_header
            return _map(path, shape, fortran, dtype, offset=offset, n_bytes=member.file_size - n_header)
        n_bytes = math.prod(shape) * dtype.itemsize
        content = stream.read(n_bytes) if 0 < n_bytes <= member.file_size else b""
    return np.frombuffer(content, dtype=dtype).reshape(shape, order="F" if fortran else "C")


def _read_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(stream)
    if version == (2, 0):
        return np.lib.format.read_array_header_2_0(stream)
    raise ValueError(f"NPY version {version}, expected 1.0 or 2.0")


def _check_type(path: Path, dtype: np.dtype[Any]) -> None:
    if dtype.hasobject or dtype.kind not in "iufUS":
        reason = f"holds values of type {dtype}, expected numbers (integers or floats); objects are never unpickled"
        raise ReadError(path, reason, code="unsupported-format")


def _map(
    path: Path, shape: tuple[int, ...], fortran: bool, dtype: np.dtype[Any], *, offset: int, n_bytes: int
) -> NDArray[Any]:
    if any(n < 0 for n in shape) or math.prod(shape) * dtype.itemsize > n_bytes:
        reason = f"announces an array {shape} of {dtype}, the file holds {n_bytes:,} bytes of it; copy it again"
        raise ReadError(path, reason, code="truncated")
    if math.prod(shape) * dtype.itemsize == 0:
        return np.zeros(shape, dtype=dtype)
    return np.memmap(path, dtype=dtype, mode="r", offset=offset, shape=shape, order="F" if fortran else "C")


def _find_content(path: Path, member: zipfile.ZipInfo) -> int:
    """Return where the bytes of a member begin: after its own header, whose name and extra field vary in length."""
    with path.open("rb") as stream:
        stream.seek(member.header_offset)
        header = stream.read(30)
    if len(header) < 30:
        raise EOFError(f"the header of {member.filename} is cut")
    return member.header_offset + 30 + int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")


def _damaged(path: Path, kind: str, error: BaseException) -> ReadError:
    first = str(error).partition("\n")[0][:160]
    reason = f"damaged {kind} file, copy or save it again ({type(error).__name__}: {first})"
    return ReadError(path, reason, code="corrupt")
