import numpy as np
import pytest

from hemometric.simulation.circulation import Circulation, healthy
from hemometric.simulation.patients import draw_patients
from hemometric.simulation.steady_state import _exp, run_to_steady_state


def _changed(**changes: float) -> Circulation:
    """Two patients: a healthy one, and one with `changes`."""
    heart = healthy(2)
    for name, value in changes.items():
        getattr(heart, name)[1] = value
    return heart


@pytest.fixture(scope="module")
def sick() -> Circulation:
    return draw_patients(48, np.random.default_rng(3)).circulation


def test_no_blood_is_made_or_lost(sick):
    found = run_to_steady_state(sick)
    np.testing.assert_allclose(found.stressed_volume_ml, sick.stressed_volume_ml, rtol=1e-10)


def test_smaller_steps_change_no_pressure_by_more_than_a_tenth_of_a_mmhg(sick):
    coarse, fine = run_to_steady_state(sick), run_to_steady_state(sick, n_steps=2400)
    for name in ("mpcwp_mmhg", "mpap_mmhg", "rap_mmhg"):
        np.testing.assert_allclose(getattr(coarse, name), getattr(fine, name), atol=0.1)
    np.testing.assert_allclose(coarse.co_l_per_min, fine.co_l_per_min, rtol=0.01)


def test_more_beats_change_no_pressure_by_a_tenth_of_a_mmhg(sick):
    short, long = run_to_steady_state(sick), run_to_steady_state(sick, n_beats=200)
    for name in ("mpcwp_mmhg", "mpap_mmhg", "rap_mmhg"):
        np.testing.assert_allclose(getattr(short, name), getattr(long, name), atol=0.1)
    np.testing.assert_allclose(short.co_l_per_min, long.co_l_per_min, atol=0.01)


def test_a_patients_result_does_not_depend_on_the_company(sick):
    together = run_to_steady_state(sick)
    alone = run_to_steady_state(Circulation._make(field[17:18] for field in sick))
    assert alone.mpcwp_mmhg[0] == together.mpcwp_mmhg[17]
    assert alone.co_l_per_min[0] == together.co_l_per_min[17]


def test_more_volume_raises_output_and_both_filling_pressures():
    found = run_to_steady_state(_changed(stressed_volume_ml=1350.0))
    assert found.co_l_per_min[1] > 1.1 * found.co_l_per_min[0]
    assert found.lv_end_diastolic_ml[1] > found.lv_end_diastolic_ml[0]
    assert found.mpcwp_mmhg[1] > found.mpcwp_mmhg[0] + 3.0
    assert found.rap_mmhg[1] > found.rap_mmhg[0] + 0.5


def test_pulmonary_resistance_raises_pulmonary_pressure_and_not_the_wedge():
    found = run_to_steady_state(_changed(pulmonary_resistance=0.5, pulmonary_arterial_compliance=1.1, rv_elastance=1.2))
    assert found.mpap_mmhg[1] > found.mpap_mmhg[0] + 10.0
    assert abs(found.mpcwp_mmhg[1] - found.mpcwp_mmhg[0]) < 3.0


def test_a_weak_left_ventricle_ejects_less_and_raises_the_wedge():
    found = run_to_steady_state(_changed(lv_elastance=0.9))
    assert found.lv_ejection_fraction[1] < 0.8 * found.lv_ejection_fraction[0]
    assert found.mpcwp_mmhg[1] > found.mpcwp_mmhg[0] + 1.0


def test_a_stiff_left_ventricle_raises_the_wedge_without_lowering_ejection_fraction():
    found = run_to_steady_state(_changed(lv_stiffness_per_ml=0.037, stressed_volume_ml=1230.0))
    assert found.mpcwp_mmhg[1] > found.mpcwp_mmhg[0] + 5.0
    assert found.lv_ejection_fraction[1] > 0.5


def test_a_stiff_heart_loses_output_without_the_atrial_kick():
    heart = _changed(atrial_kick=0.0)._replace(lv_stiffness_per_ml=np.full(2, 0.035))
    found = run_to_steady_state(heart)
    assert found.co_l_per_min[1] < 0.97 * found.co_l_per_min[0]


def test_a_leaking_mitral_valve_raises_the_wedge_and_lowers_forward_flow():
    found = run_to_steady_state(_changed(mitral_leak_ml_per_s_mmhg=2.0))
    assert found.mpcwp_mmhg[1] > found.mpcwp_mmhg[0] + 1.0
    assert found.co_l_per_min[1] < found.co_l_per_min[0]


def test_the_baroreflex_answers_blood_loss_with_resistance():
    found = run_to_steady_state(_changed(stressed_volume_ml=850.0))
    assert found.systemic_resistance[1] > 1.05 * found.systemic_resistance[0]
    pressure_loss = 1.0 - found.map_mmhg[1] / found.map_mmhg[0]
    assert pressure_loss < 0.5 * (1.0 - found.co_l_per_min[1] / found.co_l_per_min[0])


def test_without_baroreflex_blood_loss_lowers_arterial_pressure_at_the_same_resistance():
    heart = _changed(stressed_volume_ml=850.0)
    held, free = run_to_steady_state(heart), run_to_steady_state(heart, baroreflex_gain=0.0)
    assert free.systemic_resistance[1] == heart.systemic_resistance[1]
    assert free.map_mmhg[1] < held.map_mmhg[1] - 3.0


def test_vessels_cannot_narrow_without_limit_for_a_failing_heart():
    found = run_to_steady_state(_changed(lv_elastance=0.3, stressed_volume_ml=700.0))
    assert found.systemic_resistance[1] == pytest.approx(1.8)
    assert found.map_mmhg[1] < 80.0


def test_a_fuller_ventricle_ejects_more_with_each_beat():
    heart = healthy(5)._replace(stressed_volume_ml=np.linspace(850.0, 1250.0, 5))
    found = run_to_steady_state(heart)
    stroke_ml = 1000.0 * found.co_l_per_min / heart.heart_rate_bpm
    assert (np.diff(found.lv_end_diastolic_ml) > 0.0).all()
    assert (np.diff(stroke_ml) > 0.0).all()


def test_a_tight_pericardium_brings_the_filling_pressures_together_and_lowers_output():
    found = run_to_steady_state(_changed(pericardial_volume_ml=150.0))
    gap = found.mpcwp_mmhg - found.rap_mmhg
    assert found.rap_mmhg[1] > found.rap_mmhg[0] + 1.0
    assert gap[1] < 0.7 * gap[0]
    assert found.co_l_per_min[1] < 0.9 * found.co_l_per_min[0]


def test_the_exponential_is_right_where_it_is_used():
    x = np.linspace(-8.0, 6.0, 101)
    np.testing.assert_allclose([_exp(value) for value in x], np.exp(x), rtol=4e-7)


def test_wrong_calls_are_refused():
    with pytest.raises(ValueError, match="same length"):
        run_to_steady_state(healthy(2)._replace(atrial_kick=np.ones(3)))
    with pytest.raises(ValueError, match="n_beats >= 10"):
        run_to_steady_state(healthy(1), n_beats=3)
