"""Intervals of means and differences from kept replicates."""

import numpy as np
import pytest

from hemometric.errors import RunError
from hemometric.evaluation.bootstrap import draw_patients, interval_of, intervals, paired_difference
from hemometric.evaluation.classification import happened, weighted_auroc
from hemometric.evaluation.predictions import Predictions
from hemometric.evaluation.regression import weighted_regression
from hemometric.study.replicates import (
    Measure,
    judge_replicates,
    mean_over_seeds,
    read_replicates,
    write_replicates,
)
from hemometric.targets import TARGETS

TARGET = TARGETS["mpcwp"]


def _said(measured, rng):
    estimate = 15 + 0.5 * (measured - 15) + rng.normal(0, 4, measured.size)
    return Predictions(
        estimate=estimate,
        probability={event.key: 1 / (1 + np.exp(event.threshold - estimate)) for event in TARGET.events},
    )


@pytest.fixture(scope="module")
def judged():
    rng = np.random.default_rng(1)
    patients = np.repeat(np.arange(40), 3).astype(str)
    measured = np.repeat(rng.gamma(4, 4, 40), 3) + rng.normal(0, 2, 120)
    resamples = draw_patients(patients, n_bootstrap=60, seed=2)
    return measured, resamples, [_said(measured, rng) for _ in range(2)]


def test_an_interval_is_that_of_the_evaluation(judged):
    measured, resamples, (said, _) = judged
    found = judge_replicates(TARGET, measured, said, resamples)
    expected = intervals(lambda weights: weighted_regression(measured, said.estimate, weights), resamples)
    for name, interval in expected.items():
        assert interval_of(found[name], n_patients=40) == interval


def test_a_difference_of_replicates_is_the_paired_difference_of_the_evaluation(judged):
    measured, resamples, models = judged
    event = TARGET.events[0]
    events = happened(event, measured)
    one, other = (judge_replicates(TARGET, measured, said, resamples)[f"auroc:{event.key}"] for said in models)
    expected = paired_difference(
        lambda scores, weights: weighted_auroc(events, scores, weights),
        *(said.probability[event.key] for said in models),
        resamples,
    )
    assert interval_of(one - other, n_patients=40) == expected


def test_the_mean_over_seeds_is_taken_within_each_resample(judged):
    measured, resamples, models = judged
    each = [judge_replicates(TARGET, measured, said, resamples)["rmse"] for said in models]
    mean = mean_over_seeds(each)
    np.testing.assert_allclose(mean, (each[0] + each[1]) / 2)
    # A mean of two has less spread than either, and not the spread of the two together.
    assert mean[1:].std() < max(one[1:].std() for one in each)


def test_every_event_has_its_metrics(judged):
    measured, resamples, (said, _) = judged
    found = judge_replicates(TARGET, measured, said, resamples)
    kinds = {"auroc", "auprc", "brier", "calibration_intercept", "calibration_slope", "oe_ratio"}
    for event in TARGET.events:
        assert {name.split(":")[0] for name in found if name.endswith(event.key)} == kinds
    assert all(values.shape == (61,) for values in found.values())


def test_what_is_undefined_has_no_interval():
    nothing = interval_of(np.array([np.nan, 1.0, 2.0]), n_patients=40)
    assert (nothing.value, nothing.low, nothing.high) == (None, None, None)
    seldom = interval_of(np.array([0.5, *[np.nan] * 5, *[0.4] * 5]), n_patients=40)
    assert (seldom.value, seldom.low) == (0.5, None)
    few = interval_of(np.linspace(0, 1, 50), n_patients=9)
    assert (few.value, few.low) == (0.0, None)


def test_replicates_come_back_as_they_were_written(tmp_path):
    found = {
        Measure("truth", "mpcwp", 100, "rmse"): np.array([8.0, 7.5, np.nan]),
        Measure("links", "rap", 0, "recall@1"): np.array([0.25, 0.5, 1 / 3]),
    }
    write_replicates(tmp_path / "replicates.parquet", found)
    again = read_replicates(tmp_path / "replicates.parquet")
    assert list(again) == list(found)
    for measure, values in found.items():
        np.testing.assert_array_equal(again[measure], values)


def test_a_damaged_file_is_named(tmp_path):
    path = tmp_path / "replicates.parquet"
    path.write_bytes(b"PAR1")
    with pytest.raises(RunError, match=r"replicates.parquet: cannot be read .* --resume"):
        read_replicates(path)
