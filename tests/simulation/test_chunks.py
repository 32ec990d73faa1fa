import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from hemometric.simulation.chunks import make_chunks
from hemometric.simulation.settings import CohortSettings


def test_two_workers_make_the_chunks_of_one_in_the_same_order():
    one = CohortSettings(n_patients=140, seed=3, sampling_rate_hz=100.0)
    two = CohortSettings(n_patients=140, seed=3, sampling_rate_hz=100.0, n_workers=2)
    made = list(make_chunks(one, first_rendered=0)), list(make_chunks(two, first_rendered=0))
    assert [chunk.people.number for chunk in made[1]] == [0, 1, 2]
    for first, second in zip(*made, strict=True):
        np.testing.assert_array_equal(first.microvolts, second.microvolts)
        assert first.ecgs.equals(second.ecgs)


def test_chunks_that_are_stored_already_come_without_ecgs():
    settings = CohortSettings(n_patients=128, sampling_rate_hz=100.0)
    first, second = make_chunks(settings, first_rendered=1)
    assert first.microvolts is None
    assert len(first.people.labelled) > 64
    assert second.microvolts is not None


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds the workers through /proc")
def test_workers_end_when_their_parent_is_killed(tmp_path):
    script = tmp_path / "many.py"
    script.write_text(
        "from hemometric.simulation import CohortSettings, simulate\n"
        "if __name__ == '__main__':\n"
        f"    simulate({str(tmp_path / 'store')!r}, settings=CohortSettings(n_patients=50000, n_workers=2))\n"
    )
    parent = subprocess.Popen([sys.executable, str(script)], start_new_session=True)
    try:
        deadline = time.monotonic() + 60.0
        while len(_others_in_session(parent.pid)) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(1.0)
        assert len(_others_in_session(parent.pid)) >= 2
        parent.kill()
        parent.wait()
        deadline = time.monotonic() + 20.0
        while _others_in_session(parent.pid) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not _others_in_session(parent.pid)
    finally:
        for pid in [parent.pid, *_others_in_session(parent.pid)]:
            if _is_alive(pid):
                os.kill(pid, signal.SIGKILL)


def _is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists() and Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def _others_in_session(session: int) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            state, _, _, its_session = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(its_session) == session and state != "Z" and int(entry.name) != session:
            found.append(int(entry.name))
    return found
