"""The nearest of many vectors: exact, in blocks, so that no n x n matrix is ever held."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]

_COLUMNS = 4096


class Nearest(NamedTuple):
    """The nearest of each anchor, nearest first; -1 where there are not as many.

    Attributes:
        of_all: Shape (a, k), rows, whoever's they are.
        of_others: Shape (a, k), rows of other patients.
    """

    of_all: Rows
    of_others: Rows


def find_nearest(
    anchors: Rows, vectors: Floats, patients: Rows, *, n_nearest: int, columns: Rows | None = None
) -> Nearest:
    """Find the nearest vectors of each anchor by the Euclidean distance, itself left out.

    Squared distances come from one matrix product a block, in float32: among vectors whose distances agree to about
    a millionth of the squared lengths, the choice is that of rounding. Ask for a few more than are needed and compare
    these exactly. Threads may call this at once; the work of one call is done by one.

    Args:
        anchors: Shape (a,), rows of `vectors`.
        vectors: Shape (n, d); may be a memory map.
        patients: Shape (n,), a number for each patient.
        n_nearest: At most so many of either kind.
        columns: Shape (m,), the rows that are looked at, rising; None for all.
    """
    from hemometric.neighbors.search_kernel import keep_nearest

    wanted = vectors[anchors].astype(np.float32)
    lengths = np.einsum("id,id->i", wanted, wanted)[:, None]
    shape = (len(anchors), n_nearest)
    distances = (np.full(shape, np.inf, dtype=np.float32), np.full(shape, np.inf, dtype=np.float32))
    rows = (np.full(shape, -1, dtype=np.int64), np.full(shape, -1, dtype=np.int64))
    looked_at = np.arange(len(vectors)) if columns is None else columns
    for start in range(0, len(looked_at), _COLUMNS):
        here = looked_at[start : start + _COLUMNS]
        # A slice of a memory map is not copied, a list of rows is.
        block = vectors[here] if columns is not None else vectors[start : start + _COLUMNS]
        squared = wanted @ block.T
        squared *= -2.0
        squared += lengths
        squared += np.einsum("id,id->i", block, block)
        keep_nearest(squared, anchors, here, patients, distances, rows)
    return Nearest(*(_in_order(d, r) for d, r in zip(distances, rows, strict=True)))


def _in_order(distances: Floats, rows: Rows) -> Rows:
    order = np.lexsort((rows, distances), axis=1)
    return np.take_along_axis(rows, order, axis=1)
