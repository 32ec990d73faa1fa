"""Distance matrices by name: the call is checked once here, what is compared is prepared once for each ECG."""

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from hemometric.distances.dtw import dtw, dtw_of_pairs, radius_of_band
from hemometric.distances.euclidean import euclidean, euclidean_of_pairs
from hemometric.distances.representations import BEAT_RATE_HZ, to_beats, to_features
from hemometric.distances.soft import soft_dtw_divergence, soft_dtw_divergence_of_pairs

FloatArray = NDArray[np.float32]
Pairs = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Distance:
    """How ECGs are compared.

    Attributes:
        compare: (x, y or None, radius in samples, number of threads or None) -> (n, m), of prepared ECGs.
        compare_pairs: (x, y, pairs (p, 2), radius in samples, number of threads or None) -> (p,), of prepared ECGs.
        prepare: (ECGs, rate) -> what is compared, shape (n, ..., n_samples); None: the strips as they are.
        prepared_hz: Rate of what `prepare` makes; None: that of the ECGs.
        invariances: What does not change the distance.
    """

    compare: Callable[[FloatArray, FloatArray | None, int, int | None], FloatArray]
    compare_pairs: Callable[[FloatArray, FloatArray, Pairs, int, int | None], FloatArray]
    prepare: Callable[[FloatArray, float], FloatArray] | None
    prepared_hz: float | None
    invariances: str


def _euclidean(x: FloatArray, y: FloatArray | None, _radius: int, _n_threads: int | None) -> FloatArray:
    return euclidean(x, y)


def _dtw(x: FloatArray, y: FloatArray | None, radius: int, n_threads: int | None) -> FloatArray:
    return dtw(x, y, radius=radius, n_threads=n_threads)


def _soft_dtw(x: FloatArray, y: FloatArray | None, radius: int, n_threads: int | None) -> FloatArray:
    return soft_dtw_divergence(x, y, radius=radius, n_threads=n_threads)


def _euclidean_pairs(x: FloatArray, y: FloatArray, pairs: Pairs, _radius: int, _n_threads: int | None) -> FloatArray:
    return euclidean_of_pairs(x, y, pairs)


def _dtw_pairs(x: FloatArray, y: FloatArray, pairs: Pairs, radius: int, n_threads: int | None) -> FloatArray:
    return dtw_of_pairs(x, y, pairs, radius=radius, n_threads=n_threads)


def _soft_dtw_pairs(x: FloatArray, y: FloatArray, pairs: Pairs, radius: int, n_threads: int | None) -> FloatArray:
    return soft_dtw_divergence_of_pairs(x, y, pairs, radius=radius, n_threads=n_threads)


DISTANCES: MappingProxyType[str, Distance] = MappingProxyType(
    {
        "euclidean": Distance(
            _euclidean, _euclidean_pairs, None, None, "none; a shift of one beat makes equal ECGs strangers"
        ),
        "dtw": Distance(_dtw, _dtw_pairs, None, None, "time, within the band; not rate beyond it, not amplitude"),
        "soft-dtw": Distance(_soft_dtw, _soft_dtw_pairs, None, None, "as dtw, softly"),
        "beat-euclidean": Distance(
            _euclidean,
            _euclidean_pairs,
            to_beats,
            BEAT_RATE_HZ,
            "phase, rate and rhythm, but for what they do to the beat's shape",
        ),
        "beat-dtw": Distance(_dtw, _dtw_pairs, to_beats, BEAT_RATE_HZ, "as beat-euclidean, and time within the band"),
        "features": Distance(
            _euclidean, _euclidean_pairs, to_features, None, "whatever is not measured: phase, noise, fine shape"
        ),
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
    kind, left, right, radius = _prepare(x, y, distance, sampling_rate_hz, band_ms, n_threads)
    return kind.compare(left, right, radius, n_threads)


def of_pairs(
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    pairs: NDArray[np.integer],
    *,
    distance: str,
    sampling_rate_hz: float,
    band_ms: float | None = None,
) -> FloatArray:
    """Distance of the ECGs of each listed pair: that which `pairwise` has in its matrix.

    Args:
        x: Shape (n, n_leads, n_samples), mV.
        y: Shape (m, n_leads, n_samples), mV; may be `x`.
        pairs: Shape (p, 2), a row of `x` and one of `y`; DTW is fastest where an ECG of `x` has many partners.
        distance: As in `pairwise`.
        sampling_rate_hz: Of both.
        band_ms: As in `pairwise`.

    Returns:
        Shape (p,), float32.

    Raises:
        ValueError: As `pairwise`, or pairs of another shape, or a row that is not there.
    """
    listed = np.asarray(pairs, dtype=np.int64)
    if listed.ndim != 2 or listed.shape[1] != 2:
        raise ValueError(f"pairs must have shape (p, 2), got {listed.shape}")
    if len(listed) and not ((listed >= 0) & (listed < [len(x), len(y)])).all():
        raise ValueError(f"pairs must name rows below {len(x)} and {len(y)}, got {listed.min()} to {listed.max()}")
    same = y is x
    kind, left, right, radius = _prepare(x, None if same else y, distance, sampling_rate_hz, band_ms, None)
    return kind.compare_pairs(left, left if right is None else right, listed, radius, None)


def _prepare(
    x: FloatArray,
    y: FloatArray | None,
    distance: str,
    sampling_rate_hz: float,
    band_ms: float | None,
    n_threads: int | None,
) -> tuple[Distance, FloatArray, FloatArray | None, int]:
    """Check the call; the kind of distance, what is compared, and the radius of the band in samples of that."""
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
    return kind, left, right, radius_of_band(band_ms, n_samples=left.shape[2], sampling_rate_hz=rate_hz)


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
