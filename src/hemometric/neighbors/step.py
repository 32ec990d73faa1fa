"""The step that finds each ECG's nearest neighbours over the whole store: `neighbors/<distance>.parquet`."""

import contextlib
import io
import json
import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hemometric.distances.dtw import radius_of_band, usable_threads
from hemometric.distances.pairwise import DISTANCES
from hemometric.errors import SettingsError, StoreError
from hemometric.neighbors.candidates import Archive, prepare_archive
from hemometric.neighbors.search import find_nearest
from hemometric.progress import say, track
from hemometric.settings import suggest
from hemometric.store import INCOMING, Store
from hemometric.store.durable import cannot_write, publish, write_aside

MINED_BY = ("beat-dtw", "beat-euclidean", "features")
"""Distances that an archive can be mined by."""

NEIGHBORS_SCHEMA = pa.schema(
    [
        pa.field("ecg_id", pa.string(), nullable=False),
        pa.field("others_only", pa.bool_(), nullable=False),
        pa.field("rank", pa.int32(), nullable=False),
        pa.field("neighbor_id", pa.string(), nullable=False),
        pa.field("distance", pa.float32(), nullable=False),
        pa.field("same_patient", pa.bool_(), nullable=False),
    ]
)
"""For each ECG its nearest (rank 1 = nearest), and again with `others_only` its nearest among other patients."""

_ANCHORS_AT_ONCE = 512
_COMPARED_AT_ONCE = 8192
_MARGIN = 8
_N_SAMPLED = 50


@dataclass(frozen=True, slots=True)
class Mined:
    """What was found.

    Attributes:
        distance: Of the neighbours.
        n_neighbors: For each ECG.
        n_candidates: Compared exactly for each ECG.
        fingerprint: Of the store.
        n_ecgs: ECGs that have neighbours.
        n_without: ECGs that cannot be compared (no typical beat).
        recall: Share of the true neighbours that were found, on a sample of ECGs compared with the whole store.
        recall_others: The same among other patients.
        n_sampled: ECGs in that sample.
    """

    distance: str
    n_neighbors: int
    n_candidates: int
    fingerprint: str
    n_ecgs: int = 0
    n_without: int = 0
    recall: float | None = None
    recall_others: float | None = None
    n_sampled: int = 0


def mine(store: Store, *, distance: str = "beat-dtw", n_neighbors: int = 16, n_candidates: int = 384) -> Mined:
    """Find the nearest neighbours of every ECG over the whole store, with and without those of its own patient.

    Candidates come from a blocked search by a Euclidean distance, so that memory does not grow with the square of the
    store, and are then compared by `distance`. For "beat-euclidean" and "features" that search is exact; for "beat-dtw"
    it is among sketches of the beats, and the recall is measured. An interrupted run goes on where it stopped; a
    finished one with the same settings and the same ECGs is left as it is.

    Args:
        store: The archive.
        distance: "beat-euclidean", "beat-dtw" or "features".
        n_neighbors: Of each ECG, >= 1.
        n_candidates: Compared exactly for "beat-dtw", >= n_neighbors.

    Raises:
        SettingsError: Another distance, or numbers that do not fit.
        StoreError: The store has fewer than two ECGs that can be compared, or cannot be written.
    """
    if distance not in MINED_BY:
        raise SettingsError(f"an archive cannot be mined by {distance!r}{suggest(distance, MINED_BY)}")
    if not 1 <= n_neighbors <= n_candidates:
        raise SettingsError(f"expected 1 <= neighbors <= candidates, got {n_neighbors} and {n_candidates}")
    plan = Mined(distance, n_neighbors, n_candidates, store.fingerprint)
    path = store.path / "neighbors" / f"{distance}.parquet"
    found = read_mined(path)
    if found is not None and _same(found, plan):
        return found
    aside = store.path / "neighbors" / INCOMING / distance
    _begin(aside, plan)
    archive = prepare_archive(store, distance=distance, folder=aside)
    if len(archive.rows) < 2:
        raise StoreError(f"{store.path}: {len(archive.rows)} ECGs have a typical beat, neighbours need two or more")
    ids = store.ecgs["ecg_id"].to_numpy(zero_copy_only=False)[archive.rows].astype(np.str_)
    starts = range(0, len(archive.rows), _ANCHORS_AT_ONCE)
    parts = []
    for start in track(starts, total=len(starts), unit=f"x {_ANCHORS_AT_ONCE} ECGs", title="mine"):
        part = aside / f"part-{start:012d}.parquet"
        if not part.exists():
            anchors = np.arange(start, min(start + _ANCHORS_AT_ONCE, len(archive.rows)))
            _write(part, _find(archive, anchors, ids, plan))
        parts.append(part)
    mined = _measure_recall(archive, plan)
    _join(parts, path, mined)
    shutil.rmtree(aside, ignore_errors=True)
    with contextlib.suppress(OSError):  # parts of another distance stay
        aside.parent.rmdir()
    return mined


def read_mined(path: Path) -> Mined | None:
    """Read what a neighbour file says of itself; None where there is none.

    Raises:
        StoreError: The file is not one that `mine` wrote.
    """
    if not path.exists():
        return None
    try:
        return Mined(**json.loads(pq.read_schema(path).metadata[b"hemometric"]))
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise StoreError(f"{path}: not a file of neighbours ({error}); remove it and mine again") from error


def _same(one: Mined, other: Mined) -> bool:
    fixed = ("distance", "n_neighbors", "n_candidates", "fingerprint")
    return all(getattr(one, name) == getattr(other, name) for name in fixed)


def _begin(aside: Path, plan: Mined) -> None:
    """Keep the parts of an interrupted run with the same plan; throw those of another away."""
    note, text = aside / "plan.json", json.dumps(asdict(plan))
    if note.exists() and note.read_text(encoding="utf-8") == text:
        say(f"going on after {len(list(aside.glob('part-*')))} finished parts")
        return
    shutil.rmtree(aside, ignore_errors=True)
    try:
        aside.mkdir(parents=True)
    except OSError as error:
        raise cannot_write(aside, error) from error
    write_aside(note, [text.encode()])


def _write(path: Path, table: pa.Table) -> None:
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    aside = path.with_name(f".{path.name}.part")
    write_aside(aside, [sink.getvalue()])
    publish(aside, path)


def _join(parts: Sequence[Path], path: Path, mined: Mined) -> None:
    """Write the parts as one file with what `mined` says of them, one part in memory at a time."""
    aside = path.with_name(f".{path.name}.part")
    schema = NEIGHBORS_SCHEMA.with_metadata({"hemometric": json.dumps(asdict(mined))})
    try:
        with aside.open("wb") as file:
            with pq.ParquetWriter(file, schema, compression="zstd") as writer:
                for part in parts:
                    writer.write_table(pq.read_table(part).cast(schema))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise cannot_write(path, error) from error
    publish(aside, path)


def _find(archive: Archive, anchors: NDArray[np.int64], ids: NDArray[np.str_], plan: Mined) -> pa.Table:
    tables = []
    n_searched = _count_searched(plan)
    for others_only in (False, True):
        near, _ = find_nearest(
            anchors, archive.vectors, archive.patients, n_nearest=n_searched, other_patients=others_only
        )
        compare = partial(_rank, archive, plan)
        with ThreadPoolExecutor(usable_threads()) as pool:
            ranked = list(pool.map(compare, anchors.tolist(), near))
        chosen = [rows[: plan.n_neighbors] for rows, _ in ranked]
        counts = [len(rows) for rows in chosen]
        neighbors = np.concatenate(chosen)
        of = np.repeat(anchors, counts)
        tables.append(
            pa.table(
                {
                    "ecg_id": ids[of],
                    "others_only": np.full(len(of), others_only),
                    "rank": np.concatenate([np.arange(1, count + 1) for count in counts]),
                    "neighbor_id": ids[neighbors],
                    "distance": np.concatenate([values[: plan.n_neighbors] for _, values in ranked]),
                    "same_patient": archive.patients[of] == archive.patients[neighbors],
                }
            ).cast(NEIGHBORS_SCHEMA)
        )
    return pa.concat_tables(tables)


def _count_searched(plan: Mined) -> int:
    """Candidates for each ECG: a few more than neighbours where the search is by the distance itself."""
    return plan.n_candidates if plan.distance == "beat-dtw" else plan.n_neighbors + _MARGIN


def _rank(
    archive: Archive, plan: Mined, anchor: int, candidates: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Candidates by their exact distance, nearest first."""
    candidates = candidates[candidates >= 0]
    distances = _compare(archive, plan.distance, anchor, candidates)
    order = np.argsort(distances, kind="stable")
    return candidates[order], distances[order]


def _compare(archive: Archive, distance: str, anchor: int, others: NDArray[np.int64]) -> NDArray[np.float32]:
    kind = DISTANCES[distance]
    one, many = np.array(archive.prepared[anchor][None]), np.array(archive.prepared[others])
    rate_hz = kind.prepared_hz or 1.0
    radius = radius_of_band(None, n_samples=many.shape[2], sampling_rate_hz=rate_hz)
    distances: NDArray[np.float32] = kind.compare(one, many, radius, 1)[0]
    return distances


def _compare_with_all(archive: Archive, distance: str, anchor: int) -> NDArray[np.float32]:
    """Distances to the whole archive, a piece of it in memory at a time."""
    pieces = np.array_split(np.arange(len(archive.rows)), -(-len(archive.rows) // _COMPARED_AT_ONCE))
    return np.concatenate([_compare(archive, distance, anchor, piece) for piece in pieces])


def _measure_recall(archive: Archive, plan: Mined) -> Mined:
    """Compare a sample of ECGs with the whole archive, and say how many of their true neighbours were found."""
    n = len(archive.rows)
    sample = np.unique(np.linspace(0, n - 1, min(_N_SAMPLED, n)).astype(np.int64))
    n_searched = _count_searched(plan)
    shares: dict[bool, list[float]] = {False: [], True: []}
    everybody = np.arange(n)
    for anchor in sample.tolist():
        exact = _compare_with_all(archive, plan.distance, anchor)
        for others_only, found in shares.items():
            same = archive.patients == archive.patients[anchor] if others_only else everybody == anchor
            allowed = everybody[~same]
            true = allowed[np.argsort(exact[allowed], kind="stable")[: plan.n_neighbors]]
            near, _ = find_nearest(
                np.array([anchor]), archive.vectors, archive.patients, n_nearest=n_searched, other_patients=others_only
            )
            chosen, _ = _rank(archive, plan, anchor, near[0])
            if len(true):
                found.append(float(np.isin(true, chosen[: plan.n_neighbors]).mean()))
    return Mined(
        plan.distance,
        plan.n_neighbors,
        plan.n_candidates,
        plan.fingerprint,
        n_ecgs=n,
        n_without=archive.n_without,
        recall=float(np.mean(shares[False])) if shares[False] else None,
        recall_others=float(np.mean(shares[True])) if shares[True] else None,
        n_sampled=len(sample),
    )
