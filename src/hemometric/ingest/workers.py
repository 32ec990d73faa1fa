"""Reading records in several processes: in order, with bounded memory, and without orphans."""

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial

from threadpoolctl import threadpool_limits

from hemometric.errors import StoreError
from hemometric.ingest.archive import Record
from hemometric.ingest.records import Cut, Reading, read_record

_BATCH = 8
"""Records that a worker reads per errand."""

_ERRANDS_PER_WORKER = 2
"""Errands under way or waiting to be taken, per worker; more would only fill the memory."""


def read_records(records: Sequence[Record], cut: Cut, *, workers: int) -> Iterator[Reading]:
    """Read records, in order; the same readings for any number of workers.

    Args:
        records: What is read.
        cut: How a record becomes windows.
        workers: Processes; with 1 this very process reads.

    Raises:
        StoreError: A worker was killed.
    """
    workers = min(workers, -(-len(records) // _BATCH))
    if workers <= 1:
        with threadpool_limits(1):
            yield from map(partial(read_record, cut=cut), records)
        return
    pool = ProcessPoolExecutor(
        max_workers=workers, mp_context=multiprocessing.get_context("spawn"), initializer=_prepare_worker
    )
    try:
        for batch in _run_ahead(pool, records, cut, n_ahead=workers * _ERRANDS_PER_WORKER):
            yield from batch.result()
    except BrokenProcessPool as error:
        raise StoreError(
            "a worker process died (out of memory? in a script, calls belong under `if __name__ == '__main__':`); "
            "finished shards are kept: go on with --resume and fewer --workers"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _run_ahead(
    pool: ProcessPoolExecutor, records: Sequence[Record], cut: Cut, *, n_ahead: int
) -> Iterator[Future[list[Reading]]]:
    waiting: deque[Future[list[Reading]]] = deque()
    for start in range(0, len(records), _BATCH):
        if len(waiting) == n_ahead:
            yield waiting.popleft()
        waiting.append(pool.submit(_read_batch, records[start : start + _BATCH], cut))
    yield from waiting


def _read_batch(records: Sequence[Record], cut: Cut) -> list[Reading]:
    return [read_record(record, cut) for record in records]


def _prepare_worker() -> None:
    """Leave Ctrl-C to the parent, use one thread, and end as soon as the parent is gone, however it went."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threadpool_limits(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)
