"""From a patient's hemodynamic state to what an electrocardiographer would measure: the coupling of the two.

Each quantity is

    usual value (age, sex) + coupling * effect of the state + patient's own constant u + visit's noise e

The effects follow published correlates: P duration and terminal force with chronic left atrial load (Clin Res Cardiol
2020;109:978), PR and QTc with diastolic dysfunction (PMC3818461), QRS duration and LBBB with systolic failure (SwedeHF;
I-PRESERVE), the spatial QRS-T angle (PMC3872517), voltage that falls with oedema within a patient (r -0.70 to -0.82
with fluid loss), rightward axis and R in V1 with pulmonary hypertension, heart rate variability (r 0.16 with PCWP).
u cancels only where a patient's other ECGs are used; e changes from visit to visit (angle: PMC8627471). Coupling 1 puts
the ceiling of discrimination just above published networks (mPCWP > 15: AUROC 0.80, PMC11198366), coupling 0 leaves no
more than age, sex, heart rate and atrial fibrillation tell.
"""

from typing import NamedTuple

import numpy as np

from hemometric.simulation.circulation import FloatVector
from hemometric.simulation.patients import HFPEF, HFREF, VALVE, IntVector, Patients, Visits


class Morphology(NamedTuple):
    """What the ECGs of m visits look like; vectors of shape (m,). In atrial fibrillation the P wave's values are NaN.

    Attributes:
        p_duration_ms: From onset to end of the P wave.
        p_terminal_force_mv_s: Size of the terminal negative part of P in V1, about 0.025 in health.
        ra_amplitude_mv: Amplitude of the right atrial part of P in II.
        pr_ms: From onset of P to onset of QRS.
        lbbb: 1 = left bundle branch block.
        rbbb: 1 = right bundle branch block.
        qrs_ms: Duration of QRS, the block included.
        qtc_ms: QT interval after Fridericia.
        qrs_t_angle_deg: Angle in space between the areas of QRS and T (by the inverse of Dower's matrix).
        axis_deg: Frontal QRS axis, usually 35 degrees; higher is more rightward.
        log_voltage: Logarithm of the QRS voltage against its usual value.
        log_r_v1: Logarithm of R in V1, mV.
        strain: Left ventricular hypertrophy with strain: 0 = none, 1 = marked.
        rv_strain: Right ventricular strain: 0 = none, 1 = marked.
        log_t_amplitude: Logarithm of the T amplitude against its usual value.
        heart_rate_bpm: Mean heart rate.
        log_rr_variation: Logarithm of the coefficient of variation of the RR intervals.
        atrial_fibrillation: 1 = atrial fibrillation.
        pvc: 1 = ventricular premature beats occur.
        paced: 1 = the right ventricle is paced.
        digoxin: 1 = digoxin's scooped ST.
    """

    p_duration_ms: FloatVector
    p_terminal_force_mv_s: FloatVector
    ra_amplitude_mv: FloatVector
    pr_ms: FloatVector
    lbbb: FloatVector
    rbbb: FloatVector
    qrs_ms: FloatVector
    qtc_ms: FloatVector
    qrs_t_angle_deg: FloatVector
    axis_deg: FloatVector
    log_voltage: FloatVector
    log_r_v1: FloatVector
    strain: FloatVector
    rv_strain: FloatVector
    log_t_amplitude: FloatVector
    heart_rate_bpm: FloatVector
    log_rr_variation: FloatVector
    atrial_fibrillation: FloatVector
    pvc: FloatVector
    paced: FloatVector
    digoxin: FloatVector


CALIBRATION = 1.11
"""Factor on every effect, bisected on 32,000 patients so that at coupling 1 the best reader's AUROC of mPCWP > 15 is
0.84 (`python -m validation.bisect`), and frozen."""

IDIOSYNCRASY_SD: dict[str, tuple[float, float]] = {
    "p_duration_ms": (11.0, 5.0),
    "p_terminal_force_mv_s": (0.013, 0.008),
    "ra_amplitude_mv": (0.035, 0.012),
    "pr_ms": (20.0, 6.0),
    "qrs_ms": (8.0, 3.0),
    "qtc_ms": (14.0, 10.0),
    "qrs_t_angle_deg": (24.0, 8.0),
    "axis_deg": (32.0, 6.0),
    "log_voltage": (0.20, 0.11),
    "log_r_v1": (0.6, 0.15),
    "strain": (0.25, 0.08),
    "rv_strain": (0.22, 0.08),
    "log_t_amplitude": (0.25, 0.12),
    "log_rr_variation": (0.5, 0.3),
}
"""SD of the patient's own constant u and of the visit's noise e. Axis, QRS-T angle, size of QRS and T, and
how they depend on age and sex, are those of PTB-XL's normal ECGs (`python -m validation.fit_beats`)."""


class _Load(NamedTuple):
    """The hemodynamic state as the ECG sees it; vectors of shape (m,), 0 in health."""

    left_atrium: FloatVector
    right_ventricle: FloatVector
    precapillary: FloatVector
    systolic_failure: FloatVector
    lv_mass: FloatVector
    oedema: FloatVector


def draw_morphology(patients: Patients, visits: Visits, *, coupling: float, rng: np.random.Generator) -> Morphology:
    """Draw what the ECG of each visit looks like.

    Args:
        patients: n patients.
        visits: Their m visits.
        coupling: 0 = the ECG does not know the hemodynamic state; 1 = as published correlates; more = easier.
        rng: Source of randomness; the draws do not depend on `coupling`.
    """
    n, m = len(patients.age_years), len(visits.patient)
    u = {name: sd * rng.standard_normal(n)[visits.patient] for name, (sd, _) in IDIOSYNCRASY_SD.items()}
    own = {name: u[name] + sd * rng.standard_normal(m) for name, (_, sd) in IDIOSYNCRASY_SD.items()}
    strength = CALIBRATION * coupling
    load = _Load(*(strength * effect for effect in _load(patients, visits)))
    lbbb, rbbb = _bundle_branches(patients, strength=strength, rng=rng)
    sinus = _sinus(patients, visits, load=load, own=own)
    ventricle = _ventricle(patients, visits, load=load, own=own)
    who = visits.patient
    _add_drugs(patients, who, sinus=sinus, ventricle=ventricle)
    fibrillating = patients.atrial_fibrillation[who]
    irregular = -1.5 + 0.1 * rng.standard_normal(m)
    sinus["log_rr_variation"] = np.where(fibrillating, irregular, sinus["log_rr_variation"])
    ventricle["qrs_ms"] += (52.0 * lbbb + 38.0 * rbbb)[who]
    ventricle["qtc_ms"] += 25.0 * lbbb[who]
    ventricle["qrs_t_angle_deg"] += 70.0 * lbbb[who]
    _pace(patients, who, own=own, sinus=sinus, ventricle=ventricle)
    for name in ("p_duration_ms", "p_terminal_force_mv_s", "ra_amplitude_mv", "pr_ms"):
        sinus[name] = np.where(fibrillating, np.nan, sinus[name])
    return Morphology(
        **sinus,
        **ventricle,
        lbbb=lbbb[who],
        rbbb=rbbb[who],
        heart_rate_bpm=visits.heart_rate_bpm,
        atrial_fibrillation=fibrillating.astype(np.float64),
        pvc=(rng.random(m) < 0.06 + 0.08 * np.clip(load.systolic_failure, 0.0, 1.0)).astype(np.float64),
        paced=patients.paced[who].astype(np.float64),
        digoxin=patients.digoxin[who].astype(np.float64),
    )


def _load(patients: Patients, visits: Visits) -> _Load:
    chronic, now = patients.baseline, visits.hemodynamics
    who = visits.patient
    wedge, artery = chronic.mpcwp_mmhg[who], chronic.mpap_mmhg[who]
    mass = np.zeros(len(patients.phenotype))
    for kind, excess in ((HFREF, 0.5), (HFPEF, 0.6), (VALVE, 0.4)):
        mass[patients.phenotype == kind] = excess
    return _Load(
        left_atrium=np.clip((0.6 * (wedge - 12.0) + 0.4 * (now.mpcwp_mmhg - 12.0)) / 8.0, -1.5, 3.0),
        right_ventricle=np.clip((artery - 20.0) / 15.0, -1.0, 3.0),
        precapillary=np.clip((artery - wedge - 8.0) / 15.0, -0.6, 3.0),
        systolic_failure=np.clip((0.55 - chronic.lv_ejection_fraction[who]) / 0.25, -0.6, 1.6),
        lv_mass=mass[who],
        oedema=visits.volume_change,
    )


def _bundle_branches(
    patients: Patients, *, strength: float, rng: np.random.Generator
) -> tuple[FloatVector, FloatVector]:
    """Per patient: both grow more frequent with age, LBBB with systolic failure, RBBB with pulmonary pressure."""
    wide = rng.random(len(patients.phenotype))
    failing = np.clip((0.5 - patients.baseline.lv_ejection_fraction) / 0.25, 0.0, 1.2)
    pressure = np.clip((patients.baseline.mpap_mmhg - 20.0) / 20.0, 0.0, 2.0)
    conducted = ~patients.paced
    older = np.clip(patients.age_years - 60.0, -30.0, 25.0)
    left = (wide < 0.025 + 0.0006 * older + strength * 0.17 * failing) & conducted
    right = (wide > 1.0 - (0.07 + 0.0018 * older + strength * 0.05 * pressure)) & ~left & conducted
    return left.astype(np.float64), right.astype(np.float64)


def _add_drugs(
    patients: Patients, who: IntVector, *, sinus: dict[str, FloatVector], ventricle: dict[str, FloatVector]
) -> None:
    """What drugs do to conduction and repolarisation; the rate they lower is in the circulation already.

    Amiodarone lengthens QTc by some 25 ms and digoxin shortens it by some 15 ms; beta-blockers and digoxin lengthen PR.
    Sizes were chosen from the usual clinical ranges.
    """
    sinus["pr_ms"] += (8.0 * patients.beta_blocker + 6.0 * patients.digoxin + 6.0 * patients.amiodarone)[who]
    ventricle["qtc_ms"] += (25.0 * patients.amiodarone - 15.0 * patients.digoxin)[who]
    ventricle["log_t_amplitude"] -= (0.2 * patients.amiodarone + 0.3 * patients.digoxin)[who]


def _pace(
    patients: Patients,
    who: IntVector,
    *,
    own: dict[str, FloatVector],
    sinus: dict[str, FloatVector],
    ventricle: dict[str, FloatVector],
) -> None:
    """Pacing in the right ventricle's apex: wide QRS, superior axis, regular rate, and nothing else of the ventricle.

    A wide paced QRS hides what the heart's own conduction would have shown, so the state reaches it only through the
    P wave, and its duration grows a little with that of the patient's own QRS.
    """
    paced = patients.paced[who]
    own_qrs = ventricle["qrs_ms"] - 94.0
    replaced = {
        "qrs_ms": 158.0 + 0.4 * own_qrs + 0.5 * own["qrs_ms"],
        "qtc_ms": ventricle["qtc_ms"] + 45.0,
        "qrs_t_angle_deg": 160.0 + 0.3 * own["qrs_t_angle_deg"],
        "axis_deg": -75.0 + 0.4 * own["axis_deg"],
        "strain": np.zeros(len(who)),
        "rv_strain": np.zeros(len(who)),
    }
    for name, values in replaced.items():
        ventricle[name] = np.where(paced, values, ventricle[name])
    sinus["pr_ms"] = np.where(paced, 165.0 + 0.3 * own["pr_ms"], sinus["pr_ms"])
    regular = np.where(patients.atrial_fibrillation[who], -5.0, sinus["log_rr_variation"])
    sinus["log_rr_variation"] = np.where(paced, regular, sinus["log_rr_variation"])


def _sinus(patients: Patients, visits: Visits, *, load: _Load, own: dict[str, FloatVector]) -> dict[str, FloatVector]:
    """P wave, PR interval and heart rate variability."""
    age = patients.age_years[visits.patient] - 60.0
    female = patients.female[visits.patient]
    fields = {
        "p_duration_ms": 111.0 + 0.22 * age - 3.0 * female + 6.0 * load.left_atrium + 2.0 * load.right_ventricle,
        "p_terminal_force_mv_s": 0.025 + 0.008 * load.left_atrium,
        "ra_amplitude_mv": 0.11 + 0.018 * load.precapillary,
        "pr_ms": 158.0 + 0.35 * age + 6.0 * load.left_atrium,
        "log_rr_variation": -3.45 - 0.006 * age - 0.08 * load.left_atrium - 0.07 * load.systolic_failure,
    }
    return {name: usual + own[name] for name, usual in fields.items()}


def _ventricle(
    patients: Patients, visits: Visits, *, load: _Load, own: dict[str, FloatVector]
) -> dict[str, FloatVector]:
    """QRS, ST and T, without bundle branch block."""
    age = patients.age_years[visits.patient] - 60.0
    female = patients.female[visits.patient]
    surface = patients.body_surface_m2[visits.patient] - 1.9
    la, rv, lung, lv, mass = (
        load.left_atrium,
        load.right_ventricle,
        load.precapillary,
        load.systolic_failure,
        load.lv_mass,
    )
    fields = {
        "qrs_ms": 94.0 - 6.0 * female + 7.0 * lv,
        "qtc_ms": 409.0 + 9.0 * female + 0.15 * age + 8.0 * lv + 6.0 * la + 3.0 * rv,
        "qrs_t_angle_deg": 82.0 - 11.0 * female + 14.0 * lv + 8.0 * la + 9.0 * rv + 14.0 * mass,
        "axis_deg": 20.0 - 0.5 * age + 8.0 * female + 22.0 * lung - 8.0 * mass,
        "log_voltage": -0.0052 * age - 0.19 * female + 0.06 * lv + 0.22 * mass - 0.7 * load.oedema - 0.10 * surface,
        "log_r_v1": np.log(0.25) + 0.45 * lung,
        "strain": 0.30 * mass + 0.18 * lv,
        "rv_strain": 0.3 * np.maximum(lung, 0.0),
        "log_t_amplitude": 0.14 - 0.22 * female - 0.10 * lv - 0.06 * la,
    }
    return {name: usual + own[name] for name, usual in fields.items()}
