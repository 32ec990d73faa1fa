"""Groups of sex and age: who belongs, and that each is judged on its own ECGs with its own patients."""

import numpy as np
import pytest

from hemometric.evaluation.bootstrap import draw_patients, intervals
from hemometric.evaluation.classification import auroc
from hemometric.evaluation.predictions import Measurements
from hemometric.evaluation.regression import regression_metrics, weighted_rmse
from hemometric.evaluation.subgroups import judge_subgroups, subgroup_members
from hemometric.targets import TARGETS

EVENT = TARGETS["mpcwp"].events[0]
NAMES = ["sex=female", "sex=male", "age=[18,35)", "age=[35,50)", "age=[50,75)", "age=[75,+)"]


def test_age_bands_hold_their_lower_end_and_not_their_upper_one():
    ages = np.array([17.9, 18, 34.9, 35, 49.9, 50, 74.9, 75, 103, np.nan])
    members = subgroup_members(
        Measurements(
            measured=np.ones(10), patient_ids=np.arange(10).astype(str), age_years=ages, sex=np.array(["female"] * 10)
        )
    )
    found = [[name for name in NAMES[2:] if members[name][place]] for place in range(10)]
    assert found == [
        [],
        ["age=[18,35)"],
        ["age=[18,35)"],
        ["age=[35,50)"],
        ["age=[35,50)"],
        ["age=[50,75)"],
        ["age=[50,75)"],
        ["age=[75,+)"],
        ["age=[75,+)"],
        [],
    ]


def test_a_group_is_judged_on_its_own_ecgs_and_patients(make_cohort):
    cohort = make_cohort()
    resamples = draw_patients(cohort.measurements.patient_ids, n_bootstrap=100)
    groups = judge_subgroups(cohort.measurements, cohort.run, EVENT, resamples)
    assert [group.name for group in groups] == NAMES
    inside = cohort.measurements.sex == "male"
    measured, estimate = cohort.measurements.measured[inside], cohort.run.estimate[inside]
    male = groups[1]
    assert male.n_patients == np.unique(cohort.measurements.patient_ids[inside]).size
    assert male.auroc.value == pytest.approx(auroc(measured > 15, cohort.run.probability["mpcwp>15"][inside]))
    assert male.rmse.value == pytest.approx(regression_metrics(measured, estimate)["rmse"])
    held = (cohort.run.low[inside] <= measured) & (measured <= cohort.run.high[inside])
    assert male.coverage.value == pytest.approx(held.mean())
    expected = intervals(lambda w: {"rmse": weighted_rmse(measured, estimate, w)}, resamples.subset(inside))["rmse"]
    assert male.rmse == expected


def test_an_empty_group_is_listed_with_nulls(make_cohort):
    cohort = make_cohort()
    young = Measurements(
        measured=cohort.measurements.measured,
        patient_ids=cohort.measurements.patient_ids,
        age_years=np.full(240, 40.0),
        sex=cohort.measurements.sex,
    )
    groups = judge_subgroups(young, cohort.run, EVENT, draw_patients(young.patient_ids, n_bootstrap=20))
    oldest = groups[5]
    assert oldest.n_patients == 0
    assert (oldest.auroc.value, oldest.rmse.value, oldest.coverage.value) == (None, None, None)


def test_a_model_without_intervals_has_no_coverage(make_cohort):
    cohort = make_cohort()
    resamples = draw_patients(cohort.measurements.patient_ids, n_bootstrap=20)
    groups = judge_subgroups(cohort.measurements, cohort.baselines["features"], EVENT, resamples)
    assert {group.coverage.value for group in groups} == {None}
