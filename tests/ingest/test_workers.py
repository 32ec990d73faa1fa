import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hemometric.ingest import IngestSettings, ingest
from hemometric.ingest.records import Cut, read_records
from hemometric.store import INCOMING, verify
from hemometric.workers import Limits

CUT = Cut(sampling_rate_hz=250.0, duration_s=10.0, n_samples=2500, n_leads=8, pad=False)

LIMITS = Limits(seconds=60.0, memory_bytes=2**32)

INGEST = """
import signal, sys, time
from contextlib import closing
from hemometric.ingest import IngestSettings, ingest, step
from hemometric.progress import set_quiet

def slowly(*records, read=step.read_records, **settings):  # else it may be done before a test has looked
    with closing(read(*records, **settings)) as readings:
        for reading in readings:
            time.sleep(0.02)
            yield reading

step.read_records = slowly
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell takes from what it starts in the background

if __name__ == "__main__":
    set_quiet(False)
    settings = IngestSettings(shard_size=4, workers=int(sys.argv[3]), resume=True)
    ingest([sys.argv[1]], out=sys.argv[2], settings=settings)
"""


def test_no_records_need_no_workers():
    assert list(read_records([], CUT, workers=4, limits=LIMITS)) == []


def start(archive, store, *, workers, script):
    command = [sys.executable, str(script), str(archive), str(store), str(workers)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def read_processes():
    """(parent, state) of every process by its id."""
    found = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = status.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        found[int(status.parent.name)] = (int(parent), state)
    return found


def find_children(of):
    return [process for process, (parent, _) in read_processes().items() if parent == of]


def are_gone(children):
    """Whether all have ended; one that is only waiting to be noticed by the system ("Z") has."""
    processes = read_processes()
    return not any(child in processes and processes[child][1] != "Z" for child in children)


def wait_until(condition, *arguments, seconds):
    end = time.monotonic() + seconds
    while not condition(*arguments) and time.monotonic() < end:
        time.sleep(0.01)
    return condition(*arguments)


def has_come_to(process, milestone, workers):
    """Whether the process has written the file `milestone`, or where that is None has started its workers, or ended."""
    there = len(find_children(process.pid)) >= workers if milestone is None else milestone.exists()
    return there or process.poll() is not None


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "run_ingest.py"
    path.write_text(INGEST)
    return path


@pytest.fixture
def archive(make_archive):
    return make_archive(36)


@pytest.fixture
def undisturbed(tmp_path, archive, content):
    """The bytes of a store that was made in one go."""
    ingest([archive], out=tmp_path / "undisturbed", settings=IngestSettings(shard_size=4))
    return content(tmp_path / "undisturbed")


@pytest.mark.parametrize(
    ("workers", "milestones"),
    [
        (1, ("shards/00001.npy", f"{INCOMING}/journal/00006.json")),
        (2, (None, "shards/00004.npy")),
    ],
)
def test_killed_at_any_moment_and_resumed_the_bytes_are_the_same_and_no_worker_stays(
    tmp_path, archive, undisturbed, content, script, workers, milestones
):
    store = tmp_path / "store"
    for milestone in milestones:
        process = start(archive, store, workers=workers, script=script)
        wait_until(has_come_to, process, milestone and store / milestone, workers, seconds=30)
        children = find_children(process.pid)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
        process.stderr.close()
        assert process.returncode == -signal.SIGKILL, "it was done before it could be killed"
        assert len(children) >= workers
        # One that has only begun loads its libraries first, which took 13 s where ten programs shared two cores.
        assert wait_until(are_gone, children, seconds=60), "a worker outlived its parent"
    ingest([archive], out=store, settings=IngestSettings(shard_size=4, workers=workers, resume=True))
    assert content(store) == undisturbed
    assert verify(store) == []


def test_ctrl_c_keeps_finished_shards_and_says_how_to_go_on(tmp_path, archive, undisturbed, content, script):
    store = tmp_path / "store"
    process = start(archive, store, workers=2, script=script)
    assert wait_until((store / "ecgs" / "00001.parquet").exists, seconds=30)
    process.send_signal(signal.SIGINT)
    errors = process.communicate(timeout=30)[1]
    assert "finished shards are kept; go on with --resume" in errors
    assert errors.rstrip().endswith("KeyboardInterrupt")
    ingest([archive], out=store, settings=IngestSettings(shard_size=4, resume=True))
    assert content(store) == undisturbed
