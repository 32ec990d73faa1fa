"""Neighbours as rows of a store, for training: among chosen rows and of other patients only."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from hemometric.distances.dtw import usable_threads
from hemometric.errors import StoreError
from hemometric.neighbors.search import find_nearest
from hemometric.neighbors.tables import neighbors_path, read_mined
from hemometric.store import Store

Rows = NDArray[np.int64]

_ANCHORS_AT_ONCE = 128


def read_neighbor_rows(store: Store, *, distance: str, among: Rows, n_neighbors: int) -> Rows:
    """Read the nearest of each ECG among other patients, as `mine` found them.

    Args:
        store: The archive.
        distance: It was mined by.
        among: Shape (m,), rows of the store: an ECG that is not among them is nobody's neighbour (such as one of the
            test split).
        n_neighbors: At most so many of each; fewer where others of the neighbours found are not `among`.

    Returns:
        Shape (n_ecgs of the store, n_neighbors), nearest first; -1 where there are not as many.

    Raises:
        StoreError: The store was not mined by this distance, or ECGs were added since.
    """
    path = neighbors_path(store.path, distance)
    found = read_mined(path)
    if found is None or found.fingerprint != store.fingerprint:
        state = "was not mined" if found is None else "has other ECGs than when it was mined"
        raise StoreError(f"{store.path}: {state}: hemometric mine {store.path} --distance {distance}")
    columns = ["ecg_id", "rank", "neighbor_id"]
    table = pq.read_table(path, columns=columns, filters=pc.field("others_only"))
    ids = store.ecgs["ecg_id"].to_numpy(zero_copy_only=False).astype(np.str_)
    order = np.argsort(ids)
    anchor, neighbor = (
        order[np.searchsorted(ids[order], table[name].to_numpy(zero_copy_only=False).astype(np.str_))]
        for name in ("ecg_id", "neighbor_id")
    )
    usable = np.isin(neighbor, among)
    anchor, neighbor, rank = anchor[usable], neighbor[usable], table["rank"].to_numpy()[usable]
    by_rank = np.lexsort((rank, anchor))
    anchor, neighbor = anchor[by_rank], neighbor[by_rank]
    first = np.searchsorted(anchor, anchor)  # where the neighbours of this ECG begin
    place = np.arange(len(anchor)) - first
    out = np.full((len(store), n_neighbors), -1, dtype=np.int64)
    kept = place < n_neighbors
    out[anchor[kept], place[kept]] = neighbor[kept]
    return out


def neighbor_rows_by_vectors(
    rows: Rows, vectors: NDArray[np.float32], patient_codes: NDArray[np.int64], *, n_ecgs: int, n_neighbors: int
) -> Rows:
    """Find the nearest of some ECGs among one another by vectors such as embeddings, of other patients only.

    Args:
        rows: Shape (m,), rows of the store.
        vectors: Shape (m, d), compared by their Euclidean distance.
        patient_codes: Shape (m,), equal where the patient is the same.
        n_ecgs: Of the store.
        n_neighbors: Of each ECG.

    Returns:
        Shape (n_ecgs, n_neighbors), rows of the store, nearest first; -1 where there are not as many, and for ECGs that
        are not in `rows`. No (m, m) matrix is held.
    """
    pieces = [
        np.arange(start, min(start + _ANCHORS_AT_ONCE, len(rows))) for start in range(0, len(rows), _ANCHORS_AT_ONCE)
    ]
    out = np.full((n_ecgs, n_neighbors), -1, dtype=np.int64)

    def find(piece: Rows) -> None:
        near = find_nearest(piece, vectors, patient_codes, n_nearest=n_neighbors).of_others
        out[rows[piece]] = np.where(near >= 0, rows[near], -1)

    with threadpool_limits(1), ThreadPoolExecutor(usable_threads()) as pool:
        list(pool.map(find, pieces))
    return out
