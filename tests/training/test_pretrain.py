"""From a store to an encoder."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file

from hemometric.ecg import Ecg
from hemometric.encoders import build_encoder
from hemometric.errors import RunError, SettingsError, TrainingError
from hemometric.inference import Predictor
from hemometric.objectives import OBJECTIVES, LossParts, resolve
from hemometric.settings import FinetuneSettings, PretrainSettings
from hemometric.training import Run, finetune, pretrain
from hemometric.training.labelled import choose_labels
from hemometric.training.pretrain import PretrainingModel


def weights(run):
    return load_file(run / "encoder.safetensors")


def same(one, other) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_a_finished_run_has_all_that_the_contract_names(pretrained, labelled_store):
    there = {path.relative_to(pretrained).as_posix() for path in pretrained.rglob("*") if path.is_file()}
    assert there == {
        "settings.json",
        "history.jsonl",
        "encoder.safetensors",
        "contract.json",
        "card.md",
        "splits.csv",
        "checkpoint/pretrain.pt",
    }
    settings = json.loads((pretrained / "settings.json").read_text())
    assert settings["data_fingerprint"] == labelled_store.fingerprint
    assert settings["settings"]["learning_rate"] == 2e-3, "the recipe is resolved"
    assert settings["versions"]["torch"] == torch.__version__
    assert "SIMULATED" in (pretrained / "card.md").read_text()
    contract = Run.open(pretrained).contract
    assert contract.trained_on_simulated
    assert contract.targets == ()


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_moves_all_weights(labelled_store, tmp_path, quick, objective):
    settings = quick.model_copy(update={"objective": objective, "n_passes": 48, "learning_rate": 0.01})
    pretrain(labelled_store, out=tmp_path / "run", settings=settings, device="cpu")
    state = torch.load(tmp_path / "run" / "checkpoint" / "pretrain.pt", weights_only=True)
    n_trained = len(state["optimizer"]["param_groups"][0]["params"])
    settings = resolve(settings)
    model = PretrainingModel(build_encoder(settings.encoder, seed=0), OBJECTIVES[objective], settings)
    assert n_trained == len(list(model.parameters())), "the projection and other heads are trained too"
    assert len(state["optimizer"]["state"]) == n_trained
    assert all(moments["exp_avg"].abs().sum() > 0 for moments in state["optimizer"]["state"].values())


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(labelled_store, pretrained, tmp_path, quick):
    for name, seed in (("same", 0), ("other", 1)):
        pretrain(labelled_store, out=tmp_path / name, settings=quick.model_copy(update={"seed": seed}), device="cpu")
    assert same(weights(tmp_path / "same"), weights(pretrained))
    assert not same(weights(tmp_path / "other"), weights(pretrained))


def test_memory_does_not_change_the_weights(labelled_store, pretrained, tmp_path, quick):
    pretrain(labelled_store, out=tmp_path / "run", settings=quick.model_copy(update={"memory_gib": 0.0}), device="cpu")
    assert same(weights(tmp_path / "run"), weights(pretrained))


def test_an_existing_run_is_refused_and_a_finished_one_left_alone(labelled_store, pretrained, quick):
    before = {path: path.stat().st_mtime_ns for path in pretrained.rglob("*")}
    with pytest.raises(RunError, match="exists already"):
        pretrain(labelled_store, out=pretrained, settings=quick, device="cpu")
    pretrain(labelled_store, out=pretrained, settings=quick, resume=True, device="cpu")
    with pytest.raises(RunError, match="seed was 0, now 3"):
        pretrain(labelled_store, out=pretrained, settings=quick.model_copy(update={"seed": 3}), resume=True)
    assert {path: path.stat().st_mtime_ns for path in pretrained.rglob("*")} == before


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"objective": "pcrl"}, SettingsError, "did you mean 'pclr'"),
        ({"objective": "default", "neighbors": "feature"}, SettingsError, "did you mean 'features'"),
        ({"objective": "default", "neighbors": "embedding"}, SettingsError, "refresh_epochs=N"),
        ({"objective": "default", "neighbors": "none", "refresh_epochs": 1}, SettingsError, "leave one out"),
        ({"objective": "dml-beat", "distance": "beat-dwt"}, SettingsError, "did you mean 'beat-dtw'"),
        (
            {"objective": "pclr", "target": "mpcwp"},
            SettingsError,
            "for objectives with labels.*leave them out with pclr",
        ),
        ({"objective": "default", "n_labels": 10}, SettingsError, "for objectives with labels"),
        ({"encoder": "compct"}, SettingsError, "did you mean 'compact'"),
        ({"sampling_rate_hz": 500.0, "band_hz": (0.5, 150.0)}, TrainingError, "100 samples per second, too few"),
        ({"duration_s": 5.0}, TrainingError, "its ECGs have 10 s, the model reads 5 s"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_written(
    labelled_store, tmp_path, quick, changed, error, message
):
    with pytest.raises(error, match=message):
        pretrain(labelled_store, out=tmp_path / "run", settings=quick.model_copy(update=changed), device="cpu")
    assert not (tmp_path / "run").exists()


_CHILD = """
import sys
from pathlib import Path
import torch
from hemometric.settings import PretrainSettings, ViewSettings
from hemometric.store import Store
from hemometric.training import pretrain
torch.set_num_threads(1)
settings = PretrainSettings.model_validate_json(sys.argv[3])
pretrain(Store.open(sys.argv[1]), out=Path(sys.argv[2]), settings=settings, resume=True, device="cpu")
"""


@pytest.mark.parametrize(
    "changed",
    [{}, {"objective": "joint", "n_labels": 20}, {"objective": "supervised-dml", "metric_loss": "margin"}],
    ids=lambda changed: changed.get("objective", "pclr"),
)
def test_kill_9_and_resume_end_with_the_weights_of_an_undisturbed_run(labelled_store, tmp_path, quick, changed):
    settings = quick.model_copy(update={"n_passes": 240, "checkpoint_every": 2} | changed)
    arguments = [str(labelled_store.path), str(tmp_path / "killed"), settings.model_dump_json()]
    child = subprocess.Popen([sys.executable, "-c", _CHILD, *arguments], env={**os.environ, "OMP_NUM_THREADS": "1"})
    checkpoint = tmp_path / "killed" / "checkpoint" / "pretrain.pt"
    deadline = time.monotonic() + 60
    while not checkpoint.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL, "it was killed before it could finish"
    with pytest.raises(RunError, match="not finished"):
        Run.open(tmp_path / "killed")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        pretrain(labelled_store, out=tmp_path / "killed", settings=settings, resume=True, device="cpu")
        pretrain(labelled_store, out=tmp_path / "whole", settings=settings, device="cpu")
    finally:
        torch.set_num_threads(threads)
    assert same(weights(tmp_path / "killed"), weights(tmp_path / "whole"))
    assert (tmp_path / "killed" / "history.jsonl").read_text() == (tmp_path / "whole" / "history.jsonl").read_text()


def test_mistake_6_of_the_method_page_the_validation_loss_is_of_all_ecgs_that_weigh_the_same(
    labelled_store, tmp_path, quick, monkeypatch
):
    def row_number(see, batch, settings, rng):
        return LossParts(0.0 * see(batch.independent).sum() + float(batch.rows.mean()))

    monkeypatch.setitem(OBJECTIVES, "pclr", dataclasses.replace(OBJECTIVES["simclr"], loss=row_number))
    asked = quick.model_copy(update={"n_passes": 40, "batch_size": 20, "n_validations": 1})
    pretrain(labelled_store, out=tmp_path / "run", settings=asked, device="cpu")
    entry = json.loads((tmp_path / "run" / "history.jsonl").read_text().splitlines()[0])
    rows = np.flatnonzero(labelled_store.splits() == "validation")
    assert len(rows) % 20 != 0, "the batches differ in size"
    assert entry["validation_loss"] == pytest.approx(rows.mean(), rel=1e-6)


def test_mistake_11_of_the_method_page_each_call_draws_another_view_and_a_step_draws_what_it_drew_before(
    labelled_store, tmp_path, quick, monkeypatch
):
    drawn = []

    def look(see, batch, settings, rng):
        part = batch.independent[:, :, :300]
        drawn.append([batch.view(), batch.view(), batch.view(part)])
        return LossParts(see(drawn[-1][0]).square().mean())

    monkeypatch.setitem(OBJECTIVES, "pclr", dataclasses.replace(OBJECTIVES["simclr"], loss=look))
    for name in ("run", "again"):
        pretrain(labelled_store, out=tmp_path / name, settings=quick, device="cpu")
    for first, second, of_part in drawn:
        assert not torch.allclose(first, second, atol=1e-2)
        assert of_part.shape[2] == 300, "a crop of 4 s of 3 s is all of it"
    half = len(drawn) // 2
    for before, after in zip(drawn[:half], drawn[half:], strict=True):
        assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))


class Forged:
    """A store whose test and calibration labels are nonsense, and which fails when one of their ECGs is read."""

    def __init__(self, store):
        self._store = store
        splits = store.splits()
        self._hidden = set(np.flatnonzero((splits == "test") | (splits == "calibration")).tolist())

    def __getattr__(self, name):
        return getattr(self._store, name)

    def __len__(self):
        return len(self._store)

    def labels(self):
        table = self._store.labels()
        names = self._store.ecgs["patient_id"].to_pylist()
        hidden = {names[row] for row in self._hidden}
        values = [
            3.0 if patient in hidden else value
            for patient, value in zip(table["patient_id"].to_pylist(), table["value"].to_pylist(), strict=True)
        ]
        return table.set_column(table.column_names.index("value"), "value", pa.array(values, table["value"].type))

    def take_independent(self, rows):
        assert not self._hidden & set(np.asarray(rows).tolist()), "an ECG of test or calibration was read"
        return self._store.take_independent(rows)


@pytest.mark.parametrize("objective", [name for name, one in OBJECTIVES.items() if one.labels])
def test_labels_are_those_of_a_fine_tuning_and_no_others(labelled_store, tmp_path, quick, objective):
    asked = quick.model_copy(update={"objective": objective, "n_passes": 48, "n_labels": 12, "seed": 3})
    for name, store in (("run", labelled_store), ("forged", Forged(labelled_store))):
        pretrain(store, out=tmp_path / name, settings=asked, device="cpu")
    assert same(weights(tmp_path / "run"), weights(tmp_path / "forged"))
    history = [(tmp_path / name / "history.jsonl").read_text() for name in ("run", "forged")]
    assert history[0] == history[1]
    subset = pq.read_table(tmp_path / "run" / "label_subset.parquet").to_pylist()
    chosen = choose_labels(labelled_store, target="mpcwp", n_labels=12, seed=3)
    for role in ("train", "validation"):
        assert {one["patient_id"] for one in subset if one["role"] == role} == set(chosen[role].patients.tolist())
    assert {one["role"] for one in subset} == {"train", "validation"}
    card = (tmp_path / "run" / "card.md").read_text()
    assert "with labels of mpcwp (train: 24 ECGs of 12 patients; validation: 48 ECGs of 24 patients)" in card
    assert "without labels" not in card
    more = asked.model_copy(update={"n_labels": None})
    with pytest.raises(RunError, match="n_labels was 12, now None"):
        pretrain(labelled_store, out=tmp_path / "run", settings=more, resume=True, device="cpu")


@pytest.mark.parametrize("objective", [name for name, one in OBJECTIVES.items() if one.labels])
def test_other_labels_give_other_weights_and_another_validation_loss(labelled_store, tmp_path, quick, objective):
    class Other(Forged):
        def labels(self):
            table = self._store.labels()
            values = table["value"].to_pylist()
            order = np.random.default_rng(0).permutation(len(values))
            shuffled = pa.array([values[place] for place in order], table["value"].type)
            return table.set_column(table.column_names.index("value"), "value", shuffled)

    asked = quick.model_copy(update={"objective": objective, "n_passes": 48, "learning_rate": 0.01})
    for name, store in (("run", labelled_store), ("other", Other(labelled_store))):
        pretrain(store, out=tmp_path / name, settings=asked, device="cpu")
    states = [
        torch.load(tmp_path / name / "checkpoint" / "pretrain.pt", weights_only=True) for name in ("run", "other")
    ]
    moments = [state["optimizer"]["state"][0]["exp_avg"] for state in states]
    assert not torch.equal(*moments), "the encoder learned something else"
    first = [json.loads((tmp_path / name / "history.jsonl").read_text().splitlines()[0]) for name in ("run", "other")]
    assert first[0]["validation_loss"] != first[1]["validation_loss"], "before any step: it is of validation labels"
    with pytest.raises(RunError, match="label_fingerprint"):
        pretrain(Other(labelled_store), out=tmp_path / "run", settings=asked, resume=True, device="cpu")


def test_the_boundaries_of_the_margin_loss_are_given_to_the_optimizer(labelled_store, tmp_path, quick):
    changed = {"objective": "supervised-dml", "metric_loss": "margin", "learning_rate": 0.01}
    pretrain(labelled_store, out=tmp_path / "run", settings=quick.model_copy(update=changed), device="cpu")
    state = torch.load(tmp_path / "run" / "checkpoint" / "pretrain.pt", weights_only=True)
    entry = [json.loads(line) for line in (tmp_path / "run" / "history.jsonl").read_text().splitlines()]
    assert abs(entry[-1]["beta"] - 1.2) > 1e-3, "they moved while they were trained"
    assert len(state["optimizer"]["state"]) == len(list(build_encoder("compact", seed=0).parameters())) + 1


def test_both_encoders_of_tfc_are_fine_tuned_and_estimate(labelled_store, tmp_path, quick):
    asked = quick.model_copy(update={"objective": "tfc", "n_passes": 48, "learning_rate": 0.01})
    pretrain(labelled_store, out=tmp_path / "run", settings=asked, device="cpu")
    contract = Run.open(tmp_path / "run").contract
    assert (contract.encoder, contract.embedding_dim) == ("compact-tf", 256)
    how = FinetuneSettings(n_steps=8, n_validations=2, learning_rates=(1e-2,), n_labels=20)
    finetune(labelled_store, source=tmp_path / "run", out=tmp_path / "fine", settings=how, device="cpu")
    before, after = weights(tmp_path / "run"), weights(tmp_path / "fine")
    moved = [(before["embed.weight"][branch] - after["embed.weight"][branch]).abs().max() for branch in (0, 1)]
    assert min(moved) > 1e-4, "of the waveform and of the spectrum"
    ecg = Ecg(waveform=labelled_store.take(np.array([0]))[0], sampling_rate_hz=100.0, ecg_id="one")
    assert np.isfinite(Predictor.load(tmp_path / "fine", device="cpu").predict(ecg).estimates["mpcwp"].value)


def test_pretraining_brings_ecgs_of_a_patient_together(labelled_store, tmp_path):
    """On held-out patients the other ECG of the patient is nearer than by chance, and nearer than before training."""
    from hemometric.inference import embed_rows

    settings = PretrainSettings(n_passes=1600, batch_size=32, learning_rate=5e-3, n_validations=4)
    pretrain(labelled_store, out=tmp_path / "run", settings=settings, device="cpu")
    rows = np.flatnonzero(labelled_store.splits() == "calibration")
    codes = np.unique(labelled_store.ecgs["patient_id"].take(rows).to_pylist(), return_inverse=True)[1]
    points = embed_rows(tmp_path / "run", labelled_store, rows, device="cpu")
    points = points / np.linalg.norm(points, axis=1, keepdims=True)
    similarity = points @ points.T
    np.fill_diagonal(similarity, -2)
    rank_of_mate = [(similarity[k] > similarity[k, mates[0]]).sum() for k, mates in enumerate(_mates(codes))]
    assert np.mean(rank_of_mate) < 0.25 * len(rows)


def _mates(codes):
    return [[j for j in range(len(codes)) if codes[j] == codes[i] and j != i] for i in range(len(codes))]
