"""Linear baselines against scikit-learn, with missing inputs and few patients."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import Ridge

from hemometric.evaluation.classification import auroc
from hemometric.evaluation.linear import LinearModel, constant_curves, fit_linear
from hemometric.targets import TARGETS
from hemometric.training.labelled import FOLDS

EVENTS = TARGETS["mpcwp"].events


def cohort(n=400, n_inputs=6, seed=0, noise=4.0):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, n_inputs))
    measured = 15 + 4 * values[:, 0] - 3 * values[:, 1] + rng.normal(0, noise, n)
    patients = np.array([f"p{number // 2:04d}" for number in range(n)])
    return values, measured, patients


def fit(values, measured, patients, seed=0):
    names = [f"x{column}" for column in range(values.shape[1])]
    return fit_linear(values, measured, patients, inputs=names, events=EVENTS, seed=seed)


def test_the_fit_equals_scikit_learn_ridge_on_the_same_standardised_inputs():
    values, measured, patients = cohort()
    model = fit(values, measured, patients)
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75], axis=0)
    standard = np.clip((values - middle) / ((high - low) / 1.349), -5, 5)
    expected = Ridge(alpha=model.alpha).fit(standard, measured)
    assert model.estimate(values) == pytest.approx(expected.predict(standard), rel=1e-9)
    assert model.weights[6:] == pytest.approx([0.0] * 6)


def test_pure_noise_gets_the_largest_penalties_and_a_clear_signal_small_ones():
    values, measured, patients = cohort()
    noise = fit(values, np.random.default_rng(1).permutation(measured), patients)
    signal = fit(values, cohort(noise=0.1)[1], patients)
    assert noise.alpha >= 1000
    assert signal.alpha <= 1


def test_a_patient_is_never_in_two_folds():
    # With one patient's two identical ECGs in two folds, one input per patient would be learned by heart.
    rng = np.random.default_rng(2)
    values = np.repeat(np.eye(60), 2, axis=0) * 5
    measured = np.repeat(rng.normal(15, 8, 60), 2)
    patients = np.repeat([f"p{number}" for number in range(60)], 2)
    by_patient = fit(values, measured, patients)
    by_ecg = fit(values, measured, np.array([f"q{row}" for row in range(120)]))
    assert by_patient.alpha >= 300
    assert by_ecg.alpha <= 10
    assert by_patient.curves["mpcwp>15"].slope == 0


def test_a_missing_input_counts_as_the_median_and_its_absence_may_tell_something():
    values, measured, patients = cohort()
    absent = np.random.default_rng(3).random(400) < 0.3
    values[absent, 5] = np.nan
    measured = measured + 6 * absent
    model = fit(values, measured, patients)
    assert model.weights[11] > 3
    assert np.isfinite(model.estimate(np.full((1, 6), np.nan))).all()


def test_an_input_that_is_always_missing_or_constant_does_nothing():
    values, measured, patients = cohort()
    values[:, 2], values[:, 3] = np.nan, 7.0
    model = fit(values, measured, patients)
    assert np.isfinite(model.estimate(values)).all()
    changed = values.copy()
    changed[:, 2] = np.nan
    assert model.estimate(changed) == pytest.approx(model.estimate(values))


def test_probabilities_are_honest_on_other_patients():
    model = fit(*cohort(n=800, n_inputs=40))
    values, measured, _ = cohort(n=4000, n_inputs=40, seed=9)
    probability = model.probability(model.estimate(values))["mpcwp>15"]
    events = measured > 15
    assert auroc(events, probability) > 0.8
    assert probability.mean() == pytest.approx(events.mean(), abs=0.05)
    curve = model.curves["mpcwp>15"]
    assert probability == pytest.approx(expit(curve.intercept + curve.slope * model.estimate(values)))


def test_a_model_survives_its_json():
    values, measured, patients = cohort()
    model = fit(values, measured, patients)
    again = LinearModel.model_validate_json(model.model_dump_json())
    assert (again.estimate(values) == model.estimate(values)).all()


def test_the_same_seed_gives_the_same_model_whatever_the_order_of_the_ecgs():
    values, measured, patients = cohort()
    order = np.random.default_rng(4).permutation(400)
    shuffled = fit(values[order], measured[order], patients[order])
    assert shuffled.alpha == fit(values, measured, patients).alpha
    assert shuffled.weights == pytest.approx(fit(values, measured, patients).weights)


@pytest.mark.parametrize("n", [1, 2, FOLDS])
def test_very_few_patients_still_give_finite_answers(n):
    values, measured, patients = cohort(n=2 * n)
    model = fit(values[::2], measured[::2], patients[::2])
    probability = model.probability(model.estimate(values))
    assert all(((one > 0) & (one < 1)).all() for one in probability.values())


def test_without_a_single_event_the_probability_is_low_and_flat():
    values, _, patients = cohort()
    model = fit(values, np.random.default_rng(0).uniform(5, 10, 400), patients)
    probability = model.probability(model.estimate(values))["mpcwp>18"]
    assert (probability < 0.05).all()
    assert constant_curves(np.array([10.0, 16.0, 20.0, 15.0]), EVENTS) == {"mpcwp>15": 0.5, "mpcwp>18": 0.25}


def test_columns_without_names_are_a_wrong_call():
    values, measured, patients = cohort()
    with pytest.raises(ValueError, match="shape"):
        fit_linear(values, measured, patients, inputs=["one"], events=EVENTS, seed=0)
