"""Normal beats of virtual patients, drawn from a distribution fitted to median beats of real normal ECGs.

A normal beat is a sum of Gaussians in time whose places follow the intervals (QRS duration, T peak, P wave); what each
of the eight independent leads sees of each Gaussian is its amplitude. Mean, dependence on age and sex, and covariance
of these amplitudes over all leads and waves come from the normal ECGs of PTB-XL 1.0.3 (Wagner et al. 2020, CC BY 4.0),
those of the even folds alone, by `python -m validation.fit_beats`; the odd folds are kept for the comparison of
simulated with real ECGs. QRS, T and P are each of the same size in the fit: size is the business of `Morphology`.
"""

from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from hemometric.simulation.circulation import FloatVector
from hemometric.simulation.patients import BoolVector
from hemometric.waveform.features import QRS_SLOPE_SHARE

Floats = NDArray[np.float64]

QRS_OFFSETS_S = 0.008 * np.arange(-6, 9)
QRS_WIDTH_S = 0.006
QRS_MEASURED_S = 0.083
"""QRS duration, as `hemometric.waveform.FEATURES` measures it, at which the offsets stand as they are."""

T_OFFSETS_S = np.array([-0.16, -0.12, -0.08, -0.04, 0.0, 0.035, 0.07])
T_WIDTH_S = 0.030
T_PEAK_S = 0.28
"""Time from R to the peak of T at which the offsets stand as they are."""

P_DURATION_S = 0.108
P_LAG_S = 0.034
"""From the right atrium's Gaussian to the left one's at that duration."""
P_WIDTH_S = 0.0175
TA_OFFSET_S, TA_WIDTH_S = 0.060, 0.030
"""Atrial repolarisation, from the left atrium's Gaussian on: the dip between P and QRS."""

N_QRS, N_T, N_P = len(QRS_OFFSETS_S), len(T_OFFSETS_S), 3
N_NORMAL = N_QRS + N_T + N_P
QRS, T, P = slice(0, N_QRS), slice(N_QRS, N_QRS + N_T), slice(N_QRS + N_T, N_NORMAL)
RIGHT_ATRIUM, LEFT_ATRIUM, ATRIAL_REPOLARISATION = N_NORMAL - 3, N_NORMAL - 2, N_NORMAL - 1

DOWER = np.array(
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
"""Leads I, II, V1-V6 from the Frank vector (Dower 1980): x to the left, y to the feet, z to the back."""

FROM_LEADS = np.linalg.pinv(DOWER)
"""The Frank vector that explains the eight leads best."""

_FILE = "normal_beats.npz"
_GRID_S = 0.001
_SMOOTHED_OVER_S = 0.012
_N_CANDIDATES = 40
_AXIS_SD_DEG = 38.0
_ANGLE_SD_DEG = 27.0


class NormalBeats(NamedTuple):
    """The fitted distribution; amplitudes in mV where QRS, T and P have their usual size.

    Attributes:
        mean: Shape (8, N_NORMAL), of a man of 60.
        per_decade: Shape (8, N_NORMAL), added per ten years above 60.
        female: Shape (8, N_NORMAL), added for women.
        factors: Shape (n_factors, 8, N_NORMAL), each to be multiplied with a standard normal number.
        sizes: Shape (3,): usual root mean square over leads and waves of QRS, T and P.
    """

    mean: Floats
    per_decade: Floats
    female: Floats
    factors: Floats
    sizes: Floats


@lru_cache(maxsize=1)
def load_normal_beats() -> NormalBeats:
    """Load the distribution that comes with hemometric."""
    with files("hemometric.simulation").joinpath(_FILE).open("rb") as file, np.load(file, allow_pickle=False) as fitted:
        return NormalBeats(*(fitted[name].astype(np.float64) for name in NormalBeats._fields))


def place_normal_waves(
    *, qrs_stretch: FloatVector, t_peak_s: FloatVector, p_centre_s: FloatVector, p_duration_s: FloatVector
) -> tuple[Floats, Floats]:
    """Say where the Gaussians of n normal beats are.

    A P wave that is longer is so because the left atrium comes later, more than because each atrium takes longer: the
    two part, and a long P wave is notched.

    Args:
        qrs_stretch: Shape (n,), 1 = usual duration of QRS.
        t_peak_s: Shape (n,), from R to the peak of T.
        p_centre_s: Shape (n,), from R (negative).
        p_duration_s: Shape (n,).

    Returns:
        Centres in seconds from R and widths (standard deviations), shape (n, N_NORMAL) each.
    """
    t_stretch = t_peak_s / T_PEAK_S
    longer_s = p_duration_s - P_DURATION_S
    lag_s = P_LAG_S + 0.55 * longer_s
    p_width = P_WIDTH_S + 0.08 * longer_s
    centre = [
        qrs_stretch[:, None] * QRS_OFFSETS_S,
        t_peak_s[:, None] + t_stretch[:, None] * T_OFFSETS_S,
        p_centre_s[:, None] + lag_s[:, None] * np.array([-0.5, 0.5]),
        p_centre_s[:, None] + 0.5 * lag_s[:, None] + TA_OFFSET_S,
    ]
    width = [
        np.repeat(qrs_stretch[:, None] * QRS_WIDTH_S, N_QRS, axis=1),
        np.repeat(t_stretch[:, None] * T_WIDTH_S, N_T, axis=1),
        np.repeat(p_width[:, None], 2, axis=1),
        np.full((len(p_width), 1), TA_WIDTH_S),
    ]
    return np.concatenate(centre, axis=1), np.concatenate(width, axis=1)


def draw_normal_beats(
    age_years: FloatVector,
    female: BoolVector,
    *,
    axis_deg: FloatVector,
    qrs_t_angle_deg: FloatVector,
    rng: np.random.Generator,
) -> Floats:
    """Draw what each patient's leads see of each wave of the normal beat.

    Of forty beats the one is taken whose QRS axis and QRS-T angle are nearest to those that the patient has, so that
    what is left to be turned is little.

    Args:
        age_years: Shape (n,).
        female: Shape (n,).
        axis_deg: Shape (n,), frontal QRS axis.
        qrs_t_angle_deg: Shape (n,), spatial angle between QRS and T.
        rng: Source of randomness.

    Returns:
        Shape (n, 8, N_NORMAL), mV; QRS, T and P are each of their usual size, whoever the patient is.
    """
    fitted, n = load_normal_beats(), len(age_years)
    decades = (age_years[:, None, None] - 60.0) / 10.0
    usual = fitted.mean + decades * fitted.per_decade + female[:, None, None] * fitted.female
    scores = rng.standard_normal((n, _N_CANDIDATES, len(fitted.factors)))
    beats = usual[:, None] + np.einsum("ncf,flk->nclk", scores, fitted.factors)
    dipole = FROM_LEADS @ beats
    turn = np.abs(wrap_deg(frontal_axis_deg(dipole) - axis_deg[:, None])) / _AXIS_SD_DEG
    bend = np.abs(spatial_angle_deg(dipole) - qrs_t_angle_deg[:, None]) / _ANGLE_SD_DEG
    chosen: Floats = beats[np.arange(n), np.argmin(turn**2 + bend**2, axis=1)]
    for wave, usual_size in zip((QRS, T, P), fitted.sizes, strict=True):
        size = np.sqrt(np.mean(chosen[..., wave] ** 2, axis=(1, 2)))
        chosen[..., wave] *= (usual_size / size)[:, None, None]
    return chosen


def measure_qrs_s(beats: Floats) -> FloatVector:
    """Measure how long the QRS of each beat lasts where its waves stand as they are.

    It begins and ends where the leads together are less steep than 8 % of their steepest, as
    `hemometric.waveform.describe` has it.

    Args:
        beats: Shape (n, 8, N_NORMAL), mV.

    Returns:
        Shape (n,), seconds; about `QRS_MEASURED_S`.
    """
    time = np.arange(-0.10, 0.12, _GRID_S)
    shape = np.exp(-0.5 * ((time - QRS_OFFSETS_S[:, None]) / QRS_WIDTH_S) ** 2)
    slope = np.sqrt(np.mean(np.diff(beats[..., QRS] @ shape, axis=2) ** 2, axis=1))
    slope = uniform_filter1d(slope, round(_SMOOTHED_OVER_S / _GRID_S) | 1, axis=1)
    steep = slope > QRS_SLOPE_SHARE * slope.max(axis=1, keepdims=True)
    first, last = steep.argmax(axis=1), steep.shape[1] - 1 - steep[:, ::-1].argmax(axis=1)
    duration: FloatVector = (last - first + 2) * _GRID_S
    return duration


def frontal_axis_deg(dipole: Floats) -> Floats:
    """Frontal axis of the area of QRS, degrees from the left towards the feet; dipole (..., 3, N_NORMAL) -> (...)."""
    return axis_of_area_deg(dipole[..., QRS].sum(axis=-1))


def axis_of_area_deg(area: Floats) -> Floats:
    """Frontal axis of a vector (..., 3) as leads I and aVF of the average chest show it -> (...)."""
    leads = area @ DOWER[:2].T
    avf = leads[..., 1] - 0.5 * leads[..., 0]
    degrees: Floats = np.rad2deg(np.arctan2(avf * 2.0 / np.sqrt(3.0), leads[..., 0]))
    return degrees


def spatial_angle_deg(dipole: Floats) -> Floats:
    """Angle in space between the areas of QRS and T; dipole (..., 3, N_NORMAL) -> (...)."""
    qrs, t = dipole[..., QRS].sum(axis=-1), dipole[..., T].sum(axis=-1)
    cosine = np.sum(qrs * t, axis=-1) / (np.linalg.norm(qrs, axis=-1) * np.linalg.norm(t, axis=-1))
    degrees: Floats = np.rad2deg(np.arccos(np.clip(cosine, -1.0, 1.0)))
    return degrees


def wrap_deg(angle: Floats) -> Floats:
    """The same angle within -180..180 degrees."""
    wrapped: Floats = (angle + 180.0) % 360.0 - 180.0
    return wrapped
