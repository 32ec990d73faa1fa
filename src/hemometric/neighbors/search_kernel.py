"""The compiled part of the search: keep the nearest of a block without sorting it, for two pools at once."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

_F32 = NDArray[np.float32]
_I64 = NDArray[np.int64]


@njit(cache=True, nogil=True, error_model="numpy")
def _replace_worst(distances: _F32, rows: _I64, distance: float, row: int) -> None:
    """Put one in place of the worst, which is the root of the heap, and let it sink to its place."""
    size = len(distances)
    at = 0
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        if child + 1 < size and distances[child + 1] > distances[child]:
            child += 1
        if distances[child] <= distance:
            break
        distances[at], rows[at] = distances[child], rows[child]
        at = child
    distances[at], rows[at] = distance, row


@njit(cache=True, nogil=True, error_model="numpy")
def keep_nearest(
    squared: _F32, anchors: _I64, columns: _I64, patients: _I64, distances: tuple[_F32, _F32], rows: tuple[_I64, _I64]
) -> None:
    """Let the heaps take what is nearer than their worst.

    Args:
        squared: Shape (a, b), squared distances of anchors to columns.
        anchors: Shape (a,), rows of the archive; an anchor is not its own neighbour.
        columns: Shape (b,), rows of the archive, each seen once over all calls.
        patients: A number for the patient of each row of the archive.
        distances: Two heaps for each anchor, (a, k) each, the worst first: among all, and among other patients.
        rows: The rows that belong to them, (a, k) each.
    """
    of_all, of_others = distances
    for a in range(len(anchors)):
        anchor = anchors[a]
        patient = patients[anchor]
        limit = max(of_all[a, 0], of_others[a, 0])
        for b in range(len(columns)):
            distance = squared[a, b]
            if distance < limit and columns[b] != anchor:
                if distance < of_all[a, 0]:
                    _replace_worst(of_all[a], rows[0][a], distance, columns[b])
                if distance < of_others[a, 0] and patients[columns[b]] != patient:
                    _replace_worst(of_others[a], rows[1][a], distance, columns[b])
                limit = max(of_all[a, 0], of_others[a, 0])
