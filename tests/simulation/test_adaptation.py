import numpy as np
import pytest

from hemometric.simulation.adaptation import draw_volume_changes, fibrillate, pace, settle_volume
from hemometric.simulation.circulation import Circulation, healthy
from hemometric.simulation.steady_state import run_to_steady_state


@pytest.fixture(scope="module")
def in_sinus_rhythm(cohort):
    """160 patients of the cohort without fibrillation, and their baselines."""
    patients, _ = cohort
    chosen = np.flatnonzero(~patients.atrial_fibrillation)[:160]
    return tuple(
        type(found)._make(field[chosen] for field in found) for found in (patients.circulation, patients.baseline)
    )


def test_fibrillation_lowers_output_and_raises_the_wedge_of_the_same_patients(in_sinus_rhythm):
    heart, before = in_sinus_rhythm
    fibrillating = settle_volume(fibrillate(heart, np.ones(160, dtype=bool)), before.co_l_per_min)
    after = run_to_steady_state(fibrillating)
    assert (after.co_l_per_min / before.co_l_per_min).mean() < 0.95
    rise = (after.mpcwp_mmhg - before.mpcwp_mmhg)[before.mpcwp_mmhg < 20.0]
    assert rise.mean() > 0.7
    assert (rise > 0.0).mean() > 0.75


def test_only_the_chosen_fibrillate_or_are_paced():
    chosen = np.array([False, True])
    for changed in (fibrillate(healthy(2), chosen), pace(healthy(2), chosen)):
        for before, after in zip(healthy(2), changed, strict=True):
            assert after[0] == before[0]
        assert changed.lv_elastance[1] < changed.lv_elastance[0]


def test_pacing_costs_some_points_of_ejection_fraction():
    found = run_to_steady_state(pace(healthy(2), np.array([False, True])))
    loss = found.lv_ejection_fraction[0] - found.lv_ejection_fraction[1]
    assert 0.005 < loss < 0.06


def test_kidneys_keep_water_when_the_output_is_too_low_and_let_it_go_when_it_is_too_high():
    heart = healthy(3)
    wanted = run_to_steady_state(heart).co_l_per_min + np.array([-0.5, 0.0, 0.5])
    volume = settle_volume(heart, wanted).stressed_volume_ml
    assert volume[0] < volume[1] - 50.0
    assert volume[2] > volume[1] + 50.0


def test_oedema_is_treated_until_little_of_it_is_left():
    heart = healthy(1)._replace(stressed_volume_ml=np.array([2100.0]))
    before = run_to_steady_state(heart)
    after = run_to_steady_state(settle_volume(heart, before.co_l_per_min))
    assert before.mpcwp_mmhg[0] > 26.0
    assert after.mpcwp_mmhg[0] < before.mpcwp_mmhg[0] - 2.0


def test_water_gathers_less_where_pressures_are_high_already():
    patient = np.repeat(np.arange(2), 4000)
    baseline = run_to_steady_state(_stacked(healthy(1), healthy(1)._replace(stressed_volume_ml=np.array([2000.0]))))
    assert baseline.mpcwp_mmhg[1] > 25.0
    change = draw_volume_changes(baseline, np.ones(2, dtype=bool), patient=patient, rng=np.random.default_rng(0))
    low, high = change[patient == 0], change[patient == 1]
    assert np.percentile(high, 90) < 0.7 * np.percentile(low, 90)
    assert abs(np.percentile(high, 10) - np.percentile(low, 10)) < 0.03


def _stacked(*hearts: Circulation) -> Circulation:
    return Circulation(*(np.concatenate(fields) for fields in zip(*hearts, strict=True)))
