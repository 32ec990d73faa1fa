"""Read damaged files in a child process with limits, so that a crash or a hang is counted and does not end the tests.

A test module gives seeds and ways to damage them; as a program it is the child: `read_mutants` reads, and its parent
asks for that by `read_apart`.
"""

import faulthandler
import json
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hemometric.errors import EcgError, ReadError
from hemometric.formats import list_parts, read_ecg

MOST_SECONDS = 5
"""Of the processor, for one file: by the clock on the wall a busy machine would look like a reader that hangs."""
MOST_WAIT_S = 60
"""By that clock, for a reader that waits for something that never comes."""
MOST_BYTES = 2**30
N_WHOLE = 10_000
"""Mutants in the whole form of a test."""

Write = Callable[[Path, str, int | None], Path]
"""(folder, kind, number) -> the file to be read. It writes the mutant of this number; for None the whole file."""


@dataclass(frozen=True)
class Outcome:
    """What came of mutants.

    Attributes:
        found: How many were "read", and how many were refused with each code.
        crashed: Number, exit status and end of stderr of each mutant that ended its process.
        peak_bytes: Most memory of a child.
        slowest_s: Longest time of the processor that one mutant took.
    """

    found: Counter[str]
    crashed: tuple[tuple[int, int, str], ...] = ()
    peak_bytes: int = 0
    slowest_s: float = 0.0

    def __add__(self, other: "Outcome") -> "Outcome":
        return Outcome(
            self.found + other.found,
            self.crashed + other.crashed,
            max(self.peak_bytes, other.peak_bytes),
            max(self.slowest_s, other.slowest_s),
        )


def read_mutant(path: Path) -> str:
    """Say what comes of a file: "read", or the code of the error; any other exception is a fault of the readers."""
    try:
        for part in list_parts(path)[:3]:
            ecg = read_ecg(path, part=part)
            "".join(filter(None, (ecg.ecg_id, ecg.patient_id, ecg.acquired_at, *ecg.notes))).encode()  # for tables
    except (ReadError, EcgError) as error:
        return error.code if "\n" not in str(error) else "several lines"
    return "read"


def read_peak_bytes() -> int:
    """Largest resident memory of this program; `ru_maxrss` would begin with what the parent had before the fork."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024


def read_mutants(write: Write) -> None:
    """Read the mutants that the command line asks for (kind, first, last), and write what came of them."""
    kind, first, last = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    for ring in (signal.SIGALRM, signal.SIGPROF):
        faulthandler.register(ring, chain=True)  # says where it hangs, then ends the process
    resource.setrlimit(resource.RLIMIT_AS, (3 * MOST_BYTES, 3 * MOST_BYTES))
    found, slowest_s = Counter(), 0.0
    with tempfile.TemporaryDirectory() as folder:
        assert read_mutant(write(Path(folder), kind, None)) == "read"
        for number in range(first, last):
            path = write(Path(folder), kind, number)
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()
            signal.alarm(MOST_WAIT_S)
            signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS)
            start = time.process_time()
            found[read_mutant(path)] += 1
            slowest_s = max(slowest_s, time.process_time() - start)
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.alarm(0)
    account = {"found": found, "peak_bytes": read_peak_bytes(), "slowest_s": slowest_s}
    sys.stdout.write(json.dumps(account) + "\n")


def read_apart(script: str, kind: str, n_mutants: int) -> Outcome:
    """Read the mutants 0 to `n_mutants` of a kind in child processes, a new one after a crash."""
    crashed, first = [], 0
    while first < n_mutants:
        command = [sys.executable, "-X", "faulthandler", "-W", "error", script, kind, str(first), str(n_mutants)]
        child = subprocess.run(command, capture_output=True, text=True, timeout=3600, check=False)
        lines = child.stdout.split("\n")
        if child.returncode == 0:
            account = json.loads(lines[-2])
            return Outcome(Counter(account.pop("found")), tuple(crashed), **account)
        numbers = [line for line in lines if line.isdecimal()]
        assert numbers, child.stderr
        crashed.append((int(numbers[-1]), child.returncode, child.stderr[-1500:]))
        first = crashed[-1][0] + 1
    return Outcome(Counter(), tuple(crashed))


def read_or_refuse(script: str, name: str, kinds: list[str], n_mutants: int) -> Counter[str]:
    """Read so many mutants in equal shares of their kinds; none may crash, hang or fill the memory.

    Returns:
        What came of them, by the code of the error, or "read".
    """
    share = -(-n_mutants // len(kinds))
    outcome = sum((read_apart(script, kind, share) for kind in kinds), Outcome(Counter()))
    found = outcome.found
    sys.stdout.write(
        f"\n{name}: {found.total():,} mutants, {found['read']:,} read, {found.total() - found['read']:,} refused; "
        f"longest {outcome.slowest_s:.2f} s, {outcome.peak_bytes / 2**20:.0f} MiB; {dict(found.most_common())}\n"
    )
    assert outcome.crashed == ()
    assert outcome.peak_bytes < MOST_BYTES
    assert "several lines" not in found
    assert found.total() >= n_mutants
    return found
