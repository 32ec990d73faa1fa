"""Append killed before many steps, and at random moments: the store is as before, or one command ends it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from hemometric.ingest import IngestSettings, append, ingest
from hemometric.store import mend, verify

HERE = Path(__file__).parent
COMMAND = "import sys; from hemometric.__main__ import main; sys.exit(main())"
N_MOMENTS = 40

KILL_MANY = """
import json, pathlib, shutil, signal, sys
sys.path[:0] = [sys.argv[2], str(pathlib.Path(sys.argv[2]).parent / "store")]
from killing import content_of, run_until
from hemometric.ingest import IngestSettings, append
from hemometric.store import mend, verify

folder, stride = pathlib.Path(sys.argv[1]), int(sys.argv[3])
settings = IngestSettings(workers=0, shard_size=2, resume=True)
act = lambda path: append(path, [folder / "archive", folder / "more"], settings=settings)

def begin(name):
    return pathlib.Path(shutil.copytree(folder / "store", folder / name))

before = content_of(folder / "store")
act(begin("undisturbed"))
after = content_of(folder / "undisturbed")
seen = {"before": 0, "after": 0, "half": 0}
step = 0
while True:
    path = begin(f"killed-{step:03d}")
    code = run_until(lambda: act(path), path, kill_before=step)
    if code == 0:
        break
    assert code == -signal.SIGKILL, code
    problems = verify(path)
    if problems:
        seen["half"] += 1
        assert "hemometric mend" in problems[0]
    else:
        there = content_of(path)
        assert there in (before, after), step
        seen["before" if there == before else "after"] += 1
    if step % 2 or problems:
        mend(path)
        assert verify(path) == []
        assert content_of(path) == (after if problems else there), step
    act(path)
    assert content_of(path) == after, step
    assert verify(path) == [], step
    assert not [file.name for file in path.iterdir() if file.name.startswith(".")], step
    shutil.rmtree(path)
    step += stride
print(json.dumps({"steps": step, **seen}))
"""


def begin(tmp_path, make_archive, *, n_more):
    """A store of five records, and two folders: these again with others."""
    folder = make_archive(5)
    ingest([folder], out=tmp_path / "store", settings=IngestSettings(shard_size=2, workers=0))
    make_archive(n_more, name="more", first=5)


def kill_many(tmp_path, *, stride):
    done = subprocess.run(
        [sys.executable, "-c", KILL_MANY, str(tmp_path), str(HERE), str(stride)],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_killed_before_some_steps_the_store_is_as_before_or_one_command_ends_it(tmp_path, make_archive):
    begin(tmp_path, make_archive, n_more=3)
    seen = kill_many(tmp_path, stride=9)
    assert seen["before"]


@pytest.mark.slow
def test_killed_before_every_single_step_the_store_is_as_before_or_one_command_ends_it(tmp_path, make_archive):
    begin(tmp_path, make_archive, n_more=3)
    seen = kill_many(tmp_path, stride=1)
    print(f"append: {seen}")  # noqa: T201
    assert seen["half"] > 5
    assert seen["before"] > 40


@pytest.mark.slow
def test_forty_random_moments_of_the_command(tmp_path, make_archive, content):
    begin(tmp_path, make_archive, n_more=20)
    rng = np.random.default_rng(8)

    def start(store):
        words = [str(store), str(tmp_path / "archive"), str(tmp_path / "more"), "--workers", "2", "--resume"]
        return subprocess.Popen([sys.executable, "-c", COMMAND, "--quiet", "append", *words], stdout=subprocess.DEVNULL)

    before = content(tmp_path / "store")
    timed = shutil.copytree(tmp_path / "store", tmp_path / "timed")
    began = time.monotonic()
    assert start(timed).wait(300) == 0
    whole_s, after = time.monotonic() - began, content(timed)
    seen = {"before": 0, "after": 0, "half": 0}
    for number in range(N_MOMENTS):
        store = shutil.copytree(tmp_path / "store", tmp_path / f"store-{number}")
        process = start(store)
        time.sleep(float(rng.uniform(0, whole_s)))
        os.kill(process.pid, signal.SIGKILL)
        process.wait(60)
        problems = verify(store)
        there = {name: data for name, data in content(store).items() if not name.startswith(".")}
        seen["half" if problems else "after" if there == after else "before"] += 1
        if problems:
            assert mend(store)
        else:
            assert there in (before, after)
        settings = IngestSettings(shard_size=2, workers=0, resume=True)
        append(store, [tmp_path / "archive", tmp_path / "more"], settings=settings)
        assert content(store) == after
        assert verify(store) == []
        shutil.rmtree(store)
    print(f"{N_MOMENTS} kills within {whole_s:.1f} s: {seen}")  # noqa: T201
