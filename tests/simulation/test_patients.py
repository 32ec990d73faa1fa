import numpy as np
import pytest

from hemometric.simulation.patients import HFPEF, HFREF, NO_HF, PRECAPILLARY, draw_patients, draw_visits
from hemometric.simulation.settings import PHENOTYPES, PeopleSettings


def _mean_of_first_visits(cohort, field, kind):
    patients, visits = cohort
    chosen = patients.phenotype[visits.patient] == kind
    return getattr(visits.hemodynamics, field)[chosen].mean()


def test_the_same_seed_gives_the_same_patients():
    first, second = (draw_patients(5, np.random.default_rng(9)) for _ in range(2))
    np.testing.assert_array_equal(first.baseline.mpcwp_mmhg, second.baseline.mpcwp_mmhg)


def _correlation(first, second):
    return np.corrcoef(first, second)[0, 1]


def test_the_cohort_looks_like_a_catheterisation_laboratory(cohort):
    _, visits = cohort
    found = visits.hemodynamics
    wedge = found.mpcwp_mmhg
    assert 14.6 < wedge.mean() < 17.2
    assert 7.0 < wedge.std() < 8.9
    assert 0.40 < np.mean(wedge > 15.0) < 0.50
    assert 0.28 < np.mean(wedge > 18.0) < 0.38
    assert 25.0 < found.mpap_mmhg.mean() < 29.0
    assert 8.5 < found.mpap_mmhg.std() < 12.0
    assert 7.0 < found.rap_mmhg.mean() < 9.5
    assert 4.3 < found.rap_mmhg.std() < 6.3
    assert 4.5 < found.co_l_per_min.mean() < 5.1
    assert 1.05 < found.co_l_per_min.std() < 1.45
    assert 0.45 < np.median(found.rap_mmhg / wedge) < 0.65


def test_right_and_left_pressures_go_together_as_in_catheterisation_laboratories(cohort):
    patients, visits = cohort
    found, failing = visits.hemodynamics, patients.heart_failure[visits.patient]
    assert 0.45 < _correlation(found.mpcwp_mmhg, found.rap_mmhg) < 0.65
    assert 0.68 < _correlation(found.mpcwp_mmhg, found.mpap_mmhg) < 0.82
    assert 0.35 < _correlation(found.mpcwp_mmhg[failing], found.rap_mmhg[failing]) < 0.65


def test_nobody_has_pressures_that_nobody_survives(cohort):
    _, visits = cohort
    found = visits.hemodynamics
    assert np.percentile(found.mpcwp_mmhg, 99.9) < 43.0
    assert found.mpcwp_mmhg.max() < 50.0
    assert found.rap_mmhg.max() < 45.0
    assert found.mpap_mmhg.max() < 105.0
    assert found.map_mmhg.min() > 30.0


def test_heart_failure_raises_the_wedge_pressure_to_twenty(cohort):
    patients, visits = cohort
    wedge = visits.hemodynamics.mpcwp_mmhg[patients.heart_failure[visits.patient]]
    assert 17.5 < wedge.mean() < 21.0
    assert 6.5 < wedge.std() < 9.0


def test_a_patients_wedge_pressure_changes_by_three_to_four_mmhg(cohort):
    patients, visits = cohort
    wedge, n = visits.hemodynamics.mpcwp_mmhg, len(patients.age_years)
    n_visits = np.bincount(visits.patient, minlength=n)
    mean = np.bincount(visits.patient, wedge, minlength=n) / n_visits
    within = np.sqrt(np.sum((wedge - mean[visits.patient]) ** 2) / (len(wedge) - n))
    assert 3.0 < within < 4.2


def test_each_phenotype_has_what_defines_it(cohort):
    def mean(field, kind):
        return _mean_of_first_visits(cohort, field, kind)

    assert mean("lv_ejection_fraction", HFREF) < 0.35
    assert mean("lv_ejection_fraction", HFPEF) > 0.5
    assert mean("mpcwp_mmhg", HFPEF) > mean("mpcwp_mmhg", NO_HF) + 4.0
    assert mean("mpap_mmhg", PRECAPILLARY) > 28.0
    assert mean("mpcwp_mmhg", PRECAPILLARY) < 12.0


def test_visits_of_a_patient_stand_together_in_time_order(cohort):
    patients, visits = cohort
    assert (np.diff(visits.patient) >= 0).all()
    assert np.array_equal(np.unique(visits.patient), np.arange(len(patients.age_years)))
    same = np.diff(visits.patient) == 0
    gaps = np.diff(visits.at)[same]
    assert gaps.min() >= np.timedelta64(6, "D")
    assert (np.diff(visits.number)[same] == 1).all()
    assert (visits.number[1:][~same] == 0).all()
    assert 2.0 < len(visits.patient) / len(patients.age_years) < 3.0
    assert visits.number.max() < 8


def test_more_volume_at_a_visit_means_a_higher_wedge(cohort):
    patients, visits = cohort
    change = visits.hemodynamics.mpcwp_mmhg - patients.baseline.mpcwp_mmhg[visits.patient]
    assert np.corrcoef(change, visits.volume_change)[0, 1] > 0.6


def test_every_number_is_finite(cohort):
    patients, visits = cohort
    for found in (patients.baseline, visits.hemodynamics, patients.circulation):
        assert all(np.isfinite(field).all() for field in found)


def test_one_patient_is_enough():
    rng = np.random.default_rng(0)
    assert len(draw_visits(draw_patients(1, rng), rng).patient) >= 1


def _rate_gap(patients, taken, among):
    return (
        patients.circulation.heart_rate_bpm[among & taken].mean()
        - patients.circulation.heart_rate_bpm[among & ~taken].mean()
    )


@pytest.fixture(scope="module")
def many():
    """7,000 patients of every phenotype."""
    return draw_patients(7000, np.random.default_rng(31))


def test_drugs_slow_the_heart(many):
    sinus = ~many.atrial_fibrillation & ~many.paced
    among = sinus & (many.phenotype == HFREF)
    assert -11.0 < _rate_gap(many, many.beta_blocker, among) < -7.0
    assert -8.5 < _rate_gap(many, many.amiodarone, sinus & many.heart_failure) < -1.5
    assert _rate_gap(many, many.digoxin, many.atrial_fibrillation & ~many.paced) < -4.0
    assert abs(_rate_gap(many, many.digoxin, among)) < 3.0


def test_drugs_leave_the_mean_rate_of_a_phenotype_as_it_is(many):
    for kind, name in enumerate(PHENOTYPES):
        chosen = (many.phenotype == kind) & ~many.atrial_fibrillation & ~many.paced
        wanted = getattr(PeopleSettings(), name).heart_rate_bpm
        assert abs(many.circulation.heart_rate_bpm[chosen].mean() - wanted) < 1.6


def test_a_pacemaker_keeps_the_rate_above_sixty(many, cohort):
    paced = many.paced
    assert many.circulation.heart_rate_bpm[paced].min() >= 60.0
    assert many.circulation.heart_rate_bpm[~paced].min() < 52.0
    patients, visits = cohort
    assert (visits.heart_rate_bpm >= patients.lowest_rate_bpm[visits.patient]).all()


def test_pacemakers_are_most_frequent_in_systolic_failure_old_age_and_fibrillation(many):
    systolic = many.phenotype == HFREF
    assert 0.045 < many.paced[systolic].mean() < 0.09
    assert 0.015 < many.paced[~systolic].mean() < 0.04
    assert many.paced[many.age_years > 70].mean() > many.paced[many.age_years < 55].mean()
    assert many.paced[many.atrial_fibrillation].mean() > many.paced[~many.atrial_fibrillation].mean()


def test_one_patient_in_six_fibrillates_and_those_are_older(many):
    assert 0.12 < many.atrial_fibrillation.mean() < 0.25
    assert many.age_years[many.atrial_fibrillation].mean() > many.age_years[~many.atrial_fibrillation].mean() + 4.0
