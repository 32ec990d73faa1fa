import time

import numpy as np
import pytest
from threadpoolctl import threadpool_info

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


def test_the_fastest_choice_is_taken_once_it_is_warm():
    seconds = {1: iter([0.0, 0.2]), 2: iter([0.3, 0.0])}
    assert choose_fastest({n: lambda n=n: time.sleep(next(seconds[n])) for n in seconds}) == 2


def test_a_duration_is_that_of_one_piece_of_work():
    label = ("name", "case", "ms")
    (wall, _) = race_with_one_thread(
        label, lambda: time.sleep(0.1), lambda: time.sleep(0.1), counts=(10, 1), repeats=1, peer_name="peer"
    )
    assert 10.0 <= wall["ours"]["median"] < 40.0
    assert 100.0 <= wall["peer"]["median"] < 400.0
    assert wall["ratio"] > 2.5


def test_quick_work_is_done_more_often_in_a_turn_than_slow_work():
    assert count_calls(lambda: time.sleep(0.3)) == 1
    assert 20 <= count_calls(lambda: time.sleep(0.001)) <= 100


def test_a_race_is_run_with_one_thread_and_told_by_both_clocks():
    threads = []

    def look() -> None:
        threads.extend(pool["num_threads"] for pool in threadpool_info())
        time.sleep(0.02)

    label = ("name", "case", "ECG/s")
    wall, cpu = race_with_one_thread(label, look, look, counts=(10, 5), repeats=2, peer_name="peer")
    assert set(threads) == {1}
    assert wall["threads"] == cpu["threads"] == 1
    assert wall["case"] == "case, wall clock"
    assert cpu["case"] == "case, CPU time"
    assert 1.2 < wall["ratio"] < 3.4  # twice as much in about the same time
    assert cpu["ours"]["median"] > wall["ours"]["median"]  # the processor does not wait
