"""Sketches: short vectors whose Euclidean distance says which ECGs may be near by a distance that warps time.

What warping does not change counts: the largest and smallest value of each channel and its values in order of size;
what it changes little is the smoothed beat. Sketches are then turned to their principal axes, of which few are needed
(docs/decisions/0007).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

Floats = NDArray[np.float32]

N_AXES = 64
"""Principal axes that are kept; 64 of the 520 values of a beat's sketch find what all find."""

_SMOOTHED_BY_SAMPLES = 5  # 25 ms
_EVERY_SMOOTHED = 5
_EVERY_IN_ORDER = 4
_EVERY_OF_STRIP = 10
_EXTREMES_WEIGHT = 1.5
_ORDER_WEIGHT = 1.4
# So that beat, strip and rhythm count alike: the spread of the first two over 20,801 simulated ECGs is 1.
_BEAT_SPREAD_MV = 3.2
_STRIP_SPREAD_MV = 2.8
_RHYTHM_WEIGHT = 2.5


def sketch_beats(beats: Floats) -> Floats:
    """Describe beats so that those near by DTW are near by the Euclidean distance too.

    Args:
        beats: Shape (n, n_channels, n_samples), mV, at 200 Hz.

    Returns:
        Shape (n, d), float32.
    """
    smooth = gaussian_filter1d(beats, _SMOOTHED_BY_SAMPLES, axis=2)[:, :, ::_EVERY_SMOOTHED]
    in_order = np.sort(beats, axis=2)
    extremes = _EXTREMES_WEIGHT * in_order[:, :, [0, -1]]
    parts = (extremes, smooth, _ORDER_WEIGHT * in_order[:, :, ::_EVERY_IN_ORDER])
    return np.concatenate([part.reshape(len(beats), -1) for part in parts], axis=1).astype(np.float32)


def sketch_strips(strips: Floats, beats: Floats, rr_s: NDArray[np.float64]) -> Floats:
    """Describe whole strips so that those near by DTW are near by the Euclidean distance too.

    Args:
        strips: Shape (n, n_channels, n_samples), mV, at 50 Hz.
        beats: Shape (n, n_channels, n_samples of a beat), mV: their typical beats at 200 Hz.
        rr_s: Shape (n,), median time between beats, seconds: DTW within its band cannot do away with a beat.

    Returns:
        Shape (n, d), float32, without unit.
    """
    in_order = np.sort(strips, axis=2)[:, :, ::_EVERY_OF_STRIP].reshape(len(strips), -1) / _STRIP_SPREAD_MV
    rhythm = _RHYTHM_WEIGHT * np.log(rr_s)[:, None]
    return np.concatenate([in_order, sketch_beats(beats) / _BEAT_SPREAD_MV, rhythm], axis=1).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Axes:
    """The directions in which sketches differ most.

    Attributes:
        centre: Shape (d,), their mean.
        directions: Shape (d, n_axes), orthonormal columns.
    """

    centre: Floats
    directions: Floats

    @classmethod
    def fit(cls, sketches: Floats) -> "Axes":
        """Find the `N_AXES` principal axes of (n, d) sketches; fewer where there are not as many."""
        centre = sketches.mean(axis=0)
        _, _, rows = np.linalg.svd(sketches - centre, full_matrices=False)
        return cls(centre, np.ascontiguousarray(rows[:N_AXES].T))

    def project(self, sketches: Floats) -> Floats:
        """Turn (n, d) sketches into (n, n_axes) vectors."""
        turned: Floats = np.matmul(sketches - self.centre, self.directions, dtype=np.float32)
        return turned
