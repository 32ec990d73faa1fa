"""The nearest of many vectors: exact, in blocks, so that no n x n matrix is ever held."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]

_COLUMNS = 4096


def find_nearest(
    anchors: Rows, vectors: Floats, patients: Rows, *, n_nearest: int, other_patients: bool
) -> tuple[Rows, Floats]:
    """Find the nearest vectors of each anchor by the Euclidean distance, itself left out.

    Squared distances come from one matrix product a block, in float32: among candidates whose distances agree to about
    a millionth of the squared lengths, the choice is that of rounding. Ask for a few more than are needed and compare
    these exactly.

    Args:
        anchors: Shape (a,), rows of `vectors`.
        vectors: Shape (n, d); may be a memory map.
        patients: Shape (n,), a number for each patient.
        n_nearest: At most so many.
        other_patients: Leave out vectors of the anchor's patient.

    Returns:
        Rows, shape (a, n_nearest), nearest first, and squared distances; -1 and infinity where there are not as many.
    """
    wanted = vectors[anchors].astype(np.float32)
    lengths = np.einsum("id,id->i", wanted, wanted)
    best = np.full((len(anchors), n_nearest), np.inf, dtype=np.float32)
    rows = np.full((len(anchors), n_nearest), -1, dtype=np.int64)
    for start in range(0, len(vectors), _COLUMNS):
        block = np.asarray(vectors[start : start + _COLUMNS], dtype=np.float32)
        here = np.arange(start, start + len(block))
        squared = lengths[:, None] + np.einsum("id,id->i", block, block) - 2.0 * (wanted @ block.T)
        if other_patients:
            squared[patients[anchors][:, None] == patients[here]] = np.inf
        else:
            squared[anchors[:, None] == here] = np.inf
        both = np.concatenate([best, squared], axis=1)
        both_rows = np.concatenate([rows, np.broadcast_to(here, squared.shape)], axis=1)
        near = np.argpartition(both, n_nearest - 1, axis=1)[:, :n_nearest]
        near.sort(axis=1)
        order = np.argsort(np.take_along_axis(both, near, axis=1), axis=1, kind="stable")
        near = np.take_along_axis(near, order, axis=1)
        best, rows = np.take_along_axis(both, near, axis=1), np.take_along_axis(both_rows, near, axis=1)
    rows[~np.isfinite(best)] = -1
    return rows, np.maximum(best, 0.0)
