"""From a few labels to estimates."""

import itertools
import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file

from hemometric.errors import RunError, TrainingError
from hemometric.labels import linked_labels
from hemometric.settings import FinetuneSettings, PretrainSettings
from hemometric.store import Store
from hemometric.training import Run, finetune, pretrain

QUICK = FinetuneSettings(n_steps=8, n_validations=2, learning_rates=(1e-3, 3e-3), n_labels=20)


class Guarded:
    """A store that fails when a test row is read, and whose test labels are nonsense."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._test_rows = set(np.flatnonzero(store.splits() == "test").tolist())

    def __getattr__(self, name):
        return getattr(self._store, name)

    def take_independent(self, rows):
        assert not self._test_rows & set(np.asarray(rows).tolist()), "a test ECG was read"
        return self._store.take_independent(rows)

    def take(self, rows):
        assert not self._test_rows & set(np.asarray(rows).tolist()), "a test ECG was read"
        return self._store.take(rows)


@pytest.fixture(scope="module")
def finetuned(labelled_store, pretrained, tmp_path_factory):
    out = tmp_path_factory.mktemp("finetuned") / "run"
    finetune(Guarded(labelled_store), source=pretrained, out=out, settings=QUICK, device="cpu")
    return out


def weights(run):
    return load_file(run / "encoder.safetensors") | load_file(run / "heads.safetensors")


def same(one, other) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_a_finished_run_has_all_that_the_contract_names(finetuned, labelled_store):
    there = {path.relative_to(finetuned).as_posix() for path in finetuned.rglob("*") if path.is_file()}
    assert there == {
        "settings.json",
        "history.jsonl",
        "encoder.safetensors",
        "heads.safetensors",
        "contract.json",
        "conformal.json",
        "card.md",
        "splits.csv",
        "label_subset.parquet",
        "checkpoint/rate-0.pt",
        "checkpoint/rate-1.pt",
    }
    run = Run.open(finetuned)
    assert run.contract.simulated_labels
    target = run.contract.targets[0]
    assert (target.name, target.unit, target.events) == ("mpcwp", "mmHg", ("mpcwp>15", "mpcwp>18"))
    assert run.settings["source"]["objective"] == "pclr"
    resolved = run.settings["settings"]
    assert (resolved["encoder"], resolved["sampling_rate_hz"], resolved["band_hz"]) == ("compact", 100.0, [0.5, 40.0])
    assert "20 patients" in (finetuned / "card.md").read_text()


def test_label_mean_and_sd_are_those_of_the_training_subset_alone(finetuned, labelled_store):
    table = pq.read_table(finetuned / "label_subset.parquet").to_pylist()
    train = [line["value"] for line in table if line["role"] == "train"]
    target = Run.open(finetuned).contract.targets[0]
    assert (target.label_mean, target.label_sd) == pytest.approx((np.mean(train), np.std(train)))
    assert target.label_mean != pytest.approx(linked_labels(labelled_store, "mpcwp").values.mean(), abs=1e-3)


def test_the_label_subset_is_what_was_read_and_no_test_patient_is_in_it(finetuned, labelled_store):
    table = pq.read_table(finetuned / "label_subset.parquet").to_pylist()
    split = dict(zip(labelled_store.ecgs["ecg_id"].to_pylist(), labelled_store.splits().tolist(), strict=True))
    assert all(split[line["ecg_id"]] == line["role"] for line in table)
    counts = {role: len({line["patient_id"] for line in table if line["role"] == role}) for role in set(split.values())}
    assert counts == {"train": 20, "validation": 24, "calibration": 24, "test": 0}


def test_conformal_and_platt_come_from_the_calibration_split(finetuned):
    (conformal,) = json.loads((finetuned / "conformal.json").read_text())["targets"]
    assert (conformal["n_patients"], conformal["n_ecgs"], conformal["level"]) == (24, 48, 0.9)
    assert conformal["half_width"] > 0


def test_an_interrupted_run_goes_on_to_the_same_weights(labelled_store, pretrained, finetuned, tmp_path, monkeypatch):
    """The first learning rate is done and the second half way when the plug is pulled."""
    import hemometric.training.loop as loop

    plain, taken = loop._take_step, []

    def pull(*arguments):
        taken.append(1)
        if len(taken) > 13:
            raise ConnectionAbortedError
        plain(*arguments)

    monkeypatch.setattr(loop, "_take_step", pull)
    out, settings = tmp_path / "run", QUICK.model_copy(update={"checkpoint_every": 2})
    with pytest.raises(ConnectionAbortedError):
        finetune(labelled_store, source=pretrained, out=out, settings=settings, device="cpu")
    with pytest.raises(RunError, match="not finished"):
        Run.open(out)
    monkeypatch.setattr(loop, "_take_step", plain)
    finetune(labelled_store, source=pretrained, out=out, settings=settings, resume=True, device="cpu")
    assert same(weights(out), weights(finetuned))
    with pytest.raises(RunError, match="n_labels was 20, now 30"):
        finetune(
            labelled_store,
            source=pretrained,
            out=out,
            settings=settings.model_copy(update={"n_labels": 30}),
            resume=True,
            device="cpu",
        )


def test_random_is_frozen_and_none_is_trained_from_the_same_weights(labelled_store, tmp_path):
    settings = QUICK.model_copy(update={"n_validations": 1, "learning_rates": (1e-2,), "n_steps": 20})
    for source in ("random", "none"):
        finetune(labelled_store, source=source, out=tmp_path / source, settings=settings, device="cpu")
    random, trained = (load_file(tmp_path / source / "encoder.safetensors") for source in ("random", "none"))
    assert Run.open(tmp_path / "random").settings["settings"]["freeze"] is True
    from hemometric.encoders import build_encoder
    from hemometric.training.randomness import Purpose, torch_seed

    new = build_encoder("compact", seed=torch_seed(0, Purpose.WEIGHTS)).state_dict()
    assert same(random, dict(new))
    assert not same(trained, dict(new))
    with pytest.raises(TrainingError, match="say random instead"):
        finetune(
            labelled_store,
            source="none",
            out=tmp_path / "x",
            settings=settings.model_copy(update={"freeze": True}),
            device="cpu",
        )


def test_the_stores_may_differ_in_sampling_rate(write_labelled_store, pretrained, tmp_path):
    store = write_labelled_store(tmp_path / "store", n_patients=40, rate_hz=250.0)
    settings = QUICK.model_copy(update={"freeze": True, "n_labels": None, "learning_rates": (1e-3,)})
    finetune(store, source=pretrained, out=tmp_path / "run", settings=settings, device="cpu")
    assert Run.open(tmp_path / "run").contract.sampling_rate_hz == 100


def test_another_signal_than_the_source_reads_is_refused(labelled_store, pretrained, tmp_path):
    settings = QUICK.model_copy(update={"sampling_rate_hz": 250.0})
    with pytest.raises(TrainingError, match=r"has sampling_rate_hz 100.0, not 250.0"):
        finetune(labelled_store, source=pretrained, out=tmp_path / "run", settings=settings, device="cpu")
    with pytest.raises(RunError, match="no such run"):
        finetune(labelled_store, source=tmp_path / "none", out=tmp_path / "run", settings=QUICK, device="cpu")
    assert not (tmp_path / "run").exists()


def test_test_patients_that_pretraining_read_are_counted_on_the_card(write_labelled_store, tmp_path, quick):
    store = write_labelled_store(tmp_path / "store", n_patients=40)
    pretrain(store, out=tmp_path / "pretrained", settings=PretrainSettings(**quick.model_dump()), device="cpu")
    lines = (store.path / "splits.csv").read_text().replace("p0000,train", "p0000,test")
    (store.path / "splits.csv").write_text(lines)
    settings = QUICK.model_copy(update={"freeze": True, "n_labels": None, "learning_rates": (1e-3,)})
    finetune(store, source=tmp_path / "pretrained", out=tmp_path / "run", settings=settings, device="cpu")
    assert "1 test patients were read (without labels) in pretraining" in (tmp_path / "run" / "card.md").read_text()


def test_a_probe_of_a_frozen_encoder_is_one_setting(labelled_store, pretrained, tmp_path):
    settings = FinetuneSettings(method="probe")
    finetune(labelled_store, source=pretrained, out=tmp_path / "run", settings=settings, device="cpu")
    run = Run.open(tmp_path / "run")
    resolved = run.settings["settings"]
    assert (resolved["freeze"], resolved["head"], run.contract.targets[0].head) == (True, "linear", "linear")
    assert same(load_file(tmp_path / "run" / "encoder.safetensors"), load_file(pretrained / "encoder.safetensors"))
    assert "Linear probe: ridge regression" in (tmp_path / "run" / "card.md").read_text()


def test_a_random_encoder_is_probed_where_others_are_fine_tuned_after_a_probe(labelled_store, tmp_path):
    settings = QUICK.model_copy(update={"method": "probe-then-finetune"})
    finetune(labelled_store, source="random", out=tmp_path / "random", settings=settings, device="cpu")
    assert Run.open(tmp_path / "random").settings["settings"]["method"] == "probe"
    finetune(labelled_store, source="none", out=tmp_path / "none", settings=settings, device="cpu")
    resolved = Run.open(tmp_path / "none").settings["settings"]
    assert (resolved["method"], resolved["head"], resolved["freeze"]) == ("probe-then-finetune", "linear", False)
    with pytest.raises(TrainingError, match="say random instead"):
        finetune(
            labelled_store, source="none", out=tmp_path / "x", settings=FinetuneSettings(method="probe"), device="cpu"
        )


@pytest.mark.parametrize("asked", [{"method": "probe", "head": "mlp"}, {"method": "probe-then-finetune", "freeze": 1}])
def test_settings_that_contradict_each_other_are_refused(asked):
    with pytest.raises(ValueError, match="probe"):
        FinetuneSettings(**asked)


def test_features_are_standardised_by_the_training_ecgs_alone(labelled_store, pretrained, tmp_path):
    from hemometric.training.batches import PreparedEcgs
    from hemometric.training.hand_features import fit_features, measure_rows

    settings = QUICK.model_copy(update={"with_features": True, "method": "probe"})
    finetune(Guarded(labelled_store), source=pretrained, out=tmp_path / "run", settings=settings, device="cpu")
    contract = Run.open(tmp_path / "run").contract
    table = pq.read_table(tmp_path / "run" / "label_subset.parquet").to_pylist()
    train = {line["ecg_id"] for line in table if line["role"] == "train"}
    rows = np.flatnonzero([name in train for name in labelled_store.ecgs["ecg_id"].to_pylist()])
    ecgs = PreparedEcgs(labelled_store, rows, contract=contract, memory_gib=1.0)
    assert contract.features == fit_features(measure_rows(ecgs, rows, contract=contract))
    assert contract.head_width == 128 + len(contract.features.names)
    assert "beside the embedding: 73 hand-made features" in (tmp_path / "run" / "card.md").read_text()


def test_features_that_cannot_be_measured_are_refused_before_anything_is_written(labelled_store, tmp_path):
    settings = FinetuneSettings(with_features=True, sampling_rate_hz=50.0, band_hz=(0.5, 20.0))
    with pytest.raises(TrainingError, match="hand-made features need 100"):
        finetune(labelled_store, source="none", out=tmp_path / "run", settings=settings, device="cpu")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("source", ["pretrained", "none"])
def test_members_differ_from_each_other_and_the_first_is_the_run_without_others(
    source, labelled_store, pretrained, finetuned, tmp_path
):
    start = pretrained if source == "pretrained" else "none"
    settings = QUICK.model_copy(update={"n_members": 3, "learning_rates": (1e-3, 3e-3)})
    finetune(labelled_store, source=start, out=tmp_path / "run", settings=settings, device="cpu")
    assert Run.open(tmp_path / "run").contract.n_members == 3
    members = [tmp_path / "run", *(tmp_path / "run" / "members" / str(number) for number in (1, 2))]
    if source == "pretrained":
        assert same(weights(members[0]), weights(finetuned))
    assert not any(same(weights(one), weights(other)) for one, other in itertools.pairwise(members))
    assert all((member / "history.jsonl").exists() for member in members)
    assert "- Member 3: " in (tmp_path / "run" / "card.md").read_text()
    finetune(labelled_store, source=start, out=tmp_path / "run", settings=settings, resume=True, device="cpu")


def test_a_probe_has_no_members():
    with pytest.raises(ValueError, match="nothing in a probe is random"):
        FinetuneSettings(method="probe", n_members=2)
