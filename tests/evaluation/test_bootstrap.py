"""The patient-clustered bootstrap against copying ECGs, its coverage, and what it must not do."""

import numpy as np
import pytest

from hemometric.evaluation.bootstrap import MIN_PATIENTS, draw_patients, intervals, paired_difference
from hemometric.evaluation.classification import auroc, weighted_auroc
from hemometric.evaluation.regression import regression_metrics, weighted_regression, weighted_rmse


def cohort(n_patients=60, visits=3, seed=0):
    rng = np.random.default_rng(seed)
    patients = np.repeat([f"p{number:03d}" for number in range(n_patients)], visits)
    measured = np.repeat(rng.normal(15, 7, n_patients), visits) + rng.normal(0, 2, patients.size)
    estimate = measured + np.repeat(rng.normal(0, 5, n_patients), visits) + rng.normal(0, 1, patients.size)
    return patients, measured, estimate


def test_weights_equal_copying_the_ecgs_of_the_same_draws():
    patients, measured, estimate = cohort()
    resamples = draw_patients(patients, n_bootstrap=20, seed=4)
    found = [weighted_auroc(measured > 15, estimate, weights) for weights in resamples.weights()]
    spread = [weighted_regression(measured, estimate, weights)["r2"] for weights in resamples.weights()]
    names = np.unique(patients)
    for row, counts in enumerate(resamples.counts):
        drawn = np.repeat(names, counts)
        rows = np.concatenate([np.flatnonzero(patients == name) for name in drawn])
        assert np.concatenate(found)[row] == pytest.approx(auroc(measured[rows] > 15, estimate[rows]))
        assert np.concatenate(spread)[row] == pytest.approx(regression_metrics(measured[rows], estimate[rows])["r2"])


def test_the_first_row_is_the_sample_and_every_other_draws_as_many_patients():
    resamples = draw_patients(["b", "a", "b", "c"], n_bootstrap=50)
    assert resamples.counts[0].tolist() == [1, 1, 1]
    assert (resamples.counts.sum(axis=1) == 3).all()
    assert resamples.n_patients == 3
    for weights in resamples.weights():
        assert (weights[:, 0] == weights[:, 2]).all()


def test_an_interval_is_the_percentiles_of_the_resamples():
    patients, measured, estimate = cohort()
    resamples = draw_patients(patients, n_bootstrap=300, seed=1)
    found = intervals(lambda weights: {"rmse": weighted_rmse(measured, estimate, weights)}, resamples)["rmse"]
    replicates = np.concatenate([weighted_rmse(measured, estimate, weights) for weights in resamples.weights()])
    assert found.value == replicates[0]
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(replicates[1:], [2.5, 97.5])))


def test_pieces_in_memory_do_not_change_the_result(monkeypatch):
    patients, measured, estimate = cohort()

    def judge():
        resamples = draw_patients(patients, n_bootstrap=100, seed=1)
        return intervals(lambda weights: weighted_regression(measured, estimate, weights), resamples)

    whole = judge()
    monkeypatch.setattr("hemometric.evaluation.bootstrap._CHUNK_ELEMENTS", 1000)
    for name, interval in judge().items():
        assert interval.model_dump() == pytest.approx(whole[name].model_dump(), rel=1e-12)


def test_the_same_seed_gives_the_same_interval_whatever_the_order_of_the_ecgs():
    patients, measured, estimate = cohort()
    order = np.random.default_rng(0).permutation(patients.size)

    def judge(rows, seed):
        resamples = draw_patients(patients[rows], n_bootstrap=200, seed=seed)
        return intervals(lambda w: {"rmse": weighted_rmse(measured[rows], estimate[rows], w)}, resamples)["rmse"]

    every = np.arange(patients.size)
    assert judge(order, 7).model_dump() == pytest.approx(judge(every, 7).model_dump())
    assert judge(every, 7) != judge(every, 8)


def test_resampling_ecgs_of_repeating_patients_would_be_too_sure_of_itself():
    patients, measured, estimate = cohort(n_patients=100, visits=5)

    def width(ids):
        found = intervals(
            lambda weights: {"bias": weighted_regression(measured, estimate, weights)["bias"]}, draw_patients(ids)
        )["bias"]
        return found.high - found.low

    assert width(patients) > 1.7 * width(np.arange(patients.size))


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    held = 0
    for seed in range(200):
        rng = np.random.default_rng([9, seed])
        patients = np.repeat(np.arange(60), 2)
        error = np.repeat(rng.normal(0, 3, 60), 2) + rng.normal(0, 1, 120)
        resamples = draw_patients(patients, n_bootstrap=200, seed=seed)
        found = intervals(lambda w, e=error: {"mean": w @ e / w.sum(axis=1)}, resamples)["mean"]
        held += found.low <= 0 <= found.high
    assert 0.88 <= held / 200 <= 0.99


def test_a_paired_difference_is_surer_than_two_intervals_and_antisymmetric():
    patients, measured, first = cohort(n_patients=150)
    second = first + np.random.default_rng(2).normal(0, 0.5, first.size)

    def rmse(estimate, weights):
        return weighted_rmse(measured, estimate, weights)

    ahead = paired_difference(rmse, first, second, patients, seed=3)
    back = paired_difference(rmse, second, first, patients, seed=3)
    resamples = draw_patients(patients, seed=3)
    alone = intervals(lambda weights: {"rmse": rmse(first, weights)}, resamples)["rmse"]
    assert ahead.high - ahead.low < 0.3 * (alone.high - alone.low)
    assert (ahead.value, ahead.low, ahead.high) == pytest.approx((-back.value, -back.high, -back.low))
    assert paired_difference(rmse, first, first, patients).model_dump() == {"value": 0, "low": 0, "high": 0}
    assert paired_difference(rmse, first, second, resamples) == ahead


def test_too_few_patients_give_a_value_without_an_interval():
    patients = np.arange(MIN_PATIENTS - 1)
    found = intervals(lambda weights: {"n": weights.sum(axis=1)}, draw_patients(patients))["n"]
    assert (found.value, found.low, found.high) == (MIN_PATIENTS - 1, None, None)


def test_a_metric_that_most_resamples_leave_undefined_has_no_interval():
    events = np.arange(40) == 0
    scores = np.linspace(1, 0, 40)
    found = intervals(lambda w: {"auroc": weighted_auroc(events, scores, w)}, draw_patients(np.arange(40)))["auroc"]
    assert (found.value, found.low, found.high) == (1.0, None, None)


def test_a_subset_uses_the_draws_of_its_own_patients():
    patients, _, _ = cohort()
    resamples = draw_patients(patients, n_bootstrap=5)
    kept = np.arange(patients.size) < 30
    assert resamples.subset(kept).n_patients == 10
    whole, part = next(resamples.weights()), next(resamples.subset(kept).weights())
    assert (whole[:, :30] == part).all()


def test_no_resample_at_all_is_a_wrong_call():
    with pytest.raises(ValueError, match="n_bootstrap"):
        draw_patients(["a"], n_bootstrap=0)
