"""What the `features` baseline reads of an ECG: measurements, axes, terminal force of P in V1, typical beats."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from hemometric.ecg import INDEPENDENT_LEADS, INDEPENDENT_ROWS, Waveform
from hemometric.errors import EcgError, RunError
from hemometric.evaluation.predictions import FloatArray
from hemometric.progress import track
from hemometric.store import Store
from hemometric.waveform import FEATURES, describe_batch, median_beat
from hemometric.waveform.beats import BEAT_AFTER_S, BEAT_BEFORE_S, SLOWEST_RATE_HZ, beat_window

BEAT_RATE_HZ = 100.0
N_AXES = 60
"""Principal components of the typical beat (docs/experiments: 60 with ridge was the hardest baseline)."""

DERIVED = (
    *(f"{wave}_axis_{part}" for wave in ("qrs", "t", "p") for part in ("cos", "sin")),
    "t_peak_corrected_ms",
    "p_terminal_force_V1_mv_ms",
)
"""Of the frontal plane's axes, cosine and sine; the time of the T peak over the root of the RR interval in seconds
(Bazett 1920); depth times duration of the end of P in V1 (Morris et al. 1964)."""

MEASURED = (*FEATURES, *DERIVED)

_N_BEAT = round((BEAT_BEFORE_S + BEAT_AFTER_S) * BEAT_RATE_HZ)
_PLACE = {name: column for column, name in enumerate(FEATURES)}
_CHUNK = 128
_P_END_BEFORE_R_S = 0.06
_P_TERMINAL_S = 0.08


@dataclass(frozen=True, slots=True)
class HandMade:
    """Hand-made inputs of n ECGs.

    Attributes:
        measured: (n, n_measured) named by `MEASURED`, NaN where not measurable.
        beats: (n, 8 x 70) typical beats of the independent leads at 100 Hz, mV; NaN where an ECG has none.
    """

    measured: FloatArray
    beats: FloatArray


def read_hand_made(store: Store, rows: NDArray[np.int64]) -> HandMade:
    """Measure some ECGs of a store; progress is shown.

    Raises:
        RunError: The sampling rate does not resolve the QRS complex.
    """
    refuse_slow(store)
    parts = [HandMade(np.zeros((0, len(MEASURED))), np.zeros((0, len(INDEPENDENT_LEADS) * _N_BEAT)))]
    starts = range(0, len(rows), _CHUNK)
    for start in track(starts, total=len(starts), unit=f"batches of {_CHUNK} ECGs", title="features"):
        waveforms = store.take(rows[start : start + _CHUNK])
        parts.append(measure_hand_made(waveforms, sampling_rate_hz=store.sampling_rate_hz))
    return HandMade(np.concatenate([part.measured for part in parts]), np.concatenate([part.beats for part in parts]))


def refuse_slow(store: Store) -> None:
    """Raise `RunError` where the sampling rate of a store does not resolve the QRS complex."""
    if store.sampling_rate_hz < SLOWEST_RATE_HZ:
        raise RunError(
            f"{store.path}: has {store.sampling_rate_hz:g} samples per second, the baseline `features` needs "
            f"{SLOWEST_RATE_HZ:g}: ingest the archive at a higher rate"
        )


def measure_hand_made(waveforms: Waveform, *, sampling_rate_hz: float) -> HandMade:
    """Measure ECGs, (n, 12, n_samples) mV at 100 Hz or more."""
    features = describe_batch(waveforms, sampling_rate_hz=sampling_rate_hz)
    beats = np.stack([_typical_beat(waveform, sampling_rate_hz) for waveform in waveforms])
    force = _terminal_force(beats[:, INDEPENDENT_LEADS.index("V1")], features[:, _PLACE["p_peak_ms"]])
    return HandMade(
        np.concatenate([features, _axes(features), _corrected_t_peak(features)[:, None], force[:, None]], axis=1),
        beats.reshape(len(beats), -1),
    )


def _typical_beat(waveform: Waveform, rate_hz: float) -> FloatArray:
    """The typical beat of the independent leads at `BEAT_RATE_HZ`, (8, 70); NaN where there is none."""
    try:
        beat = median_beat(waveform[list(INDEPENDENT_ROWS)], sampling_rate_hz=rate_hz)
    except EcgError:
        return np.full((len(INDEPENDENT_LEADS), _N_BEAT), np.nan)
    n_before, n_after = beat_window(rate_hz)
    have_s = np.arange(-n_before, n_after) / rate_hz
    want_s = np.arange(_N_BEAT) / BEAT_RATE_HZ - BEAT_BEFORE_S
    return np.stack([np.interp(want_s, have_s, lead) for lead in beat])


def _axes(features: FloatArray) -> FloatArray:
    """Cosine and sine of the frontal axes of QRS, T and P from the areas in I and aVF = II - I / 2, (n, 6).

    The augmented lead is 1.15 times too small beside the bipolar one (Burger and van Milaan), hence the 2 / sqrt(3).
    """
    columns = []
    for wave in ("qrs", "t", "p"):
        lead_i, lead_ii = (features[:, _PLACE[f"{wave}_area_{lead}_mv_ms"]] for lead in ("I", "II"))
        up_down = (lead_ii - lead_i / 2) * 2 / np.sqrt(3)
        length = np.maximum(np.hypot(lead_i, up_down), 1e-9)
        columns += [lead_i / length, up_down / length]
    return np.stack(columns, axis=1)


def _corrected_t_peak(features: FloatArray) -> FloatArray:
    rate = features[:, _PLACE["heart_rate_per_min"]]
    return features[:, _PLACE["t_peak_ms"]] / np.sqrt(60.0 / rate)


def _terminal_force(lead_v1: FloatArray, p_peak_ms: FloatArray) -> FloatArray:
    """Area below the PR segment after the peak of P in V1, mV ms, 0 or more; NaN without a P wave."""
    force = np.full(len(lead_v1), np.nan)
    r_peak, end = BEAT_BEFORE_S * BEAT_RATE_HZ, round((BEAT_BEFORE_S - _P_END_BEFORE_R_S) * BEAT_RATE_HZ)
    for row in np.flatnonzero(np.isfinite(p_peak_ms) & np.isfinite(lead_v1).all(axis=1)):
        peak = max(round(r_peak + p_peak_ms[row] * BEAT_RATE_HZ / 1000), 0)
        last = min(peak + round(_P_TERMINAL_S * BEAT_RATE_HZ), end)
        if peak < last:
            below = lead_v1[row, end] - lead_v1[row, peak:last]
            force[row] = np.maximum(below, 0).sum() * 1000 / BEAT_RATE_HZ
    return force


class BeatAxes(BaseModel):
    """Principal components of the typical beats of training ECGs.

    Attributes:
        mean: (8 x 70,) mV.
        axes: (n_axes, 8 x 70), orthonormal, of falling variance.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    mean: tuple[float, ...]
    axes: tuple[tuple[float, ...], ...]

    @classmethod
    def none(cls) -> "BeatAxes":
        """No components, for a model that reads none."""
        return cls(mean=(), axes=())

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the scores."""
        return tuple(f"beat_axis_{number}_mv" for number in range(1, len(self.axes) + 1))

    def scores(self, beats: FloatArray) -> FloatArray:
        """Coordinates of beats, (n, 8 x 70) mV -> (n, n_axes) mV, NaN for an ECG without a beat."""
        found: FloatArray = (beats - np.array(self.mean)) @ np.array(self.axes).reshape(-1, len(self.mean)).T
        return found


def fit_beat_axes(beats: FloatArray, *, n_axes: int = N_AXES) -> BeatAxes:
    """Fit principal components to the beats of training ECGs; those without a beat are left out.

    Args:
        beats: (n, 8 x 70) mV, NaN rows where there is none.
        n_axes: At most so many; fewer where there are not so many beats.
    """
    known = beats[np.isfinite(beats).all(axis=1)]
    if len(known) < 2:
        return BeatAxes(mean=(0.0,) * beats.shape[1], axes=())
    mean = known.mean(axis=0)
    _, _, axes = np.linalg.svd(known - mean, full_matrices=False)
    # Single precision is what beats have; it halves the file.
    kept = axes[: min(n_axes, len(known) - 1)].astype(np.float32)
    return BeatAxes(mean=tuple(mean.astype(np.float32).tolist()), axes=tuple(tuple(axis) for axis in kept.tolist()))
