"""Intervals cover what they say; probabilities are calibrated or said not to be."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from hemometric.uncertainty import fit_platt, patient_weights, split_conformal


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=60), st.sampled_from([0.5, 0.8, 0.9, 0.95]))
def test_with_one_ecg_a_patient_it_is_the_ordinary_rank(residuals: list[float], level: float):
    rank = math.ceil((len(residuals) + 1) * level - 1e-9)
    expected = sorted(map(abs, residuals))[rank - 1] if rank <= len(residuals) else math.inf
    assert split_conformal(residuals, range(len(residuals)), level=level) == expected


def test_repeating_a_patients_ecgs_changes_nothing():
    rng = np.random.default_rng(0)
    residuals = rng.normal(size=50)
    repeated = np.concatenate([residuals, np.repeat(residuals[:5], 20)])
    groups = np.concatenate([np.arange(50), np.repeat(np.arange(5), 20)])
    assert split_conformal(repeated, groups, level=0.9) == split_conformal(residuals, np.arange(50), level=0.9)


def test_new_patients_are_covered_as_often_as_said():
    """Patients differ in spread and in how many ECGs they have; the guarantee is for one ECG of a new patient."""
    rng = np.random.default_rng(1)

    def patients(n: int) -> tuple[np.ndarray, np.ndarray]:
        spread = rng.gamma(2.0, 1.0, n)
        counts = np.where(spread > 2, 12, 1)
        groups = np.repeat(np.arange(n), counts)
        return rng.normal(size=len(groups)) * spread[groups], groups

    covered = []
    for _ in range(400):
        half_width = split_conformal(*patients(60), level=0.9)
        residuals, groups = patients(100)
        covered.append(np.average(np.abs(residuals) <= half_width, weights=patient_weights(groups)))
    assert 0.895 < np.mean(covered) < 0.925


@pytest.mark.parametrize(
    ("residuals", "groups", "level", "message"),
    [([1.0], ["a"], 1.0, "level"), ([np.nan], ["a"], 0.9, "finite"), ([1.0], ["a", "b"], 0.9, "shape")],
)
def test_wrong_calls_are_refused(residuals, groups, level, message):
    with pytest.raises(ValueError, match=message):
        split_conformal(residuals, groups, level=level)


def test_platt_equals_a_weighted_logistic_regression_on_many_patients():
    rng = np.random.default_rng(2)
    groups = rng.integers(0, 4000, 8000)
    logits = rng.normal(size=8000)
    outcomes = rng.random(8000) < 1 / (1 + np.exp(-(0.5 * logits - 1.0)))
    scaling = fit_platt(logits, outcomes, groups)
    assert scaling is not None
    reference = LogisticRegression(C=np.inf).fit(logits[:, None], outcomes, sample_weight=patient_weights(groups))
    assert scaling.slope == pytest.approx(reference.coef_[0, 0], abs=0.01)
    assert scaling.intercept == pytest.approx(reference.intercept_[0], abs=0.01)
    assert scaling.probability(np.array([0.0]))[0] == pytest.approx(1 / (1 + np.exp(1.0)), abs=0.03)


def test_logits_that_separate_perfectly_do_not_give_certainty():
    logits = np.linspace(-5, 5, 40)
    scaling = fit_platt(logits, logits > 0, np.arange(40))
    assert scaling is not None
    assert 0.9 < scaling.probability(np.array([5.0]))[0] < 1.0


@pytest.mark.parametrize(
    ("n_patients", "n_events", "sign"), [(19, 9, 1), (40, 4, 1), (40, 36, 1), (40, 20, -1)], ids=str
)
def test_too_few_patients_or_useless_logits_are_left_uncalibrated(n_patients: int, n_events: int, sign: int):
    outcomes = np.arange(n_patients) < n_events
    noise = np.random.default_rng(3).normal(size=n_patients)
    assert fit_platt(sign * (2.0 * outcomes + noise), outcomes, np.arange(n_patients)) is None
