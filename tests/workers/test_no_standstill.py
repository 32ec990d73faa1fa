"""Nothing that a worker does or leaves undone brings the parent to a standstill."""

import math
import operator
import signal
import subprocess
import sys
import time
from functools import partial
from multiprocessing.connection import Pipe

import pytest

from hemometric.workers import Limits, Lost, guarded, map_guarded

# Errands are functions of libraries: what a test module defines, a worker could not load.
LIMITS = Limits(seconds=1.0, memory_bytes=2**28)
HANGING = Limits(seconds=1.0, memory_bytes=2**28, more_seconds=time.sleep)
"""To ask how long an errand may take takes longer than anybody waits, as where a file's disk does not answer."""
STOP = partial(signal.raise_signal, signal.SIGSTOP)


@pytest.fixture(autouse=True)
def alarm():
    """End a standstill by an error that says where it is."""

    def ring(*_):
        raise AssertionError("a standstill")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(100)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("n_workers", [1, 2])
def test_to_find_out_how_long_an_errand_may_take_may_itself_take_too_long(n_workers):
    for found in map_guarded(time.sleep, [3600.0, 3601.0], n_workers=n_workers, limits=HANGING):
        assert found == Lost("timed-out", "not done within 1 s, tried twice")


def test_a_worker_without_parent_ends_while_it_finds_out_how_long_an_errand_may_take():
    ours, theirs = Pipe()
    command = [sys.executable, "-P", "-c", guarded._SERVE, str(theirs.fileno())]
    with theirs:
        worker = subprocess.Popen(command, pass_fds=(theirs.fileno(),))
    with ours:
        ours.send((time.sleep, HANGING))
        assert ours.recv() == ("ready", None)
        ours.send(3600.0)
    try:
        assert worker.wait(60) == 1
    finally:
        worker.kill()


@pytest.mark.parametrize("n_workers", [1, 2])
def test_large_errands_and_large_results_do_not_wait_for_each_other(n_workers):
    # More than a pipe holds, each way.
    errands = [bytes([number]) * 2**20 for number in range(8)]
    found = map_guarded(bytes, errands, n_workers=n_workers, limits=LIMITS)
    assert list(found) == errands


def test_a_process_that_no_kill_ends_is_left_behind(monkeypatch):
    # It stands for one that waits for a disk that does not answer.
    spared = []
    monkeypatch.setattr(guarded, "_SECONDS_TO_END", 0.2)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(subprocess.Popen, "kill", lambda process: spared.append(process))
            found = list(map_guarded(operator.call, [STOP, partial(int, "7")], n_workers=1, limits=LIMITS))
    finally:
        for process in spared:
            process.kill()
            process.wait(60)
    assert found == [Lost("timed-out", "not done within 1 s, tried twice"), 7]


def test_a_worker_that_does_not_come_up_keeps_no_errand_from_the_others(monkeypatch, tmp_path):
    place = str(tmp_path / "first")  # which one of the two can make
    sleep = f"import os, time\ntry:\n    os.mkdir({place!r})\nexcept FileExistsError:\n    time.sleep(3600)\n"
    monkeypatch.setattr(guarded, "_SERVE", sleep + guarded._SERVE)
    errands = [partial(math.factorial, k) for k in range(30)]
    assert list(map_guarded(operator.call, errands, n_workers=2, limits=LIMITS)) == [*map(math.factorial, range(30))]
