"""The heart as a moving dipole: each wave of the beat is a sum of Gaussians in time, each with a vector in space.

After McSharry et al. 2003 and Sameni and Clifford 2007, whose published Gaussians make the QRS complex here. Time is
seconds from R. P is rebuilt from a right and a left atrial part, T from two Gaussians, and Gaussians are added for
hypertrophy, bundle branch blocks and ST. Axes: x to the left, y to the feet, z to the back.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hemometric.simulation.circulation import FloatVector
from hemometric.simulation.morphology import Morphology

Floats = NDArray[np.float64]


class Waves(NamedTuple):
    """The normally conducted beat of m visits as K Gaussians.

    Attributes:
        centre_s: Shape (m, K), seconds from R.
        width_s: Shape (m, K), standard deviation in seconds.
        dipole_mv: Shape (m, K, 3), amplitude along x, y, z.
    """

    centre_s: Floats
    width_s: Floats
    dipole_mv: Floats


_QRS_S = 0.078
"""Duration of the published QRS at its published widths."""

_RADIANS_TO_S = 1.0 / (2.0 * np.pi)
_PUBLISHED_QRS = (
    # axis, theta in rad, amplitude in mV, width in rad (Sameni and Clifford 2007, adult); z amplitudes changed from
    # -0.40 and 0.46 so that R in V1 and S in V2 have the size seen in normal adults
    (0, -0.19, -0.13, 0.0453),
    (0, -0.07, 0.85, 0.0378),
    (0, 0.00, 1.11, 0.0332),
    (0, 0.06, 0.75, 0.0302),
    (0, 0.22, 0.06, 0.0378),
    (1, -0.11, 0.32, 0.0550),
    (1, -0.01, 0.51, 0.0370),
    (1, 0.065, -0.32, 0.0604),
    (2, -0.15, -0.24, 0.0450),
    (2, 0.095, 0.66, 0.0550),
)
_RIGHT_ATRIUM = np.array([0.035, 0.085, -0.075])
_LEFT_ATRIUM = np.array([0.060, 0.055, 0.045])
_USUAL_P_TERMINAL_FORCE = 0.025
_USUAL_RA_AMPLITUDE = 0.11
_T_WAVE = np.array([0.31, 0.15, -0.30])
_LEFT_BLOCK = np.array([1.0, 0.10, 0.95])
_LEFT_STRAIN = np.array([-0.45, -0.12, 0.15])
_RIGHT_STRAIN = np.array([0.05, -0.22, 0.30])
_RIGHT_BLOCK_T = np.array([0.06, 0.0, 0.22])

N_WAVES = 2 + len(_PUBLISHED_QRS) + 6 + 3
"""K: two for P, ten for QRS, six for right hypertrophy and blocks, three for ST and T."""


def build_waves(morphology: Morphology) -> Waves:
    """Turn what an electrocardiographer would measure into Gaussians.

    Args:
        morphology: Of m visits.
    """
    sinus = 1.0 - morphology.atrial_fibrillation
    pr_s = np.clip(np.nan_to_num(morphology.pr_ms, nan=160.0), 100.0, 330.0) / 1000.0
    intrinsic_qrs = morphology.qrs_ms - 40.0 * morphology.lbbb - 30.0 * morphology.rbbb
    qrs_s = np.clip(intrinsic_qrs, 68.0, 140.0) / 1000.0
    parts = [
        *_atrial(morphology, sinus=sinus, p_onset_s=qrs_onset_s(morphology) - pr_s),
        *_ventricular(morphology, qrs_s=qrs_s),
        *_blocks(morphology, qrs_s=qrs_s),
        *_recovery(morphology),
    ]
    dipole_mv = np.stack([dipole for _, _, dipole in parts], axis=1)
    return Waves(
        centre_s=np.stack([np.broadcast_to(centre, sinus.shape) for centre, _, _ in parts], axis=1),
        width_s=np.stack([np.broadcast_to(width, sinus.shape) for _, width, _ in parts], axis=1),
        dipole_mv=_turn_axis(dipole_mv, morphology.axis_deg),
    )


def _turn_axis(dipole_mv: Floats, axis_deg: FloatVector) -> Floats:
    """Turn all waves in the frontal plane to the axis, the P wave less than QRS and T."""
    share = np.full(dipole_mv.shape[1], 0.7)
    share[:2] = 0.25
    angle = np.deg2rad(axis_deg - 30.0)[:, None] * share
    x, y, z = np.moveaxis(dipole_mv, 2, 0)
    return np.stack([np.cos(angle) * x - np.sin(angle) * y, np.sin(angle) * x + np.cos(angle) * y, z], axis=2)


def qrs_onset_s(morphology: Morphology) -> FloatVector:
    """Onset of QRS in seconds from R (negative), shape (m,)."""
    intrinsic = np.clip(morphology.qrs_ms - 40.0 * morphology.lbbb - 30.0 * morphology.rbbb, 68.0, 140.0)
    onset: FloatVector = -0.042 * intrinsic / 90.0
    return onset


_Part = tuple[FloatVector | float, FloatVector | float, Floats]


def _along(amount: FloatVector, direction: Floats) -> Floats:
    """Shape (m, 3)."""
    product: Floats = amount[:, None] * direction
    return product


def _atrial(morphology: Morphology, *, sinus: FloatVector, p_onset_s: FloatVector) -> list[_Part]:
    """Right atrium early, left atrium late; a long P is a late and, in V1, a deep left atrium."""
    duration_s = np.clip(np.nan_to_num(morphology.p_duration_ms, nan=110.0), 70.0, 170.0) / 1000.0
    force = np.nan_to_num(morphology.p_terminal_force_mv_s, nan=_USUAL_P_TERMINAL_FORCE) / _USUAL_P_TERMINAL_FORCE
    force = np.clip(force, 0.05, 4.0)
    right = np.clip(np.nan_to_num(morphology.ra_amplitude_mv, nan=0.11) / _USUAL_RA_AMPLITUDE, 0.3, 2.6)
    left = _along(np.clip(0.85 + 0.15 * force, 0.6, 1.8) * sinus, _LEFT_ATRIUM)
    left[:, 2] *= force
    width_s = duration_s / 6.2
    return [
        (p_onset_s + 0.36 * duration_s, width_s, _along(right * sinus, _RIGHT_ATRIUM)),
        (p_onset_s + 0.66 * duration_s, width_s, left),
    ]


def _hypertrophy(morphology: Morphology) -> tuple[FloatVector, FloatVector]:
    """Left and right ventricular hypertrophy, about 0..1."""
    left = np.clip(0.8 * morphology.strain, -0.2, 1.0)
    right = np.clip((morphology.log_r_v1 - np.log(0.25)) / 1.8, 0.0, 1.0)
    return left, right


def _ventricular(morphology: Morphology, *, qrs_s: FloatVector) -> list[_Part]:
    """The published QRS, stretched to the duration; absent where the left bundle is blocked."""
    left, right = _hypertrophy(morphology)
    conducted = 1.0 - morphology.lbbb
    stretch = qrs_s / _QRS_S
    parts: list[_Part] = []
    for axis, theta, amplitude, width in _PUBLISHED_QRS:
        gain = conducted.copy()
        if axis == 0 and amplitude > 0.5:
            gain *= (1.0 + 0.55 * left) * (1.0 - 0.35 * right)
        if axis == 1 and amplitude > 0.0:
            gain *= 1.0 + 0.1 * left
        if axis == 2 and amplitude > 0.0:
            gain *= 1.0 + 0.6 * left - 0.9 * right
        dipole = _along(gain * amplitude, np.eye(3)[axis])
        parts.append((theta * _RADIANS_TO_S * stretch, width * _RADIANS_TO_S * stretch, dipole))
    return parts


def _blocks(morphology: Morphology, *, qrs_s: FloatVector) -> list[_Part]:
    """Late rightward forces of the right ventricle; the slow, notched vector of a blocked left bundle."""
    _, right = _hypertrophy(morphology)
    stretch = qrs_s / _QRS_S
    return [
        (0.022 * stretch, 0.010 * stretch, _along(right, np.array([-0.75, 0.25, -0.45]))),
        (0.055, 0.013, _along(morphology.rbbb, np.array([-0.55, -0.10, -0.55]))),
        (-0.022, 0.016, _along(0.85 * morphology.lbbb, _LEFT_BLOCK)),
        (0.022, 0.018, _along(0.95 * morphology.lbbb, _LEFT_BLOCK)),
        (0.055, 0.014, _along(0.55 * morphology.lbbb, _LEFT_BLOCK)),
        (-0.045, 0.008, _along(morphology.lbbb, np.array([0.15, 0.10, 0.05]))),
    ]


def _recovery(morphology: Morphology) -> list[_Part]:
    """ST and T: the usual vector, and against it strain and the secondary changes of a block.

    Strain weakens the usual T as it adds its own, so that T in V5 and V6 (right strain: in V1
    to V3) flattens, then inverts.
    """
    strain = np.clip(0.42 * morphology.strain + 0.20 * (morphology.qrs_t_angle_deg - 45.0) / 100.0, -0.1, 0.6)
    right_strain = np.clip(morphology.rv_strain, 0.0, 1.0)
    remaining = 1.0 - np.clip(1.3 * strain + 0.6 * right_strain, 0.0, 0.9)
    usual = np.exp(morphology.log_t_amplitude) * remaining * (1.0 - morphology.lbbb)
    against = _along(-0.42 * morphology.lbbb, _LEFT_BLOCK) + _along(strain, _LEFT_STRAIN)
    against += _along(right_strain, _RIGHT_STRAIN) + _along(morphology.rbbb, _RIGHT_BLOCK_T)
    t_wave = _along(usual, _T_WAVE) + against
    qtc_s = np.clip(morphology.qtc_ms, 350.0, 560.0) / 1000.0
    qt_s = qtc_s * (60.0 / np.clip(morphology.heart_rate_bpm, 40.0, 140.0)) ** (1.0 / 3.0)
    peak_s = qrs_onset_s(morphology) + qt_s - 0.115
    return [
        (0.11, 0.035, 0.22 * against),
        (peak_s, 0.052, 0.62 * t_wave),
        (peak_s + 0.035, 0.030, 0.45 * t_wave),
    ]
