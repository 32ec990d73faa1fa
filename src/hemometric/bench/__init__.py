"""Speed, measured side by side: ours and a peer take turns in one run, so their ratio holds on a busy machine too.

A benchmark is a function (repeats, quick) -> results, named in `BENCHMARKS`. Before it times them it checks that both
sides give the same answer; simulators have none in common, so there it checks that both did the job, and finders of
beats that they find the same beats.
"""

import difflib
from collections.abc import Sequence
from functools import partial

from hemometric.bench.beats import bench_beats
from hemometric.bench.distances import bench_dtw
from hemometric.bench.encoders import bench_encoder
from hemometric.bench.ingest import bench_ingest
from hemometric.bench.losses import bench_mining_loss
from hemometric.bench.neighbors import bench_neighbors
from hemometric.bench.results import Benchmark, Result, results_text, write_results
from hemometric.bench.simulation import bench_circulation, bench_rendering
from hemometric.errors import SettingsError
from hemometric.progress import say

__all__ = ["BENCHMARKS", "ONLY_BY_NAME", "Benchmark", "Result", "results_text", "run_benchmarks", "write_results"]

BENCHMARKS: dict[str, Benchmark] = {
    "dtw": bench_dtw,
    "neighbors": bench_neighbors,
    "neighbors-100k": partial(bench_neighbors, n_ecgs=100_000, name="neighbors-100k"),
    "beats": bench_beats,
    "mining-loss": bench_mining_loss,
    "encoder": bench_encoder,
    "circulation": bench_circulation,
    "rendering": bench_rendering,
    "ingest": bench_ingest,
}
"""Keys as on the command line."""

ONLY_BY_NAME = frozenset({"neighbors-100k"})
"""Too long to be run where no name is given: about a quarter of an hour and 5 GB of disk."""


def run_benchmarks(names: Sequence[str] | None = None, *, repeats: int = 7, quick: bool = False) -> list[Result]:
    """Run benchmarks one after another.

    Args:
        names: Keys of `BENCHMARKS`; None for all but those `ONLY_BY_NAME`.
        repeats: How often each side is timed, >= 1; the sides take turns. A whole archive is mined once.
        quick: Tiny inputs: shows that it works and measures nothing.

    Raises:
        SettingsError: An unknown name.
        MissingExtraError: A peer, or torch, is not installed.
        HemometricError: Ours and a peer disagree.
        ValueError: `repeats` is less than 1.
    """
    if repeats < 1:
        raise ValueError(f"repeats must be >= 1, got {repeats}")
    wanted = [name for name in BENCHMARKS if name not in ONLY_BY_NAME] if names is None else list(names)
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
