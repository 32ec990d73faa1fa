"""How the heart reaches the electrodes: the patient's chest, and the placement and the device of one recording."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hemometric.simulation.circulation import FloatVector
from hemometric.simulation.dipoles import ADDED_WITH_QRS, N_ADDED, Waves, shape_normal_beats
from hemometric.simulation.morphology import Morphology
from hemometric.simulation.normal_beats import DOWER, N_NORMAL, QRS, QRS_MEASURED_S, P, draw_normal_beats, measure_qrs_s
from hemometric.simulation.patients import BoolVector, IntVector
from hemometric.simulation.settings import DeviceSettings

Floats = NDArray[np.float64]

_N_LEADS = len(DOWER)
_N_ELECTRODES = 9
_IS_LIMB = np.array([True, True, False, False, False, False, False, False])
_IS_QRS = np.concatenate([np.isin(np.arange(N_NORMAL), np.arange(N_NORMAL)[QRS]), ADDED_WITH_QRS])
_T_SHARE, _P_SHARE = 0.8, 0.4
"""How much of a change of QRS voltage T and P share; of T, as in PTB-XL (r of the logarithms 0.56)."""
_NOISE_MV = (0.038, 0.0046, 0.0042)
_NOISE_LOG_SD = (0.4, 0.3, 0.6)
_NOISE_OF_ELECTRODE = np.array(
    [
        [0.72, 0.72, 1.23, 1.09, 1.30, 1.45, 1.50, 1.54, 1.57],
        [1.30, 1.55, 0.70, 0.80, 1.10, 1.20, 1.10, 1.00, 0.85],
        [1.00, 1.00, 1.00, 1.00, 1.00, 1.00, 1.00, 1.00, 1.00],
    ]
)
"""Wander, muscle and motion at the right and left arm, the left leg and V1-V6, such that the eight leads are about as
noisy as in the median record of PTB-XL that nobody marked as noisy."""


class Anatomy(NamedTuple):
    """What stays with n patients.

    Attributes:
        normal_mv: Shape (n, 8, N_NORMAL): what each lead sees of each wave of the patient's normal beat.
        own_stretch: Shape (n,): by how much that beat must be stretched so that its QRS lasts as long as usual.
        lead_field: Shape (n, 8, 3): mV in I, II, V1-V6 per mV of an added dipole.
        nondipolar: Shape (n, 8, N_ADDED): factor by which each lead sees each added wave, what no dipole explains.
        spike: Shape (n,): size of a pacing spike; small with bipolar, large with unipolar leads.
        pvc_direction: Shape (n, 3), mV.
        f_wave_hz: Shape (n,), rate of the atria in fibrillation.
        f_wave_mv: Shape (n,), their amplitude in V1.
        breathing_hz: Shape (n,).
    """

    normal_mv: Floats
    own_stretch: FloatVector
    lead_field: Floats
    nondipolar: Floats
    spike: FloatVector
    pvc_direction: Floats
    f_wave_hz: FloatVector
    f_wave_mv: FloatVector
    breathing_hz: FloatVector


class Recordings(NamedTuple):
    """What differs between n ECGs, those of one visit included.

    Attributes:
        visit: Shape (n,), row of the visit.
        patient: Shape (n,), row of the patient.
        lead_field: Shape (n, 8, 3): mV in I, II, V1-V6 per mV of dipole, for premature beats.
        seen_mv: Shape (n, 8, K): amplitude of each wave in I, II, V1-V6.
        low_pass_s: Shape (n,), SD of the device's Gaussian low-pass in time (0.9 ms: 150 Hz, 3.3 ms: 40 Hz).
        breathing_depth: Shape (n,), relative change of amplitude with breathing.
        noise_mv: Shape (n, 3, 9): root mean square of wander, muscle and motion at each electrode.
        mains_mv: Shape (n,), amplitude.
        mains_hz: Shape (n,).
        phase: Shape (n,), 0..1, of everything periodic.
    """

    visit: IntVector
    patient: IntVector
    lead_field: Floats
    seen_mv: Floats
    low_pass_s: FloatVector
    breathing_depth: FloatVector
    noise_mv: Floats
    mains_mv: FloatVector
    mains_hz: FloatVector
    phase: FloatVector


def draw_anatomy(
    age_years: FloatVector,
    female: BoolVector,
    *,
    axis_deg: FloatVector,
    qrs_t_angle_deg: FloatVector,
    rng: np.random.Generator,
) -> Anatomy:
    """Draw what stays with n patients.

    Args:
        age_years: Shape (n,).
        female: Shape (n,).
        axis_deg: Shape (n,), the patient's usual frontal QRS axis.
        qrs_t_angle_deg: Shape (n,), the patient's usual angle between QRS and T.
        rng: Source of randomness.
    """
    n = len(age_years)
    rotation = _rotations(rng.normal(0.0, 1.0, (n, 3)) * (0.18, 0.14, 0.20))
    field = (DOWER + rng.normal(0.0, 0.09, (n, _N_LEADS, 3))) @ rotation
    beats = draw_normal_beats(age_years, female, axis_deg=axis_deg, qrs_t_angle_deg=qrs_t_angle_deg, rng=rng)
    return Anatomy(
        normal_mv=beats,
        own_stretch=np.clip(QRS_MEASURED_S / measure_qrs_s(beats), 0.7, 1.4),
        lead_field=field * np.exp(rng.normal(0.0, 0.10, (n, _N_LEADS, 1))),
        nondipolar=1.0 + 0.20 * rng.standard_normal((n, _N_LEADS, N_ADDED)),
        spike=np.where(rng.random(n) < 0.6, 0.25, 1.6) * np.exp(rng.normal(0.0, 0.3, n)),
        pvc_direction=_directions(rng.standard_normal((n, 3))) * rng.uniform(0.8, 1.5, n)[:, None],
        f_wave_hz=rng.uniform(5.8, 9.0, n),
        f_wave_mv=0.06 * np.exp(rng.normal(0.0, 0.4, n)),
        breathing_hz=rng.uniform(0.2, 0.33, n),
    )


class Sources(NamedTuple):
    """What n ECGs are recorded of.

    Attributes:
        visit: Shape (n,), row of `morphology` and `waves`.
        patient: Shape (n,), row of `anatomy`.
        morphology: Of the visits.
        waves: Of the visits.
        anatomy: Of the patients.
    """

    visit: IntVector
    patient: IntVector
    morphology: Morphology
    waves: Waves
    anatomy: Anatomy


def draw_recordings(sources: Sources, *, device: DeviceSettings, rng: np.random.Generator) -> Recordings:
    """Draw placement and noise of n ECGs.

    Args:
        sources: Of what.
        device: With what.
        rng: Source of randomness.
    """
    visit, patient, anatomy = sources.visit, sources.patient, sources.anatomy
    n = len(visit)
    now = Morphology._make(values[visit] for values in sources.morphology)
    jitter = _rotations(device.placement * rng.normal(0.0, 1.0, (n, 3)) * (0.06, 0.05, 0.04))
    gain = device.gain * np.exp(device.placement * rng.normal(0.0, 0.05, (n, _N_LEADS, 1)))
    dipole, rest = shape_normal_beats(anatomy.normal_mv[patient], now)
    field = anatomy.lead_field[patient] @ jitter
    added = (field @ np.moveaxis(sources.waves.added_mv[visit], 1, 2)) * _spiked(anatomy, patient)
    seen = np.concatenate([DOWER @ (jitter @ dipole) + rest, added], axis=2)
    noise_mv = device.noise * np.exp(rng.standard_normal((n, 3)) * _NOISE_LOG_SD) * _NOISE_MV
    edge_hz = rng.choice(np.array(device.low_pass_hz), n)
    return Recordings(
        visit=visit,
        patient=patient,
        lead_field=field * gain,
        seen_mv=seen * gain * _voltage(now),
        low_pass_s=np.sqrt(np.log(2.0)) / (2.0 * np.pi * edge_hz),
        breathing_depth=np.abs(rng.normal(0.0, 0.04, n)),
        noise_mv=noise_mv[:, :, None] * _NOISE_OF_ELECTRODE * np.exp(rng.normal(0.0, 0.35, (n, 1, _N_ELECTRODES))),
        mains_mv=np.where(rng.random(n) < device.mains, 0.01, 0.0),
        mains_hz=np.full(n, device.mains_hz),
        phase=rng.random(n),
    )


def _spiked(anatomy: Anatomy, patient: IntVector) -> Floats:
    """Factors (n, 8, N_ADDED) of the added waves, the last of QRS being the pacing spike."""
    factors = anatomy.nondipolar[patient].copy()
    factors[:, :, np.flatnonzero(ADDED_WITH_QRS)[-1]] *= anatomy.spike[patient][:, None]
    return factors


def _voltage(morphology: Morphology) -> Floats:
    """Gain (n, 8, K) that follows the voltage: QRS most, P and T less, limb leads more than the chest leads.

    Peripheral oedema lowers the limb leads' voltage while chest leads barely move (Madias 2005).
    """
    log_voltage = np.clip(morphology.log_voltage, -1.0, 0.9)
    of_lead = np.where(_IS_LIMB, 1.0, 0.75)
    of_wave = np.where(_IS_QRS, 1.0, _T_SHARE)
    of_wave[P] = _P_SHARE
    gain: Floats = np.exp(log_voltage[:, None, None] * of_lead[:, None] * of_wave)
    return gain


def _directions(vectors: Floats) -> Floats:
    unit: Floats = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def _rotations(angles: Floats) -> Floats:
    """Rotation matrices (n, 3, 3) from yaw (about y), pitch (about x) and roll (about z), shape (n, 3)."""
    yaw, pitch, roll = angles.T
    zero, one = np.zeros(len(yaw)), np.ones(len(yaw))
    about_z = np.array([[np.cos(roll), -np.sin(roll), zero], [np.sin(roll), np.cos(roll), zero], [zero, zero, one]])
    about_y = np.array([[np.cos(yaw), zero, np.sin(yaw)], [zero, one, zero], [-np.sin(yaw), zero, np.cos(yaw)]])
    about_x = np.array([[one, zero, zero], [zero, np.cos(pitch), -np.sin(pitch)], [zero, np.sin(pitch), np.cos(pitch)]])
    matrices: Floats = np.einsum("ijn,jkn,kln->nil", about_z, about_y, about_x)
    return matrices
