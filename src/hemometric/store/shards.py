"""Shards: int16 arrays of shape (n, n_stored_leads, n_samples) at 1 microvolt, one `.npy` file each, C order."""

import hashlib
import io
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hemometric.ecg import Waveform
from hemometric.errors import EcgError, StoreError
from hemometric.store.durable import Piece

Microvolts = NDArray[np.int16]
"""Shape (..., n_stored_leads, n_samples), 1 microvolt per step."""

MICROVOLTS_PER_MILLIVOLT = np.float32(1000.0)
_LARGEST_MICROVOLTS = 32_767.0
_ITEM_BYTES = 2


@dataclass(frozen=True, slots=True)
class Shard:
    """Where the ECGs of one shard file lie.

    Attributes:
        path: The `.npy` file.
        shape: (n_ecgs, n_stored_leads, n_samples).
        offset: Bytes before the first sample.
        stamp: Inode and time of change (ns), by which another file of that name is recognised.
    """

    path: Path
    shape: tuple[int, int, int]
    offset: int
    stamp: tuple[int, int]

    @property
    def ecg_bytes(self) -> int:
        """Bytes of one ECG."""
        return self.shape[1] * self.shape[2] * _ITEM_BYTES


def to_microvolts(waveform: Waveform) -> Microvolts:
    """Round millivolts to whole microvolts.

    Args:
        waveform: Shape (..., n_leads, n_samples), mV.

    Raises:
        EcgError: A sample is not finite or beyond 32.767 mV, code "out-of-range".
    """
    rounded = np.rint(waveform * MICROVOLTS_PER_MILLIVOLT)
    largest = float(np.max(np.abs(rounded), initial=0.0))
    if not largest <= _LARGEST_MICROVOLTS:
        raise EcgError(
            f"a sample of {largest / 1000:g} mV cannot be stored, expected at most 32.767 mV; check unit and gain",
            code="out-of-range",
        )
    microvolts: Microvolts = rounded.astype(np.int16)
    return microvolts


def to_millivolts(microvolts: Microvolts) -> Waveform:
    """Turn stored steps into float32 mV, each the float32 that is nearest to its decimal value."""
    millivolts: Waveform = np.divide(microvolts, MICROVOLTS_PER_MILLIVOLT, dtype=np.float32)
    return millivolts


def content_hashes(microvolts: Microvolts) -> list[str]:
    """A hash of each ECG's stored samples, 32 hex digits, by which exact copies are found.

    Args:
        microvolts: Shape (n, n_stored_leads, n_samples).
    """
    rows = np.ascontiguousarray(microvolts, dtype="<i2")
    return [hashlib.sha256(row.data).hexdigest()[:32] for row in rows]


def encode_shard(microvolts: Microvolts) -> list[Piece]:
    """The bytes of a shard file: the numpy header, then the samples, little-endian in C order."""
    rows = np.ascontiguousarray(microvolts, dtype="<i2")
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, np.lib.format.header_data_from_array_1_0(rows))
    return [header.getvalue(), rows.data.cast("B")]


def find_shard(path: Path) -> Shard:
    """Read the header of a shard file.

    Raises:
        StoreError: The file is missing, is not a shard, or is shorter than its header says.
    """
    try:
        with path.open("rb") as file:
            np.lib.format.read_magic(file)
            shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(file)
            offset = file.tell()
            there = os.fstat(file.fileno())
    except FileNotFoundError:
        raise StoreError(f"{path}: the shard is missing; restore it or make the store anew") from None
    except (OSError, ValueError) as error:
        raise StoreError(f"{path}: not a shard ({error}); restore it or make the store anew") from error
    if dtype != np.dtype("<i2") or fortran_order or len(shape) != 3:
        raise StoreError(f"{path}: expected int16 (n, leads, samples) in C order, got {dtype} {shape}")
    shard = Shard(path=path, shape=(shape[0], shape[1], shape[2]), offset=offset, stamp=_stamp(there))
    expected = offset + shape[0] * shard.ecg_bytes
    if there.st_size != expected:
        raise StoreError(f"{path}: {there.st_size:,} bytes, expected {expected:,}; restore it or make the store anew")
    return shard


def _stamp(there: os.stat_result) -> tuple[int, int]:
    return there.st_ino, there.st_mtime_ns


def gather(shards: list[Shard], *, first_rows: NDArray[np.int64], rows: NDArray[np.int64], out: Microvolts) -> None:
    """Read ECGs from their shards with one read each, in the order in which they lie on the disk.

    Reads beat page faults of a memory-map by far on a cold cache, and every byte lands where it is wanted.

    Args:
        shards: In order of their rows.
        first_rows: Shape (n_shards + 1,): the store's row at which each shard begins, at last the number of rows.
        rows: Shape (n,): which ECGs, each from 0 to the number of rows - 1.
        out: Shape (n, n_stored_leads, n_samples), C order: where they go, in the order of `rows`.

    Raises:
        StoreError: A shard cannot be read to the end.
    """
    order = np.argsort(rows, kind="stable")
    bounds = np.searchsorted(rows[order], first_rows)
    for shard, first_row, start, end in zip(shards, first_rows, bounds[:-1], bounds[1:], strict=False):
        if start < end:
            positions = order[start:end]
            _read_from(shard, rows=rows[positions] - first_row, positions=positions, out=out)


def _read_from(shard: Shard, *, rows: NDArray[np.int64], positions: NDArray[np.int64], out: Microvolts) -> None:
    try:
        with shard.path.open("rb", buffering=0) as file:
            if _stamp(os.fstat(file.fileno())) != shard.stamp:
                raise StoreError(
                    f"{shard.path}: was replaced or changed since the store was opened (withdraw?); begin again with "
                    "the store as it is now"
                )
            for row, position in zip(rows.tolist(), positions.tolist(), strict=True):
                file.seek(shard.offset + row * shard.ecg_bytes)
                target = memoryview(out[position]).cast("B")
                while target:
                    n_read = file.readinto(target)
                    if not n_read:
                        raise StoreError(f"{shard.path}: ends within row {row}; restore it or make the store anew")
                    target = target[n_read:]
    except OSError as error:
        raise StoreError(f"{shard.path}: cannot be read ({error.strerror or error})") from error
