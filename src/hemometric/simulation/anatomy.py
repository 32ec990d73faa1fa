"""How a dipole reaches the electrodes: the patient's chest, and the placement and the noise of one recording."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hemometric.simulation.circulation import FloatVector
from hemometric.simulation.dipoles import N_WAVES
from hemometric.simulation.morphology import Morphology
from hemometric.simulation.patients import IntVector

Floats = NDArray[np.float64]

_DOWER = np.array(
    [
        [0.632, -0.235, 0.059],
        [0.235, 1.066, -0.132],
        [-0.515, 0.157, -0.917],
        [0.044, 0.164, -1.387],
        [0.882, 0.098, -1.277],
        [1.213, 0.127, -0.601],
        [1.125, 0.127, -0.086],
        [0.831, 0.076, 0.230],
    ]
)
"""Leads I, II, V1-V6 from the Frank vector (Dower 1980)."""

_N_LEADS = len(_DOWER)
_N_ELECTRODES = 9
_IS_LIMB = np.array([True, True, False, False, False, False, False, False])


class Anatomy(NamedTuple):
    """What stays with n patients.

    Attributes:
        rotation_rad: Shape (n, 3): yaw, pitch and roll of the heart; `Morphology.axis_deg` comes on top.
        lead_field_error: Shape (n, 8, 3), added to Dower's matrix.
        log_lead_gain: Shape (n, 8).
        nondipolar: Shape (n, 8, K): factor by which each lead sees each wave, what no dipole explains.
        pvc_direction: Shape (n, 3), mV.
        f_wave_hz: Shape (n,), rate of the atria in fibrillation.
        f_wave_mv: Shape (n,), their amplitude in V1.
        breathing_hz: Shape (n,).
    """

    rotation_rad: Floats
    lead_field_error: Floats
    log_lead_gain: Floats
    nondipolar: Floats
    pvc_direction: Floats
    f_wave_hz: FloatVector
    f_wave_mv: FloatVector
    breathing_hz: FloatVector


class Recordings(NamedTuple):
    """What differs between n ECGs, those of one visit included.

    Attributes:
        visit: Shape (n,), row of the visit.
        patient: Shape (n,), row of the patient.
        lead_field: Shape (n, 8, 3): mV in I, II, V1-V6 per mV of dipole.
        wave_gain: Shape (n, 8, K): further factor per lead and wave.
        low_pass_s: Shape (n,), SD of the device's Gaussian low-pass in time (1.5 ms: 150 Hz, 4 ms: 40 Hz).
        breathing_depth: Shape (n,), relative change of amplitude with breathing.
        noise_mv: Shape (n, 3, 9): root mean square of wander, muscle and motion at each electrode.
        mains_mv: Shape (n,), amplitude.
        mains_hz: Shape (n,), 50 or 60.
        phase: Shape (n,), 0..1, of everything periodic.
    """

    visit: IntVector
    patient: IntVector
    lead_field: Floats
    wave_gain: Floats
    low_pass_s: FloatVector
    breathing_depth: FloatVector
    noise_mv: Floats
    mains_mv: FloatVector
    mains_hz: FloatVector
    phase: FloatVector


def draw_anatomy(n: int, rng: np.random.Generator) -> Anatomy:
    """Draw what stays with n patients."""
    rotation = rng.normal(0.0, 1.0, (n, 3)) * (0.18, 0.14, 0.26) + (0.0, 0.0, 0.14)
    return Anatomy(
        rotation_rad=rotation,
        lead_field_error=rng.normal(0.0, 0.09, (n, _N_LEADS, 3)),
        log_lead_gain=rng.normal(0.0, 0.10, (n, _N_LEADS)),
        nondipolar=1.0 + 0.30 * rng.standard_normal((n, _N_LEADS, N_WAVES)),
        pvc_direction=_directions(rng.standard_normal((n, 3))) * rng.uniform(0.8, 1.5, n)[:, None],
        f_wave_hz=rng.uniform(4.5, 8.0, n),
        f_wave_mv=0.06 * np.exp(rng.normal(0.0, 0.4, n)),
        breathing_hz=rng.uniform(0.2, 0.33, n),
    )


def draw_recordings(
    visit: IntVector, patient: IntVector, *, anatomy: Anatomy, morphology: Morphology, rng: np.random.Generator
) -> Recordings:
    """Draw placement and noise of n ECGs.

    Args:
        visit: Shape (n,), row of `morphology`.
        patient: Shape (n,), row of `anatomy`.
        anatomy: Of the patients.
        morphology: Of the visits.
        rng: Source of randomness.
    """
    n = len(visit)
    rotation = anatomy.rotation_rad[patient] + rng.normal(0.0, 1.0, (n, 3)) * (0.06, 0.05, 0.04)
    field = np.einsum("nij,njk->nik", _DOWER + anatomy.lead_field_error[patient], _rotations(rotation))
    gain = np.exp(anatomy.log_lead_gain[patient] + rng.normal(0.0, 0.05, (n, _N_LEADS)))
    usual_mv = np.exp(rng.standard_normal((n, 3)) * (0.6, 0.4, 0.6)) * (0.028, 0.0064, 0.0042)
    return Recordings(
        visit=visit,
        patient=patient,
        lead_field=field * gain[:, :, None],
        wave_gain=anatomy.nondipolar[patient] * _voltage(morphology, visit),
        low_pass_s=rng.choice([0.0015, 0.004], n),
        breathing_depth=np.abs(rng.normal(0.0, 0.04, n)),
        noise_mv=usual_mv[:, :, None] * np.exp(rng.normal(0.0, 0.35, (n, 1, _N_ELECTRODES))),
        mains_mv=np.where(rng.random(n) < 0.15, 0.01, 0.0),
        mains_hz=rng.choice([50.0, 60.0], n),
        phase=rng.random(n),
    )


def _voltage(morphology: Morphology, visit: IntVector) -> Floats:
    """Gain (n, 8, K) that follows the voltage: QRS most, P and T less, limb leads more than the chest leads.

    Peripheral oedema lowers the limb leads' voltage while chest leads barely move (Madias 2005).
    """
    log_voltage = np.clip(morphology.log_voltage[visit], -1.0, 0.9)
    of_lead = np.where(_IS_LIMB, 1.0, 0.75)
    of_wave = np.ones(N_WAVES)
    of_wave[:2] = of_wave[-3:] = 0.4
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
