"""Logistic regression of events, kept as plain numbers."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from hemometric.evaluation.classification import auroc
from hemometric.evaluation.linear import design
from hemometric.evaluation.logistic import STRENGTHS, LogisticModel, fit_logistic
from hemometric.targets import TARGETS

EVENTS = TARGETS["mpcwp"].events


def cohort(n=400, seed=0, n_inputs=6):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, n_inputs))
    measured = 15 + 5 * values[:, 0] + rng.normal(0, 3, n)
    return values, measured, np.array([f"p{number // 2:04d}" for number in range(n)])


def fit(values, measured, patients):
    names = [f"x{column}" for column in range(values.shape[1])]
    return fit_logistic(values, measured, patients, inputs=names, events=EVENTS, seed=0)


def test_it_says_what_scikit_learn_says_on_the_same_inputs():
    values, measured, patients = cohort()
    model = fit(values, measured, patients)
    columns = design(values, fill=np.array(model.fill), spread=np.array(model.spread))
    for event in EVENTS:
        expected = LogisticRegression(C=model.strengths[event.key], max_iter=2000)
        expected = expected.fit(columns, measured > event.threshold).predict_proba(columns)[:, 1]
        assert model.probability(values)[event.key] == pytest.approx(expected, abs=1e-6)


def test_probabilities_are_honest_on_other_patients():
    model = fit(*cohort(800))
    values, measured, _ = cohort(3000, seed=5)
    chance = model.probability(values)["mpcwp>15"]
    assert auroc(measured > 15, chance) > 0.9
    assert chance.mean() == pytest.approx((measured > 15).mean(), abs=0.03)


def test_pure_noise_is_penalised_most():
    values, measured, patients = cohort(n_inputs=40)
    model = fit(values, np.random.default_rng(1).permutation(measured), patients)
    assert model.strengths["mpcwp>15"] <= STRENGTHS[1]
    assert model.probability(values)["mpcwp>15"].std() < 0.1


def test_a_rare_event_gets_no_model():
    values, measured, patients = cohort()
    measured = np.where(np.arange(400) < 18, 30.0, 5.0)
    assert fit(values, measured, patients) is None
    measured = np.where(np.arange(400) < 20, 30.0, 5.0)
    assert fit(values, measured, patients) is not None


def test_a_model_survives_its_json():
    values, measured, patients = cohort()
    model = fit(values, measured, patients)
    again = LogisticModel.model_validate_json(model.model_dump_json())
    assert (again.probability(values)["mpcwp>18"] == model.probability(values)["mpcwp>18"]).all()
