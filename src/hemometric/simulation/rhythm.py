"""When the heart beats: sinus rhythm with its variability, atrial fibrillation, ventricular premature beats."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hemometric.simulation.circulation import FloatVector
from hemometric.simulation.morphology import Morphology
from hemometric.simulation.patients import IntVector

Floats = NDArray[np.float64]


class Beats(NamedTuple):
    """The beats of n ECGs, from before the first sample to after the last.

    Attributes:
        r_s: Shape (n, B), seconds of R from the first sample; negative before it.
        recovery_pace: Shape (n, B): factor on time after QRS; less than 1 where T comes later, after a long pause.
        premature: Shape (n, B): True for a ventricular premature beat.
    """

    r_s: Floats
    recovery_pace: Floats
    premature: NDArray[np.bool_]


_LEAD_IN_S = 1.2
_PVC_RATE = 0.06
_PREMATURITY = 0.62
_PAUSE = 1.38
_AF_VARIATION = 0.22
_RR_RANGE_S = (0.3, 2.2)


def draw_beats(
    morphology: Morphology, visit: IntVector, *, breathing_hz: FloatVector, duration_s: float, rng: np.random.Generator
) -> Beats:
    """Draw the rhythm of n ECGs.

    In sinus rhythm RR varies with breathing, with the slow wave near 0.1 Hz and at random; in atrial fibrillation it is
    independent from beat to beat, log-normal with a coefficient of variation of 0.22. A pacemaker follows the sinus
    node, and beats regularly where the atria fibrillate. A premature beat comes after 0.62 of the usual interval and is
    followed by a full compensatory pause, or by one interval where it resets a pacemaker that follows no atria. QT
    follows the preceding RR to the power 0.33.

    Args:
        morphology: Of the visits.
        visit: Shape (n,), row of the visit.
        breathing_hz: Shape (n,).
        duration_s: Length of the ECGs.
        rng: Source of randomness.
    """
    mean_s = 60.0 / morphology.heart_rate_bpm[visit][:, None]
    n, n_beats = len(visit), int(np.ceil((duration_s + 2.0 * _LEAD_IN_S) / 0.35)) + 2
    t = mean_s * np.arange(n_beats)
    phase = rng.random((2, n, 1))
    breathing = np.sin(2.0 * np.pi * (breathing_hz[:, None] * t + phase[0]))
    slow = np.sin(2.0 * np.pi * (0.1 * t + phase[1]))
    noise = rng.standard_normal((n, n_beats))
    variation = np.exp(morphology.log_rr_variation[visit])[:, None]
    sinus = mean_s * (1.0 + variation * (0.8 * breathing + 0.6 * slow + 0.5 * noise))
    fibrillation = mean_s * np.exp(_AF_VARIATION * noise - 0.5 * _AF_VARIATION**2)
    fibrillating = morphology.atrial_fibrillation[visit][:, None] > 0
    paced = morphology.paced[visit][:, None] > 0
    rr = np.where(fibrillating & ~paced, fibrillation, sinus)
    premature = rng.random((n, n_beats)) < _PVC_RATE * morphology.pvc[visit][:, None]
    premature[:, 1:] &= ~premature[:, :-1]
    is_followed = np.concatenate([premature[:, 1:], np.zeros((n, 1), dtype=np.bool_)], axis=1)
    before = np.where(is_followed, _PREMATURITY, 1.0)
    pause = np.where(fibrillating & paced, 1.0, _PAUSE)
    rr = np.clip(rr * np.where(premature, pause, before), *_RR_RANGE_S)
    start = -_LEAD_IN_S - rr[:, :1] * rng.random((n, 1))
    preceding = np.concatenate([mean_s, rr[:, :-1]], axis=1)
    return Beats(
        r_s=start + np.cumsum(rr, axis=1) - rr,
        recovery_pace=(preceding / mean_s) ** -0.33,
        premature=premature,
    )
