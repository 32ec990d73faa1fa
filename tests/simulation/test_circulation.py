import numpy as np

from hemometric.simulation.circulation import Circulation, Hemodynamics, healthy
from hemometric.simulation.steady_state import run_to_steady_state


def test_every_parameter_and_output_is_described_in_the_docstring():
    for container in (Circulation, Hemodynamics):
        for field in container._fields:
            assert f"        {field}:" in container.__doc__


def test_healthy_adults_have_the_numbers_that_their_docstring_promises():
    found = run_to_steady_state(healthy(1))
    assert abs(found.mpcwp_mmhg[0] - 9.0) < 0.5
    assert abs(found.mpap_mmhg[0] - 16.0) < 0.5
    assert abs(found.rap_mmhg[0] - 3.0) < 0.5
    assert abs(found.co_l_per_min[0] - 5.5) < 0.1
    assert abs(found.lv_ejection_fraction[0] - 0.59) < 0.01


def test_healthy_makes_as_many_as_asked():
    assert all(np.unique(field).size == 1 and field.shape == (7,) for field in healthy(7))


def test_the_pulmonary_resistance_of_the_catheter_is_about_that_of_the_model():
    found = run_to_steady_state(healthy(1)).pvr_wood_units[0]
    assert abs(found - healthy(1).pulmonary_resistance[0] / 0.06) < 0.1
