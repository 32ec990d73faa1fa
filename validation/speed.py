"""How fast the simulator is on the machine that writes the report, and how much memory it takes."""

from hemometric.bench import Result, run_benchmarks
from validation.memory import Peak, extrapolate, measure_peak
from validation.sections import Check, Section, Task, as_table, checks_table

_REPEATS = 3
_WANTED = {"circulation": 1_000.0, "rendering": 2_000.0}
_COHORTS = (4_608, 9_216)
"""Patients; both fill more than a shard, and more than the 4,096 that the ceiling is estimated on."""

_MANY_ECGS = 100_000
_MOST_MIB = 1024.0


def report(_: Task) -> Section:
    """Run the two benchmarks of the simulator, and write two cohorts to see how their memory grows."""
    results = run_benchmarks(list(_WANTED), repeats=_REPEATS)
    small, large = (measure_peak(n_patients) for n_patients in _COHORTS)
    rows = [
        (
            result["case"],
            f"{result['ours']['median']:,.0f} {result['metric']}",
            f"{result['peer']['median']:,.2f} {result['metric']}",
            str(result["peer_name"]),
            f"{result['ratio']:,.0f}",
        )
        for result in results
    ]
    checks = (
        *(_check_speed(result) for result in results if "CPU time" in result["case"]),
        _check_memory(small, large),
    )
    body = "\n\n".join(
        [
            f"`hemometric bench circulation rendering`, median of {_REPEATS} turns, one thread, "
            f"{results[0]['machine']}. By the wall clock a busy machine looks slower; time of the processor is what "
            "the check uses.",
            as_table(("what", "ours", "peer", "who", "times as fast"), rows),
            f"Largest resident memory of `simulate` at default settings with one worker: {small.mib:,.0f} MiB for "
            f"{small.n_ecgs:,} ECGs, {large.mib:,.0f} MiB for {large.n_ecgs:,}; most of it is one open shard.",
            checks_table(checks),
        ]
    )
    return Section("Speed and memory", body, checks)


def _check_speed(result: Result) -> Check:
    wanted, found = _WANTED[result["name"]], result["ours"]["median"]
    bound = f"at least {wanted:,.0f} {result['metric']}"
    return Check(f"speed: {result['case']}", bound, f"{found:,.0f}", found >= wanted)


def _check_memory(small: Peak, large: Peak) -> Check:
    mib = extrapolate(small, large, _MANY_ECGS)
    what = f"memory for {_MANY_ECGS:,} ECGs, extrapolated"
    return Check(what, f"at most {_MOST_MIB:,.0f} MiB", f"{mib:,.0f} MiB", mib <= _MOST_MIB)
