import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import hemometric.store.durable as durable
from hemometric.ecg import LEADS
from hemometric.errors import StoreError
from hemometric.store import INCOMING, Reject, Store, StoreWriter, verify

SIZES = (3, 4, 2)


def begin(path, build, *, n_shards, **settings):
    """A store that was interrupted after some shards."""
    writer = StoreWriter.open(path, settings=build["settings"](**settings), resume=False)
    for number in range(n_shards):
        shard = build["shard"](SIZES[number], first=sum(SIZES[:number]))
        writer.write_shard(*shard, rejects=[], cursor={"next": number + 1})
    writer.close()


def test_nothing_is_written_before_the_first_shard(tmp_path, build):
    writer = StoreWriter.open(tmp_path / "store", settings=build["settings"](), resume=False)
    assert not (tmp_path / "store").exists()
    assert (writer.n_rows, writer.n_shards, writer.cursor, writer.finished) == (0, 0, {}, False)


def test_a_complete_store_holds_what_was_written_and_nothing_else(make_store, content):
    path, microvolts = make_store()
    names = {*(f"shards/{k:05d}.npy" for k in range(3)), *(f"ecgs/{k:05d}.parquet" for k in range(3))}
    assert content(path).keys() == names | {"manifest.json", "rejects.csv"}
    assert not (path / INCOMING).exists()
    np.testing.assert_array_equal(np.concatenate([np.load(path / f"shards/{k:05d}.npy") for k in range(3)]), microvolts)
    expected = ["source,reason_code,detail"]
    expected += [f'a/bad{k},nan,"lead V1, ""all"" of it"' for k in range(3)] + ["a/last,flat-lead,II"]
    assert (path / "rejects.csv").read_text().splitlines() == expected


def test_the_manifest_names_no_time_host_path_or_process(make_store):
    path, _ = make_store()
    text = (path / "manifest.json").read_text()
    manifest = json.loads(text)
    assert manifest["schema_version"] == manifest["microvolt_per_lsb"] == 1
    assert manifest["provenance"] == {"seed": 1}
    assert str(path.parent) not in text
    assert len(manifest["files"]) == 7


def test_an_interrupted_store_shows_its_finished_shards_and_goes_on_after_them(tmp_path, build, make_store, content):
    expected, _ = make_store(name="undisturbed")
    begin(tmp_path / "store", build, n_shards=2)
    with pytest.raises(StoreError, match="--resume"):
        Store.open(tmp_path / "store")
    assert "--resume" in verify(tmp_path / "store")[0]
    shutil.rmtree(tmp_path / "store")

    writer = StoreWriter.open(tmp_path / "store", settings=build["settings"](), resume=True)
    build["write"](writer, SIZES[:2])
    writer.close()
    writer = StoreWriter.open(tmp_path / "store", settings=build["settings"](), resume=True)
    assert (writer.n_rows, writer.n_shards, writer.cursor) == (7, 2, {"next": 2})
    build["write"](writer, SIZES)
    writer.finish(rejects=[Reject("a/last", "flat-lead", "II")])
    assert content(tmp_path / "store") == content(expected)


def test_resuming_a_complete_store_changes_nothing(make_store, build, content):
    path, _ = make_store()
    before = content(path)
    writer = StoreWriter.open(path, settings=build["settings"](), resume=True)
    assert (writer.finished, writer.n_rows, writer.n_shards) == (True, 9, 3)
    writer.finish()
    assert content(path) == before
    with pytest.raises(ValueError, match="complete"):
        writer.write_shard(*build["shard"](1), rejects=[], cursor={})


def test_resuming_a_store_that_was_killed_while_tidying_up_tidies_up(make_store, build, content):
    path, _ = make_store()
    before = content(path)
    (path / INCOMING / "journal").mkdir(parents=True)
    StoreWriter.open(path, settings=build["settings"](), resume=True)
    assert content(path) == before
    assert not (path / INCOMING).exists()


def test_an_existing_store_is_refused_without_resume(tmp_path, make_store, build):
    path, _ = make_store()
    with pytest.raises(StoreError, match="already a complete store"):
        StoreWriter.open(path, settings=build["settings"](), resume=False)
    begin(tmp_path / "half", build, n_shards=1)
    with pytest.raises(StoreError, match="interrupted; go on with --resume"):
        StoreWriter.open(tmp_path / "half", settings=build["settings"](), resume=False)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"sampling_rate_hz": 500.0}, r"sampling_rate_hz was 250\.0, now 500\.0"),
        ({"provenance": {"seed": 2}}, "seed was 1, now 2"),
        ({"provenance": {"settings": {"pad": True}}}, "pad was None, now True"),
        ({"stored_leads": LEADS}, "stored_leads was"),
        ({"simulated": True}, "simulated was False, now True"),
    ],
)
def test_other_settings_are_refused_by_name(tmp_path, build, changed, message):
    begin(tmp_path / "store", build, n_shards=1)
    with pytest.raises(StoreError, match=message):
        StoreWriter.open(tmp_path / "store", settings=build["settings"](**changed), resume=True)


def test_a_directory_with_something_else_is_refused_and_left_alone(tmp_path, build, content):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(StoreError, match="not a hemometric store"):
        StoreWriter.open(tmp_path, settings=build["settings"](), resume=True)
    with pytest.raises(StoreError, match="is a file"):
        StoreWriter.open(tmp_path / "thesis.tex", settings=build["settings"](), resume=False)
    assert content(tmp_path) == {"thesis.tex": b"x"}


@pytest.mark.parametrize("resume", [False, True])
def test_an_empty_directory_and_one_killed_at_its_birth_are_begun(tmp_path, build, resume):
    for name, inside in (("empty", "."), ("newborn", INCOMING)):
        (tmp_path / name / inside).mkdir(parents=True)
        writer = StoreWriter.open(tmp_path / name, settings=build["settings"](), resume=resume)
        build["write"](writer, SIZES)
        writer.finish()
        assert len(Store.open(tmp_path / name)) == 9


def test_a_shard_without_its_table_does_not_count_and_is_written_anew(tmp_path, build, make_store, content):
    path, _ = make_store(name="undisturbed")
    begin(tmp_path / "store", build, n_shards=2)
    (tmp_path / "store" / "ecgs" / "00001.parquet").unlink()
    (tmp_path / "store" / "shards" / "00001.npy").write_bytes(b"half")
    writer = StoreWriter.open(tmp_path / "store", settings=build["settings"](), resume=True)
    assert (writer.n_shards, writer.cursor) == (1, {"next": 1})
    build["write"](writer, SIZES)
    writer.finish()
    shards = {name: value for name, value in content(path).items() if "/" in name}
    assert {name: value for name, value in content(tmp_path / "store").items() if "/" in name} == shards


def test_a_finished_shard_that_was_changed_stops_the_resume(tmp_path, build):
    begin(tmp_path / "store", build, n_shards=2)
    shard = tmp_path / "store" / "shards" / "00000.npy"
    np.save(shard, np.load(shard)[:1])
    with pytest.raises(StoreError, match="not as it was written"):
        StoreWriter.open(tmp_path / "store", settings=build["settings"](), resume=True)


def test_two_writers_of_one_store_are_refused(tmp_path, build):
    first = StoreWriter.open(tmp_path / "store", settings=build["settings"](), resume=False)
    first.write_shard(*build["shard"](1), rejects=[], cursor={})
    with pytest.raises(StoreError, match="another process is writing"):
        StoreWriter.open(tmp_path / "store", settings=build["settings"](), resume=True)
    first.close()
    StoreWriter.open(tmp_path / "store", settings=build["settings"](), resume=True).close()


def test_a_store_without_ecgs_is_not_made(tmp_path, build):
    writer = StoreWriter.open(tmp_path / "store", settings=build["settings"](), resume=False)
    with pytest.raises(StoreError, match="no ECG was accepted"):
        writer.finish()
    assert not (tmp_path / "store").exists()


def test_arguments_that_do_not_fit_are_a_wrong_call(tmp_path, build):
    writer = StoreWriter.open(tmp_path / "store", settings=build["settings"](), resume=False)
    microvolts, table = build["shard"](2)
    for wrong, rows in (
        (microvolts[:1], table),
        (microvolts.astype(np.float32), table),
        (microvolts[:, :7], table),
        (microvolts[:0], table.slice(0, 0)),
        (microvolts, table.drop_columns(["sex"])),
        (microvolts, table.append_column("colour", table["sex"])),
    ):
        with pytest.raises(ValueError, match=r"expected|not a quality flag"):
            writer.write_shard(wrong, rows, rejects=[], cursor={})
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("n_finished", [0, 1])
@pytest.mark.parametrize("failing", ["shards", "ecgs", "journal"])
def test_a_write_error_leaves_only_finished_shards(tmp_path, build, monkeypatch, n_finished, failing):
    path = tmp_path / "store"
    writer = StoreWriter.open(path, settings=build["settings"](), resume=False)
    build["write"](writer, SIZES[:n_finished])
    before = {file.name for folder in ("shards", "ecgs") for file in (path / folder).glob("*")}
    really_sync = durable.sync_directory

    def sync(directory):
        if directory.name == failing:
            raise OSError(28, "No space left on device")
        really_sync(directory)

    monkeypatch.setattr(durable, "sync_directory", sync)
    with pytest.raises(StoreError, match=r"No space left.*--resume"):
        build["write"](writer, SIZES)
    monkeypatch.setattr(durable, "sync_directory", really_sync)
    assert {file.name for folder in ("shards", "ecgs") for file in (path / folder).glob("*")} == before
    assert path.exists() == bool(n_finished)
    writer.close()
    resumed = StoreWriter.open(path, settings=build["settings"](), resume=True)
    build["write"](resumed, SIZES)
    resumed.finish()
    assert verify(path) == []


WRITE_BIG_SHARDS = """
import sys
sys.path.insert(0, sys.argv[2])
import numpy as np
from conftest import build_settings, build_shard, write_shards
from hemometric.store import StoreWriter
writer = StoreWriter.open(sys.argv[1], settings=build_settings(), resume=True)
write_shards(writer, (40,) * 12)
writer.finish()
"""


def run_writer(path, *, limit=None):
    limits = None if limit is None else lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    command = [sys.executable, "-c", WRITE_BIG_SHARDS, str(path), str(Path(__file__).parent)]
    return subprocess.Popen(command, preexec_fn=limits, stderr=subprocess.PIPE, text=True)


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path):
    process = run_writer(tmp_path / "store", limit=20_000)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "StoreError" in errors.splitlines()[-1]
    assert "cannot be written" in errors.splitlines()[-1]
    assert not (tmp_path / "store").exists()


def test_killed_at_any_moment_and_resumed_the_bytes_are_those_of_an_undisturbed_run(tmp_path, content):
    assert run_writer(tmp_path / "undisturbed").communicate(timeout=60)[1] == ""
    expected = content(tmp_path / "undisturbed")
    path = tmp_path / "store"
    n_killed_midway = 0
    for n_shards in (0, 4, 9):
        process = run_writer(path)
        journal = path / INCOMING / "journal" / f"{n_shards:05d}.json"
        while process.poll() is None and not journal.exists():
            time.sleep(0.0005)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stderr.close()
        n_killed_midway += (path / INCOMING).exists()
        finished = {name: value for name, value in content(path).items() if name.startswith("ecgs/")}
        assert finished.items() <= expected.items()
    last = run_writer(path)
    assert last.communicate(timeout=60)[1] == ""
    assert n_killed_midway >= 2
    assert content(path) == expected
    assert verify(path) == []


KILL_BEFORE_EVERY_STEP = """
import os, pathlib, signal, sys
sys.path.insert(0, sys.argv[2])
from conftest import build_settings, build_shard, write_shards
import hemometric.store.durable as durable, hemometric.store.manifest as manifest, hemometric.store.writer as writing

def write(path, *, kill_before):
    n_steps = 0
    def counted(step):
        def run(*args, **options):
            nonlocal n_steps
            if n_steps == kill_before:
                os.kill(os.getpid(), signal.SIGKILL)
            n_steps += 1
            return step(*args, **options)
        return run
    for module in (manifest, writing):
        module.write_aside, module.publish = counted(durable.write_aside), counted(durable.publish)
    writing.shutil.rmtree = counted(writing.shutil.rmtree)
    store = writing.StoreWriter.open(path, settings=build_settings(), resume=True)
    if not store.finished:
        write_shards(store, (3, 4))
        store.finish()

def in_a_child(path, *, kill_before):
    child = os.fork()
    if child == 0:
        write(path, kill_before=kill_before)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

build_shard(1)  # what pyarrow imports late, it imports once and not in every child
folder = pathlib.Path(sys.argv[1])
kill_before = 0
while in_a_child(folder / f"{kill_before:02d}", kill_before=kill_before) == -signal.SIGKILL:
    assert in_a_child(folder / f"{kill_before:02d}", kill_before=None) == 0
    kill_before += 1
print(kill_before)
"""


def test_killed_before_any_single_step_and_resumed_the_bytes_are_those_of_an_undisturbed_run(tmp_path, content):
    command = [sys.executable, "-c", KILL_BEFORE_EVERY_STEP, str(tmp_path), str(Path(__file__).parent)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    n_steps = int(done.stdout)
    assert n_steps == 2 * (1 + 2 * 3 + 2) + 1  # manifest; shard, journal, table; rejects and manifest; tidying up
    undisturbed = content(tmp_path / f"{n_steps:02d}")
    for step in range(n_steps):
        assert content(tmp_path / f"{step:02d}") == undisturbed, f"killed before step {step}"
