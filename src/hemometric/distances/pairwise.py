"""Distance matrices by name: the call is checked once here, what is compared is prepared once for each ECG."""

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from hemometric.distances.dtw import dtw, radius_of_band
from hemometric.distances.euclidean import euclidean
from hemometric.distances.representations import BEAT_RATE_HZ, to_beats, to_features
from hemometric.distances.soft import soft_dtw_divergence

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Distance:
    """How ECGs are compared.

    Attributes:
        compare: (x, y or None, radius in samples, number of threads or None) -> (n, m), of prepared ECGs.
        prepare: (ECGs, rate) -> what is compared, shape (n, ..., n_samples); None: the strips as they are.
        prepared_hz: Rate of what `prepare` makes; None: that of the ECGs.
        invariances: What does not change the distance.
    """

    compare: Callable[[FloatArray, FloatArray | None, int, int | None], FloatArray]
    prepare: Callable[[FloatArray, float], FloatArray] | None
    prepared_hz: float | None
    invariances: str


def _euclidean(x: FloatArray, y: FloatArray | None, _radius: int, _n_threads: int | None) -> FloatArray:
    return euclidean(x, y)


def _dtw(x: FloatArray, y: FloatArray | None, radius: int, n_threads: int | None) -> FloatArray:
    return dtw(x, y, radius=radius, n_threads=n_threads)


def _soft_dtw(x: FloatArray, y: FloatArray | None, radius: int, n_threads: int | None) -> FloatArray:
    return soft_dtw_divergence(x, y, radius=radius, n_threads=n_threads)


DISTANCES: MappingProxyType[str, Distance] = MappingProxyType(
    {
        "euclidean": Distance(_euclidean, None, None, "none; a shift of one beat makes equal ECGs strangers"),
        "dtw": Distance(_dtw, None, None, "time, within the band; not rate beyond it, not amplitude"),
        "soft-dtw": Distance(_soft_dtw, None, None, "as dtw, softly"),
        "beat-euclidean": Distance(
            _euclidean, to_beats, BEAT_RATE_HZ, "phase, rate and rhythm, but for what they do to the beat's shape"
        ),
        "beat-dtw": Distance(_dtw, to_beats, BEAT_RATE_HZ, "as beat-euclidean, and time within the band"),
        "features": Distance(_euclidean, to_features, None, "whatever is not measured: phase, noise, fine shape"),
    }
)
"""Keys as on the command line."""


def pairwise(
    x: NDArray[np.float32],
    y: NDArray[np.float32] | None = None,
    *,
    distance: str,
    sampling_rate_hz: float,
    band_ms: float | None = None,
    n_threads: int | None = None,
) -> FloatArray:
    """Distance of every ECG of `x` to every ECG of `y`.

    Strips are compared as they are: resample them first where that is enough (DTW at 50 Hz costs a hundredth of DTW at
    500 Hz), and `align_to_r` lets them begin at a beat. A lead that is missing is compared as the zeros it holds; take
    it out of both `x` and `y` instead.

    Args:
        x: Shape (n, n_leads, n_samples), mV; twelve leads in the order of `hemometric.ecg.LEADS` for "features".
        y: Shape (m, n_leads, n_samples), mV; by default `x` itself, each pair once.
        distance: A key of `DISTANCES`: strips as "euclidean", "dtw" or "soft-dtw", typical beats as "beat-euclidean"
            or "beat-dtw", or measured "features".
        sampling_rate_hz: Of both.
        band_ms: How far may be warped; samples i and j are matched only where |i - j| <= round(band_ms / 1000 * rate).
            By default a tenth of what is compared (1 s of 10 s, 70 ms of a beat). Without effect where nothing warps.
        n_threads: By default every core this process may use, or OMP_NUM_THREADS of them. The result is the same.

    Returns:
        Shape (n, m), float32, mV (robust SDs for "features"): >= 0; for `y=None` symmetric with an exactly zero
        diagonal.

    Raises:
        ValueError: Unknown distance, shapes that do not fit, samples that are not finite, a negative band or rate,
            fewer than one thread, an ECG without a typical beat.
    """
    kind = _find(distance)
    if n_threads is not None and n_threads < 1:
        raise ValueError(f"n_threads must be >= 1, got {n_threads}")
    left = _checked(x, "x")
    right = None if y is None else _checked(y, "y")
    if right is not None and left.shape[1:] != right.shape[1:]:
        raise ValueError(f"x and y must agree in leads and samples, got {left.shape[1:]} and {right.shape[1:]}")
    radius_of_band(band_ms, n_samples=left.shape[2], sampling_rate_hz=sampling_rate_hz)
    if kind.prepare is not None:
        left = kind.prepare(left, sampling_rate_hz)
        right = None if right is None else kind.prepare(right, sampling_rate_hz)
    rate_hz = kind.prepared_hz or sampling_rate_hz
    radius = radius_of_band(band_ms, n_samples=left.shape[2], sampling_rate_hz=rate_hz)
    return kind.compare(left, right, radius, n_threads)


def _find(distance: str) -> Distance:
    if distance not in DISTANCES:
        near = difflib.get_close_matches(distance, DISTANCES, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"unknown distance {distance!r}: expected one of {', '.join(DISTANCES)}{hint}")
    return DISTANCES[distance]


def _checked(x: NDArray[np.float32], name: str) -> FloatArray:
    if x.ndim != 3 or x.shape[1] == 0 or x.shape[2] == 0:
        raise ValueError(f"{name} must have shape (n, n_leads, n_samples), got {x.shape}")
    broken = np.flatnonzero(~np.isfinite(x).reshape(len(x), x.shape[1] * x.shape[2]).all(axis=1))
    if len(broken):
        raise ValueError(f"{name} has NaN or infinite samples in {len(broken)} of {len(x)} ECGs, first in {broken[0]}")
    return np.ascontiguousarray(x, dtype=np.float32)
