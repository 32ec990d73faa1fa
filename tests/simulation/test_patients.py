import numpy as np

from hemometric.simulation.patients import HFPEF, HFREF, NO_HF, PRECAPILLARY, draw_patients, draw_visits


def _mean_of_first_visits(cohort, field, kind):
    patients, visits = cohort
    chosen = patients.phenotype[visits.patient] == kind
    return getattr(visits.hemodynamics, field)[chosen].mean()


def test_the_same_seed_gives_the_same_patients():
    first, second = (draw_patients(5, np.random.default_rng(9)) for _ in range(2))
    np.testing.assert_array_equal(first.baseline.mpcwp_mmhg, second.baseline.mpcwp_mmhg)


def test_the_cohort_looks_like_a_catheterisation_laboratory(cohort):
    _, visits = cohort
    found = visits.hemodynamics
    assert 14.0 < found.mpcwp_mmhg.mean() < 18.0
    assert 7.0 < found.mpcwp_mmhg.std() < 9.5
    assert 0.38 < np.mean(found.mpcwp_mmhg > 15.0) < 0.50
    assert 24.0 < found.mpap_mmhg.mean() < 30.0
    assert 7.0 < found.rap_mmhg.mean() < 10.0
    assert 4.4 < found.co_l_per_min.mean() < 5.1
    assert 0.40 < np.corrcoef(found.mpcwp_mmhg, found.rap_mmhg)[0, 1] < 0.65
    assert 0.60 < np.corrcoef(found.mpcwp_mmhg, found.mpap_mmhg)[0, 1] < 0.85
    assert 0.4 < np.median(found.rap_mmhg / found.mpcwp_mmhg) < 0.7


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
