import subprocess
import sys

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from hemometric.bench import race
from hemometric.bench.race import (
    check_finite,
    check_same,
    choose_fastest,
    count_calls,
    need,
    race_with_one_thread,
    take_turns,
)
from hemometric.errors import HemometricError, MissingExtraError


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ([1.0, 2.0], [1.0, 2.001]),
        ([1e-6, 3e-6], [2e-6, 3e-6]),
        ([1.0], [1.0, 1.0]),
        ([np.nan], [1.0]),
    ],
    ids=["a thousandth off", "small but twice as much", "fewer", "not a number"],
)
def test_sides_whose_numbers_differ_are_refused_by_name(ours, theirs):
    with pytest.raises(HemometricError, match="benchmark dtw: ours and tslearn disagree"):
        check_same("dtw", ours, theirs, peer_name="tslearn")


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_sides_that_agree_to_a_tenthousandth_pass(scale):
    check_same("dtw", scale * np.array([1.0, 0.0]), scale * np.array([1.00005, 0.0]), peer_name="tslearn")


@pytest.mark.parametrize(("ours", "theirs", "who"), [([], [1.0], "ours"), ([1.0], [np.inf], "the peer")])
def test_a_side_that_finds_nothing_is_named(ours, theirs, who):
    with pytest.raises(HemometricError, match=f"{who} found nothing"):
        check_finite("rendering", ours, theirs)


def test_what_is_not_installed_is_named_with_its_extra():
    with pytest.raises(MissingExtraError, match=r"needs nobody, .*hemometric\[dev\]"):
        need("nobody.has.this", "nobody", "dev")


def test_sides_take_turns():
    order = []
    seconds = take_turns([lambda: order.append("a"), lambda: order.append("b"), lambda: order.append("c")], 2)
    assert order == ["a", "b", "c", "a", "b", "c"]
    assert np.shape(seconds) == (3, 2)


@pytest.fixture
def wait(monkeypatch):
    """Let time pass by hand: wait(seconds, of_work=seconds of the processor)."""
    now = {"wall clock": 0.0, "CPU time": 0.0}

    def wait(seconds, of_work=0.0):
        now["wall clock"] += seconds
        now["CPU time"] += of_work

    monkeypatch.setattr(race.time, "perf_counter", lambda: now["wall clock"])
    for clock in now:
        monkeypatch.setitem(race._CLOCKS, clock, lambda clock=clock: now[clock])
    return wait


def test_the_fastest_choice_is_taken_once_it_is_warm(wait):
    seconds = {1: iter([0.0, 0.2]), 2: iter([0.3, 0.1])}
    assert choose_fastest({n: lambda n=n: wait(next(seconds[n])) for n in seconds}) == 2


def test_quick_work_is_done_more_often_in_a_turn_than_slow_work(wait):
    assert count_calls(lambda: wait(0.3)) == 1
    assert count_calls(lambda: wait(0.001)) == 100


def test_a_race_is_told_by_both_clocks(wait):
    label = ("name", "case", "ECG/s")
    sides = (lambda: wait(4.0, of_work=2.0), lambda: wait(5.0, of_work=5.0))
    wall, cpu = race_with_one_thread(label, *sides, counts=(8, 10), repeats=2, peer_name="peer")
    assert (wall["case"], cpu["case"]) == ("case, wall clock", "case, CPU time")
    assert (wall["ours"]["median"], wall["peer"]["median"], wall["ratio"]) == (2.0, 2.0, 1.0)
    assert (cpu["ours"]["median"], cpu["peer"]["median"], cpu["ratio"]) == (4.0, 2.0, 2.0)
    assert wall["repeats"] == cpu["repeats"] == 2


def test_a_duration_is_that_of_one_piece_of_work(wait):
    sides = (lambda: wait(1.0, of_work=1.0), lambda: wait(1.0, of_work=1.0))
    (wall, _) = race_with_one_thread(("name", "case", "ms"), *sides, counts=(10, 1), repeats=1, peer_name="peer")
    assert (wall["ours"]["median"], wall["peer"]["median"], wall["ratio"]) == (100.0, 1000.0, 10.0)


def test_a_race_is_run_with_one_thread():
    threads = []

    def look():
        threads.extend(pool["num_threads"] for pool in threadpool_info())

    wall, cpu = race_with_one_thread(("name", "case", "ECG/s"), look, look, counts=(1, 1), repeats=1, peer_name="peer")
    assert set(threads) == {1}
    assert wall["threads"] == cpu["threads"] == 1


def test_the_time_of_processes_that_a_side_started_counts_as_its_own():
    spin = "import time\nwhile time.process_time() < 0.3: pass"
    (turns,) = race.take_turns_by_clock([lambda: subprocess.run([sys.executable, "-c", spin], check=True)], 1)[
        "CPU time"
    ]
    assert turns[0] >= 0.3
