import numpy as np
import pytest

from hemometric.simulation.difficulty import ceiling
from hemometric.simulation.morphology import draw_morphology


@pytest.fixture(scope="module")
def find_ceiling(cohort):
    patients, visits = cohort
    measured = visits.hemodynamics.mpcwp_mmhg + np.random.default_rng(1).normal(0.0, 2.5, len(visits.patient))

    def find(coupling):
        return ceiling(
            draw_morphology(patients, visits, coupling=coupling, rng=np.random.default_rng(2)),
            age_years=patients.age_years[visits.patient],
            female=patients.female[visits.patient],
            mpcwp_mmhg=measured,
            patient=visits.patient,
        )

    return find


def test_without_coupling_the_ecg_tells_little_more_than_age_and_sex(find_ceiling):
    found = find_ceiling(0.0)
    assert abs(found.auroc_above_15 - found.demographics_auroc_above_15) < 0.04
    assert found.auroc_above_15 < 0.65


def test_the_default_coupling_gives_a_ceiling_just_above_published_networks(find_ceiling):
    found = find_ceiling(1.0)
    assert 0.81 < found.auroc_above_15 < 0.87
    assert 0.81 < found.auroc_above_18 < 0.88
    assert 0.6 < found.pearson_r < 0.8
    assert 5.0 < found.rmse_mmhg < 7.5


def test_more_coupling_makes_it_easier(find_ceiling):
    assert find_ceiling(2.0).auroc_above_15 > find_ceiling(1.0).auroc_above_15 + 0.03


def test_an_event_that_never_happens_has_no_ceiling(cohort):
    patients, visits = cohort
    found = ceiling(
        draw_morphology(patients, visits, coupling=1.0, rng=np.random.default_rng(2)),
        age_years=patients.age_years[visits.patient],
        female=patients.female[visits.patient],
        mpcwp_mmhg=np.linspace(5.0, 10.0, len(visits.patient)),
        patient=visits.patient,
    )
    assert np.isnan(found.auroc_above_15)
