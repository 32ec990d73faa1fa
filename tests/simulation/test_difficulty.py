import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from hemometric.simulation.difficulty import KnownEcgs, Reading, Score, find_ceiling, weighted_auroc
from hemometric.simulation.morphology import draw_morphology


@pytest.fixture(scope="module")
def ecgs(cohort):
    patients, visits = cohort
    true = np.column_stack(
        [
            visits.hemodynamics.mpcwp_mmhg,
            visits.hemodynamics.mpap_mmhg,
            visits.hemodynamics.rap_mmhg,
            visits.hemodynamics.co_l_per_min,
        ]
    )
    noise = np.random.default_rng(1).normal(0.0, 1.0, true.shape) * [2.5, 2.5, 2.5, 0.4]

    def draw(coupling):
        return KnownEcgs(
            draw_morphology(patients, visits, coupling=coupling, rng=np.random.default_rng(2)),
            age_years=patients.age_years[visits.patient],
            female=patients.female[visits.patient],
            patient=visits.patient,
            measured=true + noise,
        )

    return draw


@pytest.fixture(scope="module")
def wedge(ecgs):
    def read(coupling):
        return {reading.measure: reading for reading in find_ceiling(ecgs(coupling), targets=("mpcwp",))}

    return read


def test_without_coupling_the_ecg_tells_little_more_than_age_and_sex(wedge):
    found = wedge(0.0)["mpcwp>15"]
    assert found.ceiling.value - found.demographics.value < 0.05
    assert found.ceiling.value < 0.66


def test_the_default_coupling_gives_a_ceiling_just_above_published_networks(wedge):
    found = wedge(1.0)
    assert 0.81 < found["mpcwp>15"].ceiling.value < 0.87
    assert 0.81 < found["mpcwp>18"].ceiling.value < 0.88
    assert 0.6 < found["r"].ceiling.value < 0.8
    assert 4.5 < found["RMSE"].ceiling.value < 7.0
    assert found["mpcwp>15"].ceiling.low < found["mpcwp>15"].ceiling.value < found["mpcwp>15"].ceiling.high


def test_more_coupling_makes_it_easier(wedge):
    assert wedge(2.0)["mpcwp>15"].ceiling.value > wedge(1.0)["mpcwp>15"].ceiling.value + 0.03


def test_every_target_and_event_is_read(ecgs):
    found = find_ceiling(ecgs(1.0))
    measures = ["r", "RMSE", "mpcwp>15", "mpcwp>18", "r", "RMSE", "mpap>20", "r", "RMSE", "rap>8", "r", "RMSE", "co<4"]
    assert [reading.measure for reading in found] == measures
    assert all(reading.ceiling.value > 0.3 for reading in found)


def test_an_event_that_never_happens_has_no_ceiling(ecgs):
    never = ecgs(1.0)
    low = never._replace(measured=never.measured / never.measured.max() * 10.0)
    found = find_ceiling(low, targets=("mpcwp",))
    assert np.isnan(found[2].ceiling.value)


def test_the_ceiling_of_an_error_is_the_smaller_one():
    small, large = Score(1.0, 0.9, 1.1), Score(2.0, 1.9, 2.1)
    assert Reading("co", "RMSE", linear=large, boosting=small, demographics=large).ceiling == small
    assert Reading("co", "r", linear=large, boosting=small, demographics=large).ceiling == large


@pytest.mark.parametrize("n_decimals", [0, 3])
def test_the_area_under_the_curve_is_that_of_scikit_learn_also_with_ties(n_decimals):
    rng = np.random.default_rng(3)
    happened, chance = rng.random(300) < 0.3, np.round(rng.normal(size=300), n_decimals)
    weights = rng.integers(0, 4, (5, 300)).astype(np.float64)
    expected = [roc_auc_score(happened, chance, sample_weight=weight) for weight in weights]
    np.testing.assert_allclose(weighted_auroc(happened.astype(np.float64), chance, weights), expected, atol=1e-12)
