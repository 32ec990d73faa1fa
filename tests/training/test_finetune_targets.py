"""From labels of several targets to estimates of each."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file

from hemometric.errors import RunError, TrainingError
from hemometric.settings import FinetuneSettings
from hemometric.training import Run, finetune

QUICK = FinetuneSettings(more_targets=("rap",), n_steps=6, n_validations=2, learning_rates=(1e-3,))
PROBE = FinetuneSettings(method="probe")


@pytest.fixture(scope="module")
def both(two_target_store, tmp_path_factory):
    """Both targets at once, from scratch."""
    out = tmp_path_factory.mktemp("both") / "run"
    finetune(two_target_store, source="none", out=out, settings=QUICK, device="cpu")
    return out


def heads_of(run, prefix=""):
    found = load_file(run / "heads.safetensors")
    return {name.removeprefix(prefix): value for name, value in found.items() if name.startswith(prefix)}


def test_the_contract_names_all_targets_with_mean_and_sd_of_their_own_training_labels(both):
    contract = Run.open(both).contract
    assert [(one.name, one.events) for one in contract.targets] == [
        ("mpcwp", ("mpcwp>15", "mpcwp>18")),
        ("rap", ("rap>8",)),
    ]
    table = pq.read_table(both / "label_subset.parquet").to_pylist()
    for target in contract.targets:
        train = [line["value"] for line in table if (line["role"], line["target"]) == ("train", target.name)]
        assert (target.label_mean, target.label_sd) == pytest.approx((np.mean(train), np.std(train)))
        heads = heads_of(both, "" if target.name == "mpcwp" else "more.0.")
        assert float(heads["regression.label_mean"]) == pytest.approx(target.label_mean)


def test_each_target_is_calibrated_on_its_own_labels(both):
    table = pq.read_table(both / "label_subset.parquet").to_pylist()
    fitted = json.loads((both / "conformal.json").read_text())["targets"]
    assert [one["target"] for one in fitted] == ["mpcwp", "rap"]
    for one in fitted:
        own = [line for line in table if (line["role"], line["target"]) == ("calibration", one["target"])]
        assert (one["n_ecgs"], one["n_patients"]) == (len(own), len({line["patient_id"] for line in own}))
        assert 0 < one["n_ecgs"] < 48
        assert set(one["platt"]) == {event for event in ("mpcwp>15", "mpcwp>18", "rap>8") if one["target"] in event}


def test_the_card_says_what_is_known_of_each_target(both):
    card = (both / "card.md").read_text()
    for expected in ("- Target: mpcwp", "- Target: rap", "(mpcwp: 80 of 40, rap: 80 of 40)", "- rap: Interval of 90%"):
        assert expected in card
    assert "finetune mpcwp, rap at 0.001" in (both / "history.jsonl").read_text()


def test_a_probe_of_several_targets_is_that_of_each_alone(two_target_store, tmp_path):
    """The encoder does not move, so that a target can gain or lose nothing from another."""
    for name, targets in {"mpcwp": ("mpcwp",), "rap": ("rap",), "both": ("mpcwp", "rap")}.items():
        settings = PROBE.model_copy(update={"target": targets[0], "more_targets": targets[1:]})
        finetune(two_target_store, source="random", out=tmp_path / name, settings=settings, device="cpu")
    joint = Run.open(tmp_path / "both").contract
    for number, name in enumerate(("mpcwp", "rap")):
        alone, of_both = heads_of(tmp_path / name), heads_of(tmp_path / "both", "more.0." if number else "")
        assert all(torch.allclose(alone[key], of_both[key], rtol=1e-3, atol=1e-5) for key in alone)
        assert joint.targets[number] == Run.open(tmp_path / name).contract.targets[0]
        one, other = (json.loads((tmp_path / run / "conformal.json").read_text())["targets"] for run in (name, "both"))
        assert other[number]["half_width"] == pytest.approx(one[0]["half_width"], rel=1e-3)


def test_the_probe_of_a_target_is_fitted_to_its_own_ecgs_beside_features_too(two_target_store, tmp_path):
    """Labels of the first target are of no concern to the heads of the second."""
    settings = PROBE.model_copy(update={"target": "mpcwp", "more_targets": ("rap",), "with_features": True})
    finetune(two_target_store, source="random", out=tmp_path / "one", settings=settings, device="cpu")
    swapped = settings.model_copy(update={"target": "rap", "more_targets": ("mpcwp",)})
    finetune(two_target_store, source="random", out=tmp_path / "other", settings=swapped, device="cpu")
    first, second = heads_of(tmp_path / "one", "more.0."), heads_of(tmp_path / "other")
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_members_estimate_all_targets_and_the_first_is_the_run_without_others(both, two_target_store, tmp_path):
    settings = QUICK.model_copy(update={"n_members": 2})
    finetune(two_target_store, source="none", out=tmp_path / "run", settings=settings, device="cpu")
    first, second = heads_of(tmp_path / "run"), heads_of(tmp_path / "run" / "members" / "1")
    assert all(torch.equal(value, heads_of(both)[name]) for name, value in first.items())
    assert first.keys() == second.keys()
    assert not torch.equal(first["more.0.regression.layers.0.weight"], second["more.0.regression.layers.0.weight"])
    spreads = [
        one["spread_quantiles"] for one in json.loads((tmp_path / "run" / "conformal.json").read_text())["targets"]
    ]
    assert len(spreads) == 2
    assert spreads[0] != spreads[1]


def test_a_run_is_gone_on_with_by_the_same_targets_alone(both, two_target_store):
    finetune(two_target_store, source="none", out=both, settings=QUICK, resume=True, device="cpu")
    fewer = QUICK.model_copy(update={"more_targets": ()})
    with pytest.raises(RunError, match=r"settings.more_targets was \['rap'\], now None"):
        finetune(two_target_store, source="none", out=both, settings=fewer, resume=True, device="cpu")


def test_settings_of_one_target_stand_in_the_run_as_they_did_before_there_could_be_several(
    both, two_target_store, tmp_path
):
    settings = QUICK.model_copy(update={"more_targets": (), "n_steps": 1})
    finetune(two_target_store, source="none", out=tmp_path / "run", settings=settings, device="cpu")
    resolved = Run.open(tmp_path / "run").settings["settings"]
    assert "more_targets" not in resolved
    assert FinetuneSettings.model_validate(resolved).targets == ("mpcwp",)
    assert FinetuneSettings.model_validate(Run.open(both).settings["settings"]).targets == ("mpcwp", "rap")
    assert all(name.startswith(("regression.", "event.")) for name in heads_of(tmp_path / "run"))


def test_a_target_with_too_few_labels_is_refused_by_name_before_anything_is_written(two_target_store, tmp_path):
    settings = QUICK.model_copy(update={"n_labels": 5})
    with pytest.raises(TrainingError, match="6 labelled ECGs of rap in the train split"):
        finetune(two_target_store, source="none", out=tmp_path / "run", settings=settings, device="cpu")
    assert not (tmp_path / "run").exists()


def test_a_target_named_twice_is_refused():
    with pytest.raises(ValueError, match="every target is named once, got rap, co, rap"):
        FinetuneSettings(target="rap", more_targets=("co", "rap"))
