"""What `mine` searches in: one vector for each ECG that can be measured, in a file as large as it needs to be."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hemometric.distances.pairwise import DISTANCES
from hemometric.progress import track
from hemometric.store import Store

_ROWS_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Archive:
    """The ECGs of a store as they are compared.

    Attributes:
        rows: Shape (n,), row in the store of each ECG that can be compared.
        prepared: Shape (n, ..., n_values), float32, from the distance's `prepare`; a memory map.
        patients: Shape (n,), a number for each patient.
        n_without: ECGs that cannot be compared (no typical beat).
    """

    rows: NDArray[np.int64]
    prepared: NDArray[np.float32]
    patients: NDArray[np.int64]
    n_without: int

    @property
    def vectors(self) -> NDArray[np.float32]:
        """Shape (n, d): `prepared`, flat."""
        return self.prepared.reshape(len(self.prepared), -1)


def prepare_archive(store: Store, *, distance: str, file: Path) -> Archive:
    """Prepare every ECG of a store once; what is prepared lies in `file`, not in memory.

    Args:
        store: The archive.
        distance: A key of `DISTANCES` that compares something prepared.
        file: Where the vectors go; replaced.
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
                prepared = np.lib.format.open_memmap(file, mode="w+", dtype=np.float32, shape=shape)
            prepared[len(known)] = vector
            known.append(int(row))
    if prepared is None:
        prepared = np.zeros((0, 1), dtype=np.float32)
    names = store.ecgs["patient_id"].to_numpy(zero_copy_only=False)[known]
    _, patients = np.unique(names.astype(np.str_), return_inverse=True)
    return Archive(np.array(known, dtype=np.int64), prepared[: len(known)], patients, len(store) - len(known))
