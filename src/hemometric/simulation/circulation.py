"""The parameters of a closed loop of four heart chambers and four vessel beds, and what a catheter finds in it.

Eight volumes are the state: left and right ventricle and atrium (time-varying elastance: Suga and Sagawa 1974;
whole-loop form: Santamore and Burkhoff 1991), systemic and pulmonary arteries and veins (two-element Windkessels).

    P_chamber = a E (V - V0) + (1 - a) A (exp(B (V - V0)) - 1) + P_pericardium
    P_pericardium = exp((sum of chamber volumes - Vp) / Lp)
    P_vessel = Q / C                      Q: stressed volume of the bed
    flow = max(pressure difference, 0) / R through a valve, pressure difference / R elsewhere

The activation a(t) is a half-cosine rise and fall; atria start 160 ms before ventricles, and do not contract in atrial
fibrillation. The baroreflex moves the systemic resistance towards the wanted mean arterial pressure once per beat.
What leaves one bed enters the next, so the total stressed volume stays what it was at the start.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatVector = NDArray[np.float64]


class Circulation(NamedTuple):
    """Parameters of n hearts with their vessels; every field is a vector of shape (n,).

    Elastances in mmHg/mL, compliances in mL/mmHg, resistances in mmHg s/mL (0.06 = 1 Wood unit), volumes in mL.

    Attributes:
        heart_rate_bpm: Beats per minute.
        stressed_volume_ml: Blood volume that stretches chambers and vessels.
        lv_elastance: End-systolic elastance E of the left ventricle.
        lv_unstressed_ml: V0 of the left ventricle.
        lv_stiffness_mmhg: A of the left ventricle's filling curve.
        lv_stiffness_per_ml: B of the left ventricle's filling curve.
        rv_elastance: As for the left ventricle, and so on.
        rv_unstressed_ml: V0.
        rv_stiffness_mmhg: A.
        rv_stiffness_per_ml: B.
        la_elastance: E of the contracting left atrium.
        la_unstressed_ml: V0.
        la_stiffness_per_ml: B (A is 0.6 mmHg in both atria).
        ra_elastance: E of the contracting right atrium.
        ra_unstressed_ml: V0.
        ra_stiffness_per_ml: B.
        systemic_arterial_compliance: C of the arteries.
        systemic_venous_compliance: C of the veins; lower = higher venous tone.
        pulmonary_arterial_compliance: C of the pulmonary arteries.
        pulmonary_venous_compliance: C of the pulmonary veins.
        systemic_resistance: From arteries to veins, before the baroreflex.
        systemic_venous_resistance: From veins to the right atrium.
        pulmonary_resistance: From pulmonary arteries to pulmonary veins.
        pulmonary_venous_resistance: From pulmonary veins to the left atrium.
        mitral_resistance: Of the open mitral valve.
        aortic_resistance: Of the open aortic valve.
        mitral_leak_ml_per_s_mmhg: Conductance backwards through the closed mitral valve (regurgitation), 0 = tight.
        atrial_kick: 1 = atria contract, 0 = atrial fibrillation.
        wanted_map_mmhg: Mean arterial pressure that the baroreflex defends.
        pericardial_volume_ml: Vp, chamber volume at which the pericardium presses with 1 mmHg.
        pericardial_scale_ml: Lp, added volume per e-fold of that pressure.
    """

    heart_rate_bpm: FloatVector
    stressed_volume_ml: FloatVector
    lv_elastance: FloatVector
    lv_unstressed_ml: FloatVector
    lv_stiffness_mmhg: FloatVector
    lv_stiffness_per_ml: FloatVector
    rv_elastance: FloatVector
    rv_unstressed_ml: FloatVector
    rv_stiffness_mmhg: FloatVector
    rv_stiffness_per_ml: FloatVector
    la_elastance: FloatVector
    la_unstressed_ml: FloatVector
    la_stiffness_per_ml: FloatVector
    ra_elastance: FloatVector
    ra_unstressed_ml: FloatVector
    ra_stiffness_per_ml: FloatVector
    systemic_arterial_compliance: FloatVector
    systemic_venous_compliance: FloatVector
    pulmonary_arterial_compliance: FloatVector
    pulmonary_venous_compliance: FloatVector
    systemic_resistance: FloatVector
    systemic_venous_resistance: FloatVector
    pulmonary_resistance: FloatVector
    pulmonary_venous_resistance: FloatVector
    mitral_resistance: FloatVector
    aortic_resistance: FloatVector
    mitral_leak_ml_per_s_mmhg: FloatVector
    atrial_kick: FloatVector
    wanted_map_mmhg: FloatVector
    pericardial_volume_ml: FloatVector
    pericardial_scale_ml: FloatVector


class Hemodynamics(NamedTuple):
    """What a catheter and an echocardiogram would show in the steady state; vectors of shape (n,).

    Attributes:
        mpcwp_mmhg: Mean pulmonary venous pressure, which is what a wedged catheter sees.
        mpap_mmhg: Mean pulmonary artery pressure.
        rap_mmhg: Mean right atrial pressure.
        co_l_per_min: Forward flow through the aortic valve.
        map_mmhg: Mean systemic arterial pressure.
        lap_mmhg: Mean left atrial pressure.
        lv_ejection_fraction: 0..1.
        lv_end_diastolic_ml: Largest volume in the beat.
        rv_end_diastolic_ml: Largest volume in the beat.
        la_volume_ml: Largest volume in the beat.
        systemic_resistance: mmHg s/mL after the baroreflex.
        stressed_volume_ml: Sum of the eight volumes at the end; equal to the parameter, within rounding.
    """

    mpcwp_mmhg: FloatVector
    mpap_mmhg: FloatVector
    rap_mmhg: FloatVector
    co_l_per_min: FloatVector
    map_mmhg: FloatVector
    lap_mmhg: FloatVector
    lv_ejection_fraction: FloatVector
    lv_end_diastolic_ml: FloatVector
    rv_end_diastolic_ml: FloatVector
    la_volume_ml: FloatVector
    systemic_resistance: FloatVector
    stressed_volume_ml: FloatVector

    @property
    def pvr_wood_units(self) -> FloatVector:
        """Pulmonary vascular resistance as a catheter would have it, (mPAP - mPCWP) / CO, mmHg min/L."""
        resistance: FloatVector = (self.mpap_mmhg - self.mpcwp_mmhg) / self.co_l_per_min
        return resistance


def healthy(n: int) -> Circulation:
    """Return n resting adults without heart disease (mPCWP 9, mPAP 16, RAP 3 mmHg, CO 5.5 L/min, EF 0.59)."""
    values = {
        "heart_rate_bpm": 70.0,
        "stressed_volume_ml": 1010.0,
        "lv_elastance": 2.6,
        "lv_unstressed_ml": 10.0,
        "lv_stiffness_mmhg": 0.45,
        "lv_stiffness_per_ml": 0.027,
        "rv_elastance": 0.7,
        "rv_unstressed_ml": 15.0,
        "rv_stiffness_mmhg": 0.35,
        "rv_stiffness_per_ml": 0.021,
        "la_elastance": 0.35,
        "la_unstressed_ml": 8.0,
        "la_stiffness_per_ml": 0.042,
        "ra_elastance": 0.3,
        "ra_unstressed_ml": 8.0,
        "ra_stiffness_per_ml": 0.042,
        "systemic_arterial_compliance": 1.4,
        "systemic_venous_compliance": 70.0,
        "pulmonary_arterial_compliance": 5.0,
        "pulmonary_venous_compliance": 12.0,
        "systemic_resistance": 0.95,
        "systemic_venous_resistance": 0.035,
        "pulmonary_resistance": 0.075,
        "pulmonary_venous_resistance": 0.012,
        "mitral_resistance": 0.006,
        "aortic_resistance": 0.008,
        "mitral_leak_ml_per_s_mmhg": 0.0,
        "atrial_kick": 1.0,
        "wanted_map_mmhg": 92.0,
        "pericardial_volume_ml": 400.0,
        "pericardial_scale_ml": 75.0,
    }
    return Circulation(**{name: np.full(n, value) for name, value in values.items()})
