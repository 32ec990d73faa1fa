"""Errands in processes of their own: one that ends its process, or never ends, costs itself and not the run."""

import contextlib
import heapq
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Pipe, wait
from multiprocessing.reduction import ForkingPickler
from typing import Any, Generic, Literal, TypeVar

from threadpoolctl import threadpool_limits

from hemometric.errors import StoreError
from hemometric.workers.servant import Kind, Limits

Errand = TypeVar("Errand")
Result = TypeVar("Result")

_AT_A_TIME = 4
"""Errands in the hands of a worker, so that it need not wait for the next."""
_BYTES_AT_A_TIME = 2**16
"""Of several errands, so that giving never waits for a worker: it may itself be waiting for us to take a result. A
single one may be larger, since who has nothing to do listens."""
_AHEAD_PER_WORKER = 16
"""Errands under way or waiting to be taken, per worker; more would only fill the memory."""
_SECONDS_TO_START = 300.0
_SECONDS_TO_END = 10.0
"""So long a killed process is waited for. One that waits for a disk that does not answer is ended by no kill."""

_REMARKS = ("ready", "allowed")
"""What a worker says that is not the outcome of an errand."""

_SERVE = "import sys; from hemometric.workers.servant import serve; serve(int(sys.argv[1]))"
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
_KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(2**25), "MALLOC_TRIM_THRESHOLD_": str(2**26)}
"""Lets glibc keep what an errand frees for the next one, up to 64 MiB. Given back and asked for anew at each errand, it
cost 230 page faults in every change of rate of an ECG, which then took 3 times as long."""


@dataclass(frozen=True, slots=True)
class Lost:
    """What stands for the result of an errand that was given up.

    Attributes:
        code: "worker-died", "timed-out" or "out-of-memory".
        detail: One sentence: what happened.
    """

    code: Literal["worker-died", "timed-out", "out-of-memory"]
    detail: str


def map_guarded(
    function: Callable[[Errand], Result],
    errands: Iterable[Errand],
    *,
    n_workers: int,
    limits: Limits,
    silent: bool = False,
) -> Generator[Result | Lost, None, None]:
    """Apply `function` to every errand; the same results in the same order for any number of workers from 1 on.

    An errand whose process dies, takes too long or too much memory is tried once more: alone, in a new process, while
    all others rest. So what other errands or programs did to it costs it nothing. If that fails too, it is lost.

    Every process computes with one thread, so that sums are added in the same order everywhere. The processes are
    started without `__main__`: a script that calls this needs no guard.

    Args:
        function: Of a library; small. It can be pickled, as can errands and results.
        errands: Taken only a few ahead of the results; best small.
        n_workers: Processes. With 0 this very process works, without guard and limits.
        limits: Of each errand.
        silent: Leave out what the processes write to standard error (warnings of libraries, which may quote a file).

    Raises:
        StoreError: A process could not be started.
    """
    if n_workers < 1:
        with threadpool_limits(1):
            yield from map(function, errands)
        return
    crew = _Crew(function, errands, n_workers=n_workers, limits=limits, silent=silent)
    try:
        yield from crew.work()
    finally:
        crew.stop()


class _Worker:
    """A process and the numbers of the errands it was given, the one under way first."""

    def __init__(self, function: Callable[[Any], Any], limits: Limits, *, silent: bool) -> None:
        self.connection, theirs = Pipe()
        with theirs:
            try:
                self._process = _start_process(theirs.fileno(), silent=silent)
            except OSError as error:
                self.connection.close()
                raise _cannot_start(error.strerror or str(error)) from error
        self.errands: deque[int] = deque()
        self.allowed = limits.seconds
        self._least_allowed = limits.seconds
        self.ready = False
        self._n_bytes: deque[int] = deque()
        self._since = time.monotonic()
        self._send(ForkingPickler.dumps((function, limits)))

    @property
    def deadline(self) -> float:
        """When it has taken too long; never while it rests."""
        if not self.ready:
            return self._since + _SECONDS_TO_START
        return self._since + self.allowed if self.errands else float("inf")

    def give(self, number: int, errand: object) -> bool:
        """Give it an errand; return whether it could be given. The worker must be ready."""
        if len(self.errands) == _AT_A_TIME:
            return False
        message = ForkingPickler.dumps(errand)
        if self.errands and sum(self._n_bytes) + len(message) > _BYTES_AT_A_TIME:
            return False
        if not self.errands:
            self._since = time.monotonic()
        self.errands.append(number)
        self._n_bytes.append(len(message))
        self._send(message)
        return True

    def take(self) -> int:
        """Take the errand that was under way out of its hands."""
        self._n_bytes.popleft()
        return self.errands.popleft()

    def hear(self) -> tuple[Kind, Any] | None:
        """What it says next; None where it is dead."""
        try:
            kind, content = self.connection.recv()
        except (EOFError, OSError):
            return None
        self._since = time.monotonic()
        self.allowed = content if kind == "allowed" else self._least_allowed
        self.ready = True
        return kind, content

    def end(self) -> str:
        """End it, where it has not ended, and return how it ended.

        Raises:
            StoreError: It has never been ready.
        """
        self.stop()
        ended = _name_status(self._process.returncode)
        if not self.ready:
            raise _cannot_start(ended)
        return ended

    def stop(self, *, by: float | None = None) -> None:
        """End it; wait for that to happen until `by`, by the clock `time.monotonic`, or for some seconds."""
        self._process.kill()
        self.connection.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_SECONDS_TO_END if by is None else max(by - time.monotonic(), 0.0))

    def kill(self) -> None:
        """Let it end, and do not wait."""
        self._process.kill()

    def _send(self, message: memoryview) -> None:
        try:
            self.connection.send_bytes(message)
        except ConnectionError:
            return  # it is dead: hearing it will tell


class _Crew(Generic[Errand, Result]):
    """All workers, and where every errand is: waiting, in the hands of a worker, suspected, or done."""

    def __init__(
        self,
        function: Callable[[Errand], Result],
        errands: Iterable[Errand],
        *,
        n_workers: int,
        limits: Limits,
        silent: bool,
    ) -> None:
        self._function, self._limits, self._silent = function, limits, silent
        self._n_workers = n_workers
        self._untaken = enumerate(errands)
        self._errands: dict[int, Errand] = {}
        self._waiting: list[int] = []
        self._suspects: list[int] = []
        self._done: dict[int, tuple[Kind, Any]] = {}
        self._workers: list[_Worker] = []

    def work(self) -> Iterator[Result | Lost]:
        number = 0
        while self._take():
            while number not in self._done:
                self._give()
                self._listen()
            kind, content = self._done.pop(number)
            if kind == "raised":
                raise content
            yield content
            number += 1

    def stop(self) -> None:
        for worker in self._workers:
            worker.kill()
        by = time.monotonic() + _SECONDS_TO_END
        for worker in self._workers:
            worker.stop(by=by)

    def _take(self) -> bool:
        """Take in errands up to the bound; return whether any is left."""
        bound = self._n_workers * _AHEAD_PER_WORKER
        while len(self._errands) + len(self._done) < bound and (taken := next(self._untaken, None)) is not None:
            self._errands[taken[0]] = taken[1]
            heapq.heappush(self._waiting, taken[0])
        return bool(self._errands or self._done)

    def _give(self) -> None:
        """Keep all workers busy; where an errand is suspected, let them come to rest and try it alone."""
        if self._suspects:
            if not any(worker.errands for worker in self._workers):
                number = heapq.heappop(self._suspects)
                self._finish(number, self._try_alone(number))
            return
        while len(self._workers) < min(self._n_workers, len(self._errands)):
            self._workers.append(self._start())
        ready = [worker for worker in self._workers if worker.ready]
        while self._waiting and ready:
            worker = min(ready, key=lambda one: len(one.errands))
            if not worker.give(self._waiting[0], self._errands[self._waiting[0]]):
                return
            heapq.heappop(self._waiting)

    def _listen(self) -> None:
        busy = [worker for worker in self._workers if worker.errands or not worker.ready]
        if not busy:
            return
        patience = min(worker.deadline for worker in busy) - time.monotonic()
        speaking = wait([worker.connection for worker in busy], timeout=max(patience, 0.0))
        for worker in busy:
            if worker.connection in speaking:
                self._hear(worker)
            elif worker.deadline <= time.monotonic():
                self._lose(worker)

    def _hear(self, worker: _Worker) -> None:
        heard = worker.hear()
        if heard is None:
            self._lose(worker)
        elif heard[0] == "out-of-memory":
            heapq.heappush(self._suspects, worker.take())
        elif heard[0] not in _REMARKS:
            self._finish(worker.take(), heard)

    def _lose(self, worker: _Worker) -> None:
        """Let go of a worker that is dead or late; what it was doing is suspected, the rest is for others."""
        self._workers.remove(worker)
        worker.end()
        heapq.heappush(self._suspects, worker.take())
        for number in worker.errands:
            heapq.heappush(self._waiting, number)

    def _finish(self, number: int, outcome: tuple[Kind, Any]) -> None:
        del self._errands[number]
        self._done[number] = outcome

    def _start(self) -> _Worker:
        return _Worker(self._function, self._limits, silent=self._silent)

    def _try_alone(self, number: int) -> tuple[Kind, Any]:
        worker = self._start()
        try:
            while True:
                if not worker.connection.poll(max(worker.deadline - time.monotonic(), 0.0)):
                    worker.end()
                    return "done", Lost("timed-out", f"not done within {round(worker.allowed, 1):g} s, tried twice")
                heard = worker.hear()
                if heard is None:
                    ended = worker.end()
                    return "done", Lost("worker-died", f"ended the process that worked on it ({ended}), tried twice")
                if heard[0] == "out-of-memory":
                    bound = f"{self._limits.memory_bytes / 2**30:g} GiB"
                    return "done", Lost("out-of-memory", f"takes more than {bound} of memory, tried twice")
                if heard[0] == "ready":
                    worker.give(number, self._errands[number])
                elif heard[0] not in _REMARKS:
                    return heard
        finally:
            worker.stop()


def _start_process(descriptor: int, *, silent: bool) -> "subprocess.Popen[bytes]":
    """Start the process that serves at the other end of the connection with this descriptor."""
    return subprocess.Popen(
        [sys.executable, "-P", "-c", _SERVE, str(descriptor)],
        env=os.environ | _ONE_THREAD | _KEEP_MEMORY | {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))},
        pass_fds=(descriptor,),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL if silent else None,
        start_new_session=True,  # Ctrl-C is for the parent
    )


def _cannot_start(reason: str) -> StoreError:
    return StoreError(
        f"a worker process does not start ({reason}); look whether memory and processes are left, then go on with "
        "--resume and fewer --workers"
    )


def _name_status(status: int | None) -> str:
    """Name an exit status as people know it: SIGSEGV for -11."""
    if status is None:
        return "not even when killed"
    if status >= 0:
        return f"exit status {status}"
    return signal.Signals(-status).name if -status in set(signal.Signals) else f"signal {-status}"
