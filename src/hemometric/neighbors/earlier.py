"""What an earlier run found, so that only ECGs that were added since are compared."""

from dataclasses import dataclass

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hemometric.neighbors.tables import Mined, neighbors_path, read_mined, searched_path
from hemometric.store import Store

_ABSENT = -1
_GONE = -2
"""A neighbour that is no longer in the store, or is no longer what it was."""


@dataclass(frozen=True, slots=True, eq=False)
class Earlier:
    """Neighbours found before, in rows of the archive.

    Attributes:
        is_new: Shape (n,), ECGs that were not searched before, or have changed.
        is_kept: Shape (n,), ECGs whose neighbours of then are all still there: only new ones can be nearer.
        rows: Shape (2, n, k), among all and among other patients; -1 where there are not as many.
        distances: Shape (2, n, k).
    """

    is_new: NDArray[np.bool_]
    is_kept: NDArray[np.bool_]
    rows: NDArray[np.int64]
    distances: NDArray[np.float32]

    @property
    def n_new(self) -> int:
        """How many ECGs are new."""
        return int(self.is_new.sum())


def read_earlier(store: Store, rows: NDArray[np.int64], plan: Mined) -> Earlier:
    """Read the neighbours that the same plan found before the store was added to; none where there is no such file.

    Args:
        store: The archive.
        rows: Shape (n,), its rows that can be compared.
        plan: What is asked for now.

    Raises:
        StoreError: A file of neighbours is not one that `mine` wrote.
    """
    n = len(rows)
    path, searched = neighbors_path(store.path, plan.distance), searched_path(store.path, plan.distance)
    found, other = read_mined(path), read_mined(searched)
    if found is None or found != other or found.plan(of_store=False) != plan.plan(of_store=False):
        nothing = np.zeros((2, n, 0))
        return Earlier(
            np.ones(n, np.bool_), np.zeros(n, np.bool_), nothing.astype(np.int64), nothing.astype(np.float32)
        )
    ecgs = store.ecgs.select(["ecg_id", "patient_id", "content_hash"]).take(rows)
    now, before = (
        {name: table[name].to_numpy(zero_copy_only=False).astype(np.str_) for name in table.column_names}
        for table in (ecgs, pq.read_table(searched))
    )
    at = _find(before["ecg_id"], now["ecg_id"])
    is_new = at == _ABSENT
    for name in ("patient_id", "content_hash"):
        is_new |= now[name] != before[name][at]
    shape = (2, n, found.n_neighbors)
    near, distances = np.full(shape, _ABSENT, dtype=np.int64), np.full(shape, np.inf, dtype=np.float32)
    file = pq.ParquetFile(path)
    for group in range(file.num_row_groups):
        table = file.read_row_group(group)
        column = {name: table[name].to_numpy(zero_copy_only=False) for name in table.column_names}
        anchor = _find(now["ecg_id"], column["ecg_id"].astype(np.str_))
        neighbor = _find(now["ecg_id"], column["neighbor_id"].astype(np.str_))
        neighbor[(neighbor == _ABSENT) | is_new[neighbor]] = _GONE
        there = anchor != _ABSENT
        place = (column["others_only"][there].astype(np.int64), anchor[there], column["rank"][there] - 1)
        near[place], distances[place] = neighbor[there], column["distance"][there]
    is_kept = ~is_new & (near != _GONE).all(axis=(0, 2))
    return Earlier(is_new, is_kept, near, distances)


def _find(among: NDArray[np.str_], wanted: NDArray[np.str_]) -> NDArray[np.int64]:
    """Place of each `wanted` in `among`, -1 where it is not there."""
    if not len(among):
        return np.full(len(wanted), _ABSENT)
    order = np.argsort(among, kind="stable")
    place = order[np.minimum(np.searchsorted(among[order], wanted), len(among) - 1)]
    return np.where(among[place] == wanted, place, _ABSENT)
