"""Exact distances between ECGs of an archive, the neighbours they give, and how many of the true ones were found."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from hemometric.distances.dtw import radius_of_band, usable_threads
from hemometric.distances.pairwise import DISTANCES
from hemometric.neighbors.archive import MINABLE, Archive
from hemometric.neighbors.earlier import Earlier
from hemometric.neighbors.search import find_nearest
from hemometric.neighbors.tables import Mined

Rows = NDArray[np.int64]
Floats = NDArray[np.float32]

ANCHORS_AT_ONCE = 64
_COMPARED_AT_ONCE = 8192


class Neighbors(NamedTuple):
    """Neighbours of some ECGs, nearest first, among all and among other patients.

    Attributes:
        rows: Shape (2, a, k), rows of the archive; -1 where there are not as many.
        distances: Shape (2, a, k); infinite there.
    """

    rows: Rows
    distances: Floats


def find_neighbors(archive: Archive, plan: Mined, earlier: Earlier, anchors: Rows) -> Neighbors:
    """Find the neighbours of some ECGs, on every core; the result does not depend on how many there are."""
    pieces = [anchors[start : start + ANCHORS_AT_ONCE] for start in range(0, len(anchors), ANCHORS_AT_ONCE)]
    with threadpool_limits(1), ThreadPoolExecutor(usable_threads()) as pool:
        parts = list(pool.map(lambda piece: _find_some(archive, plan, earlier, piece), pieces))
    return Neighbors(
        np.concatenate([part.rows for part in parts], axis=1),
        np.concatenate([part.distances for part in parts], axis=1),
    )


def _find_some(archive: Archive, plan: Mined, earlier: Earlier, anchors: Rows) -> Neighbors:
    shape = (2, len(anchors), plan.n_neighbors)
    rows, distances = np.full(shape, -1, dtype=np.int64), np.full(shape, np.inf, dtype=np.float32)
    candidates = _find_candidates(archive, plan, earlier, anchors)
    for place, (anchor, chosen) in enumerate(zip(anchors.tolist(), candidates, strict=True)):
        values = compare(archive, plan, anchor, chosen)
        known_rows, known = chosen, values
        for others_only in (0, 1):
            if earlier.is_kept[anchor]:
                known_rows = np.concatenate([chosen, earlier.rows[others_only, anchor]])
                known = np.concatenate([values, earlier.distances[others_only, anchor]])
            allowed = known_rows >= 0
            if others_only:
                allowed &= archive.patients[known_rows] != archive.patients[anchor]
            near, far = known_rows[allowed], known[allowed]
            order = np.lexsort((near, far))[: plan.n_neighbors]
            rows[others_only, place, : len(order)] = near[order]
            distances[others_only, place, : len(order)] = far[order]
    return Neighbors(rows, distances)


def _find_candidates(archive: Archive, plan: Mined, earlier: Earlier, anchors: Rows) -> list[Rows]:
    """The rows that each anchor is compared with, rising; of one whose neighbours are known only new ones."""
    exact = not MINABLE[plan.distance].n_candidates
    kept = earlier.is_kept[anchors]
    found: list[Rows] = [np.zeros(0, dtype=np.int64)] * len(anchors)
    for known in (False, True):
        places = np.flatnonzero(kept == known)
        if not len(places):
            continue
        near = find_nearest(
            anchors[places],
            archive.vectors,
            archive.patients,
            n_nearest=min(plan.n_candidates, len(archive.rows)),
            columns=np.flatnonzero(earlier.is_new) if known and exact else None,
        )
        for place, of_all, of_others in zip(places.tolist(), near.of_all, near.of_others, strict=True):
            both = np.union1d(of_all, of_others)
            both = both[both >= 0]
            found[place] = both[earlier.is_new[both]] if known else both
    return found


def compare(archive: Archive, plan: Mined, anchor: int, others: Rows, *, n_threads: int | None = 1) -> Floats:
    """Distances of one ECG of the archive to others, shape (m,)."""
    if not len(others):
        return np.zeros(0, dtype=np.float32)
    one, many = np.array(archive.prepared[anchor][None]), np.asarray(archive.prepared[others])
    rate_hz = MINABLE[plan.distance].rate_hz
    radius = radius_of_band(plan.band_ms, n_samples=many.shape[2], sampling_rate_hz=rate_hz)
    distances: Floats = DISTANCES[plan.distance].compare(one, many, radius, n_threads)[0]
    return distances


def measure_rate(archive: Archive, plan: Mined) -> float:
    """Distances that can be had in a second here, by a short trial."""
    others = np.arange(min(plan.n_candidates, len(archive.rows)), dtype=np.int64)
    compare(archive, plan, 0, others)  # what compiles or loads is not part of the rate
    start = time.perf_counter()
    compare(archive, plan, 0, others)
    return usable_threads() * len(others) / max(time.perf_counter() - start, 1e-9)


def measure_recall(archive: Archive, plan: Mined, anchors: Rows, found: Neighbors) -> tuple[float | None, float | None]:
    """Share of the true neighbours that were found, by comparing some ECGs with the whole archive.

    Args:
        archive: The archive.
        plan: What was asked for.
        anchors: Shape (a,), the ECGs of the sample.
        found: Their neighbours as they were found.

    Returns:
        Recall among all, and among other patients; None where nobody has such neighbours. Where several are equally
        far, any of them is a true one.
    """
    shares: tuple[list[float], list[float]] = ([], [])
    everybody = np.arange(len(archive.rows))
    pieces = np.array_split(everybody, -(-len(everybody) // _COMPARED_AT_ONCE))
    for place, anchor in enumerate(anchors.tolist()):
        exact = np.concatenate([compare(archive, plan, anchor, piece, n_threads=None) for piece in pieces])
        for others_only, share in enumerate(shares):
            same = archive.patients == archive.patients[anchor] if others_only else everybody == anchor
            true = np.sort(exact[~same])[: plan.n_neighbors]
            if len(true):
                share.append(float((found.distances[others_only, place, : len(true)] <= true[-1]).mean()))
    of_all, of_others = (float(np.mean(share)) if share else None for share in shares)
    return of_all, of_others
