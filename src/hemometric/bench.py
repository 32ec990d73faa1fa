"""Speed, measured side by side: ours and a peer take turns in one run, so their ratio holds on a busy machine too.

A benchmark is a function (repeats, quick) -> results, named in `BENCHMARKS`. Before it times them it checks that both
sides give the same answer; simulators have none in common, so there it checks that both did the job.
"""

import difflib
import importlib
import importlib.metadata
import json
import logging
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from hemometric.distances import pairwise
from hemometric.distances.dtw import usable_threads
from hemometric.ecg import LEADS, derive_leads
from hemometric.errors import HemometricError, MissingExtraError, SettingsError
from hemometric.mining import mine_by_distance
from hemometric.progress import say

Untyped = Any
"""A module or value of a package that is loaded only when a benchmark needs it."""

Result = dict[str, Any]
"""JSON values only: name, case, metric, higher_is_better, ours, peer, peer_name, ratio (> 1: ours is faster), repeats,
threads, machine, versions. `ours` and `peer` hold median, min and max."""

Benchmark = Callable[[int, bool], list[Result]]
_Side = Callable[[], Untyped]

_VERSIONED = ("hemometric", "numpy", "numba", "torch", "dtaidistance", "circulation", "neurokit2")
_CLOCKS = {"wall clock": time.perf_counter, "CPU time": time.process_time}


def run_benchmarks(names: Sequence[str] | None = None, *, repeats: int = 7, quick: bool = False) -> list[Result]:
    """Run benchmarks one after another.

    Args:
        names: Keys of `BENCHMARKS`; None for all.
        repeats: How often each side is timed, >= 1; the sides take turns.
        quick: Tiny inputs: shows that it works and measures nothing.

    Raises:
        SettingsError: An unknown name.
        MissingExtraError: A peer, or torch, is not installed.
        ValueError: `repeats` is less than 1.
    """
    if repeats < 1:
        raise ValueError(f"repeats must be >= 1, got {repeats}")
    wanted = list(BENCHMARKS) if names is None else list(names)
    for name in wanted:
        if name not in BENCHMARKS:
            near = difflib.get_close_matches(name, BENCHMARKS, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise SettingsError(f"unknown benchmark {name!r}: expected one of {', '.join(BENCHMARKS)}{hint}")
    results = []
    for name in wanted:
        say(f"bench: {name}")
        results += BENCHMARKS[name](repeats, quick)
    return results


def results_text(results: Sequence[Result]) -> str:
    """A table for people: one line a result, medians with the range in brackets."""
    lines = [
        f"{result['name']:<12} {result['case']:<44} ours {_range_text(result['ours'])}, {result['peer_name']} "
        f"{_range_text(result['peer'])} {result['metric']}: {result['ratio']:.1f} times as fast"
        for result in results
    ]
    if results:
        machine = results[0]["machine"]
        lines.append(
            f"median [least, most] of {results[0]['repeats']} turns, {results[0]['threads']} threads, {machine}"
        )
    return "\n".join(lines)


def write_results(results: Sequence[Result], path: Path) -> None:
    """Write results as a JSON list."""
    path.write_text(json.dumps(list(results), indent=2) + "\n", encoding="utf-8")


def bench_dtw(repeats: int, quick: bool) -> list[Result]:
    """Distance matrix of a batch, all leads together, band 10 %: ours against dtaidistance's parallel C code."""
    peer = _need("dtaidistance.dtw_ndim", "dtaidistance", "dev")
    n_ecgs, rates_hz = (6, (2.0, 2.1)) if quick else (64, (50.0, 25.0))
    results = []
    for rate_hz in rates_hz:
        for leads, n_drawn in (("derived leads", 8), ("twelve free leads", 12)):
            steps = np.random.default_rng(0).normal(scale=0.1, size=(n_ecgs, n_drawn, round(10 * rate_hz)))
            drawn = np.cumsum(steps, axis=2).astype(np.float32)
            x = derive_leads(drawn) if n_drawn == 8 else drawn
            radius = round(0.1 * x.shape[2])
            ours = partial(pairwise, x, distance="dtw", sampling_rate_hz=rate_hz)
            last_is_lead = np.ascontiguousarray(x.transpose(0, 2, 1)).astype(np.float64)
            theirs = partial(peer.distance_matrix_fast, last_is_lead, window=radius + 1, parallel=True)
            _check_same("dtw", ours(), theirs())
            n_pairs = n_ecgs * (n_ecgs - 1) / 2
            rates = [[n_pairs / turn for turn in side] for side in _take_turns(ours, theirs, repeats)]
            case = f"12x{x.shape[2]}, batch {n_ecgs}, band {radius}, {leads}"
            results.append(_result("dtw", case, "pairs/s", rates, peer_name="dtaidistance"))
    return results


def bench_mining_loss(repeats: int, quick: bool) -> list[Result]:
    """Triplet mining by distance, loss and gradient: ours against a Python loop over anchors, as published code has."""
    torch = _need("torch", "torch", "train")
    results = []
    for n in (6,) if quick else (64, 256):
        rng = np.random.default_rng(0)
        points = rng.normal(size=(n, 3))
        distances = np.linalg.norm(points[:, None] - points[None, :], axis=2).astype(np.float32)
        embeddings = torch.tensor(rng.normal(size=(n, 128)), dtype=torch.float32, requires_grad=True)
        ours = partial(_gradient_of_mined_loss, distances, embeddings)
        theirs = partial(_gradient_by_loop, torch, distances, embeddings)
        _check_same("mining-loss", ours(), theirs())
        milliseconds = [[1000.0 * turn for turn in side] for side in _take_turns(ours, theirs, repeats)]
        case = f"batch {n}, embedding 128, forward + backward"
        results.append(_result("mining-loss", case, "ms", milliseconds, peer_name="loop over anchors"))
    return results


def bench_circulation(repeats: int, quick: bool) -> list[Result]:
    """A heart's steady state, one thread: ours, many at a time, against the package `circulation`, one by one."""
    peer = _need("circulation.regazzoni2020", "circulation", "dev")
    from hemometric.simulation import draw_patients, run_to_steady_state

    n_hearts, n_beats = (16, 2) if quick else (2_000, 26)
    hearts = draw_patients(n_hearts, np.random.default_rng(0)).circulation
    ours = partial(run_to_steady_state, hearts)
    theirs = partial(_run_published_heart, peer.Regazzoni2020, n_beats)
    _check_finite("circulation", ours().co_l_per_min, theirs())
    label = ("circulation", f"steady state, {n_hearts:,} hearts at a time", "runs/s")
    name = f"circulation, {n_beats} beats"
    return _race(label, ours, theirs, counts=(n_hearts, 1), repeats=repeats, peer_name=name)


def bench_rendering(repeats: int, quick: bool) -> list[Result]:
    """Twelve leads of 10 s at 500 Hz into one buffer, one thread, with all that is drawn per ECG: against neurokit2."""
    peer = _need("neurokit2", "neurokit2", "dev")
    from hemometric.simulation import CohortSettings, draw_people, render_people

    settings = CohortSettings(n_patients=8 if quick else 256, sampling_rate_hz=500.0)
    chunks = [draw_people(settings, chunk) for chunk in range(settings.n_chunks)]
    most = max(len(chunk.labelled) for chunk in chunks) * len(settings.visits.ecgs)
    buffer = np.empty((most, len(LEADS), settings.n_samples), dtype=np.int16)

    def ours() -> list[int]:
        return [len(render_people(settings, chunk, out=buffer)[0]) for chunk in chunks]

    theirs = partial(
        peer.ecg_simulate, duration=10, sampling_rate=500, method="multileads", random_state=0, random_state_distort=0
    )
    n_ecgs = sum(ours())
    _check_finite("rendering", [n_ecgs], theirs())
    label = ("rendering", f"12 leads x 10 s at 500 Hz, {n_ecgs:,} ECGs", "ECG/s")
    return _race(label, ours, theirs, counts=(n_ecgs, 1), repeats=repeats, peer_name="neurokit2")


BENCHMARKS: dict[str, Benchmark] = {
    "dtw": bench_dtw,
    "mining-loss": bench_mining_loss,
    "circulation": bench_circulation,
    "rendering": bench_rendering,
}
"""Keys as on the command line."""


def _gradient_of_mined_loss(distances: NDArray[np.float32], embeddings: Untyped) -> Untyped:
    from torch import from_numpy

    from hemometric.losses import triplet

    triplets, _ = mine_by_distance(distances, n_farthest=1, rng=np.random.default_rng(0))
    embeddings.grad = None
    loss: Untyped = triplet(embeddings, *(from_numpy(rows) for rows in triplets))
    loss.backward()
    return embeddings.grad


def _gradient_by_loop(torch: Untyped, distances: NDArray[np.float32], embeddings: Untyped) -> Untyped:
    embeddings.grad = None
    terms = []
    for anchor in range(len(distances)):
        order = [other for other in np.argsort(distances[anchor]).tolist() if other != anchor]
        near = (embeddings[anchor] - embeddings[order[0]]).pow(2).sum()
        far = (embeddings[anchor] - embeddings[order[-1]]).pow(2).sum()
        terms.append(torch.relu(near - far + 0.2))
    torch.stack(terms).mean().backward()
    return embeddings.grad


def _run_published_heart(model: Untyped, n_beats: int) -> Untyped:
    """Run the model of Regazzoni et al. 2020 and return its state; what it logs and writes goes nowhere."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with tempfile.TemporaryDirectory() as folder:
            heart = model(outdir=Path(folder))
            heart.solve(num_beats=n_beats)
    finally:
        logging.disable(before)
    return heart.state


def _need(module: str, package: str, extra: str) -> Untyped:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise MissingExtraError(
            f"this benchmark needs {package}, which is not installed: pip install 'hemometric[{extra}]'"
        ) from None


def _check_same(name: str, ours: Untyped, theirs: Untyped) -> None:
    if not np.allclose(np.asarray(ours), np.asarray(theirs), rtol=1e-4, atol=1e-4):
        raise HemometricError(
            f"benchmark {name}: ours and the peer disagree, so their speeds mean nothing; report this"
        )


def _check_finite(name: str, ours: Untyped, theirs: Untyped) -> None:
    for side, values in (("ours", ours), ("the peer", theirs)):
        found = np.asarray(values, dtype=np.float64)
        if not (found.size and np.isfinite(found).all()):
            raise HemometricError(f"benchmark {name}: {side} found nothing, so its speed means nothing; report this")


def _race(
    label: tuple[str, str, str], ours: _Side, peer: _Side, *, counts: tuple[int, int], repeats: int, peer_name: str
) -> list[Result]:
    """Time two sides with one thread by both clocks.

    Args:
        label: Name, case and metric.
        ours: One turn of ours.
        peer: One turn of the peer.
        counts: How much each side does in a turn.
        repeats: Turns.
        peer_name: Of the peer.
    """
    name, case, metric = label
    seconds: dict[str, list[list[float]]] = {clock: [[], []] for clock in _CLOCKS}
    with threadpool_limits(1):
        for _ in range(repeats):
            for side, run in enumerate((ours, peer)):
                starts = {clock: read() for clock, read in _CLOCKS.items()}
                run()
                for clock, read in _CLOCKS.items():
                    seconds[clock][side].append(read() - starts[clock])
    results = []
    for clock, turns in seconds.items():
        rates = [[count / turn for turn in side] for count, side in zip(counts, turns, strict=True)]
        results.append(_result(name, f"{case}, {clock}", metric, rates, peer_name=peer_name) | {"threads": 1})
    return results


def _take_turns(ours: Callable[[], Untyped], peer: Callable[[], Untyped], repeats: int) -> list[list[float]]:
    """Seconds of every turn of ours and of the peer, once warm."""
    seconds: list[list[float]] = [[], []]
    for _ in range(repeats):
        for side, run in enumerate((ours, peer)):
            start = time.perf_counter()
            run()
            seconds[side].append(time.perf_counter() - start)
    return seconds


def _result(name: str, case: str, metric: str, sides: list[list[float]], *, peer_name: str) -> Result:
    ours, peer = ({"median": statistics.median(s), "min": min(s), "max": max(s)} for s in sides)
    higher_is_better = metric.endswith("/s")
    ratio = ours["median"] / peer["median"] if higher_is_better else peer["median"] / ours["median"]
    return {
        "name": name,
        "case": case,
        "metric": metric,
        "higher_is_better": higher_is_better,
        "ours": ours,
        "peer": peer,
        "peer_name": peer_name,
        "ratio": ratio,
        "repeats": len(sides[0]),
        "threads": usable_threads(),
        "machine": _cpu_model(),
        "versions": _versions(),
    }


def _range_text(side: dict[str, float]) -> str:
    return f"{side['median']:,.5g} [{side['min']:,.5g}, {side['max']:,.5g}]"


def _cpu_model() -> str:
    described = Path("/proc/cpuinfo")
    if described.exists():
        for line in described.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for package in _VERSIONED:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return versions
