import math
import operator
import os
import resource
import signal
import subprocess
import sys
import time
from functools import partial

import pytest

from hemometric.errors import StoreError
from hemometric.workers import Limits, Lost, guarded, map_guarded

# Errands are functions of libraries: what a test module defines, a worker could not load.
LIMITS = Limits(seconds=1.0, memory_bytes=2**28)
HOLD_THE_LOCK = partial(eval, "__import__('re').match('(a+)+b', 'a' * 60)")
COUNT_THREADS = partial(
    eval, "[__import__('numpy').ones(2)] and [p['num_threads'] for p in __import__('threadpoolctl').threadpool_info()]"
)


def run(errands, *, n_workers=1, limits=LIMITS, **options):
    return list(map_guarded(operator.call, errands, n_workers=n_workers, limits=limits, **options))


def factorials(n, **replaced):
    errands = [partial(math.factorial, k) for k in range(n)]
    for place, errand in replaced.items():
        errands[int(place.removeprefix("at"))] = errand
    return errands


@pytest.mark.parametrize("n_workers", [0, 1, 3])
def test_results_come_in_the_order_of_the_errands(n_workers):
    assert run(factorials(60), n_workers=n_workers) == [*map(math.factorial, range(60))]


def test_no_errands_need_no_workers():
    assert run([], n_workers=2) == []


@pytest.mark.parametrize("n_workers", [1, 2])
def test_what_ends_or_hangs_or_fills_its_process_is_lost_and_the_rest_is_not(n_workers):
    bad = {"at3": os.abort, "at4": partial(signal.raise_signal, signal.SIGKILL), "at20": partial(os._exit, 3)}
    bad |= {"at9": HOLD_THE_LOCK, "at21": partial(bytearray, 2**30)}
    found = run(factorials(30, **bad), n_workers=n_workers)
    lost = {number: one for number, one in enumerate(found) if isinstance(one, Lost)}
    assert {number: one.code for number, one in lost.items()} == {
        3: "worker-died",
        4: "worker-died",
        9: "timed-out",
        20: "worker-died",
        21: "out-of-memory",
    }
    assert ["SIGABRT" in lost[3].detail, "SIGKILL" in lost[4].detail, "exit status 3" in lost[20].detail] == [True] * 3
    assert ("within 1 s" in lost[9].detail, "0.25 GiB" in lost[21].detail) == (True, True)
    assert all(one == math.factorial(number) for number, one in enumerate(found) if number not in lost)


def test_an_errand_that_fails_once_by_chance_is_not_lost(tmp_path):
    once = "__import__('os').mkdir(PLACE) or __import__('os').abort()"
    once = f"__import__('os').path.exists(PLACE) or ({once})".replace("PLACE", repr(str(tmp_path / "was-here")))
    assert run(factorials(5, at2=partial(eval, once))) == [1, 1, True, 6, 24]


def test_a_worker_that_somebody_kills_costs_nothing():
    # One worker: of two the second may not have begun when the first result is there.
    results = map_guarded(operator.call, factorials(200), n_workers=1, limits=LIMITS)
    found = [next(results)]
    for child in find_children():
        os.kill(child, signal.SIGKILL)
    assert [*found, *results] == [*map(math.factorial, range(200))]


def find_children():
    listed = subprocess.run(["ps", "-o", "pid=,comm=", "--ppid", str(os.getpid())], capture_output=True, text=True)
    pairs = [line.split() for line in listed.stdout.splitlines()]
    return [int(pid) for pid, command in pairs if command.startswith("python")]


def test_time_that_the_taker_of_the_results_needs_is_not_held_against_the_errands():
    results = map_guarded(operator.call, factorials(40), n_workers=1, limits=LIMITS)
    found = [next(results)]
    time.sleep(1.3)
    assert [*found, *results] == [*map(math.factorial, range(40))]


def test_every_process_computes_with_one_thread():
    assert {n for counts in run([COUNT_THREADS] * 3, n_workers=2) for n in counts} == {1}


def test_a_bug_in_a_worker_keeps_its_type_and_comes_after_the_results_before_it():
    results = map_guarded(operator.call, factorials(9, at5=partial(math.sqrt, -1.0)), n_workers=2, limits=LIMITS)
    assert [next(results) for _ in range(5)] == [1, 1, 2, 6, 24]
    with pytest.raises(ValueError, match="math domain error") as caught:
        next(results)
    assert "in a worker process:\nTraceback" in caught.value.__notes__[0]


def test_a_bug_that_cannot_travel_is_told_in_words():
    raising = "__import__('hemometric.errors').errors.ReadError('x', 'what was wrong')"
    with pytest.raises(RuntimeError, match="ReadError: x: what was wrong"):
        run([partial(eval, f"(_ for _ in ()).throw({raising})")])


def test_stopping_early_stops_the_workers():
    results = map_guarded(operator.call, factorials(100), n_workers=2, limits=LIMITS)
    next(results)
    assert find_children()
    results.close()
    assert not find_children()


def test_only_so_many_errands_are_taken_before_they_are_needed():
    taken = []

    def errands():
        for number in range(100):
            taken.append(number)
            yield partial(math.factorial, 3)

    results = map_guarded(operator.call, errands(), n_workers=2, limits=LIMITS)
    next(results)
    assert len(taken) <= 2 * 16
    assert len(list(results)) == 99


def test_a_process_that_cannot_start_ends_the_work_with_a_reason(monkeypatch):
    monkeypatch.setattr(guarded, "_SERVE", "raise SystemExit(7)")
    with pytest.raises(StoreError, match=r"does not start \(exit status 7\).*--resume"):
        run(factorials(3))


def test_a_system_that_starts_no_process_is_an_error_with_a_reason(monkeypatch):
    monkeypatch.setattr(guarded.sys, "executable", "/nowhere/python")
    with pytest.raises(StoreError, match=r"does not start \(No such file.*--resume"):
        run(factorials(3))


def test_a_script_needs_no_guard_and_a_file_beside_it_shadows_nothing(tmp_path):
    (tmp_path / "signal.py").write_text("raise RuntimeError('this is not the signal that was meant')\n")
    (tmp_path / "script.py").write_text(
        "import math\nfrom hemometric.workers import Limits, map_guarded\n"
        "limits = Limits(seconds=9, memory_bytes=2**28)\n"
        "print(list(map_guarded(math.factorial, range(4), n_workers=1, limits=limits)))\n"
    )
    command = [sys.executable, "-P", str(tmp_path / "script.py")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("[1, 1, 2, 6]\n", "")


def test_what_a_silent_worker_writes_is_not_seen(capfd):
    warn = partial(eval, "__import__('warnings').warn('Jane Roe, 1950-01-02')")
    run([warn], silent=True)
    assert capfd.readouterr().err == ""
    run([warn])
    assert "Jane Roe" in capfd.readouterr().err


def test_a_worker_that_crashes_leaves_no_dump_of_the_file_that_it_read():
    assert run(
        [partial(eval, "__import__('resource').getrlimit(4)")], limits=Limits(seconds=9.0, memory_bytes=2**28)
    ) == [(0, resource.getrlimit(resource.RLIMIT_CORE)[1])]
    assert resource.RLIMIT_CORE == 4


@pytest.mark.parametrize("n_workers", [1, 2])
def test_an_errand_may_take_longer_where_its_size_says_so(n_workers):
    # 12 / 2 = 6 s are allowed for the nap of 2 s, and 12 / 60 s, which is less than everybody may take, for the other.
    limits = Limits(seconds=1.0, memory_bytes=2**28, more_seconds=partial(operator.truediv, 12.0))
    slow, hanging = map_guarded(time.sleep, [2.0, 60.0], n_workers=n_workers, limits=limits)
    assert slow is None
    assert isinstance(hanging, Lost)
    assert hanging.detail == "not done within 1 s, tried twice"
