"""Encoder and heads fitted to labels of several targets, of which every ECG lacks some."""

import copy
import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from hemometric.encoders import build_encoder
from hemometric.settings import FinetuneSettings
from hemometric.targets import TARGETS
from hemometric.training.batches import PreparedEcgs, draw_ecgs
from hemometric.training.contract import ModelContract, TargetContract
from hemometric.training.fitting import LabelledData, fit
from hemometric.training.forward import embed_in_batches
from hemometric.training.labelled import LabelGrid, choose_label_grids
from hemometric.training.members import Estimator
from hemometric.training.runs import Heads

CPU = torch.device("cpu")
NAMES = ("mpcwp", "rap")
BATCH = 16


def target_contract(name: str, values: np.ndarray, head: str) -> TargetContract:
    return TargetContract(
        name=name,
        unit="mmHg",
        label_mean=float(values.mean()),
        label_sd=float(values.std()),
        events=tuple(event.key for event in TARGETS[name].events),
        head=head,
    )


@pytest.fixture(scope="module")
def start(two_target_store):
    """A model with linear heads of two targets, what it is fitted to, and its contract."""
    labels = choose_label_grids(two_target_store, targets=NAMES, n_labels=None, seed=0)
    train, validation = labels["train"], labels["validation"]
    targets = tuple(target_contract(name, train.of(k).values, "linear") for k, name in enumerate(NAMES))
    contract = ModelContract(
        encoder="compact",
        embedding_dim=128,
        sampling_rate_hz=100,
        n_samples=1000,
        band_hz=(0.5, 40),
        precision="fp32",
        targets=targets,
    )
    rows = np.concatenate([train.rows, validation.rows])
    ecgs = PreparedEcgs(two_target_store, rows, contract=contract, memory_gib=1.0)
    data = LabelledData(ecgs, train, validation, [str(row) for row in train.rows])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Estimator(build_encoder("compact", seed=0).eval(), Heads(*targets, embedding_dim=128))
    return model, data, contract


def fit_once(start, folder, data=None, **settings):
    """One step of frozen heads; returns the line of the history before it and after it, and the optimizer's state."""
    model, whole, contract = start
    asked = {"target": "mpcwp", "more_targets": ("rap",), "freeze": True, "n_steps": 1, "n_validations": 1}
    asked |= {"learning_rates": (1e-3,), "batch_size": BATCH, "gradient_clip": 1e9}
    chosen = FinetuneSettings(**asked | settings)
    fit(copy.deepcopy(model), data or whole, settings=chosen, contract=contract, run=folder, device=CPU)
    lines = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    state = torch.load(folder / "checkpoint" / "rate-0.pt", weights_only=True)["optimizer"]["state"]
    names = [name for name, _ in model.heads.named_parameters()]
    return lines, {names[number]: moments["exp_avg"] for number, moments in state.items()}


def loss_by_hand(start, grid: LabelGrid, places) -> float:
    """One label after the other, in plain numbers."""
    model, data, _ = start
    seen = embed_in_batches(model.encoder, data.ecgs, grid.rows, device=CPU)
    of_targets = []
    for column, (name, heads) in enumerate(zip(NAMES, model.heads.by_target(), strict=True)):
        squared, entropy = [], []
        for place in places:
            value = grid.values[place, column]
            if math.isnan(value):
                continue
            with torch.no_grad():
                estimate, logits = (said[0].tolist() for said in heads(seen[place : place + 1]))
            squared.append(((estimate - value) / float(heads.regression.label_sd)) ** 2)
            for event, logit in zip(TARGETS[name].events, logits, strict=True):
                held = 1 / (1 + math.exp(-logit))
                entropy.append(-math.log(held if value > event.threshold else 1 - held))
        if squared:
            of_targets.append(sum(squared) / len(squared) + 0.5 * sum(entropy) / len(entropy))
    return sum(of_targets) / len(of_targets)


def lacking_rap(data: LabelledData) -> LabelledData:
    """The same without the RAPs of the ECGs of the first batch."""
    values = data.train.values.copy()
    values[draw_ecgs(np.arange(len(values)), batch_size=BATCH, step=0, seed=0), 1] = np.nan
    assert np.isfinite(values[:, 1]).any()
    return replace(data, train=replace(data.train, values=values))


def test_the_loss_is_the_mean_over_targets_of_that_over_the_labels_of_each(start, tmp_path):
    _, data, _ = start
    lines, _ = fit_once(start, tmp_path)
    places = draw_ecgs(np.arange(len(data.train.rows)), batch_size=BATCH, step=0, seed=0)
    known = np.isfinite(data.train.values[places])
    assert known.any(axis=0).all()
    assert not known.all(axis=0).any(), "each target lacks labels in this batch"
    assert lines[-1]["train_loss"] == pytest.approx(loss_by_hand(start, data.train, places), rel=1e-4)
    everywhere = range(len(data.validation.rows))
    assert lines[0]["validation_loss"] == pytest.approx(loss_by_hand(start, data.validation, everywhere), rel=1e-4)


def test_a_target_without_a_label_in_the_batch_has_no_part_in_it(start, tmp_path):
    model, whole, _ = start
    data = lacking_rap(whole)
    lines, gradients = fit_once(start, tmp_path, data)
    places = draw_ecgs(np.arange(len(data.train.rows)), batch_size=BATCH, step=0, seed=0)
    assert lines[-1]["train_loss"] == pytest.approx(loss_by_hand(start, data.train, places), rel=1e-4)
    assert set(gradients) == {name for name, _ in model.heads.named_parameters() if not name.startswith("more.")}
    assert all(torch.isfinite(gradient).all() and gradient.any() for gradient in gradients.values())


@pytest.mark.parametrize("changed", [0, 1])
def test_the_gradient_of_a_head_comes_from_the_labels_of_its_target_alone(changed, start, tmp_path):
    _, data, _ = start
    values = data.train.values.copy()
    # Mirrored at the threshold of an event, which so happens where it did not; where there is no label, there is none.
    values[:, changed] = 2 * TARGETS[NAMES[changed]].events[0].threshold - values[:, changed]
    other = replace(data, train=replace(data.train, values=values))
    _, before = fit_once(start, tmp_path / "before")
    _, after = fit_once(start, tmp_path / "after", other)
    for name, gradient in before.items():
        is_of_changed = name.startswith("more.") == (changed == 1)
        assert torch.equal(gradient, after[name]) != is_of_changed, name


def test_every_weight_of_every_head_and_of_the_encoder_is_trained(start, tmp_path):
    model = start[0]
    settings = {"freeze": False, "learning_rates": (1e-2,), "n_steps": 3}
    fit_all = FinetuneSettings(target="mpcwp", more_targets=("rap",), n_validations=1, **settings)
    fit(copy.deepcopy(model), start[1], settings=fit_all, contract=start[2], run=tmp_path, device=CPU)
    state = torch.load(tmp_path / "checkpoint" / "rate-0.pt", weights_only=True)["optimizer"]["state"]
    assert len(state) == len(list(model.parameters()))
    assert all(moments["exp_avg"].any() for moments in state.values())


def test_a_batch_with_one_label_of_a_target_trains_heads_with_batch_norm(start, tmp_path):
    """A batch norm cannot measure one ECG: the heads read the others of the batch, too."""
    model, data, contract = start
    values = data.train.values.copy()
    places = draw_ecgs(np.arange(len(values)), batch_size=BATCH, step=0, seed=0)
    with_rap = [place for place in places if np.isfinite(values[place, 1])]
    values[with_rap[1:], 1] = np.nan
    single = replace(data, train=replace(data.train, values=values))
    targets = tuple(one.model_copy(update={"head": "mlp"}) for one in contract.targets)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        mlp = Estimator(copy.deepcopy(model.encoder), Heads(*targets, embedding_dim=128))
    lines, gradients = fit_once((mlp, data, contract), tmp_path, single)
    assert math.isfinite(lines[-1]["train_loss"])
    assert gradients["more.0.regression.layers.4.bias"].any()


def test_one_target_has_the_plain_loss_to_the_last_bit(start, tmp_path):
    """That of before there could be several."""
    model, data, contract = start
    heads = model.heads.by_target()[0]
    train, validation = (
        LabelGrid(one.of(0).rows, one.of(0).values[:, None], one.of(0).patients)
        for one in (data.train, data.validation)
    )
    single = replace(data, train=train, validation=validation)
    alone = Heads(contract.targets[0], embedding_dim=128)
    alone.load_state_dict({key: value for key, value in heads.state_dict().items() if not key.startswith("more.")})
    of_one = contract.model_copy(update={"targets": contract.targets[:1]})
    settings = FinetuneSettings(freeze=True, n_steps=1, n_validations=1, learning_rates=(1e-3,))
    fit(Estimator(model.encoder, alone), single, settings=settings, contract=of_one, run=tmp_path, device=CPU)
    first = json.loads((tmp_path / "history.jsonl").read_text().splitlines()[0])
    seen = embed_in_batches(model.encoder, data.ecgs, validation.rows, device=CPU)
    values = torch.from_numpy(validation.values[:, 0]).float()
    happened = torch.stack([values > 15, values > 18], dim=1).float()
    with torch.no_grad():
        squared = torch.nn.functional.mse_loss(
            heads.regression.standardised(seen), heads.regression.standardise(values)
        )
        entropy = torch.nn.functional.binary_cross_entropy_with_logits(heads.event(seen), happened)
    assert first["validation_loss"] == float(squared + 0.5 * entropy)
