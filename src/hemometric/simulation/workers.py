"""Making chunks in several processes: in order, with bounded memory, and without orphans."""

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import NamedTuple

import pyarrow as pa

from hemometric.errors import StoreError
from hemometric.simulation.population import People, draw_people, render_people
from hemometric.simulation.rendering import Microvolts
from hemometric.simulation.settings import CohortSettings

_CHUNKS_PER_WORKER = 2
"""Chunks under way or waiting to be taken, per worker; more would only fill the memory."""


class Chunk(NamedTuple):
    """A finished chunk.

    Attributes:
        people: Patients and visits.
        microvolts: Their ECGs, or None where only the people were asked for.
        ecgs: One row per ECG, or None.
    """

    people: People
    microvolts: Microvolts | None
    ecgs: pa.Table | None


def make_chunks(settings: CohortSettings, *, first_rendered: int) -> Iterator[Chunk]:
    """Make all chunks of a cohort, in order; the same for any number of workers.

    Args:
        settings: Of the cohort.
        first_rendered: Chunks before this one come without ECGs (an interrupted run has stored them).

    Raises:
        StoreError: A worker was killed.
    """
    n_workers = min(settings.n_workers, settings.n_chunks)
    if n_workers == 1:
        for number in range(settings.n_chunks):
            yield _make_chunk(settings, number, number >= first_rendered)
        return
    pool = ProcessPoolExecutor(
        max_workers=n_workers, mp_context=multiprocessing.get_context("spawn"), initializer=_prepare_worker
    )
    waiting: deque[Future[Chunk]] = deque()
    try:
        for number in range(settings.n_chunks):
            if len(waiting) == n_workers * _CHUNKS_PER_WORKER:
                yield waiting.popleft().result()
            waiting.append(pool.submit(_make_chunk, settings, number, number >= first_rendered))
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise StoreError(
            "a worker process died (out of memory? in a script, calls belong under `if __name__ == '__main__':`); "
            "finished shards are kept: go on with --resume and fewer --workers"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _make_chunk(settings: CohortSettings, number: int, with_ecgs: bool) -> Chunk:
    people = draw_people(settings, number)
    if not with_ecgs:
        return Chunk(people, None, None)
    microvolts, ecgs = render_people(settings, people)
    return Chunk(people, microvolts, ecgs)


def _prepare_worker() -> None:
    """Leave Ctrl-C to the parent, and end as soon as the parent is gone, however it went."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)
