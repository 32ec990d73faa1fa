"""How fast the simulator is on the machine that writes the report, and how much memory it takes."""

from hemometric.bench import Result, run_benchmarks
from validation.memory import Peak, measure_peak
from validation.sections import Check, Section, Task, as_table, checks_table

_REPEATS = 3
_WANTED = {"circulation": 1_000.0, "rendering": 2_000.0}
_N_PATIENTS = 25_000
"""Enough for 100,000 ECGs."""

_MANY_ECGS = 100_000
_MOST_MIB = 1024.0


def report(_: Task) -> Section:
    """Run the two benchmarks of the simulator, and write a large cohort to see what memory it takes."""
    results = run_benchmarks(list(_WANTED), repeats=_REPEATS)
    peak = measure_peak(_N_PATIENTS)
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
        _check_memory(peak),
    )
    body = "\n\n".join(
        [
            f"`hemometric bench circulation rendering`, median of {_REPEATS} turns, one thread, "
            f"{results[0]['machine']}. By the wall clock a busy machine looks slower; time of the processor is what "
            "the check uses.",
            as_table(("what", "ours", "peer", "who", "times as fast"), rows),
            f"Largest resident memory of `simulate` at default settings with one worker: {peak.mib:,.0f} MiB for "
            f"{peak.n_ecgs:,} ECGs; most of it is one open shard.",
            checks_table(checks),
        ]
    )
    return Section("Speed and memory", body, checks)


def _check_speed(result: Result) -> Check:
    wanted, found = _WANTED[result["name"]], result["ours"]["median"]
    bound = f"at least {wanted:,.0f} {result['metric']}"
    return Check(f"speed: {result['case']}", bound, f"{found:,.0f}", found >= wanted)


def _check_memory(peak: Peak) -> Check:
    passed = peak.mib <= _MOST_MIB and peak.n_ecgs >= _MANY_ECGS
    return Check(f"memory for {peak.n_ecgs:,} ECGs", f"at most {_MOST_MIB:,.0f} MiB", f"{peak.mib:,.0f} MiB", passed)
