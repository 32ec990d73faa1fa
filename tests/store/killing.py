"""Run a change of files in a child that kills itself before the n-th step on the disk."""

import os
import signal
import sys

_STEPS = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link"}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def run_until(act, folder, *, kill_before):
    """Call `act` in a child; its exit status, or -9 where it came to step `kill_before`. None: never.

    A step is a file in `folder` that is opened for writing, renamed, linked or removed, or a folder that is made or
    removed.
    """
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    n_steps = 0

    def count(event, arguments):
        nonlocal n_steps
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING
        if (event in _STEPS or writes) and str(arguments[0]).startswith(str(folder)):
            if n_steps == kill_before:
                os.kill(os.getpid(), signal.SIGKILL)
            n_steps += 1

    sys.addaudithook(count)
    try:
        act()
    except BaseException as error:  # noqa: BLE001  a child has nobody to raise to
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        os._exit(1)
    os._exit(0)


def content_of(path):
    """The files of a store and their bytes, without what does not count (hidden names)."""
    files = (file for file in path.rglob("*") if file.is_file())
    names = {file.relative_to(path).as_posix(): file for file in files}
    return {name: file.read_bytes() for name, file in names.items() if not name.startswith(".")}
