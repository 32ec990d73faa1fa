"""Encoder and heads fitted to labels."""

import copy
import json

import numpy as np
import pytest
import torch

from hemometric.encoders import build_encoder
from hemometric.settings import FinetuneSettings, ViewSettings
from hemometric.training.batches import PreparedEcgs, derive_all
from hemometric.training.contract import ModelContract, TargetContract
from hemometric.training.fitting import LabelledData, fit
from hemometric.training.labelled import choose_label_grids
from hemometric.training.members import Estimator
from hemometric.training.runs import Heads

CPU = torch.device("cpu")
STILL = ViewSettings(crop_s=None, gain_sd=0, lead_gain_sd=0, noise_mv=0, lead_dropout_ecgs=0)


@pytest.fixture(scope="module")
def start(labelled_store):
    labels = choose_label_grids(labelled_store, targets=("mpcwp",), n_labels=20, seed=0)
    train = labels["train"]
    target = TargetContract(
        name="mpcwp",
        unit="mmHg",
        label_mean=float(train.values.mean()),
        label_sd=float(train.values.std()),
        events=("mpcwp>15", "mpcwp>18"),
        head="mlp",
    )
    contract = ModelContract(
        encoder="compact",
        embedding_dim=128,
        sampling_rate_hz=100,
        n_samples=1000,
        band_hz=(0.5, 40),
        precision="fp32",
        targets=(target,),
    )
    rows = np.concatenate([train.rows, labels["validation"].rows])
    ecgs = PreparedEcgs(labelled_store, rows, contract=contract, memory_gib=1.0)
    data = LabelledData(ecgs, train, labels["validation"], [str(row) for row in train.rows])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Estimator(build_encoder("compact", seed=0), Heads(target, embedding_dim=128))
    return copy.deepcopy(model), data, contract


def fitted(start, tmp_path, **settings):
    model, data, contract = start
    chosen = FinetuneSettings(**{"n_steps": 6, "n_validations": 2, "learning_rates": (1e-3,)} | settings)
    return fit(copy.deepcopy(model), data, settings=chosen, contract=contract, run=tmp_path, device=CPU)


def moved(start, result) -> dict[str, bool]:
    before, after = start[0].state_dict(), result.model.state_dict()
    return {key: not torch.equal(before[key], after[key]) for key in before}


def test_all_weights_of_encoder_and_heads_move(start, tmp_path):
    fitted(start, tmp_path, learning_rates=(1e-2,))
    state = torch.load(tmp_path / "checkpoint" / "rate-0.pt", weights_only=True)["optimizer"]
    assert len(state["param_groups"][0]["params"]) == len(list(start[0].parameters()))
    assert len(state["state"]) == len(list(start[0].parameters()))
    assert all(moments["exp_avg"].abs().sum() > 0 for moments in state["state"].values())


def test_a_frozen_encoder_does_not_move_at_all(start, tmp_path):
    found = moved(start, fitted(start, tmp_path, freeze=True))
    assert not any(changed for key, changed in found.items() if key.startswith("encoder."))
    assert any(changed for key, changed in found.items() if key.startswith("heads.event"))


@pytest.mark.parametrize("freeze", [False, True])
def test_mistake_6_of_the_method_page_the_validation_loss_is_of_every_labelled_ecg(start, tmp_path, freeze):
    fitted(start, tmp_path, n_steps=1, n_validations=1, learning_rates=(1e-9,), freeze=freeze)
    model, data, _ = start
    values = torch.from_numpy(data.validation.values[:, 0]).float()
    head, events = model.heads.eval().regression, model.heads.event
    with torch.no_grad():
        embeddings = model.encoder.eval()(derive_all(data.ecgs.take(data.validation.rows, device=CPU)))
        squared = (head.standardised(embeddings) - head.standardise(values)).square().mean()
        happened = torch.stack([values > 15, values > 18], dim=1).float()
        entropy = torch.nn.functional.binary_cross_entropy_with_logits(events(embeddings), happened)
    first = json.loads((tmp_path / "history.jsonl").read_text().splitlines()[0])
    assert len(values) % 32 != 0, "batches would differ in size"
    assert first["validation_loss"] == pytest.approx(float(squared + 0.5 * entropy), rel=1e-4)


def test_the_learning_rate_with_the_lower_validation_loss_wins(start, tmp_path):
    both = fitted(start, tmp_path / "both", learning_rates=(1e-9, 1e-2), freeze=True)
    alone = [fitted(start, tmp_path / f"{rate}", learning_rates=(rate,), freeze=True) for rate in (1e-9, 1e-2)]
    losses = [one.progress.best_loss for one in alone]
    assert both.progress.best_loss == min(losses)
    assert both.learning_rate == (1e-9, 1e-2)[int(np.argmin(losses))]


def test_every_learning_rate_starts_from_the_same_weights(start, tmp_path):
    alone = fitted(start, tmp_path / "alone", learning_rates=(1e-2,), freeze=True)
    second = fitted(start, tmp_path / "second", learning_rates=(1e-9, 1e-2), freeze=True)
    assert second.learning_rate == 1e-2
    assert second.progress.best_loss == alone.progress.best_loss


def test_a_linear_head_starts_from_ridge(start, tmp_path):
    model, data, contract = start
    target = contract.targets[0].model_copy(update={"head": "linear"})
    linear = Estimator(copy.deepcopy(model.encoder), Heads(target, embedding_dim=128))
    settings = FinetuneSettings(n_steps=1, head="linear", learning_rates=(1e-9,), n_validations=1)
    result = fit(linear, data, settings=settings, contract=contract, run=tmp_path, device=CPU)
    assert result.progress.best_loss is not None
    assert result.progress.best_loss < 0.6, "a ridge fit on a random encoder explains most of this easy label"


def linear(start):
    """With linear heads, and with batch norms that have seen ECGs, as those of a pretrained encoder have."""
    model, data, contract = start
    target = contract.targets[0].model_copy(update={"head": "linear"})
    heads, encoder = Heads(target, embedding_dim=128), copy.deepcopy(model.encoder).train()
    with torch.no_grad():
        for _ in range(30):
            encoder(derive_all(data.ecgs.take(data.train.rows, device=CPU)))
    return Estimator(encoder.eval(), heads), data, contract.model_copy(update={"targets": (target,)})


def test_a_probe_is_the_ridge_fit_and_takes_no_step(start, tmp_path):
    result = fitted(linear(start), tmp_path, method="probe", freeze=True, head="linear")
    assert result.learning_rate is None
    assert not moved(linear(start), result)["encoder.embed.weight"]
    again = fitted(linear(start), tmp_path / "again", head="linear", learning_rates=(1e-9,), n_steps=1, freeze=True)
    assert result.progress.best_loss == pytest.approx(again.progress.best_loss, rel=1e-4)
    assert not (tmp_path / "checkpoint").exists()
    fitted(linear(start), tmp_path, method="probe", freeze=True, head="linear")
    history = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert history == [{"phase": "probe mpcwp", "step": 0, "validation_loss": result.progress.best_loss}]


def test_fine_tuning_after_a_probe_is_kept_only_where_validation_gains(start, tmp_path):
    probe = fitted(linear(start), tmp_path / "probe", method="probe", freeze=True, head="linear")
    asked = {"method": "probe-then-finetune", "head": "linear", "n_validations": 12}
    worse = fitted(linear(start), tmp_path / "worse", **asked, learning_rates=(5.0,))
    assert worse.learning_rate is None
    assert worse.progress.best_loss == probe.progress.best_loss
    same = {key: torch.equal(value, probe.model.state_dict()[key]) for key, value in worse.model.state_dict().items()}
    assert all(same.values())
    asked |= {"views": STILL, "n_steps": 60, "patience": None}
    better = fitted(linear(start), tmp_path / "better", **asked, learning_rates=(3e-4,))
    assert better.learning_rate == 3e-4
    assert better.progress.best_loss < probe.progress.best_loss
    assert moved(linear(start), better)["encoder.embed.weight"]


def test_layer_decay_holds_the_first_layers_back_and_not_the_last(start, tmp_path):
    asked = {"n_steps": 30, "n_validations": 3}
    plain = fitted(start, tmp_path / "plain", **asked).model.encoder
    slow = fitted(start, tmp_path / "slow", **asked, layer_decay=0.3).model.encoder
    before = start[0].encoder

    def way(encoder, of):
        return (of(encoder) - of(before)).norm() / (of(plain) - of(before)).norm()

    assert way(slow, lambda encoder: encoder.stem[0].weight.detach()) < 0.02
    assert 0.1 < way(slow, lambda encoder: encoder.embed.weight.detach()) < 0.8
