import numpy as np
import pytest

from hemometric.simulation import draw_patients, run_to_steady_state
from validation import plain_loop


@pytest.mark.parametrize("row", [0, 1])
def test_the_fast_kernel_does_what_the_equations_say(row):
    hearts = draw_patients(2, np.random.default_rng(6)).circulation
    fast, beat = run_to_steady_state(hearts), plain_loop.run(hearts, row)
    assert beat.pressure_mmhg["pv"].mean() == pytest.approx(fast.mpcwp_mmhg[row], abs=1e-3)
    assert beat.pressure_mmhg["pa"].mean() == pytest.approx(fast.mpap_mmhg[row], abs=1e-3)
    assert beat.pressure_mmhg["ra"].mean() == pytest.approx(fast.rap_mmhg[row], abs=1e-3)
    assert beat.aortic_ml_per_s.mean() * 0.06 == pytest.approx(fast.co_l_per_min[row], abs=1e-3)
