"""Work in several processes that trust their errands: results in order, with bounded memory, and without orphans."""

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.connection import Connection, Pipe
from multiprocessing.reduction import ForkingPickler
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from threadpoolctl import threadpool_limits

from hemometric.errors import StoreError
from hemometric.workers.servant import make_portable

Errand = TypeVar("Errand")
Result = TypeVar("Result")

_AHEAD_PER_WORKER = 2
"""Errands under way or waiting to be taken, per worker; more would only fill the memory."""

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class WorkerDiedError(StoreError):
    """A process was ended from outside, or by what it did."""


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
        WorkerDiedError: A worker was killed.
    """
    if n_workers <= 1:
        with threadpool_limits(1):
            yield from map(function, errands)
        return
    helpers: list[_Helper[Errand, Result]] = []
    idle: SimpleQueue[_Helper[Errand, Result]] = SimpleQueue()

    def do(errand: Errand) -> Result:
        helper = idle.get()
        try:
            return helper.do(errand)
        finally:
            idle.put(helper)

    pool = ThreadPoolExecutor(n_workers)
    try:
        for _ in range(n_workers):
            helpers.append(_Helper(function))
            idle.put(helpers[-1])
        for future in _run_ahead(pool, do, errands, n_ahead=n_workers * _AHEAD_PER_WORKER):
            yield future.result()
    finally:
        for helper in helpers:
            helper.kill()
        pool.shutdown(cancel_futures=True)
        for helper in helpers:
            helper.close()


class _Helper(Generic[Errand, Result]):
    """A process with a connection of its own: where it is killed while it sends, the connection ends.

    One pipe of all processes, as `ProcessPoolExecutor` has, does not: the rest of a result is then waited for for ever.
    """

    def __init__(self, function: Callable[[Errand], Result]) -> None:
        self._connection, theirs = Pipe()
        with theirs:
            context = multiprocessing.get_context("spawn")
            self._process = context.Process(target=_serve, args=(theirs, function), daemon=True)
            try:
                self._process.start()
            except OSError as error:
                self._connection.close()
                raise _died() from error

    def do(self, errand: Errand) -> Result:
        """Have an errand done.

        Raises:
            WorkerDiedError: The process is dead.
        """
        try:
            self._connection.send(errand)
            fault, result = self._connection.recv()
        except (EOFError, OSError) as error:
            raise _died() from error
        if fault is not None:
            raise fault
        done: Result = result
        return done

    def kill(self) -> None:
        """End the process; who waits for what it does hears of it."""
        self._process.kill()

    def close(self) -> None:
        """Let go of a process that was killed, once nobody waits for it."""
        self._process.join()
        self._connection.close()


def _run_ahead(
    pool: ThreadPoolExecutor, function: Callable[[Errand], Result], errands: Iterable[Errand], *, n_ahead: int
) -> Iterator[Future[Result]]:
    waiting: deque[Future[Result]] = deque()
    for errand in errands:
        if len(waiting) == n_ahead:
            yield waiting.popleft()
        waiting.append(pool.submit(function, errand))
    yield from waiting


def _serve(connection: "Connection[Any, Any]", function: Callable[[Any], Any]) -> None:
    """Do one errand after the other; send what is wrong, or None, and what comes of it."""
    _prepare_worker()
    with contextlib.suppress(EOFError, ConnectionError):  # the parent is gone
        while True:
            connection.send_bytes(_do(function, connection.recv()))


def _do(function: Callable[[Any], Any], errand: object) -> memoryview:
    try:
        return ForkingPickler.dumps((None, function(errand)))
    except Exception as error:  # noqa: BLE001  the parent raises it
        return ForkingPickler.dumps((make_portable(error), None))


def _died() -> WorkerDiedError:
    return WorkerDiedError(
        "a worker process died (out of memory? in a script, calls belong under `if __name__ == '__main__':`); "
        "finished shards are kept: go on with --resume and fewer --workers"
    )


def _prepare_worker() -> None:
    """Leave Ctrl-C to the parent, use one thread, and end as soon as the parent is gone, however it went.

    What the function needs is loaded by now, and only libraries that are loaded can be told how many threads to use;
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
