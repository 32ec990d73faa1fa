"""How much memory a cohort takes while it is written, measured in a process of its own."""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

_SCRIPT = r"""
import re, sys
from pathlib import Path
from hemometric.simulation import CohortSettings, simulate
from hemometric.store import Store
out, n_patients = sys.argv[1], int(sys.argv[2])
simulate(out, settings=CohortSettings(n_patients=n_patients))
print(len(Store.open(out)), re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])
"""
_KIB_PER_MIB = 1024.0


class Peak(NamedTuple):
    """Largest resident memory of one `simulate` with one worker."""

    n_ecgs: int
    mib: float


def measure_peak(n_patients: int) -> Peak:
    """Write a cohort of that many patients at default settings and forget it.

    Linux only: it reads VmHWM, since ru_maxrss of a child begins with what its parent had.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", _SCRIPT, str(Path(folder) / "store"), str(n_patients)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    n_ecgs, kib = done.stdout.split()
    return Peak(int(n_ecgs), int(kib) / _KIB_PER_MIB)
