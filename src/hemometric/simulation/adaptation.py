"""How a circulation is changed by fibrillation, pacing, kidneys, diuretics, and water that gathers between visits."""

import numpy as np
from numpy.typing import NDArray

from hemometric.simulation.circulation import Circulation, FloatVector, Hemodynamics
from hemometric.simulation.steady_state import run_to_steady_state

_FIBRILLATION_BPM = 9.0
_FIBRILLATION_ELASTANCE = 0.95
_FIBRILLATION_LA_STIFFNESS = 1.20
_FIBRILLATION_LEAK = 0.4
_PACED_ELASTANCE = 0.92
_BEATS_OF_FIRST_GUESS = 40
_KIDNEY_ML_PER_L_PER_MIN = 150.0
_KIDNEY_RANGE_ML = (-200.0, 250.0)
_OEDEMA_WEDGE_MMHG = 22.0
_OEDEMA_RAP_MMHG = 12.0
_DIURESIS_ML_PER_MMHG = 16.0
_FULL_WEDGE_MMHG, _WEDGE_ROOM_MMHG = 38.0, 20.0
_FULL_RAP_MMHG, _RAP_ROOM_MMHG = 28.0, 16.0
_VOLUME_SD = 0.10
_FAILING_VOLUME_SD = 0.19
_DECOMPENSATED = 0.30
_LARGEST_CHANGE = 0.40


def fibrillate(heart: Circulation, chosen: NDArray[np.bool_]) -> Circulation:
    """Put the chosen hearts into atrial fibrillation, before the kidneys answer.

    The atria no longer contract, the rate rises, the left atrium stiffens and its wide mitral ring leaks a little, and
    unequal intervals cost the left ventricle some contraction. In 16 patients paced at 102 beats a minute, irregularity
    alone lowered output from 5.2 to 4.4 L/min and raised the wedge pressure by 3 mmHg (J Am Coll Cardiol
    1997;30:1039); less was chosen here, because these patients' rates are slower.

    Args:
        heart: n hearts.
        chosen: Shape (n,).
    """
    return heart._replace(
        atrial_kick=np.where(chosen, 0.0, heart.atrial_kick),
        heart_rate_bpm=heart.heart_rate_bpm + _FIBRILLATION_BPM * chosen,
        la_stiffness_per_ml=heart.la_stiffness_per_ml * np.where(chosen, _FIBRILLATION_LA_STIFFNESS, 1.0),
        mitral_leak_ml_per_s_mmhg=heart.mitral_leak_ml_per_s_mmhg + _FIBRILLATION_LEAK * chosen,
        lv_elastance=heart.lv_elastance * np.where(chosen, _FIBRILLATION_ELASTANCE, 1.0),
    )


def pace(heart: Circulation, chosen: NDArray[np.bool_]) -> Circulation:
    """Pace the chosen hearts in the right ventricle: the left one contracts out of step, with less elastance.

    Chosen to cost less than the 6 points of ejection fraction that a year of constant pacing cost in PACE (Eur J Heart
    Fail 2014, doi 10.1002/ejhf.157), because not every beat is paced.

    Args:
        heart: n hearts.
        chosen: Shape (n,).
    """
    return heart._replace(lv_elastance=heart.lv_elastance * np.where(chosen, _PACED_ELASTANCE, 1.0))


def settle_volume(heart: Circulation, wanted_co_l_per_min: FloatVector) -> Circulation:
    """Let the kidneys keep water where the output is too low, and treat oedema with diuretics, twice.

    In dogs water enters the lungs above a left atrial pressure of 24 mmHg, in proportion to the excess (Guyton and
    Lindsey, Circ Res 1959;7:649), so few live above it untreated. Treatment begins a little below; how much water goes
    for a L/min and for a mmHg was chosen so that the cohort's moments come out.

    Args:
        heart: n hearts.
        wanted_co_l_per_min: Output that the tissues ask for, shape (n,).
    """
    found = run_to_steady_state(heart, n_beats=_BEATS_OF_FIRST_GUESS)
    kept_ml = np.clip((wanted_co_l_per_min - found.co_l_per_min) * _KIDNEY_ML_PER_L_PER_MIN, *_KIDNEY_RANGE_ML)
    settled_ml = heart.stressed_volume_ml + kept_ml - _diuresis_ml(found)
    found = run_to_steady_state(heart._replace(stressed_volume_ml=settled_ml), n_beats=_BEATS_OF_FIRST_GUESS)
    return heart._replace(stressed_volume_ml=settled_ml - _diuresis_ml(found))


def draw_volume_changes(
    baseline: Hemodynamics, failing: NDArray[np.bool_], *, patient: NDArray[np.int64], rng: np.random.Generator
) -> FloatVector:
    """Draw by what part of itself each visit's stressed volume differs from the patient's usual one.

    Salt and diuretics move it both ways, further in a failing heart, which may decompensate. The higher the pressures
    already are, the less water gathers before oedema brings the patient to treatment. All sizes are chosen so that the
    wedge pressure changes by 3 to 4 mmHg from visit to visit.

    Args:
        baseline: Of n patients.
        failing: Shape (n,): who has heart failure.
        patient: Shape (m,): the patient of each visit.
        rng: Source of randomness.

    Returns:
        Shape (m,), -0.4..0.4.
    """
    m, fails = len(patient), failing[patient]
    ordinary = rng.normal(0.0, 1.0, m) * np.where(fails, _FAILING_VOLUME_SD, _VOLUME_SD) - 0.04 * fails
    decompensated = fails & (rng.random(m) < _DECOMPENSATED)
    change = ordinary + np.where(decompensated, np.abs(rng.normal(0.22, 0.06, m)), 0.0)
    room = np.minimum(
        (_FULL_WEDGE_MMHG - baseline.mpcwp_mmhg) / _WEDGE_ROOM_MMHG,
        (_FULL_RAP_MMHG - baseline.rap_mmhg) / _RAP_ROOM_MMHG,
    )
    limited = np.clip(change, -_LARGEST_CHANGE, _LARGEST_CHANGE)
    changes: FloatVector = limited * np.where(limited > 0.0, np.clip(room[patient], 0.1, 1.0), 1.0)
    return changes


def _diuresis_ml(found: Hemodynamics) -> FloatVector:
    """Stressed volume that treatment takes away from who has oedema of lungs or legs."""
    lungs = np.maximum(found.mpcwp_mmhg - _OEDEMA_WEDGE_MMHG, 0.0)
    legs = np.maximum(found.rap_mmhg - _OEDEMA_RAP_MMHG, 0.0)
    taken: FloatVector = _DIURESIS_ML_PER_MMHG * (lungs + legs)
    return taken
