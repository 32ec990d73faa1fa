"""The beat of a visit: where its waves are, what disease adds to it, and what it makes of the patient's normal beat.

Every wave is a Gaussian in time (McSharry et al. 2003; Sameni and Clifford 2007). The normal waves come from
`hemometric.simulation.normal_beats`, as what each lead sees; hypertrophy, blocks, pacing, strain and digoxin are moving
dipoles that are added. Time is seconds from R. Axes: x to the left, y to the feet, z to the back.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hemometric.simulation.circulation import FloatVector
from hemometric.simulation.morphology import Morphology
from hemometric.simulation.normal_beats import (
    ATRIAL_REPOLARISATION,
    DOWER,
    FROM_LEADS,
    LEFT_ATRIUM,
    QRS,
    RIGHT_ATRIUM,
    P,
    T,
    axis_of_area_deg,
    place_normal_waves,
    spatial_angle_deg,
    wrap_deg,
)

Floats = NDArray[np.float64]


class Waves(NamedTuple):
    """The beat of m visits as K Gaussians, first the normal ones.

    Attributes:
        centre_s: Shape (m, K), seconds from R.
        width_s: Shape (m, K), standard deviation in seconds.
        added_mv: Shape (m, N_ADDED, 3): dipoles along x, y, z of the last N_ADDED of them.
    """

    centre_s: Floats
    width_s: Floats
    added_mv: Floats


_USUAL_QRS_MS = 95.0
_HEALTHY_STRAIN = 0.3
_HEALTHY_LOG_R_V1 = np.log(0.25) + 0.6
_USUAL_P_TERMINAL_FORCE = 0.021
_USUAL_RA_AMPLITUDE = 0.11
_T_PEAK_TO_END_S = 0.095
_P_CENTRE_SHARE = 0.47
_LEFT_ATRIUM_Z = 0.045
"""mV: the backward part of the left atrium's dipole, which terminal force in V1 multiplies."""

_LEFT_BLOCK = np.array([1.0, 0.10, 0.95])
_RIGHT_BLOCK = np.array([-0.55, -0.10, -0.55])
_RIGHT_BLOCK_T = np.array([0.06, 0.0, 0.22])
_RIGHT_HYPERTROPHY = np.array([-0.75, 0.25, -0.45])
_LEFT_STRAIN = np.array([-0.62, -0.16, -0.12])
_RIGHT_STRAIN = np.array([0.05, -0.20, 0.32])
_PACED = np.array([[0.50, -0.40, 0.30], [0.50, -0.95, 0.60], [0.05, -0.70, 0.65]])
"""From the right ventricle's apex first to the left, then upwards and back."""
_PACED_T = np.array([-0.30, 0.50, -0.40])
_SPIKE = np.array([0.55, 0.75, -0.20])
_SCOOP = np.array([-0.15, -0.08, 0.05])
"""Digoxin's sagging ST segment, against the usual direction of QRS."""

_CORRECTIONS, _DAMPING = 25, 0.6

_ADDED_IN_QRS = 10
N_ADDED = _ADDED_IN_QRS + 4
"""One for right hypertrophy, one for right and four for left bundle branch block, four for pacing; four in ST and T."""

ADDED_WITH_QRS = np.array([True] * _ADDED_IN_QRS + [False] * 4)


def build_waves(morphology: Morphology, own_stretch: FloatVector) -> Waves:
    """Turn what an electrocardiographer would measure into places of waves and added dipoles.

    Args:
        morphology: Of m visits.
        own_stretch: Shape (m,), `Anatomy.own_stretch` of the visits' patients.
    """
    stretch = _intrinsic_qrs_ms(morphology) / _USUAL_QRS_MS
    pr_s = np.clip(np.nan_to_num(morphology.pr_ms, nan=160.0), 100.0, 330.0) / 1000.0
    duration_s = np.clip(np.nan_to_num(morphology.p_duration_ms, nan=110.0), 75.0, 175.0) / 1000.0
    qtc_s = np.clip(morphology.qtc_ms, 340.0, 580.0) / 1000.0
    qt_s = qtc_s * (60.0 / np.clip(morphology.heart_rate_bpm, 40.0, 140.0)) ** (1.0 / 3.0)
    onset_s = qrs_onset_s(morphology)
    t_peak_s = onset_s + qt_s - _T_PEAK_TO_END_S
    centre, width = place_normal_waves(
        qrs_stretch=stretch * own_stretch,
        t_peak_s=t_peak_s,
        p_centre_s=onset_s - pr_s + _P_CENTRE_SHARE * duration_s,
        p_duration_s=duration_s,
    )
    parts = [*_added_to_qrs(morphology, stretch=stretch), *_added_to_recovery(morphology, t_peak_s=t_peak_s)]
    shape = onset_s.shape
    return Waves(
        centre_s=np.column_stack([centre, *(np.broadcast_to(place, shape) for place, _, _ in parts)]),
        width_s=np.column_stack([width, *(np.broadcast_to(spread, shape) for _, spread, _ in parts)]),
        added_mv=np.stack([dipole for _, _, dipole in parts], axis=1),
    )


def qrs_onset_s(morphology: Morphology) -> FloatVector:
    """Onset of QRS in seconds from R (negative), shape (m,); a paced beat is slow from the start and begins earlier."""
    onset: FloatVector = np.where(morphology.paced > 0, -0.062, -0.042 * _intrinsic_qrs_ms(morphology) / 90.0)
    return onset


def shape_normal_beats(normal_mv: Floats, morphology: Morphology) -> tuple[Floats, Floats]:
    """Make each patient's normal beat that of the visit.

    Its dipole is turned to the axis and the QRS-T angle, enlarged where a ventricle is hypertrophied, its P wave
    follows the atria's load, and what is not conducted normally is silenced. What no dipole explains goes with the size
    of its wave.

    Args:
        normal_mv: Shape (n, 8, N_NORMAL), from `draw_normal_beats`.
        morphology: Of the n visits.

    Returns:
        The dipole along x, y, z, shape (n, 3, N_NORMAL), mV, and what each lead sees besides, shape (n, 8, N_NORMAL).
    """
    dipole = FROM_LEADS @ normal_mv
    rest = normal_mv - DOWER @ dipole
    dipole = _turn_to_axis(dipole, morphology.axis_deg)
    dipole = _turn_t(dipole, morphology.qrs_t_angle_deg)
    left, right = _hypertrophy(morphology)
    dipole[:, 0, QRS] *= ((1.0 + 0.55 * left) * (1.0 - 0.35 * right))[:, None]
    dipole[:, 1, QRS] *= (1.0 + 0.1 * left)[:, None]
    backward = dipole[:, 2, QRS] > 0.0
    dipole[:, 2, QRS] *= np.where(backward, (1.0 + 0.6 * left - 0.9 * right)[:, None], 1.0)

    conducted = (1.0 - morphology.lbbb) * (1.0 - morphology.paced)
    strain = np.clip(1.3 * _left_strain(morphology) + 0.6 * _right_strain(morphology), 0.0, 0.9)
    scales = np.ones((len(conducted), normal_mv.shape[2]))
    scales[:, QRS] = conducted[:, None]
    scales[:, T] = (np.exp(morphology.log_t_amplitude) * (1.0 - strain) * conducted)[:, None]
    _shape_p(dipole, scales, morphology)
    return dipole * scales[:, None], rest * scales[:, None]


_Part = tuple[FloatVector | float, FloatVector | float, Floats]


def _along(amount: FloatVector, direction: Floats) -> Floats:
    """Shape (m, 3)."""
    product: Floats = amount[:, None] * direction
    return product


def _intrinsic_qrs_ms(morphology: Morphology) -> FloatVector:
    """Duration of QRS without what a block or pacing adds to it."""
    added = 40.0 * morphology.lbbb + 30.0 * morphology.rbbb
    intrinsic: FloatVector = np.clip(np.where(morphology.paced > 0, 95.0, morphology.qrs_ms - added), 68.0, 140.0)
    return intrinsic


def _hypertrophy(morphology: Morphology) -> tuple[FloatVector, FloatVector]:
    """Left and right ventricular hypertrophy, about 0..1; what differs between healthy hearts is none."""
    left = np.clip(1.2 * (morphology.strain - _HEALTHY_STRAIN), 0.0, 1.0)
    right = np.clip((morphology.log_r_v1 - _HEALTHY_LOG_R_V1) / 1.5, 0.0, 1.0)
    return left, right


def _left_strain(morphology: Morphology) -> FloatVector:
    strain: FloatVector = np.clip(0.85 * (morphology.strain - _HEALTHY_STRAIN), 0.0, 0.7)
    return strain


def _right_strain(morphology: Morphology) -> FloatVector:
    strain: FloatVector = np.clip(1.4 * (morphology.rv_strain - _HEALTHY_STRAIN), 0.0, 1.0)
    return strain


def _turn_to_axis(dipole: Floats, axis_deg: FloatVector) -> Floats:
    """Turn QRS and T in the frontal plane until QRS has the wanted axis, and P by a quarter of that.

    The chest's leads are not at right angles to one another, so the angle is found by repeated correction.
    """
    area = dipole[..., QRS].sum(axis=2)
    turn = np.zeros(len(area))
    for _ in range(_CORRECTIONS):
        turn += _DAMPING * np.deg2rad(
            wrap_deg(axis_deg - axis_of_area_deg(_turn(area[..., None], turn[:, None])[..., 0]))
        )
    angle = np.repeat(turn[:, None], dipole.shape[2], axis=1)
    angle[:, P] *= 0.25
    return _turn(dipole, angle)


def _turn(dipole: Floats, angle: Floats) -> Floats:
    """Turn dipoles (n, 3, K) in the frontal plane by angles (n, K)."""
    x, y, z = np.moveaxis(dipole, 1, 0)
    return np.stack([np.cos(angle) * x - np.sin(angle) * y, np.sin(angle) * x + np.cos(angle) * y, z], axis=1)


def _turn_t(dipole: Floats, angle_deg: FloatVector) -> Floats:
    """Turn T in the plane of the areas of QRS and T until the angle between them is the wanted one (Rodrigues)."""
    wanted = np.clip(angle_deg, 5.0, 175.0)
    turn = np.deg2rad(wanted - spatial_angle_deg(dipole))
    normal = np.cross(dipole[..., QRS].sum(axis=2), dipole[..., T].sum(axis=2))
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    t = dipole[..., T]
    cosine, sine = np.cos(turn)[:, None, None], np.sin(turn)[:, None, None]
    across = np.cross(normal[:, :, None], t, axis=1)
    along = np.einsum("ni,nik->nk", normal, t)[:, None] * normal[:, :, None]
    turned = dipole.copy()
    turned[..., T] = t * cosine + across * sine + along * (1.0 - cosine)
    return turned


def _shape_p(dipole: Floats, scales: Floats, morphology: Morphology) -> None:
    """Right atrium early, left atrium late; a loaded left atrium points farther back; no P in atrial fibrillation."""
    force = np.nan_to_num(morphology.p_terminal_force_mv_s, nan=_USUAL_P_TERMINAL_FORCE) / _USUAL_P_TERMINAL_FORCE
    force = np.clip(force, 0.05, 4.0)
    right = np.clip(np.nan_to_num(morphology.ra_amplitude_mv, nan=0.11) / _USUAL_RA_AMPLITUDE, 0.3, 2.6)
    sinus = 1.0 - morphology.atrial_fibrillation
    dipole[:, 2, LEFT_ATRIUM] += _LEFT_ATRIUM_Z * (force - 1.0)
    scales[:, RIGHT_ATRIUM] = right * sinus
    scales[:, LEFT_ATRIUM] = np.clip(0.85 + 0.15 * force, 0.6, 1.8) * sinus
    scales[:, ATRIAL_REPOLARISATION] = sinus


def _added_to_qrs(morphology: Morphology, *, stretch: FloatVector) -> list[_Part]:
    """Forces of a thick right ventricle, and the slow vectors of what a blocked or paced heart depolarises late."""
    _, right = _hypertrophy(morphology)
    onset_s, paced = qrs_onset_s(morphology), morphology.paced
    slow = (morphology.qrs_ms - 100.0) / 58.0  # of a paced beat: 1 at its usual 158 ms
    return [
        (0.022 * stretch, 0.010 * stretch, _along(right * (1.0 - paced), _RIGHT_HYPERTROPHY)),
        (0.055, 0.013, _along(morphology.rbbb, _RIGHT_BLOCK)),
        (-0.022, 0.016, _along(0.85 * morphology.lbbb, _LEFT_BLOCK)),
        (0.022, 0.018, _along(0.95 * morphology.lbbb, _LEFT_BLOCK)),
        (0.055, 0.014, _along(0.55 * morphology.lbbb, _LEFT_BLOCK)),
        (-0.045, 0.008, _along(morphology.lbbb, np.array([0.15, 0.10, 0.05]))),
        (onset_s + 0.028, 0.014, _along(paced, _PACED[0])),
        (onset_s + 0.062, 0.019, _along(paced, _PACED[1])),
        (onset_s + 0.062 + 0.042 * np.clip(slow, 0.5, 1.6), 0.018, _along(paced, _PACED[2])),
        (onset_s - 0.006, 0.0008, _along(2.0 * paced, _SPIKE)),
    ]


def _added_to_recovery(morphology: Morphology, *, t_peak_s: FloatVector) -> list[_Part]:
    """ST and T of strain, of block and of pacing, which point away from what QRS did; digoxin's scoop."""
    against = _along(-0.42 * morphology.lbbb, _LEFT_BLOCK) + _along(_left_strain(morphology), _LEFT_STRAIN)
    against += _along(_right_strain(morphology), _RIGHT_STRAIN)
    against += _along(morphology.rbbb, _RIGHT_BLOCK_T) + _along(morphology.paced, _PACED_T)
    digoxin = morphology.digoxin * (1.0 - morphology.paced) * (1.0 - morphology.lbbb)
    return [
        (0.11, 0.035, 0.22 * against),
        (t_peak_s - 0.007, 0.052, 0.62 * against),
        (t_peak_s + 0.028, 0.030, 0.45 * against),
        (0.45 * t_peak_s + 0.035, 0.055, _along(digoxin, _SCOOP)),
    ]
