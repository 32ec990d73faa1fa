"""Dynamic time warping: ours against dtaidistance, tslearn and aeon, all leads together, the same band."""

import importlib
import importlib.util
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from hemometric.bench.race import Side, Untyped, check_same, choose_fastest, need, take_turns
from hemometric.bench.results import Result, make_result
from hemometric.distances import pairwise
from hemometric.distances.dtw import FloatArray, usable_threads
from hemometric.ecg import derive_leads
from hemometric.progress import say

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Peer:
    """Another library's DTW of all leads together.

    Attributes:
        name: Of the package.
        time_first: It takes (n, n_samples, n_leads), else (n, n_leads, n_samples).
        compare: (ECGs in that layout, how many of them from the first on are anchors, radius in samples, threads) ->
            distance of each anchor to each ECG, shape (n_anchors, n).
    """

    name: str
    time_first: bool
    compare: Callable[[Doubles, int, int, int], Untyped]

    def lay_out(self, ecgs: FloatArray) -> Doubles:
        """Put ECGs, shape (n, n_leads, n_samples), into the layout and precision that the library computes in."""
        return np.ascontiguousarray(ecgs.transpose(0, 2, 1) if self.time_first else ecgs, dtype=np.float64)

    def choose_threads(self, ecgs: Doubles, n_anchors: int, radius: int) -> int:
        """One thread or all, whichever is faster on these ECGs: for two of the libraries more threads can cost time."""
        choices = sorted({1, usable_threads()})
        return choose_fastest({n: partial(self.compare, ecgs, n_anchors, radius, n) for n in choices})


def load_peers() -> list[Peer]:
    """Return the libraries to be compared with.

    aeon is one of them where it is installed. No release of it allows the numba and pandas that the others run with, so
    no extra brings it (docs/decisions/0001).

    Raises:
        MissingExtraError: dtaidistance or tslearn is not installed.
    """
    dtaidistance = need("dtaidistance.dtw_ndim", "dtaidistance", "dev")
    tslearn = need("tslearn.metrics", "tslearn", "dev")
    peers = [
        Peer("dtaidistance", True, partial(_compare_by_dtaidistance, dtaidistance)),
        Peer("tslearn", True, partial(_compare_by_tslearn, tslearn)),
    ]
    if importlib.util.find_spec("aeon") is None:
        say("bench: aeon is not installed and is left out; docs/decisions/0001-dependencies.md says how to add it")
        return peers
    aeon = importlib.import_module("aeon.distances")
    return [*peers, Peer("aeon", False, partial(_compare_by_aeon, aeon))]


def bench_dtw(repeats: int, quick: bool) -> list[Result]:
    """Distance matrix of a batch, all leads together, band 10 %: ours against each peer at its faster thread count."""
    peers = load_peers()
    n_ecgs, rates_hz = (6, (2.0, 2.1)) if quick else (64, (50.0, 25.0))
    results = []
    for rate_hz in rates_hz:
        for leads, n_drawn in (("derived leads", 8), ("twelve free leads", 12)):
            steps = np.random.default_rng(0).normal(scale=0.1, size=(n_ecgs, n_drawn, round(10 * rate_hz)))
            drawn = np.cumsum(steps, axis=2).astype(np.float32)
            x = derive_leads(drawn) if n_drawn == 8 else drawn
            radius = round(0.1 * x.shape[2])
            ours = partial(pairwise, x, distance="dtw", sampling_rate_hz=rate_hz)
            theirs = [_matrix_of(peer, x, radius) for peer in peers]
            for peer, side in zip(peers, theirs, strict=True):
                check_same("dtw", ours(), side(), peer_name=peer.name)
            n_pairs = n_ecgs * (n_ecgs - 1) / 2
            rates = [[n_pairs / turn for turn in turns] for turns in take_turns([ours, *theirs], repeats)]
            label = ("dtw", f"12x{x.shape[2]}, batch {n_ecgs}, band {radius}, {leads}", "pairs/s")
            for peer, rate in zip(peers, rates[1:], strict=True):
                results.append(make_result(label, rates[0], rate, peer_name=peer.name))
    return results


def _matrix_of(peer: Peer, x: FloatArray, radius: int) -> Side:
    ecgs = peer.lay_out(x)
    return partial(peer.compare, ecgs, len(x), radius, peer.choose_threads(ecgs, len(x), radius))


# Two of the libraries share out rows among threads, so the few anchors are their columns.


def _compare_by_dtaidistance(library: Untyped, ecgs: Doubles, n_anchors: int, radius: int, n_threads: int) -> Untyped:
    """Its window is the radius and one more; a block is kept apart from the n x n matrix only where it is compact."""
    compare = partial(library.distance_matrix_fast, ecgs, window=radius + 1, parallel=n_threads > 1)
    n = len(ecgs)
    if n_anchors == n:
        return compare()
    return np.asarray(compare(block=((0, n), (0, n_anchors), False), compact=True)).reshape(n, n_anchors).T


def _compare_by_tslearn(library: Untyped, ecgs: Doubles, n_anchors: int, radius: int, n_threads: int) -> Untyped:
    compare = partial(
        library.cdist_dtw, global_constraint="sakoe_chiba", sakoe_chiba_radius=radius, n_jobs=n_threads, be="numpy"
    )
    return compare(ecgs) if n_anchors == len(ecgs) else compare(ecgs[:n_anchors], ecgs)


def _compare_by_aeon(library: Untyped, ecgs: Doubles, n_anchors: int, radius: int, n_threads: int) -> Untyped:
    """Its window is a share of the samples, rounded down to a radius; what it returns is squared."""
    n_samples = ecgs.shape[2]
    window = min(1.0, (radius + 0.5) / n_samples)
    compare = partial(library.pairwise_distance, method="dtw", window=window, n_jobs=n_threads)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="unsafe cast")  # compiled by a newer numba than it was written for
        squared = compare(ecgs) if n_anchors == len(ecgs) else compare(ecgs, ecgs[:n_anchors]).T
    return np.sqrt(squared)
