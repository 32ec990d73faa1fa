"""Ingest killed at random moments: finished shards are untouched, the resumed store is that of an undisturbed run."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from hemometric.ingest import IngestSettings, ingest
from hemometric.store import verify

N_RECORDS, SHARD_SIZE, N_MOMENTS = 60, 3, 60
COMMAND = """
import sys, time
from hemometric.__main__ import main
from hemometric.ingest import step

def slowly(*records, read=step.read_records, **settings):  # else few kills fall between the first shard and the last
    for reading in read(*records, **settings):
        time.sleep(0.03)
        yield reading

step.read_records = slowly
if __name__ == "__main__":
    sys.exit(main())
"""


def start(archive, store):
    """A process of its own, as a user starts it."""
    words = ["ingest", str(archive), "--out", str(store), "--shard-size", str(SHARD_SIZE), "--workers", "2", "--resume"]
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


@pytest.mark.slow
def test_sixty_random_moments(tmp_path, make_archive, content):
    archive, rng = make_archive(N_RECORDS), np.random.default_rng(6)
    ingest([archive], out=tmp_path / "undisturbed", settings=IngestSettings(shard_size=SHARD_SIZE))
    expected = content(tmp_path / "undisturbed")
    began = time.monotonic()
    assert start(archive, tmp_path / "timed").wait(120) == 0
    whole_s = time.monotonic() - began
    n_kills, n_mid, shards_seen = 0, 0, []
    while n_kills < N_MOMENTS:
        store = tmp_path / f"store-{n_kills}-{n_mid}"
        process = start(archive, store)
        time.sleep(float(rng.uniform(0, whole_s)))
        os.kill(process.pid, signal.SIGKILL)
        if process.wait(10) != -signal.SIGKILL:
            n_mid += 1
            assert n_mid < N_MOMENTS, "it is always done before it can be killed"
            continue
        n_kills += 1
        there = content(store) if store.exists() else {}
        numbers = [name[len("ecgs/") : -len(".parquet")] for name in there if name.startswith("ecgs/")]
        finished = {
            name: there[name] for number in numbers for name in (f"shards/{number}.npy", f"ecgs/{number}.parquet")
        }
        times = {name: (store / name).stat().st_mtime_ns for name in finished}
        shards_seen.append(len(numbers))
        assert all(expected[name] == data for name, data in finished.items())
        assert start(archive, store).wait(120) == 0
        assert content(store) == expected
        assert verify(store) == []
        again = {name: (store / name).stat().st_mtime_ns for name in times}
        assert times == again, "a finished shard was written again"
    print(f"{n_kills} kills within {whole_s:.1f} s, finished shards at the kill: {sorted(shards_seen)}")  # noqa: T201
    assert any(0 < n < N_RECORDS // SHARD_SIZE for n in shards_seen), "no kill fell between two shards"
