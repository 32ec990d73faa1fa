"""Run directories: begun, finished, opened, refused."""

import csv
import json
import shutil

import pytest
import torch

from hemometric.errors import RunError
from hemometric.training import Run
from hemometric.training.contract import TargetContract
from hemometric.training.runs import Heads, begin_run, write_splits, write_weights

CPU = torch.device("cpu")
TARGET = TargetContract(
    name="mpcwp", unit="mmHg", label_mean=15.0, label_sd=8.0, events=("mpcwp>15", "mpcwp>18"), head="mlp"
)


def test_a_new_run_names_versions_and_is_not_finished(tmp_path):
    assert begin_run(tmp_path / "run", {"kind": "pretrain", "seed": 0}, resume=False) is False
    there = json.loads((tmp_path / "run" / "settings.json").read_text())
    assert there["kind"] == "pretrain"
    assert {"hemometric", "torch", "numpy"} <= there["versions"].keys()
    with pytest.raises(RunError, match=r"not finished.*--resume"):
        Run.open(tmp_path / "run")


def test_going_on_needs_resume_and_equal_settings(tmp_path):
    out = tmp_path / "run"
    begin_run(out, {"settings": {"seed": 0, "views": {"crop_s": 8.0}}}, resume=True)
    with pytest.raises(RunError, match="go on with --resume"):
        begin_run(out, {"settings": {"seed": 0, "views": {"crop_s": 8.0}}}, resume=False)
    assert begin_run(out, {"settings": {"seed": 0, "views": {"crop_s": 8.0}}}, resume=True) is False
    with pytest.raises(RunError, match=r"settings.views.crop_s was 8.0, now 6.0"):
        begin_run(out, {"settings": {"seed": 0, "views": {"crop_s": 6.0}}}, resume=True)


def test_a_directory_with_something_else_is_never_taken(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    for resume in (False, True):
        with pytest.raises(RunError, match=r"exists already|missing"):
            begin_run(tmp_path, {"seed": 0}, resume=resume)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    with pytest.raises(RunError, match="exists already"):
        begin_run(tmp_path / "notes.txt", {"seed": 0}, resume=False)


@pytest.mark.parametrize("resume", [False, True])
def test_a_run_that_was_killed_while_it_wrote_its_settings_is_not_begun_yet(tmp_path, resume):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".settings.json.writing").write_text('{"seed": ')
    assert begin_run(tmp_path / "run", {"seed": 0}, resume=resume) is False
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["settings.json"]


def test_an_empty_directory_may_become_a_run(tmp_path):
    assert begin_run(tmp_path, {"seed": 0}, resume=False) is False


def test_splits_name_every_patient_once(labelled_store, tmp_path):
    write_splits(tmp_path / "splits.csv", labelled_store)
    with (tmp_path / "splits.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    expected = dict(zip(labelled_store.ecgs["patient_id"].to_pylist(), labelled_store.splits().tolist(), strict=True))
    assert {line["patient_id"]: line["split"] for line in lines} == expected
    assert len(lines) == 120


def test_the_encoder_comes_back_in_eval_mode_with_its_weights(pretrained):
    first, second = (Run.open(pretrained).load_encoder(device=CPU) for _ in range(2))
    assert not first.training
    x = torch.randn(2, 12, 1000, generator=torch.Generator().manual_seed(0))
    assert torch.equal(first(x), second(x))


def test_a_pretrained_run_estimates_nothing(pretrained):
    with pytest.raises(RunError, match=r"pretrained only; run hemometric finetune"):
        Run.open(pretrained).load_heads(device=CPU)


def test_heads_come_back_with_their_weights(tmp_path):
    heads = Heads(TARGET, embedding_dim=128).eval()
    write_weights(tmp_path / "heads.safetensors", heads)
    assert (tmp_path / "heads.safetensors").stat().st_size > 0
    assert heads.regression.label_sd == 8.0
    estimates, logits = heads(torch.randn(3, 128))
    assert estimates.shape == (3,)
    assert logits.shape == (3, 2)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda run: (run / "encoder.safetensors").unlink(), "missing: the run is incomplete"),
        (lambda run: (run / "encoder.safetensors").write_bytes(b"x" * 100), "cannot be loaded"),
        (lambda run: shutil.copy(run / "other.safetensors", run / "encoder.safetensors"), "cannot be loaded"),
        (lambda run: (run / "settings.json").unlink(), "missing"),
        (lambda run: (run / "contract.json").write_text("{"), "cannot be read"),
        (
            lambda run: (run / "contract.json").write_text(
                (run / "contract.json").read_text().replace('"compact"', '"vit"')
            ),
            "update hemometric",
        ),
        (shutil.rmtree, "no such run"),
    ],
)
def test_a_damaged_run_is_named(pretrained, tmp_path, damage, message):
    run = tmp_path / "run"
    shutil.copytree(pretrained, run)
    write_weights(run / "other.safetensors", Heads(TARGET, embedding_dim=128))
    damage(run)
    with pytest.raises(RunError, match=message):
        Run.open(run).load_encoder(device=CPU)
