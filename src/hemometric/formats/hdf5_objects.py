"""What is taken from an HDF5 file: arrays and texts of bounded size, from this file and from no other."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from hemometric.errors import ReadError

_MOST_SAMPLES = 2**21
"""Of one lead: 70 minutes at 500 Hz."""
_MOST_CHUNK_BYTES = 2**28
"""To read one value, HDF5 unpacks the whole chunk that it lies in."""
_MOST_TEXT_BYTES = 2**20
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_BYTES_PER_SAMPLE = 2
"""ML4H compresses leads as int16; its attribute `dtype` is not read, since see `_read_number`."""


def find_object(group: h5py.Group, name: str) -> h5py.Group | h5py.Dataset | None:
    """Return what `group` holds under `name`, or None; links to other places and files are not followed."""
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        return None
    found = group.get(name)
    return found if isinstance(found, h5py.Group | h5py.Dataset) else None


def find_dataset(group: h5py.Group, name: str) -> h5py.Dataset | None:
    """Return the dataset that `group` holds under `name`, or None."""
    found = find_object(group, name)
    return found if isinstance(found, h5py.Dataset) else None


def find_group(group: h5py.Group, name: str) -> h5py.Group | None:
    """Return the group that `group` holds under `name`, or None."""
    found = find_object(group, name)
    return found if isinstance(found, h5py.Group) else None


def check_own(path: Path, dataset: h5py.Dataset) -> None:
    """Check that the values of a dataset lie in its file and are unpacked in pieces of bounded size.

    Raises:
        ReadError: They do not ("unsupported-format").
    """
    if dataset.is_virtual or dataset.external:
        reason = f"{dataset.name} takes its values from another file, which is not followed; copy them into this one"
        raise ReadError(path, reason, code="unsupported-format")
    if dataset.chunks is not None and math.prod(dataset.chunks) * dataset.dtype.itemsize > _MOST_CHUNK_BYTES:
        reason = (
            f"{dataset.name} is stored in chunks of {dataset.chunks}, of which one does not fit "
            f"{_MOST_CHUNK_BYTES // 2**20} MiB; write it again with chunks of one ECG"
        )
        raise ReadError(path, reason, code="unsupported-format")


def read_samples(path: Path, dataset: h5py.Dataset) -> NDArray[np.float64]:
    """Read the samples of one lead, stored as an array or, as ML4H does, as one block of bytes compressed by zstd.

    Returns:
        Shape (n_samples,), in the unit of the file.

    Raises:
        ReadError: It holds no such samples ("unsupported-format"), too many ("too-long"), or fewer than it announces
            ("truncated").
    """
    check_own(path, dataset)
    if dataset.shape == () and dataset.dtype.kind == "V":
        content = _decompress(path, dataset, n_most=_MOST_SAMPLES * _BYTES_PER_SAMPLE)
        n_samples = _read_number(dataset, "len")
        if n_samples is None or len(content) != n_samples * _BYTES_PER_SAMPLE:
            reason = (
                f"{dataset.name} unpacks to {len(content):,} bytes for {n_samples} samples by its attribute `len`, "
                "expected two a sample, as ML4H writes them"
            )
            raise ReadError(path, reason, code="unsupported-format")
        return np.frombuffer(content, dtype="<i2").astype(np.float64)
    if dataset.ndim != 1 or dataset.dtype.kind not in "iuf":
        reason = f"{dataset.name} is {describe(dataset)}, expected the samples of one lead, shape (n_samples,)"
        raise ReadError(path, reason, code="unsupported-format")
    if dataset.size > _MOST_SAMPLES:
        reason = f"{dataset.name} announces {dataset.size:,} samples, expected at most {_MOST_SAMPLES:,}"
        raise ReadError(path, reason, code="too-long")
    return np.asarray(dataset[()], dtype=np.float64)


def find_text(path: Path, group: h5py.Group, names: Iterable[str]) -> str | None:
    """Return the first text or number that `group` states under one of `names`, as a dataset or an attribute.

    Raises:
        ReadError: A text is damaged ("truncated") or of a kind that is not read ("unsupported-format").
    """
    for name in names:
        dataset = find_dataset(group, name)
        value = None if dataset is None else _read_value(path, dataset)
        text = _as_text(group.attrs.get(name)) if value is None else _as_text(value)
        if text:
            return text
    return None


def find_attribute(dataset: h5py.Dataset, names: Iterable[str]) -> str | None:
    """Return the first text or number that a dataset states as an attribute of one of `names`, or None."""
    return next((text for name in names if (text := _as_text(dataset.attrs.get(name)))), None)


def describe(found: h5py.Group | h5py.Dataset) -> str:
    """Say in a few words what an object is: "a group of 3", "float32 (827, 4096, 12)"."""
    if isinstance(found, h5py.Group):
        return f"a group of {len(found):,}"
    return f"{found.dtype} {found.shape}" if found.shape else f"{found.dtype}, one value"


def _read_value(path: Path, dataset: h5py.Dataset) -> object:
    if dataset.size != 1 or dataset.dtype.itemsize > _MOST_TEXT_BYTES:
        return None
    check_own(path, dataset)
    if dataset.dtype.kind == "V":
        return _decompress(path, dataset, n_most=_MOST_TEXT_BYTES)
    if dataset.dtype.kind == "O":
        _check_length(path, dataset)
    return dataset[()]


def _check_length(path: Path, dataset: h5py.Dataset) -> None:
    """Check a text of any length, for which HDF5 takes as much memory as a damaged length says before it looks at it.

    The length stands in the first four bytes of what the dataset itself holds, the text somewhere else.

    Raises:
        ReadError: It is no text ("unsupported-format"), or longer than any that is read ("corrupt").
    """
    if h5py.check_string_dtype(dataset.dtype) is None:
        raise ReadError(path, f"{dataset.name} is {dataset.dtype}, expected a text", code="unsupported-format")
    offset = dataset.id.get_offset()
    if offset is None:  # not by the usual writers: the value stands in the header of the dataset
        return
    with path.open("rb") as stream:
        stream.seek(offset)
        length = int.from_bytes(stream.read(4), "little")
    if length > _MOST_TEXT_BYTES:
        reason = f"damaged HDF5 file, copy or export it again ({dataset.name} announces a text of {length:,} bytes)"
        raise ReadError(path, reason, code="corrupt")


def _as_text(value: Any) -> str:  # noqa: ANN401 (h5py gives bytes, texts, numbers and arrays of them)
    if isinstance(value, np.ndarray):
        value = value.item() if value.size == 1 else None
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace").strip()
    if isinstance(value, int | float | np.number):
        return f"{value:g}"
    return value.strip() if isinstance(value, str) else ""


def _read_number(dataset: h5py.Dataset, name: str) -> int | None:
    """Return a whole number that a dataset states as an attribute, or None.

    Texts in attributes are not read without need: the length of a text is told twice, and where damage makes the two
    differ, the HDF5 library (2.0) copies beyond the end.
    """
    if name not in dataset.attrs:
        return None
    stated = dataset.attrs.get_id(name)
    return int(dataset.attrs[name]) if stated.dtype.kind in "iu" and stated.shape == () else None


def _decompress(path: Path, dataset: h5py.Dataset, *, n_most: int) -> bytes:
    """Unpack a block of bytes as ML4H writes it, with its length in the attribute `uncompressed_length`.

    Raises:
        ReadError: It is not compressed by zstd ("unsupported-format"), has another length than announced ("truncated")
            or more than `n_most` bytes ("too-long").
    """
    announced = _read_number(dataset, "uncompressed_length")
    content = dataset[()].tobytes()
    if announced is None or not content.startswith(_ZSTD_MAGIC):
        reason = f"{dataset.name} is a block of bytes, but not compressed by zstd as ML4H does"
        raise ReadError(path, reason, code="unsupported-format")
    if not 0 <= announced <= n_most:
        reason = f"{dataset.name} announces {announced:,} bytes, expected at most {n_most:,}"
        raise ReadError(path, reason, code="too-long")
    try:
        return bytes(pa.decompress(content, decompressed_size=announced, codec="zstd", asbytes=True))
    except (pa.ArrowException, OSError) as error:
        reason = f"{dataset.name} does not unpack to the {announced:,} bytes that it announces; export the file again"
        raise ReadError(path, reason, code="truncated") from error
