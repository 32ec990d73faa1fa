"""Distances between the ECGs of a batch, remembered from batch to batch, so that batches may be drawn in any order."""

import numpy as np
from numpy.typing import NDArray

from hemometric.distances import of_pairs

_KEYS_PER_MIB = 2**20 // 12
_EMPTY = np.uint64(2**64 - 1)  # no pair has this key: rows are below 2^32


class PairDistances:
    """A distance between ECGs of a store that computes each pair once, as long as there is room to remember it.

    Each pair has one place, given by a hash of its rows, that it shares with others: the newest stays. What is
    remembered says which pair it is of, so a result never depends on what was asked for before.

    Args:
        distance: A key of `hemometric.distances.DISTANCES`.
        band_ms: As in `hemometric.distances.pairwise`.
        memory_mib: For what is remembered, 12 bytes a pair; 0 remembers nothing.
    """

    def __init__(self, *, distance: str, band_ms: float | None, memory_mib: float) -> None:
        self._distance = distance
        self._band_ms = band_ms
        n_places = int(memory_mib * _KEYS_PER_MIB)
        self._keys = np.full(n_places, _EMPTY)
        self._values = np.zeros(n_places, dtype=np.float32)
        self.n_asked = 0
        self.n_computed = 0

    def matrix(
        self, rows: NDArray[np.int64], waveforms: NDArray[np.float32], *, sampling_rate_hz: float
    ) -> NDArray[np.float32]:
        """Distance of every ECG of a batch to every other.

        Args:
            rows: Shape (n,), rows of the store, which say what is the same ECG; each once.
            waveforms: Shape (n, n_leads, n_samples), mV: always the same of the same row.
            sampling_rate_hz: Theirs.

        Returns:
            Shape (n, n), symmetric, zero on the diagonal.
        """
        pairs = np.stack(np.triu_indices(len(rows), 1), axis=1).astype(np.int64)
        keys = _keys_of(rows[pairs])
        values, known = self._recall(keys)
        missing = np.flatnonzero(~known)
        values[missing] = of_pairs(
            waveforms,
            waveforms,
            pairs[missing],
            distance=self._distance,
            sampling_rate_hz=sampling_rate_hz,
            band_ms=self._band_ms,
        )
        self._remember(keys[missing], values[missing])
        self.n_asked += len(pairs)
        self.n_computed += len(missing)
        out = np.zeros((len(rows), len(rows)), dtype=np.float32)
        out[pairs[:, 0], pairs[:, 1]] = values
        return out + out.T

    def _recall(self, keys: NDArray[np.uint64]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        if not len(self._keys):
            return np.zeros(len(keys), dtype=np.float32), np.zeros(len(keys), dtype=np.bool_)
        places = _places_of(keys, len(self._keys))
        return self._values[places], self._keys[places] == keys

    def _remember(self, keys: NDArray[np.uint64], values: NDArray[np.float32]) -> None:
        if len(self._keys):
            places = _places_of(keys, len(self._keys))
            # Two new pairs of one place: the last one stays, with its own value.
            self._keys[places], self._values[places] = keys, values


def _keys_of(rows: NDArray[np.int64]) -> NDArray[np.uint64]:
    """One number for each pair (p, 2) of rows, whichever comes first."""
    low, high = rows.min(axis=1).astype(np.uint64), rows.max(axis=1).astype(np.uint64)
    keys: NDArray[np.uint64] = (high << np.uint64(32)) | low
    return keys


def _places_of(keys: NDArray[np.uint64], n_places: int) -> NDArray[np.int64]:
    """Multiplicative hashing (Knuth, The Art of Computer Programming 3, section 6.4) with the upper bits mixed in."""
    mixed = (keys ^ (keys >> np.uint64(31))) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(29)
    return (mixed % np.uint64(n_places)).astype(np.int64)
