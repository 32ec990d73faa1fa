"""Work in several processes that trust their errands: results in order, with bounded memory, and without orphans."""

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from threadpoolctl import threadpool_limits

from hemometric.errors import StoreError

Errand = TypeVar("Errand")
Result = TypeVar("Result")

_AHEAD_PER_WORKER = 2
"""Errands under way or waiting to be taken, per worker; more would only fill the memory."""

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def map_in_order(
    function: Callable[[Errand], Result], errands: Iterable[Errand], *, n_workers: int
) -> Iterator[Result]:
    """Apply `function` to every errand; the same results in the same order for any number of workers.

    Every process computes with one thread, so that sums are added in the same order everywhere.

    Args:
        function: Can be pickled, as can errands and results.
        errands: Taken only a few ahead of the results.
        n_workers: Processes; with 1 this very process works.

    Raises:
        StoreError: A worker was killed.
    """
    if n_workers <= 1:
        with threadpool_limits(1):
            yield from map(function, errands)
        return
    pool = ProcessPoolExecutor(
        max_workers=n_workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_prepare_worker,
        initargs=(function,),
    )
    try:
        for future in _run_ahead(pool, function, errands, n_ahead=n_workers * _AHEAD_PER_WORKER):
            yield future.result()
    except BrokenProcessPool as error:
        raise StoreError(
            "a worker process died (out of memory? in a script, calls belong under `if __name__ == '__main__':`); "
            "finished shards are kept: go on with --resume and fewer --workers"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _run_ahead(
    pool: ProcessPoolExecutor, function: Callable[[Errand], Result], errands: Iterable[Errand], *, n_ahead: int
) -> Iterator[Future[Result]]:
    waiting: deque[Future[Result]] = deque()
    for errand in errands:
        if len(waiting) == n_ahead:
            yield waiting.popleft()
        waiting.append(pool.submit(function, errand))
    yield from waiting


def _prepare_worker(_function: Callable[[Errand], Result]) -> None:
    """Leave Ctrl-C to the parent, use one thread, and end as soon as the parent is gone, however it went.

    To pass the function loads what it needs, and only libraries that are loaded can be told how many threads to use;
    those that are loaded later read the environment.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ |= dict.fromkeys(_THREAD_VARIABLES, "1")
    threadpool_limits(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)
