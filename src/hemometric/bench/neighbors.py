"""Neighbours over a whole archive: ours against what other DTW libraries offer, one ECG against all."""

import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hemometric.bench.distances import Peer, load_peers
from hemometric.bench.race import Side, check_same
from hemometric.bench.results import Result, make_result
from hemometric.distances.dtw import FloatArray, dtw, radius_of_band
from hemometric.distances.representations import BEAT_RATE_HZ, to_beats
from hemometric.progress import track
from hemometric.store import Store

if TYPE_CHECKING:
    from hemometric.neighbors import Mined

_ECGS_PER_PATIENT = 4.2
_N_NEIGHBORS = 16
_N_SAMPLE = 256
_ROWS_AT_ONCE = 256


def bench_neighbors(repeats: int, quick: bool, n_ecgs: int = 20_000, name: str = "neighbors") -> list[Result]:
    """The 16 nearest ECGs of every ECG of a simulated archive, by the DTW of typical beats: ours against each peer.

    Ours is the whole of `mine`: reading, typical beats, candidates, DTW, the search among other patients, writing, and
    the measuring of its recall. No peer offers a search in an archive, so each compares a few ECGs with all others, on
    typical beats that are prepared before the clock starts, and its answer is exact. It does so once before and once
    after ours.

    Args:
        repeats: Without effect: the archive is mined once, and each side has one turn.
        quick: An archive of about seventy ECGs.
        n_ecgs: About how many ECGs the archive has.
        name: Of the results.
    """
    peers = load_peers()
    n_anchors = 2 if quick else 4
    with tempfile.TemporaryDirectory() as folder:
        _mine(_simulate(Path(folder) / "first", n_ecgs=10))  # nothing is compiled while the clock runs
        archive = _simulate(Path(folder) / "archive", n_ecgs=70 if quick else n_ecgs)
        beats = _anchors_first(_typical_beats(archive), n_anchors)
        searches = [_search_by(peer, beats, n_anchors, name) for peer in peers]
        seconds = [_seconds(search) for search in searches]
        start = time.perf_counter()
        mined = _mine(archive)
        ours = time.perf_counter() - start
        seconds = [before + _seconds(search) for before, search in zip(seconds, searches, strict=True)]
    found = f"recall {_share_text(mined.recall)}, among other patients {_share_text(mined.recall_others)}"
    label = (
        name,
        f"{mined.n_ecgs:,} simulated ECGs: ours all, {_N_NEIGHBORS} neighbours each in {ours / 60:,.1f} min, {found};"
        f" peer {n_anchors} of them, twice, exact, beats prepared",
        "ECG/s",
    )
    return [
        make_result(label, [mined.n_ecgs / ours], [2 * n_anchors / theirs], peer_name=peer.name)
        for peer, theirs in zip(peers, seconds, strict=True)
    ]


def _simulate(path: Path, *, n_ecgs: int) -> Store:
    from hemometric.simulation import CohortSettings, simulate

    n_patients = max(1, round(n_ecgs / _ECGS_PER_PATIENT))
    simulate(path, settings=CohortSettings(n_patients=n_patients, with_ceiling=False))
    return Store.open(path)


def _mine(archive: Store) -> "Mined":
    from hemometric.neighbors import mine

    return mine(archive, distance="beat-dtw", n_neighbors=_N_NEIGHBORS)


def _typical_beats(archive: Store) -> FloatArray:
    """Typical beats of all ECGs that have one, shape (n, 12, 140), mV."""
    beats = []
    starts = range(0, len(archive), _ROWS_AT_ONCE)
    for start in track(starts, total=len(starts), unit=f"x {_ROWS_AT_ONCE} ECGs", title="beats for the peers"):
        for ecg in archive.take(np.arange(start, min(start + _ROWS_AT_ONCE, len(archive)))):
            try:
                beats.append(to_beats(ecg[None], archive.sampling_rate_hz))
            except ValueError:  # an ECG without a typical beat
                continue
    return np.concatenate(beats)


def _anchors_first(beats: FloatArray, n_anchors: int) -> FloatArray:
    """Put ECGs from all over the archive first."""
    anchors = np.linspace(0, len(beats) - 1, n_anchors).astype(np.intp)
    others = np.setdiff1d(np.arange(len(beats)), anchors)
    return np.concatenate([beats[anchors], beats[others]])


def _search_by(peer: Peer, beats: FloatArray, n_anchors: int, name: str) -> Side:
    """Check a peer on the first ECGs, choose its faster thread count on them, and return its search in all of them."""
    radius = radius_of_band(None, n_samples=beats.shape[2], sampling_rate_hz=BEAT_RATE_HZ)
    few = beats[:_N_SAMPLE]
    theirs = peer.compare(peer.lay_out(few), n_anchors, radius, 1)
    check_same(name, dtw(few[:n_anchors], few, radius=radius), theirs, peer_name=peer.name)
    n_threads = peer.choose_threads(peer.lay_out(few), n_anchors, radius)
    return partial(peer.compare, peer.lay_out(beats), n_anchors, radius, n_threads)


def _seconds(side: Side) -> float:
    start = time.perf_counter()
    side()
    return time.perf_counter() - start


def _share_text(share: float | None) -> str:
    return "not measured" if share is None else f"{share:.3f}"
