"""The step that finds each ECG's nearest neighbours over the whole store: `neighbors/<distance>.parquet`."""

import contextlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hemometric.errors import SettingsError, StoreError
from hemometric.neighbors.archive import MINABLE, Archive, prepare_archive
from hemometric.neighbors.comparison import Neighbors, find_neighbors, measure_rate, measure_recall
from hemometric.neighbors.earlier import Earlier, read_earlier
from hemometric.neighbors.tables import (
    NEIGHBORS_SCHEMA,
    Mined,
    neighbors_path,
    read_mined,
    write_neighbors,
    write_part,
)
from hemometric.progress import say, track
from hemometric.settings import suggest
from hemometric.store import INCOMING, Store
from hemometric.store.durable import cannot_write, write_aside
from hemometric.store.locking import locked

_ANCHORS_PER_PART = 1024
_MARGIN = 8
_N_SAMPLED = 50
_FOR_TRAINING = 16  # more than training asks for: some are of other splits and are no neighbours there


def mine(
    store: Store,
    *,
    distance: str = "beat-dtw",
    n_neighbors: int = 16,
    n_candidates: int | None = None,
    band_ms: float | None = None,
    memory_gib: float = 4.0,
) -> Mined:
    """Find the nearest neighbours of every ECG over the whole store, with and without those of its own patient.

    Candidates come from a blocked search by a Euclidean distance, so that memory does not grow with the square of the
    store, and are then compared by `distance`. For "beat-euclidean" and "features" that search is exact; for "beat-dtw"
    and "dtw" it is among sketches, and the recall is measured. An interrupted run goes on where it stopped; a finished
    one with the same settings and the same ECGs is left as it is, and where ECGs were added only these are compared.

    Args:
        store: The archive.
        distance: "beat-dtw", "beat-euclidean", "features", or "dtw" of whole strips at 50 Hz, which costs some six
            times as much as "beat-dtw".
        n_neighbors: Of each ECG, >= 1.
        n_candidates: Compared exactly, >= n_neighbors; None: 384 for "beat-dtw", 768 for "dtw". Without effect where
            the search is exact.
        band_ms: Half width of the band of the distances that warp; None: a tenth of what is compared.
        memory_gib: What is compared is kept in memory if it needs no more than this, else in a file.

    Raises:
        SettingsError: Another distance, or numbers that do not fit.
        StoreError: The store has fewer than two ECGs that can be compared, cannot be written, or is being mined by
            another process.
    """
    plan = _plan(store, distance, n_neighbors, n_candidates, band_ms)
    path = neighbors_path(store.path, distance)
    if (found := read_mined(path)) is not None and found.plan() == plan:
        return found
    aside = path.parent / INCOMING / distance
    try:
        aside.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(aside.parent, error) from error
    with locked(aside.with_name(f"{distance}.lock"), what=str(path)):
        mined = _mine_aside(store, plan, aside, memory_gib=memory_gib)
        shutil.rmtree(aside, ignore_errors=True)
    with contextlib.suppress(OSError):  # parts of another distance stay
        aside.parent.rmdir()
    return mined


def mine_if_needed(store: Store, *, distance: str, n_neighbors: int) -> None:
    """Mine a store by a distance unless what was mined before has these ECGs and as many neighbours of each.

    Neighbours that somebody mined with other numbers serve as well, and are not thrown away.

    Args:
        store: The archive.
        distance: As in `mine`.
        n_neighbors: That are needed of each ECG.

    Raises:
        SettingsError: As `mine`.
        StoreError: As `mine`.
    """
    found = read_mined(neighbors_path(store.path, distance))
    if found is None or found.fingerprint != store.fingerprint or found.n_neighbors < n_neighbors:
        mine(store, distance=distance, n_neighbors=max(_FOR_TRAINING, n_neighbors))


def _plan(store: Store, distance: str, n_neighbors: int, n_candidates: int | None, band_ms: float | None) -> Mined:
    if distance not in MINABLE:
        raise SettingsError(f"an archive cannot be mined by {distance!r}{suggest(distance, list(MINABLE))}")
    default = MINABLE[distance].n_candidates
    if default == 0:
        n_candidates = n_neighbors + _MARGIN
    elif n_candidates is None:
        n_candidates = max(default, n_neighbors)
    if not 1 <= n_neighbors <= n_candidates:
        raise SettingsError(f"expected 1 <= neighbors <= candidates, got {n_neighbors} and {n_candidates}")
    if band_ms is not None and not 0 <= band_ms < np.inf:
        raise SettingsError(f"the band must be 0 ms or wider, got {band_ms:g}")
    return Mined(distance, n_neighbors, n_candidates, band_ms, store.fingerprint)


def _mine_aside(store: Store, plan: Mined, aside: Path, *, memory_gib: float) -> Mined:
    _begin(aside, plan, read_mined(neighbors_path(store.path, plan.distance)))
    archive = prepare_archive(store, distance=plan.distance, folder=aside, memory_gib=memory_gib)
    if len(archive.rows) < 2:
        raise StoreError(f"{store.path}: {len(archive.rows)} ECGs have a typical beat, neighbours need two or more")
    earlier = read_earlier(store, archive.rows, plan)
    _say_cost(archive, plan, earlier)
    ids = store.ecgs["ecg_id"].to_numpy(zero_copy_only=False)[archive.rows].astype(np.str_)
    starts = range(0, len(archive.rows), _ANCHORS_PER_PART)
    parts = []
    for start in track(starts, total=len(starts), unit=f"x {_ANCHORS_PER_PART} ECGs", title="mine"):
        part = aside / f"part-{start:012d}.parquet"
        if not part.exists():
            anchors = np.arange(start, min(start + _ANCHORS_PER_PART, len(archive.rows)))
            found = find_neighbors(archive, plan, earlier, anchors)
            write_part(part, _tabulate(archive, anchors, ids, found))
        parts.append(part)
    mined = _judge(archive, plan, parts, ids)
    searched = store.ecgs.select(["ecg_id", "patient_id", "content_hash"]).take(archive.rows)
    write_neighbors(store.path, parts, searched, mined)
    return mined


def _begin(aside: Path, plan: Mined, earlier: Mined | None) -> None:
    """Keep the parts of an interrupted run with the same plan; throw those of another away."""
    note, text = aside / "plan.json", json.dumps([asdict(plan), earlier and asdict(earlier)])
    if note.exists() and note.read_text(encoding="utf-8") == text:
        say(f"going on after {len(list(aside.glob('part-*')))} finished parts")
        return
    shutil.rmtree(aside, ignore_errors=True)
    try:
        aside.mkdir(parents=True)
    except OSError as error:
        raise cannot_write(aside, error) from error
    write_aside(note, [text.encode()])


def _say_cost(archive: Archive, plan: Mined, earlier: Earlier) -> None:
    """Say before it begins what takes long: exact distances of candidates."""
    n, n_kept = len(archive.rows), int(earlier.is_kept.sum())
    if n_kept:
        say(f"{n_kept:,} of {n:,} ECGs have neighbours already: they are compared with {earlier.n_new:,} new ones only")
    n_pairs = min(plan.n_candidates, n - 1) * (n - n_kept)
    rate = measure_rate(archive, plan)
    say(
        f"{plan.distance}: {n_pairs / 1e6:,.1f} million distances of candidates; at the {rate:,.0f}/s of a short trial "
        f"{n_pairs / rate / 60.0:,.1f} min"
    )


def _tabulate(archive: Archive, anchors: NDArray[np.int64], ids: NDArray[np.str_], found: Neighbors) -> pa.Table:
    tables = []
    for others_only in (False, True):
        rows = found.rows[int(others_only)]
        there = rows >= 0
        of, neighbors = np.repeat(anchors, there.sum(axis=1)), rows[there]
        columns = {
            "ecg_id": ids[of],
            "others_only": np.full(len(of), others_only),
            "rank": np.nonzero(there)[1] + 1,
            "neighbor_id": ids[neighbors],
            "distance": found.distances[int(others_only)][there],
            "same_patient": archive.patients[of] == archive.patients[neighbors],
        }
        tables.append(pa.table(columns).cast(NEIGHBORS_SCHEMA))
    return pa.concat_tables(tables)


def _judge(archive: Archive, plan: Mined, parts: Sequence[Path], ids: NDArray[np.str_]) -> Mined:
    """Compare a sample of ECGs with the whole archive, and say how many of their true neighbours are in the parts."""
    n = len(archive.rows)
    sample = np.unique(np.linspace(0, n - 1, min(_N_SAMPLED, n)).astype(np.int64))
    distances = np.full((2, len(sample), plan.n_neighbors), np.inf, dtype=np.float32)
    for place, anchor in enumerate(sample.tolist()):
        part = pq.read_table(parts[anchor // _ANCHORS_PER_PART], filters=pc.field("ecg_id") == ids[anchor])
        at = (part["others_only"].to_numpy().astype(np.int64), place, part["rank"].to_numpy() - 1)
        distances[at] = part["distance"].to_numpy()
    found = Neighbors(np.zeros(distances.shape, dtype=np.int64), distances)
    recall, recall_others = measure_recall(archive, plan, sample, found)
    return replace(
        plan,
        n_ecgs=n,
        n_without=archive.n_without,
        recall=recall,
        recall_others=recall_others,
        n_sampled=len(sample),
    )
