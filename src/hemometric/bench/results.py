"""What was measured, where, and with which versions: as JSON values and as a table for people."""

import importlib.metadata
import json
import platform
import statistics
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from hemometric.distances.dtw import usable_threads

Result = dict[str, Any]
"""JSON values only: name, case, metric, higher_is_better, ours, peer, peer_name, ratio (> 1: ours is faster), repeats,
threads, machine, versions. `ours` and `peer` hold median, min and max: one and the same number after one turn."""

Benchmark = Callable[[int, bool], list[Result]]
"""(repeats, quick) -> results."""

_VERSIONED = (
    "hemometric",
    "numpy",
    "numba",
    "torch",
    "dtaidistance",
    "tslearn",
    "aeon",
    "pytorch-metric-learning",
    "circulation",
    "neurokit2",
    "wfdb",
    "scipy",
)


def make_result(
    label: tuple[str, str, str],
    ours: Sequence[float],
    peer: Sequence[float],
    *,
    peer_name: str,
    threads: int | None = None,
) -> Result:
    """Put what both sides needed into one result.

    Args:
        label: Name, case and metric; a metric that ends in "/s" is a rate, any other a duration.
        ours: One number for each turn, in the unit of the metric.
        peer: The same.
        peer_name: Of the peer.
        threads: That both sides could use; by default all that this process may use.
    """
    name, case, metric = label
    sides = [{"median": statistics.median(s), "min": min(s), "max": max(s)} for s in (ours, peer)]
    higher_is_better = metric.endswith("/s")
    ratio = sides[0]["median"] / sides[1]["median"]
    return {
        "name": name,
        "case": case,
        "metric": metric,
        "higher_is_better": higher_is_better,
        "ours": sides[0],
        "peer": sides[1],
        "peer_name": peer_name,
        "ratio": ratio if higher_is_better else 1.0 / ratio,
        "repeats": len(ours),
        "threads": usable_threads() if threads is None else threads,
        "machine": _cpu_model(),
        "versions": _versions(),
    }


def results_text(results: Sequence[Result]) -> str:
    """A table for people: one line a result, medians with the range in brackets."""
    lines = [
        f"{result['name']:<12} {result['case']:<44} ours {_range_text(result['ours'])}, {result['peer_name']} "
        f"{_range_text(result['peer'])} {result['metric']}: {_times_text(result['ratio'])} times as fast"
        for result in results
    ]
    if results:
        turns = _either_text(result["repeats"] for result in results)
        threads = _either_text(result["threads"] for result in results)
        lines.append(f"median [least, most] of {turns} turns, {threads} threads, {results[0]['machine']}")
    return "\n".join(lines)


def write_results(results: Sequence[Result], path: Path) -> None:
    """Write results as a JSON list."""
    path.write_text(json.dumps(list(results), indent=2) + "\n", encoding="utf-8")


def _range_text(side: dict[str, float]) -> str:
    return f"{side['median']:,.5g} [{side['min']:,.5g}, {side['max']:,.5g}]"


def _times_text(ratio: float) -> str:
    """Two digits below ten, so that what is hardly faster or slower is not shown as 1.0."""
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:,.0f}"


def _either_text(counts: Iterable[int]) -> str:
    return " or ".join(str(count) for count in sorted(set(counts)))


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
