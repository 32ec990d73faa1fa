"""From predictions to a report: every number is that of its metric, and nothing undefined crashes or turns NaN."""

import numpy as np
import pytest

from hemometric.evaluation.bootstrap import draw_patients, paired_difference
from hemometric.evaluation.calibration import calibration_metrics
from hemometric.evaluation.classification import auroc, average_precision, brier, warning_metrics, weighted_auroc
from hemometric.evaluation.judge import judge
from hemometric.evaluation.predictions import Measurements, Predictions
from hemometric.evaluation.regression import regression_metrics
from hemometric.targets import TARGETS

TARGET = TARGETS["mpcwp"]
KEY = "mpcwp>18"


@pytest.fixture(scope="module")
def judged(make_cohort, make_setting):
    cohort = make_cohort()
    return cohort, judge(TARGET, cohort.measurements, cohort.run, cohort.baselines, make_setting(notes=("first",)))


def test_every_value_is_that_of_its_metric_on_the_sample(judged):
    cohort, report = judged
    measured, run = cohort.measurements.measured, cohort.run
    events, probability = measured > 18, run.probability[KEY]
    found = report.classification[KEY]
    assert {name: getattr(report.regression, name).value for name in type(report.regression).model_fields} == (
        pytest.approx(regression_metrics(measured, run.estimate))
    )
    assert found.prevalence == pytest.approx(events.mean())
    assert found.auroc.value == pytest.approx(auroc(events, probability))
    assert found.auprc.value == pytest.approx(average_precision(events, probability))
    assert found.brier.value == pytest.approx(brier(events, probability))
    warned = warning_metrics(events, probability, threshold=run.thresholds[KEY])
    assert {name: getattr(found, name).value for name in warned} == pytest.approx(warned)
    calibrated = calibration_metrics(events, probability)
    assert {name: getattr(report.calibration[KEY], name).value for name in calibrated} == pytest.approx(calibrated)
    held = (run.low <= measured) & (measured <= run.high)
    assert report.uncertainty.coverage.value == pytest.approx(held.mean())
    assert report.uncertainty.coverage.nominal == 0.9
    assert (report.n_ecgs, report.n_patients) == (240, 120)


def test_intervals_hold_their_value_and_have_a_width(judged):
    _, report = judged
    for interval in (report.regression.rmse, report.classification[KEY].auroc, report.calibration[KEY].slope):
        assert interval.low < interval.value < interval.high


def test_baselines_are_judged_on_the_same_ecgs_and_differences_are_paired(judged):
    cohort, report = judged
    measured = cohort.measurements.measured
    assert list(report.baselines) == ["mean", "features", "none"]
    constant = report.baselines["mean"]
    assert constant.classification[KEY].auroc.value == 0.5
    assert constant.regression.pearson_r.value is None
    features = report.baselines["features"]
    assert features.difference.rmse.value == pytest.approx(
        report.regression.rmse.value - features.regression.rmse.value
    )
    expected = paired_difference(
        lambda p, w: weighted_auroc(measured > 18, p, w),
        cohort.run.probability[KEY],
        cohort.baselines["features"].probability[KEY],
        draw_patients(cohort.measurements.patient_ids, n_bootstrap=100, seed=7),
    )
    assert features.difference.auroc[KEY] == expected


def test_the_run_has_no_reliability_yet_and_says_so_with_empty_lists(judged):
    _, report = judged
    assert report.uncertainty.auroc_by_reliability_decile == ()
    assert report.uncertainty.risk_coverage == ()


def test_what_a_reader_must_know_is_said_in_sentences(judged):
    _, report = judged
    assert report.notes[0] == "first"
    assert any("1 are of unknown age" in note for note in report.notes)
    assert any("2 are of unknown sex" in note for note in report.notes)


@pytest.mark.parametrize("level", [5.0, 30.0], ids=["no event", "only events"])
def test_one_kind_of_ecg_gives_nulls_and_a_sentence(level, make_cohort, make_setting):
    cohort = make_cohort(measured=np.full(240, level) + np.linspace(0, 1, 240))
    report = judge(TARGET, cohort.measurements, cohort.run, cohort.baselines, make_setting(n_bootstrap=20))
    assert report.classification[KEY].auroc.value is None
    assert report.calibration[KEY].slope.value is None
    assert report.regression.rmse.value is not None
    assert any(KEY in note and "undefined" in note for note in report.notes)
    assert "NaN" not in report.to_json()


@pytest.mark.parametrize("n_patients", [1, 5])
def test_very_few_patients_give_values_without_intervals_and_a_sentence(n_patients, make_cohort, make_setting):
    cohort = make_cohort(n_patients, 1)
    report = judge(TARGET, cohort.measurements, cohort.run, cohort.baselines, make_setting(n_bootstrap=20))
    assert report.regression.rmse.value is not None
    assert report.regression.rmse.low is None
    assert any(f"Patients judged: {n_patients}. An interval needs 10" in note for note in report.notes)


def test_a_model_without_thresholds_or_intervals_is_judged_by_what_it_has(make_cohort, make_setting):
    cohort = make_cohort()
    bare = Predictions(estimate=cohort.run.estimate, probability=cohort.run.probability)
    report = judge(TARGET, cohort.measurements, bare, {}, make_setting(n_bootstrap=20))
    found = report.classification[KEY]
    assert (found.threshold, found.sensitivity.value, found.npv.high) == (None, None, None)
    assert found.auroc.value is not None
    assert report.uncertainty.coverage.value is None
    assert report.baselines == {}
    assert any("threshold" in note for note in report.notes)


def test_the_order_of_the_ecgs_does_not_matter(judged, make_setting):
    cohort, report = judged
    order = np.random.default_rng(1).permutation(240)
    known, run = cohort.measurements, cohort.run
    shuffled = Measurements(
        measured=known.measured[order],
        patient_ids=known.patient_ids[order],
        age_years=known.age_years[order],
        sex=known.sex[order],
    )
    said = Predictions(
        estimate=run.estimate[order],
        probability={key: values[order] for key, values in run.probability.items()},
        thresholds=run.thresholds,
        low=run.low[order],
        high=run.high[order],
    )
    again = judge(TARGET, shuffled, said, {}, make_setting())
    assert again.regression.rmse.high == pytest.approx(report.regression.rmse.high)
    assert again.classification[KEY].auroc.low == pytest.approx(report.classification[KEY].auroc.low)
