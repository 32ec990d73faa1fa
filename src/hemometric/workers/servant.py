"""The process at the other end of `map_guarded`: it does one errand after the other until its parent is gone."""

import copy
import faulthandler
import os
import resource
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, Any, Literal

from threadpoolctl import threadpool_limits

Kind = Literal["ready", "allowed", "done", "raised", "out-of-memory"]

_PATIENCE = 2.0
"""A process ends itself after so many time limits: nobody else would end it where its parent is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an errand may take.

    Attributes:
        seconds: By the clock on the wall.
        memory_bytes: Beyond what the process has when it begins.
        more_seconds: From an errand to the time that it may take where that is longer, as of a large file; None where
            none may. It can be pickled and never fails. It is asked where the errand is done: it may have to look at
            the file, and a disk that does not answer must not hold up the parent.
    """

    seconds: float
    memory_bytes: int
    more_seconds: Callable[[Any], float] | None = None

    def allow(self, errand: object) -> float:
        """The seconds that an errand may take."""
        return self.seconds if self.more_seconds is None else max(self.seconds, self.more_seconds(errand))


def serve(descriptor: int) -> None:
    """Do the errands that come through a connection, and send back what comes of each.

    Args:
        descriptor: Of our end. First come the function and its limits, then errands.
    """
    connection: Connection[Any, Any] = Connection(descriptor)
    with Path(os.devnull).open("w") as nowhere:
        try:
            function, limits = connection.recv()
            threadpool_limits(1)
            # A reader that crashes is no surprise here, and a dump would hold the file that it read.
            resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
            _bound_memory(limits.memory_bytes)
            connection.send(("ready", None))
            while True:
                errand = connection.recv()
                _allow(errand, limits, connection, nowhere)
                connection.send(_do(function, errand))
        except (EOFError, ConnectionError):
            return  # the parent is gone or has all it wants


def _allow(errand: object, limits: Limits, connection: "Connection[Any, Any]", nowhere: IO[str]) -> None:
    """Start the clock of an errand; tell the parent where it may take longer than others."""
    # This clock needs no lock of the interpreter, which a hanging C function may hold for ever.
    faulthandler.dump_traceback_later(_PATIENCE * limits.seconds, exit=True, file=nowhere)
    seconds = limits.allow(errand)
    if seconds > limits.seconds:
        faulthandler.cancel_dump_traceback_later()  # the parent may let us wait
        connection.send(("allowed", seconds))
        faulthandler.dump_traceback_later(_PATIENCE * seconds, exit=True, file=nowhere)


def _do(function: Callable[[Any], Any], errand: object) -> tuple[Kind, Any]:
    """Do an errand and stop its clock."""
    try:
        return "done", function(errand)
    except MemoryError:
        return "out-of-memory", None
    except Exception as error:  # noqa: BLE001  the parent raises it
        return "raised", make_portable(error)
    finally:
        faulthandler.cancel_dump_traceback_later()


def make_portable(error: Exception) -> Exception:
    """Give an error the traceback as a note, since tracebacks do not travel, and a type that does."""
    note = "in a worker process:\n" + "".join(traceback.format_exception(error))
    try:
        portable = copy.copy(error)  # as it is made anew at the other end
    except TypeError:
        portable = RuntimeError(f"{type(error).__name__}: {error}")
    portable.add_note(note)
    return portable


def _bound_memory(n_bytes: int) -> None:
    """Let the system refuse memory beyond `n_bytes` more than there is now.

    What counts is memory of one's own (RLIMIT_DATA), not mapped files.
    """
    allowed = resource.getrlimit(resource.RLIMIT_DATA)[1]
    wanted = _own_memory_bytes() + n_bytes
    if allowed == resource.RLIM_INFINITY or wanted < allowed:
        resource.setrlimit(resource.RLIMIT_DATA, (wanted, allowed))


def _own_memory_bytes() -> int:
    """What counts against RLIMIT_DATA now; 0 where the system does not say (only Linux does)."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return 0
    line = next((line for line in status.splitlines() if line.startswith("VmData:")), "VmData: 0 kB")
    return int(line.split()[1]) * 1024
