"""Calibration against scikit-learn's logistic regression, known miscalibration and undefined cases."""

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from hemometric.evaluation.bootstrap import draw_patients
from hemometric.evaluation.calibration import (
    CALIBRATION_METRICS,
    calibration_metrics,
    fit_line,
    reliability_bins,
    to_logit,
    weighted_calibration,
)

RNG = np.random.default_rng(11)
TRUE_LOGIT = RNG.normal(-0.5, 1.2, size=4000)
EVENTS = RNG.random(4000) < expit(TRUE_LOGIT)
PROBABILITY = expit(TRUE_LOGIT)


def test_slope_and_intercept_equal_an_unpenalised_logistic_regression():
    said = expit(0.4 + 1.6 * TRUE_LOGIT)
    model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(logit(said)[:, None], EVENTS)
    a, b = fit_line(EVENTS, logit(said), np.ones((1, 4000)))
    assert b[0] == pytest.approx(model.coef_[0, 0], rel=1e-5)
    assert a[0] == pytest.approx(model.intercept_[0], rel=1e-4)


def test_the_intercept_makes_expected_equal_observed_with_slope_one():
    said = expit(0.4 + 1.6 * TRUE_LOGIT)
    root = brentq(lambda a: expit(a + logit(said)).sum() - EVENTS.sum(), -5, 5)
    assert calibration_metrics(EVENTS, said)["intercept"] == pytest.approx(root, abs=1e-8)


def test_honest_probabilities_are_near_0_1_and_1():
    found = calibration_metrics(EVENTS, PROBABILITY)
    assert tuple(sorted(found)) == tuple(sorted(CALIBRATION_METRICS))
    assert found == pytest.approx({"intercept": 0.0, "slope": 1.0, "oe_ratio": 1.0}, abs=0.12)


def test_the_signs_tell_which_way_probabilities_are_wrong():
    too_extreme = calibration_metrics(EVENTS, expit(2 * TRUE_LOGIT))
    too_low = calibration_metrics(EVENTS, expit(TRUE_LOGIT - 1))
    assert too_extreme["slope"] == pytest.approx(0.5, abs=0.06)
    assert too_low["intercept"] == pytest.approx(1.0, abs=0.12)
    assert too_low["oe_ratio"] > 1


def test_weights_count_an_ecg_as_often_as_it_was_drawn():
    events, probability = EVENTS[:150], PROBABILITY[:150]
    weights = RNG.integers(0, 4, size=(5, 150))
    weighted = weighted_calibration(events, probability, weights.astype(float))
    for row, counts in enumerate(weights):
        copied = calibration_metrics(np.repeat(events, counts), np.repeat(probability, counts))
        assert {name: values[row] for name, values in weighted.items()} == pytest.approx(copied, rel=1e-6)


@pytest.mark.parametrize(
    ("events", "probability", "undefined"),
    [
        ([0, 0, 0, 0], [0.1, 0.2, 0.3, 0.4], {"intercept", "slope"}),
        ([1, 1, 1, 1], [0.1, 0.2, 0.3, 0.4], {"intercept", "slope"}),
        ([0, 1, 0, 1], [0.3, 0.3, 0.3, 0.3], {"slope"}),
        ([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9], {"slope"}),
        ([0, 0, 1, 1], [0.0, 0.2, 0.2, 1.0], {"slope"}),
        ([0, 0], [0.0, 0.0], {"intercept", "slope", "oe_ratio"}),
    ],
    ids=["no event", "only events", "constant", "separated", "quasi-separated", "zero"],
)
def test_what_cannot_be_computed_is_none_and_the_rest_is_a_number(events, probability, undefined):
    found = calibration_metrics(events, probability)
    assert {name for name, value in found.items() if value is None} == undefined


def test_probabilities_of_exactly_zero_and_one_stay_finite():
    assert np.isfinite(to_logit(np.array([0.0, 1.0]))).all()
    found = calibration_metrics([0, 1, 1, 0, 1], [0.0, 1.0, 0.0, 0.4, 0.6])
    assert found["slope"] is not None


def test_bins_hold_every_ecg_once_and_keep_equal_probabilities_together():
    patients = np.arange(4000) // 2
    resamples = draw_patients(patients, n_bootstrap=100, seed=0)
    bins = reliability_bins(EVENTS, PROBABILITY, resamples)
    assert [one.n_ecgs for one in bins] == [400] * 10
    assert sum(one.observed.value * one.n_ecgs for one in bins) == pytest.approx(EVENTS.sum())
    assert all(one.observed.low <= one.predicted <= one.observed.high for one in bins[3:7])
    tied = reliability_bins(EVENTS, np.where(PROBABILITY > 0.5, 0.7, 0.2), resamples)
    assert [one.predicted for one in tied] == pytest.approx([0.2, 0.7])
