"""Running the closed loop of `hemometric.simulation.circulation` to its steady state, many patients in lockstep."""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hemometric.simulation.circulation import Circulation, FloatVector, Hemodynamics

FloatMatrix = NDArray[np.float64]

N_BEATS = 80
"""Beats until the steady state: of 10,000 patients and visits none moved by 0.1 mmHg of mPCWP against 300 beats."""

N_STEPS = 400
"""Explicit Euler steps in a cycle: in 1,000 visits no mPCWP, mPAP or RAP moved by 0.1 mmHg against 2,400 steps."""

BAROREFLEX_GAIN = 0.4
"""Power of (wanted / found) mean arterial pressure by which the systemic resistance changes in a beat (chosen)."""

_LANES = 16
_ATRIAL_LEAD_S = 0.16
_VENTRICLE_RISE = 0.216
_VENTRICLE_FALL = 0.165
_ATRIUM_RISE_S = 0.10
_ATRIUM_FALL_S = 0.09
_ATRIAL_STIFFNESS_MMHG = 0.6
_RIGHT_VALVE_RESISTANCE = 0.008
_BAROREFLEX_RANGE = (0.45, 1.8)  # mmHg s/mL: 600 to 2,400 dyn s/cm5, the most that vessels do (chosen)
_BEATS_WITHOUT_REFLEX = 6
_LARGEST_EXPONENT = 6.0
_LARGEST_PERICARDIAL_EXPONENT = 3.2

_P = Circulation(*range(len(Circulation._fields)))  # rows of a block, by the field's name
_H = Hemodynamics(*range(len(Hemodynamics._fields)))  # rows of the outputs
_STEP_S, _LV, _LA, _RV, _RA, _SA, _SV, _PA, _PV = range(len(_P), len(_P) + 9)
_SUM_PV, _SUM_PA, _SUM_RA, _SUM_AORTIC, _SUM_SA, _SUM_LA, _LV_MAX, _RV_MAX, _LA_MAX, _LV_MIN = range(_PV + 1, _PV + 11)
_P_LA, _P_RA, _AORTIC = range(_LV_MIN + 1, _LV_MIN + 4)
_N_ROWS = _AORTIC + 1


def run_to_steady_state(
    circulation: Circulation,
    *,
    n_beats: int = N_BEATS,
    n_steps: int = N_STEPS,
    baroreflex_gain: float = BAROREFLEX_GAIN,
) -> Hemodynamics:
    """Run every patient's circulation until it repeats itself from beat to beat.

    A patient's result does not depend on who else is in the call.

    Args:
        circulation: Vectors of shape (n,), float64.
        n_beats: Beats to run, >= 10; the means are taken over the last one.
        n_steps: Steps per beat, >= 200.
        baroreflex_gain: 0 = the systemic resistance stays what it is.

    Returns:
        Vectors of shape (n,).

    Raises:
        ValueError: Vectors of different lengths, or too few beats or steps.
    """
    n = len(circulation.heart_rate_bpm)
    if any(field.shape != (n,) for field in circulation):
        raise ValueError("every field of a Circulation must be a vector of the same length")
    if n_beats < 10 or n_steps < 200:
        raise ValueError(f"expected n_beats >= 10 and n_steps >= 200, got {n_beats} and {n_steps}")
    n_padded = -(-n // _LANES) * _LANES
    parameters = np.empty((len(circulation), n_padded))
    for row, values in zip(parameters, circulation, strict=True):
        row[:n] = values
        row[n:] = values[-1:]
    outputs = np.empty((len(Hemodynamics._fields), n_padded))
    _run_blocks(parameters, outputs, n_beats, n_steps, baroreflex_gain)
    return Hemodynamics(*outputs[:, :n].copy())


@njit(inline="always", cache=True, error_model="numpy")
def _exp(x: float) -> float:
    """exp(x) for -8 <= x <= 6 to 4e-7 of its value: a Taylor sum of x / 64, squared six times.

    Only products and sums, so the loop over patients becomes vector instructions and gives the same bits everywhere.
    """
    y = x * 0.015625
    e = 1.0 + y * (1.0 + y * (0.5 + y * (1.0 / 6.0 + y * (1.0 / 24.0 + y * (1.0 / 120.0)))))
    e = e * e
    e = e * e
    e = e * e
    e = e * e
    e = e * e
    return e * e


@njit(cache=True, error_model="numpy")
def _activation(phase: float, rr_s: float, delay_s: float, rise_s: float, fall_s: float) -> float:
    """Half-cosine activation (0..1) at a phase (0..1) of the cycle."""
    t = (phase * rr_s - delay_s) % rr_s
    if t < rise_s:
        return 0.5 * (1.0 - math.cos(math.pi * t / rise_s))
    if t < rise_s + fall_s:
        return 0.5 * (1.0 + math.cos(math.pi * (t - rise_s) / fall_s))
    return 0.0


@njit(cache=True, error_model="numpy")
def _run_blocks(
    parameters: FloatMatrix, outputs: FloatMatrix, n_beats: int, n_steps: int, baroreflex_gain: float
) -> None:
    """Fill outputs (12, n) from parameters (31, n); n is a multiple of _LANES, which run side by side."""
    block = np.empty((_N_ROWS, _LANES))
    atria = np.empty((n_steps, _LANES))
    ventricles = np.empty((n_steps, _LANES))
    for first in range(0, parameters.shape[1], _LANES):
        block[: parameters.shape[0]] = parameters[:, first : first + _LANES]
        _prepare(block, atria, ventricles)
        for beat in range(n_beats):
            _clear_sums(block)
            for step in range(n_steps):
                _advance(block, atria[step], ventricles[step])
                _note(block)
            if baroreflex_gain > 0.0 and beat < n_beats - _BEATS_WITHOUT_REFLEX:
                _baroreflex(block, n_steps, baroreflex_gain)
        _report(block, outputs[:, first : first + _LANES], n_steps)


@njit(cache=True, error_model="numpy")
def _prepare(block: FloatMatrix, atria: FloatMatrix, ventricles: FloatMatrix) -> None:
    """Activation per step, and a first split of the stressed volume over the beds."""
    n_steps = atria.shape[0]
    for i in range(_LANES):
        rr_s = 60.0 / block[_P.heart_rate_bpm, i]
        rise_s, fall_s = _VENTRICLE_RISE * np.sqrt(rr_s), _VENTRICLE_FALL * np.sqrt(rr_s)
        block[_STEP_S, i] = rr_s / n_steps
        for step in range(n_steps):
            phase = step / n_steps
            ventricles[step, i] = _activation(phase, rr_s, _ATRIAL_LEAD_S, rise_s, fall_s)
            atria[step, i] = block[_P.atrial_kick, i] * _activation(phase, rr_s, 0.0, _ATRIUM_RISE_S, _ATRIUM_FALL_S)
        block[_LV, i] = 120.0
        block[_LA, i] = 70.0
        block[_RV, i] = 120.0
        block[_RA, i] = 60.0
        block[_SA, i] = 85.0 * block[_P.systemic_arterial_compliance, i]
        block[_PA, i] = 15.0 * block[_P.pulmonary_arterial_compliance, i]
        block[_PV, i] = 9.0 * block[_P.pulmonary_venous_compliance, i]
        chambers = block[_LV, i] + block[_LA, i] + block[_RV, i] + block[_RA, i]
        vessels = block[_SA, i] + block[_PA, i] + block[_PV, i]
        block[_SV, i] = block[_P.stressed_volume_ml, i] - chambers - vessels


@njit(cache=True, error_model="numpy")
def _clear_sums(block: FloatMatrix) -> None:
    for i in range(_LANES):
        for row in range(_SUM_PV, _LV_MIN):
            block[row, i] = 0.0
        block[_LV_MIN, i] = 1e9


@njit(inline="always", cache=True, error_model="numpy")
def _filling(stretch: float, stiffness_mmhg: float, stiffness_per_ml: float) -> float:
    """Pressure of a relaxed chamber that is filled by `stretch` mL beyond its unstressed volume."""
    return stiffness_mmhg * (_exp(min(stiffness_per_ml * stretch, _LARGEST_EXPONENT)) - 1.0)


@njit(inline="always", cache=True, error_model="numpy")
def _atrium(stretch: float, elastance: float, stiffness_per_ml: float) -> float:
    """Pressure of an atrium of this momentary elastance."""
    return elastance * stretch + _filling(stretch, _ATRIAL_STIFFNESS_MMHG, stiffness_per_ml)


@njit(inline="always", cache=True, error_model="numpy")
def _ventricle(
    stretch: float, active: float, elastance: float, stiffness_mmhg: float, stiffness_per_ml: float
) -> float:
    """Pressure of a ventricle that is active to that part (0..1)."""
    return active * elastance * stretch + (1.0 - active) * _filling(stretch, stiffness_mmhg, stiffness_per_ml)


@njit(inline="always", cache=True, error_model="numpy")
def _advance(block: FloatMatrix, atria: FloatVector, ventricles: FloatVector) -> None:
    """One explicit Euler step of all lanes.

    The inlined functions take scalars only: with rows of the block as arguments the compiler no longer turns this
    loop into vector instructions (three times slower; a test of the machine code would be brittle, so watch the bench).
    """
    for i in range(_LANES):
        lv, la, rv, ra = block[_LV, i], block[_LA, i], block[_RV, i], block[_RA, i]
        sa, sv, pa, pv = block[_SA, i], block[_SV, i], block[_PA, i], block[_PV, i]
        fullness = (lv + la + rv + ra - block[_P.pericardial_volume_ml, i]) / block[_P.pericardial_scale_ml, i]
        pericardium = _exp(min(fullness, _LARGEST_PERICARDIAL_EXPONENT))
        p_lv = pericardium + _ventricle(
            lv - block[_P.lv_unstressed_ml, i],
            ventricles[i],
            block[_P.lv_elastance, i],
            block[_P.lv_stiffness_mmhg, i],
            block[_P.lv_stiffness_per_ml, i],
        )
        p_rv = pericardium + _ventricle(
            rv - block[_P.rv_unstressed_ml, i],
            ventricles[i],
            block[_P.rv_elastance, i],
            block[_P.rv_stiffness_mmhg, i],
            block[_P.rv_stiffness_per_ml, i],
        )
        p_la = pericardium + _atrium(
            la - block[_P.la_unstressed_ml, i], atria[i] * block[_P.la_elastance, i], block[_P.la_stiffness_per_ml, i]
        )
        p_ra = pericardium + _atrium(
            ra - block[_P.ra_unstressed_ml, i], atria[i] * block[_P.ra_elastance, i], block[_P.ra_stiffness_per_ml, i]
        )
        p_sa = sa / block[_P.systemic_arterial_compliance, i]
        p_sv = sv / block[_P.systemic_venous_compliance, i]
        p_pa = pa / block[_P.pulmonary_arterial_compliance, i]
        p_pv = pv / block[_P.pulmonary_venous_compliance, i]

        leak = min(p_la - p_lv, 0.0) * block[_P.mitral_leak_ml_per_s_mmhg, i]
        mitral = max(p_la - p_lv, 0.0) / block[_P.mitral_resistance, i] + leak
        aortic = max(p_lv - p_sa, 0.0) / block[_P.aortic_resistance, i]
        tricuspid = max(p_ra - p_rv, 0.0) / _RIGHT_VALVE_RESISTANCE
        pulmonary = max(p_rv - p_pa, 0.0) / _RIGHT_VALVE_RESISTANCE
        systemic = (p_sa - p_sv) / block[_P.systemic_resistance, i]
        venous_return = (p_sv - p_ra) / block[_P.systemic_venous_resistance, i]
        through_lungs = (p_pa - p_pv) / block[_P.pulmonary_resistance, i]
        from_lungs = (p_pv - p_la) / block[_P.pulmonary_venous_resistance, i]

        step_s = block[_STEP_S, i]
        block[_LV, i] = lv + step_s * (mitral - aortic)
        block[_LA, i] = la + step_s * (from_lungs - mitral)
        block[_RV, i] = rv + step_s * (tricuspid - pulmonary)
        block[_RA, i] = ra + step_s * (venous_return - tricuspid)
        block[_SA, i] = sa + step_s * (aortic - systemic)
        block[_SV, i] = sv + step_s * (systemic - venous_return)
        block[_PA, i] = pa + step_s * (pulmonary - through_lungs)
        block[_PV, i] = pv + step_s * (through_lungs - from_lungs)
        block[_P_LA, i], block[_P_RA, i], block[_AORTIC, i] = p_la, p_ra, aortic


@njit(inline="always", cache=True, error_model="numpy")
def _note(block: FloatMatrix) -> None:
    """Add the momentary pressures and flow to the beat's sums, and follow its extremes."""
    for i in range(_LANES):
        block[_SUM_PV, i] += block[_PV, i] / block[_P.pulmonary_venous_compliance, i]
        block[_SUM_PA, i] += block[_PA, i] / block[_P.pulmonary_arterial_compliance, i]
        block[_SUM_SA, i] += block[_SA, i] / block[_P.systemic_arterial_compliance, i]
        block[_SUM_LA, i] += block[_P_LA, i]
        block[_SUM_RA, i] += block[_P_RA, i]
        block[_SUM_AORTIC, i] += block[_AORTIC, i]
        block[_LV_MAX, i] = max(block[_LV_MAX, i], block[_LV, i])
        block[_RV_MAX, i] = max(block[_RV_MAX, i], block[_RV, i])
        block[_LA_MAX, i] = max(block[_LA_MAX, i], block[_LA, i])
        block[_LV_MIN, i] = min(block[_LV_MIN, i], block[_LV, i])


@njit(cache=True, error_model="numpy")
def _baroreflex(block: FloatMatrix, n_steps: int, gain: float) -> None:
    low, high = _BAROREFLEX_RANGE
    for i in range(_LANES):
        error = block[_P.wanted_map_mmhg, i] * n_steps / block[_SUM_SA, i]
        resistance = block[_P.systemic_resistance, i] * error**gain
        block[_P.systemic_resistance, i] = min(max(resistance, low), high)


@njit(cache=True, error_model="numpy")
def _report(block: FloatMatrix, outputs: FloatMatrix, n_steps: int) -> None:
    """Means and extremes of the last beat, in the order of Hemodynamics."""
    for i in range(_LANES):
        outputs[_H.mpcwp_mmhg, i] = block[_SUM_PV, i] / n_steps
        outputs[_H.mpap_mmhg, i] = block[_SUM_PA, i] / n_steps
        outputs[_H.rap_mmhg, i] = block[_SUM_RA, i] / n_steps
        outputs[_H.co_l_per_min, i] = block[_SUM_AORTIC, i] / n_steps * 60.0 / 1000.0
        outputs[_H.map_mmhg, i] = block[_SUM_SA, i] / n_steps
        outputs[_H.lap_mmhg, i] = block[_SUM_LA, i] / n_steps
        outputs[_H.lv_ejection_fraction, i] = 1.0 - block[_LV_MIN, i] / block[_LV_MAX, i]
        outputs[_H.lv_end_diastolic_ml, i] = block[_LV_MAX, i]
        outputs[_H.rv_end_diastolic_ml, i] = block[_RV_MAX, i]
        outputs[_H.la_volume_ml, i] = block[_LA_MAX, i]
        outputs[_H.systemic_resistance, i] = block[_P.systemic_resistance, i]
        total = 0.0
        for row in range(_LV, _PV + 1):
            total += block[row, i]
        outputs[_H.stressed_volume_ml, i] = total
