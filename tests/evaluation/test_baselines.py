"""Baselines: the run's very labels, what each can and cannot know, and their file."""

import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest

from hemometric.errors import RunError, SettingsError
from hemometric.evaluation.baselines import (
    BASELINES,
    describe_rows,
    fit_baselines,
    predict_baselines,
    read_baselines,
    read_demographics,
)
from hemometric.evaluation.classification import auroc, freeze_threshold
from hemometric.evaluation.hand_made import read_hand_made
from hemometric.evaluation.hand_model import HandMadeLabels, fit_hand_made
from hemometric.evaluation.linear import fit_linear
from hemometric.evaluation.model import predict_run
from hemometric.evaluation.run_facts import find_rows, read_run
from hemometric.labels import linked_labels
from hemometric.settings import FinetuneSettings
from hemometric.targets import TARGETS
from hemometric.training import finetune
from hemometric.waveform import FEATURES, describe

EVENTS = TARGETS["mpcwp"].events


@pytest.fixture(scope="module")
def said(run, store):
    linked = linked_labels(store, "mpcwp")
    inside = store.splits()[linked.rows] == "test"
    rows, measured = linked.rows[inside], linked.values[inside]
    return rows, measured, predict_baselines(run, read_baselines(run), store, rows, device="cpu")


def test_every_baseline_speaks_about_every_ecg(said):
    rows, _, predictions = said
    assert tuple(predictions) == BASELINES
    for model in predictions.values():
        assert model.estimate.shape == rows.shape
        assert set(model.thresholds) == set(model.probability) == {"mpcwp>15", "mpcwp>18"}
        assert all(((one >= 0) & (one <= 1)).all() for one in model.probability.values())


def test_mean_says_the_mean_of_the_training_labels_only(run, said):
    train = read_run(run).labels["train"].values
    _, _, predictions = said
    assert set(predictions["mean"].estimate) == {train.mean()}
    assert set(predictions["mean"].probability["mpcwp>15"]) == {(train > 15).mean()}


def test_features_find_what_is_in_the_ecg_and_demographics_do_not(said):
    _, measured, predictions = said
    assert auroc(measured > 15, predictions["features"].probability["mpcwp>15"]) > 0.85
    assert auroc(measured > 15, predictions["demographics"].probability["mpcwp>15"]) < 0.75


def test_features_are_fitted_to_the_training_labels_and_chosen_by_the_validation_labels_of_the_run(run, store):
    facts = read_run(run)
    train, validation = (
        HandMadeLabels(read_hand_made(store, find_rows(store, ecgs.ecg_ids)), ecgs.values, ecgs.patient_ids)
        for ecgs in (facts.labels["train"], facts.labels["validation"])
    )
    expected = fit_hand_made(train, validation, events=facts.target.events, seed=0)
    assert read_baselines(run).hand_made == expected


def test_features_of_a_run_of_before_are_still_read(run, store, tmp_path):
    shutil.copytree(run, tmp_path / "old")
    train = read_run(run).labels["train"]
    rows = find_rows(store, train.ecg_ids)
    old = fit_linear(
        describe_rows(store, rows), train.values, train.patient_ids, inputs=FEATURES, events=EVENTS, seed=0
    )
    content = json.loads((run / "baselines.json").read_text())
    del content["hand_made"]
    content["linear"]["features"] = old.model_dump(mode="json")
    (tmp_path / "old" / "baselines.json").write_text(json.dumps(content))
    said = predict_baselines(tmp_path / "old", read_baselines(tmp_path / "old"), store, rows, device="cpu")
    assert tuple(said) == BASELINES
    assert (said["features"].estimate == old.estimate(describe_rows(store, rows))).all()


def test_trained_baselines_have_the_labels_of_the_run(run):
    own = pq.read_table(run / "label_subset.parquet")
    for name in ("random", "none"):
        assert pq.read_table(run / "baselines" / name / "label_subset.parquet").equals(own)


def test_the_random_encoder_is_frozen_and_the_other_is_not(run):
    for name, frozen in (("random", True), ("none", False)):
        settings = json.loads((run / "baselines" / name / "settings.json").read_text())
        assert settings["source"] == name
        assert settings["settings"]["freeze"] is frozen


def test_thresholds_are_frozen_on_the_validation_labels(run, store):
    fitted = read_baselines(run)
    validation = read_run(run).labels["validation"]
    rows = find_rows(store, validation.ecg_ids)
    assert set(fitted.thresholds) == {"run", *BASELINES}
    for name, path in (("run", run), ("random", run / "baselines" / "random")):
        probability = predict_run(path, store, rows, device="cpu").probability["mpcwp>15"]
        assert fitted.thresholds[name]["mpcwp>15"] == freeze_threshold(validation.values > 15, probability)


def test_a_frozen_run_is_still_compared_with_a_network_that_learns(store, tmp_path):
    settings = FinetuneSettings(n_labels=20, n_steps=2, learning_rates=(2e-3,), n_validations=1)
    finetune(store, source="random", out=tmp_path / "frozen", settings=settings, device="cpu")
    fit_baselines(tmp_path / "frozen", store, device="cpu", names=["none"])
    settings_of_none = json.loads((tmp_path / "frozen" / "baselines" / "none" / "settings.json").read_text())
    assert settings_of_none["settings"]["freeze"] is False


def test_the_file_is_plain_json_without_nan_or_machine_paths(run):
    text = (run / "baselines.json").read_text()
    json.loads(text, parse_constant=lambda name: pytest.fail(f"found {name}"))
    assert str(run.parent) not in text


def test_baselines_predict_on_another_store(run, make_store, tmp_path):
    other = make_store(tmp_path / "other", n_patients=4, prefix="q", seed=5)
    found = predict_baselines(run, read_baselines(run), other, np.arange(len(other)), device="cpu")
    assert all(np.isfinite(model.estimate).all() for model in found.values())


def test_some_baselines_may_be_asked_for_and_an_unknown_one_is_named(run, store, tmp_path):
    shutil.copytree(run, tmp_path / "copied")
    fit_baselines(tmp_path / "copied", store, device="cpu", names=["mean", "demographics"])
    fitted = read_baselines(tmp_path / "copied")
    assert (set(fitted.linear), fitted.runs) == ({"demographics"}, {})
    with pytest.raises(SettingsError, match="'median'"):
        fit_baselines(run, store, names=["median"])


def test_fitting_again_changes_nothing(run, store, tmp_path):
    shutil.copytree(run, tmp_path / "copied")
    fit_baselines(tmp_path / "copied", store, device="cpu")
    assert (tmp_path / "copied" / "baselines.json").read_bytes() == (run / "baselines.json").read_bytes()


def test_another_store_than_that_of_the_run_is_refused(run, make_store, tmp_path):
    other = make_store(tmp_path / "other", n_patients=4, prefix="q", seed=5)
    with pytest.raises(RunError, match="another store"):
        fit_baselines(run, other)


@pytest.mark.parametrize("content", ["{", '{"schema_version": 2}', "[]"])
def test_a_damaged_file_is_named(content, run, tmp_path):
    (tmp_path / "baselines.json").write_text(content)
    with pytest.raises(RunError, match=r"baselines.json: cannot be used"):
        read_baselines(tmp_path)


def test_a_run_without_baselines_has_none(tmp_path):
    assert read_baselines(tmp_path) is None


def test_unknown_age_and_sex_stay_unknown(store):
    age, sex = read_demographics(store, np.array([0, 1, 2, 22]))
    assert np.isnan(age[:2]).all()
    assert np.isfinite(age[2:]).all()
    assert (sex[0], sex[1], sex[3]) == ("", "", "")
    assert sex[2] in ("female", "male")


def test_features_of_many_ecgs_are_those_of_each(store):
    rows = np.array([3, 200, 7])
    expected = [describe(waveform, sampling_rate_hz=100.0) for waveform in store.take(rows)]
    np.testing.assert_array_equal(describe_rows(store, rows), expected)


def test_a_probe_is_still_compared_with_a_network_that_learns(store, tmp_path):
    settings = FinetuneSettings(method="probe", n_labels=20, n_steps=2, learning_rates=(2e-3,), n_validations=1)
    finetune(store, source="random", out=tmp_path / "probe", settings=settings, device="cpu")
    fit_baselines(tmp_path / "probe", store, device="cpu", names=["none"])
    of_none = json.loads((tmp_path / "probe" / "baselines" / "none" / "settings.json").read_text())["settings"]
    assert (of_none["freeze"], of_none["method"]) == (False, "finetune")
