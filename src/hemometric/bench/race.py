"""How two sides are compared: loaded, checked against each other, then timed in turns."""

import importlib
import resource
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from hemometric.bench.results import Result, make_result
from hemometric.errors import HemometricError, MissingExtraError

Untyped = Any
"""A module or value of a package that is loaded only when a benchmark needs it."""

Side = Callable[[], Untyped]
"""One turn."""

_TOLERANCE = 1e-4
_LEAST_TURN_S = 0.1


def need(module: str, package: str, extra: str) -> Untyped:
    """Load a module.

    Raises:
        MissingExtraError: It is not installed; says which extra of hemometric brings it.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        raise MissingExtraError(
            f"this benchmark needs {package}, which is not installed: pip install 'hemometric[{extra}]'"
        ) from None


def check_same(name: str, ours: Untyped, theirs: Untyped, *, peer_name: str) -> None:
    """Refuse to go on where the numbers of both sides differ.

    They may differ by 1e-4 of themselves, and near zero by 1e-4 or, where all are small, by 1e-4 of the largest.

    Args:
        name: Of the benchmark.
        ours: Numbers.
        theirs: As many.
        peer_name: Of the peer.

    Raises:
        HemometricError: They differ.
    """
    found, expected = np.asarray(ours), np.asarray(theirs)
    atol = _TOLERANCE * min(1.0, float(np.abs(expected).max(initial=0.0)))
    if found.shape != expected.shape or not np.allclose(found, expected, rtol=_TOLERANCE, atol=atol):
        raise HemometricError(
            f"benchmark {name}: ours and {peer_name} disagree, so their speeds mean nothing; report this"
        )


def check_finite(name: str, ours: Untyped, theirs: Untyped) -> None:
    """Refuse to go on where a side found nothing, or no numbers.

    Raises:
        HemometricError: It did.
    """
    for side, values in (("ours", ours), ("the peer", theirs)):
        found = np.asarray(values, dtype=np.float64)
        if not (found.size and np.isfinite(found).all()):
            raise HemometricError(f"benchmark {name}: {side} found nothing, so its speed means nothing; report this")


def race_with_one_thread(
    label: tuple[str, str, str], ours: Side, peer: Side, *, counts: tuple[int, int], repeats: int, peer_name: str
) -> list[Result]:
    """Time two sides with one thread by both clocks.

    Args:
        label: Name, case and metric: a rate, or "ms" for what one piece of work takes.
        ours: One turn of ours.
        peer: One turn of the peer.
        counts: How much each side does in a turn.
        repeats: Turns.
        peer_name: Of the peer.

    Returns:
        One result by the wall clock, one by the time of the processor.
    """
    name, case, metric = label
    results = []
    with threadpool_limits(1):
        seconds = take_turns_by_clock((ours, peer), repeats)
    for clock, turns in seconds.items():
        each = [[turn / count for turn in side] for count, side in zip(counts, turns, strict=True)]
        values = [[1000.0 * t if metric == "ms" else 1.0 / t for t in side] for side in each]
        results.append(make_result((name, f"{case}, {clock}", metric), *values, peer_name=peer_name, threads=1))
    return results


@contextmanager
def one_torch_thread(torch: Untyped) -> Iterator[None]:
    """Let torch compute with one thread meanwhile: it keeps a number of its own, made when it is first used."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def take_turns(sides: Sequence[Side], repeats: int) -> list[list[float]]:
    """Seconds of every turn of each side, once warm."""
    return take_turns_by_clock(sides, repeats)["wall clock"]


def _cpu_s() -> float:
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


_CLOCKS = {"wall clock": time.perf_counter, "CPU time": _cpu_s}


def count_calls(side: Side) -> int:
    """How often a quick piece of work, once warm, has to be done for a turn that a clock can tell."""
    start = time.perf_counter()
    side()
    return max(1, round(_LEAST_TURN_S / (time.perf_counter() - start)))


def choose_fastest(choices: Mapping[int, Side]) -> int:
    """Return the key of the fastest: each runs once to be warm and once to be timed."""
    seconds = {}
    for choice, side in choices.items():
        side()
        start = time.perf_counter()
        side()
        seconds[choice] = time.perf_counter() - start
    return min(seconds, key=seconds.__getitem__)


def take_turns_by_clock(sides: Sequence[Side], repeats: int) -> dict[str, list[list[float]]]:
    """The same by "wall clock" and by "CPU time": that of this process and of those it started and saw end."""
    seconds: dict[str, list[list[float]]] = {clock: [[] for _ in sides] for clock in _CLOCKS}
    for _ in range(repeats):
        for number, run in enumerate(sides):
            starts = {clock: read() for clock, read in _CLOCKS.items()}
            run()
            for clock, read in _CLOCKS.items():
                seconds[clock][number].append(read() - starts[clock])
    return seconds
