"""What `mine` searches in: one vector for each ECG that can be measured, in a file as large as it needs to be."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from hemometric.distances.pairwise import DISTANCES
from hemometric.progress import track
from hemometric.store import Store

_ROWS_AT_ONCE = 256
_SMOOTHED_BY_SAMPLES = 5
_EVERY_IN_ORDER = 4


@dataclass(frozen=True, slots=True)
class Archive:
    """The ECGs of a store as they are compared.

    Attributes:
        rows: Shape (n,), row in the store of each ECG that can be compared.
        prepared: Shape (n, ..., n_values), float32, from the distance's `prepare`; a memory map.
        vectors: Shape (n, d), by whose Euclidean distance candidates are found; a memory map.
        patients: Shape (n,), a number for each patient.
        n_without: ECGs that cannot be compared (no typical beat).
    """

    rows: NDArray[np.int64]
    prepared: NDArray[np.float32]
    vectors: NDArray[np.float32]
    patients: NDArray[np.int64]
    n_without: int


def sketch_beats(beats: NDArray[np.float32]) -> NDArray[np.float32]:
    """Describe beats so that those near by DTW are near by the Euclidean distance too.

    What warping does not change counts most: the largest and smallest value of each lead (twice) and its values in
    order of size; what it changes little is the beat smoothed by 25 ms (docs/decisions/0007).

    Args:
        beats: Shape (n, n_leads, n_samples), mV, at `BEAT_RATE_HZ`.

    Returns:
        Shape (n, d), float32.
    """
    smooth = gaussian_filter1d(beats, _SMOOTHED_BY_SAMPLES, axis=2)[:, :, ::_SMOOTHED_BY_SAMPLES]
    in_order = np.sort(beats, axis=2)[:, :, ::_EVERY_IN_ORDER]
    parts = (2.0 * beats.max(axis=2), 2.0 * beats.min(axis=2), smooth, in_order)
    return np.concatenate([part.reshape(len(beats), -1) for part in parts], axis=1).astype(np.float32)


def prepare_archive(store: Store, *, distance: str, folder: Path) -> Archive:
    """Prepare every ECG of a store once; what is prepared lies in files, not in memory.

    Args:
        store: The archive.
        distance: A key of `DISTANCES` that compares something prepared.
        folder: Where the files go; replaced.

    Raises:
        ValueError: The distance compares whole strips.
    """
    prepare = DISTANCES[distance].prepare
    if prepare is None:
        raise ValueError(f"{distance!r} compares whole strips")
    known: list[int] = []
    prepared: NDArray[np.float32] | None = None
    starts = range(0, len(store), _ROWS_AT_ONCE)
    for start in track(starts, total=len(starts), unit=f"x {_ROWS_AT_ONCE} ECGs", title="prepare"):
        rows = np.arange(start, min(start + _ROWS_AT_ONCE, len(store)))
        for row, ecg in zip(rows, store.take(rows), strict=True):
            try:
                vector = prepare(ecg[None], store.sampling_rate_hz)[0]
            except ValueError:
                continue
            if prepared is None:
                shape = (len(store), *vector.shape)
                prepared = np.lib.format.open_memmap(folder / "prepared.npy", mode="w+", dtype=np.float32, shape=shape)
            prepared[len(known)] = vector
            known.append(int(row))
    if prepared is None:
        prepared = np.zeros((0, 1, 1), dtype=np.float32)
    prepared = prepared[: len(known)]
    names = store.ecgs["patient_id"].to_numpy(zero_copy_only=False)[known]
    _, patients = np.unique(names.astype(np.str_), return_inverse=True)
    return Archive(
        rows=np.array(known, dtype=np.int64),
        prepared=prepared,
        vectors=_vectors(prepared, distance, folder),
        patients=patients,
        n_without=len(store) - len(known),
    )


def _vectors(prepared: NDArray[np.float32], distance: str, folder: Path) -> NDArray[np.float32]:
    """What is searched in: sketches where the distance warps, else what the distance itself compares."""
    if distance != "beat-dtw" or not len(prepared):
        return prepared.reshape(len(prepared), -1)
    shape = (len(prepared), sketch_beats(prepared[:1]).shape[1])
    vectors = np.lib.format.open_memmap(folder / "vectors.npy", mode="w+", dtype=np.float32, shape=shape)
    for start in range(0, len(prepared), _ROWS_AT_ONCE):
        vectors[start : start + _ROWS_AT_ONCE] = sketch_beats(prepared[start : start + _ROWS_AT_ONCE])
    return vectors
