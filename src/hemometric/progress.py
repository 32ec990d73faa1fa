"""Progress for work that takes more than two seconds: a bar on a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Callable, Generator, Iterable
from contextvars import ContextVar
from typing import TypeVar

Item = TypeVar("Item")

_SECONDS_BETWEEN_LINES = 20.0
"""In a log file: often enough to see that it goes on, seldom enough to be read."""

_quiet: ContextVar[bool] = ContextVar("quiet", default=True)


def set_quiet(quiet: bool) -> None:
    """Turn messages and bars off or on. As a library hemometric is quiet; the command line turns them on."""
    _quiet.set(quiet)


def say(message: str) -> None:
    """Write one line for the person who waits, to stderr, unless quiet."""
    if not _quiet.get():
        sys.stderr.write(message + "\n")
        sys.stderr.flush()


def track(
    items: Iterable[Item],
    *,
    total: int,
    unit: str,
    title: str,
    done: int = 0,
    remark: Callable[[], str] | None = None,
) -> Generator[Item, None, None]:
    """Yield `items` while showing how many were done, the rate and the time left.

    Args:
        items: What is worked on, one step each.
        total: How many steps there are in all, those of an earlier, interrupted run included.
        unit: What a step is ("ECGs", "steps").
        title: What is being done ("ingest").
        done: Steps that an earlier run finished.
        remark: Says what else is to be shown ("12 rejected").
    """
    if _quiet.get():
        yield from items
        return
    start = time.monotonic()
    count = done

    def besides() -> str:
        return "" if remark is None else f", {remark()}"

    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn(title),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn(unit + " {task.fields[rate]}{task.fields[besides]}"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(title, total=total, completed=done, rate="", besides="")
            for item in items:
                yield item
                count += 1
                rate = (count - done) / max(time.monotonic() - start, 1e-9)
                bar.update(task, advance=1, rate=_rate_text(rate), besides=besides())
    else:
        told = start
        for item in items:
            yield item
            count += 1
            now = time.monotonic()
            if now - told >= _SECONDS_BETWEEN_LINES and count < total:
                rate = (count - done) / (now - start)
                so_far = f"{title}: {count:,} of {total:,} {unit}, {_rate_text(rate)}{besides()}"
                say(f"{so_far}, about {(total - count) / rate:,.0f} s left")
                told = now
    seconds = time.monotonic() - start
    rate = (count - done) / max(seconds, 1e-9)
    say(f"{title}: {count:,} {unit} in {seconds:.1f} s ({_rate_text(rate)}){besides()}")


def _rate_text(rate: float) -> str:
    """A rate a second; where less than one is done in a second, the seconds that one takes."""
    return f"{rate:,.0f}/s" if rate >= 1 or rate <= 0 else f"{1 / rate:,.1f} s each"
