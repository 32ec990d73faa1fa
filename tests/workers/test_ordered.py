import math
import multiprocessing
import operator
import os
import signal
from concurrent.futures import Future
from functools import partial

import pytest

from hemometric.errors import StoreError
from hemometric.workers import map_in_order
from hemometric.workers.ordered import _run_ahead

# Errands are functions of libraries: what a test module defines, a worker could not load.
COUNT_THREADS = partial(
    eval, "[__import__('numpy').ones(2)] and [p['num_threads'] for p in __import__('threadpoolctl').threadpool_info()]"
)


@pytest.mark.parametrize("n_workers", [1, 2])
def test_results_come_in_the_order_of_the_errands(n_workers):
    assert list(map_in_order(math.factorial, range(25), n_workers=n_workers)) == [*map(math.factorial, range(25))]


def test_no_errands_need_no_workers():
    assert list(map_in_order(math.factorial, [], n_workers=4)) == []


@pytest.mark.parametrize("n_workers", [1, 2])
def test_every_process_computes_with_one_thread(n_workers):
    found = [n for counts in map_in_order(operator.call, [COUNT_THREADS] * 3, n_workers=n_workers) for n in counts]
    assert set(found) == {1}


def test_a_bug_in_a_worker_keeps_its_type_and_traceback():
    with pytest.raises(ValueError, match=r"math domain error") as caught:
        list(map_in_order(math.sqrt, [4.0, -1.0], n_workers=2))
    assert "in a worker process:\nTraceback" in caught.value.__notes__[0]


def test_a_worker_that_is_killed_is_told():
    results = map_in_order(math.factorial, [3] * 10_000, n_workers=2)
    next(results)
    for child in multiprocessing.active_children():
        os.kill(child.pid, signal.SIGKILL)
    with pytest.raises(StoreError, match=r"a worker process died.*--resume"):
        list(results)


def test_a_worker_that_is_killed_while_it_sends_is_told():
    die = "lambda self, message: [os.write(self.fileno(), bytes(message)[:9]), os.kill(os.getpid(), 9)]"
    connection = "__import__('multiprocessing.connection').connection.Connection"
    errand = f"setattr({connection}, '_send', {die})".replace("os.", "__import__('os').")
    errands = [partial(eval, errand), partial(int, "1"), partial(int, "2")]
    with pytest.raises(StoreError, match="a worker process died"):
        list(map_in_order(operator.call, errands, n_workers=2))


def test_stopping_early_stops_the_workers():
    results = map_in_order(math.factorial, [3] * 100, n_workers=2)
    next(results)
    results.close()
    assert multiprocessing.active_children() == []


def test_only_so_many_errands_are_out_at_a_time():
    out = []

    class Pool:
        def submit(self, function, errand):
            out.append(Future())
            return out[-1]

    n_taken = 0
    for future in _run_ahead(Pool(), math.factorial, range(13), n_ahead=3):
        assert future is out[n_taken]
        n_taken += 1
        assert len(out) - n_taken <= 3
    assert n_taken == len(out) == 13
