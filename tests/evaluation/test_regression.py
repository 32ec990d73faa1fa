"""Regression metrics against scipy, scikit-learn and their own formulas."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import pearsonr
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score

from hemometric.evaluation.regression import (
    REGRESSION_METRICS,
    regression_metrics,
    weighted_fraction,
    weighted_regression,
    weighted_rmse,
)

RNG = np.random.default_rng(3)
MEASURED = RNG.gamma(4, 4, size=200)
ESTIMATE = MEASURED * 0.6 + RNG.normal(3, 4, size=200)


def test_every_metric_equals_an_independent_implementation():
    difference = ESTIMATE - MEASURED
    spread = 1.96 * difference.std(ddof=1)
    expected = {
        "rmse": mean_squared_error(MEASURED, ESTIMATE) ** 0.5,
        "mae": mean_absolute_error(MEASURED, ESTIMATE),
        "pearson_r": pearsonr(MEASURED, ESTIMATE).statistic,
        "r2": r2_score(MEASURED, ESTIMATE),
        "bias": difference.mean(),
        "loa_low": difference.mean() - spread,
        "loa_high": difference.mean() + spread,
    }
    found = regression_metrics(MEASURED, ESTIMATE)
    assert tuple(found) == REGRESSION_METRICS
    assert found == pytest.approx(expected, rel=1e-12)


def test_weights_count_an_ecg_as_often_as_it_was_drawn():
    weights = RNG.integers(0, 4, size=(5, 200))
    weighted = weighted_regression(MEASURED, ESTIMATE, weights.astype(float))
    for row, counts in enumerate(weights):
        copied = regression_metrics(np.repeat(MEASURED, counts), np.repeat(ESTIMATE, counts))
        assert {name: values[row] for name, values in weighted.items()} == pytest.approx(copied, rel=1e-10)


def test_bias_is_positive_when_the_model_estimates_too_high():
    assert regression_metrics([10.0, 20.0], [12.0, 22.0])["bias"] == pytest.approx(2.0)


def test_a_large_offset_does_not_cost_accuracy():
    near, far = regression_metrics(MEASURED, ESTIMATE), regression_metrics(MEASURED + 1e6, ESTIMATE + 1e6)
    assert far == pytest.approx(near, rel=1e-6)


@pytest.mark.parametrize(
    ("measured", "estimate", "undefined"),
    [
        ([10.0, 20.0, 30.0], [14.1, 14.1, 14.1], {"pearson_r"}),
        ([15.3, 15.3, 15.3], [10.0, 20.0, 30.0], {"pearson_r", "r2"}),
        ([15.0], [16.0], {"pearson_r", "r2", "loa_low", "loa_high"}),
    ],
)
def test_what_cannot_be_computed_is_none_and_the_rest_is_a_number(measured, estimate, undefined):
    found = regression_metrics(measured, estimate)
    assert {name for name, value in found.items() if value is None} == undefined
    assert all(np.isfinite(value) for value in found.values() if value is not None)


@given(st.lists(st.tuples(st.floats(0, 60), st.floats(0, 60)), min_size=2, max_size=30))
def test_rmse_is_never_below_mae_nor_below_the_absolute_bias(pairs):
    measured, estimate = np.array(pairs).T
    found = regression_metrics(measured, estimate)
    assert found["rmse"] >= found["mae"] - 1e-9
    assert found["mae"] >= abs(found["bias"]) - 1e-9
    assert found["pearson_r"] is None or -1 <= found["pearson_r"] <= 1


def test_the_short_forms_equal_the_long_one():
    weights = RNG.integers(0, 3, size=(4, 200)).astype(float)
    assert weighted_rmse(MEASURED, ESTIMATE, weights) == pytest.approx(
        weighted_regression(MEASURED, ESTIMATE, weights)["rmse"]
    )
    assert weighted_fraction([True, False, True], np.array([[1.0, 1.0, 1.0], [0.0, 2.0, 1.0]])) == pytest.approx(
        [2 / 3, 1 / 3]
    )


def test_an_empty_cohort_is_a_wrong_call():
    with pytest.raises(ValueError, match="n_ecgs"):
        regression_metrics([], [])
