"""Zero-phase band-pass filtering."""

import math
from functools import lru_cache

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from hemometric.ecg import Waveform
from hemometric.waveform.edges import extend

LOW_ORDER = 2
"""Butterworth order of the high-pass side, applied forwards and backwards: 24 dB per octave in all."""

HIGH_ORDER = 4
"""Butterworth order of the low-pass side, applied forwards and backwards: 48 dB per octave in all."""

LONGEST_EDGE_S = 4.0
"""Most that is added at each end; a high-pass below 0.5 Hz is not settled by then and shows it at the record's ends."""


def bandpass(waveform: Waveform, *, sampling_rate_hz: float, low_hz: float, high_hz: float) -> Waveform:
    """Keep what lies between two frequencies, without shifting it in time.

    The gain is that of a Butterworth filter run forwards and backwards (Gustafsson 1996), multiplied in the frequency
    domain: 1 / (1 + (low / f)^4) on the low side and 1 / (1 + (f / high)^8) on the high side, so -6 dB at both cutoffs,
    zero at 0 Hz, -56 dB at a fifth of `low_hz` and -48 dB at twice `high_hz`. Linear, so III = II - I survives. Beyond
    its ends the record is continued by point reflection (`edges.extend`).

    Args:
        waveform: Shape (..., n_samples), any unit; time is the last axis. One sample is enough (and gives about 0).
        sampling_rate_hz: Samples per second, > 0.
        low_hz: Lower cutoff, > 0.
        high_hz: Upper cutoff, > low_hz and < sampling_rate_hz / 2.

    Returns:
        The same shape, float32. A lead with NaN becomes all NaN: fill or refuse it first.

    Raises:
        ValueError: No samples, or cutoffs that are not 0 < low < high < half the sampling rate.
    """
    if waveform.ndim == 0 or waveform.shape[-1] == 0:
        raise ValueError(f"expected at least one sample on the last axis, got shape {waveform.shape}")
    if not 0 < low_hz < high_hz < sampling_rate_hz / 2 < math.inf:
        raise ValueError(
            f"expected 0 < low_hz < high_hz < sampling_rate_hz / 2, got low_hz={low_hz}, high_hz={high_hz}, "
            f"sampling_rate_hz={sampling_rate_hz}"
        )
    n = waveform.shape[-1]
    n_edge = math.ceil(min(2.0 / low_hz, LONGEST_EDGE_S) * sampling_rate_hz)
    n_fft = scipy.fft.next_fast_len(n + 2 * n_edge, real=True)
    gain = _gain(n_fft, sampling_rate_hz, low_hz, high_hz)
    extended = extend(waveform, n_before=n_edge, n_after=n_fft - n - n_edge, dtype=np.float32)
    spectrum = scipy.fft.rfft(extended, axis=-1, overwrite_x=True)
    spectrum *= gain
    filtered = scipy.fft.irfft(spectrum, n=n_fft, axis=-1, overwrite_x=True)
    return np.array(filtered[..., n_edge : n_edge + n], dtype=np.float32)


@lru_cache(maxsize=32)
def _gain(n_fft: int, sampling_rate_hz: float, low_hz: float, high_hz: float) -> NDArray[np.float32]:
    frequency = np.fft.rfftfreq(n_fft, d=1.0 / sampling_rate_hz)
    low = frequency ** (2 * LOW_ORDER)
    low = low / (low + low_hz ** (2 * LOW_ORDER))
    gain = (low / (1.0 + (frequency / high_hz) ** (2 * HIGH_ORDER))).astype(np.float32)
    gain.setflags(write=False)
    return gain
