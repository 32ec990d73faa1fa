"""Boosted trees as plain numbers, against scikit-learn."""

import numpy as np
import pytest

from hemometric.evaluation import boosting
from hemometric.evaluation.boosting import BoostedModel, fit_boosting
from hemometric.evaluation.classification import auroc
from hemometric.evaluation.linear import design
from hemometric.targets import TARGETS

EVENTS = TARGETS["mpcwp"].events


def cohort(n=400, seed=0):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, 5))
    values[rng.random(n) < 0.2, 4] = np.nan
    measured = 15 + 8 * (values[:, 0] * values[:, 1] > 0) + rng.normal(0, 2, n)
    return values, measured, np.array([f"p{number // 2:04d}" for number in range(n)])


def fit(values, measured, patients):
    return fit_boosting(values, measured, patients, inputs=list("abcde"), events=EVENTS, seed=0)


def test_kept_trees_say_what_scikit_learn_says(monkeypatch):
    grown = []
    plain = boosting._grow
    monkeypatch.setattr(boosting, "_grow", lambda *args, **kwargs: grown.append(plain(*args, **kwargs)) or grown[-1])
    values, measured, patients = cohort()
    model = fit(values, measured, patients)
    columns = design(values, fill=np.array(model.fill), spread=np.array(model.spread))
    expected = list(grown[-1].staged_predict(columns))[len(model.trees) - 1]
    assert model.estimate(values) == pytest.approx(expected, rel=1e-6)


def test_trees_find_what_no_line_can():
    model = fit(*cohort(800))
    values, measured, _ = cohort(1000, seed=9)
    assert auroc(measured > 18, model.probability(model.estimate(values))["mpcwp>18"]) > 0.85


def test_noise_gets_few_trees_and_a_signal_many():
    values, measured, patients = cohort()
    assert len(fit(values, np.random.default_rng(1).normal(15, 5, 400), patients).trees) < 30
    assert len(fit(values, measured, patients).trees) > 60


def test_a_patient_is_never_in_two_folds():
    rng = np.random.default_rng(2)
    values = np.repeat(rng.normal(size=(150, 5)), 2, axis=0)
    measured = np.repeat(rng.normal(15, 8, 150), 2)
    by_patient = fit(values, measured, np.repeat([f"p{k}" for k in range(150)], 2))
    by_ecg = fit(values, measured, np.array([f"q{k}" for k in range(300)]))
    assert len(by_patient.trees) < 30 < len(by_ecg.trees)


def test_a_model_survives_its_json():
    values, measured, patients = cohort(100)
    model = fit(values, measured, patients)
    assert (BoostedModel.model_validate_json(model.model_dump_json()).estimate(values) == model.estimate(values)).all()


def test_one_patient_gets_the_mean():
    values, measured, _ = cohort(20)
    model = fit(values, measured, np.array(["p"] * 20))
    assert model.trees == ()
    assert model.estimate(values) == pytest.approx(np.full(20, measured.mean()))
