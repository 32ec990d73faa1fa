"""Changes of a store killed before their every single step: it is as before, as after, or `mend` makes it so."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

KILL_EVERYWHERE = """
import json, pathlib, shutil, signal, sys
sys.path.insert(0, sys.argv[3])
from conftest import build_full_store
from killing import content_of, run_until
from hemometric.store import mend, merge, verify, withdraw, write_store_files

folder, stride = pathlib.Path(sys.argv[1]), int(sys.argv[4])
first = build_full_store(folder / "first")
second = build_full_store(folder / "second", name="other", people=range(20, 23))
ACTS = {
    "withdraw": lambda path: withdraw(path, ["person-001", "person-002", "person-005"]),
    "tables": lambda path: write_store_files(path, {"new.json": b"{}", "card.md": b"other"}, without=["gaps.png"]),
    "merge": lambda path: merge([first, second], out=path, resume=True),
}
name, act = sys.argv[2], ACTS[sys.argv[2]]
in_place = name != "merge"

def begin(path):
    if in_place:
        shutil.copytree(first, path)
    return path

before = content_of(first) if in_place else {}
act(begin(folder / "undisturbed"))
after = content_of(folder / "undisturbed")
assert before != after
seen = {"before": 0, "after": 0, "half": 0}
step = 0
while True:
    path = begin(folder / f"{name}-{step:03d}")
    code = run_until(lambda: act(path), path, kill_before=step)
    if code == 0:
        break
    assert code == -signal.SIGKILL, code
    if not in_place:
        is_whole = (path / "manifest.json").exists() and not verify(path)
        seen["after" if is_whole else "half"] += 1
        assert not is_whole or content_of(path) == after, step
        act(path)
    elif verify(path):
        seen["half"] += 1
        assert "hemometric mend" in verify(path)[0]
        assert mend(path)
    else:
        there = content_of(path)
        assert there in (before, after), step
        seen["before" if there == before else "after"] += 1
        mend(path)
        assert content_of(path) == there, step
        if there == before:
            act(path)
    assert content_of(path) == after, step
    assert verify(path) == [], step
    assert not [file.name for file in path.iterdir() if file.name.startswith(".")], step
    shutil.rmtree(path)
    step += stride
print(json.dumps({"steps": step, **seen}))
"""


def kill_everywhere(folder, name, *, stride):
    command = [sys.executable, "-c", KILL_EVERYWHERE, str(folder), name, str(Path(__file__).parent), str(stride)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(("name", "stride"), [("withdraw", 3), ("tables", 1), ("merge", 5)])
def test_killed_before_many_steps_the_store_is_whole_or_one_command_makes_it_whole(tmp_path, name, stride):
    seen = kill_everywhere(tmp_path, name, stride=stride)
    assert seen["half"]
    assert seen["before"] or name == "merge"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["withdraw", "merge"])
def test_killed_before_every_single_step_the_store_is_whole_or_one_command_makes_it_whole(tmp_path, name):
    seen = kill_everywhere(tmp_path, name, stride=1)
    print(f"{name}: {seen}")  # noqa: T201
    assert seen["steps"] > 40
    assert seen["half"]
