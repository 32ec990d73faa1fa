"""Change of sampling rate: a polyphase filter, computed as one matrix product over blocks of samples."""

import math
from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hemometric.ecg import Waveform
from hemometric.waveform.edges import extend

STOPBAND_DB = 80.0
"""Design attenuation of the anti-alias filter; asked of it are 60 dB from 1.2 x the new Nyquist frequency upwards."""

TRANSITION = 0.2
"""Half the width of the transition band in units of the lower Nyquist frequency: flat to 0.8, closed from 1.2."""

LARGEST_FACTOR = 2000
"""Largest numerator and denominator of a rate ratio (a ratio of 250 / 977 needs 977)."""

RATIO_TOLERANCE = 1e-5
"""Largest relative error of the approximated ratio: 0.1 ms of drift over 10 s."""

_BLOCK = 32
"""Output samples computed by one row of the matrix product; measured best of 8 to 128 for 500 -> 250 Hz."""

_ROWS = 12
"""Leads filtered at a time: one ECG stays in the cache, larger pieces were measured up to twice as slow."""


def resample(waveform: Waveform, *, from_hz: float, to_hz: float) -> Waveform:
    """Change the sampling rate without aliasing, shifting or ringing at an offset.

    A linear-phase Kaiser-windowed sinc (Oppenheim & Schafer, Discrete-Time Signal Processing, section 7.6) with its
    -6 dB point at the lower of the two Nyquist frequencies: within 0.01 dB up to 0.8 of it, below -75 dB from 1.2 of
    it. Sums are in float64, so III = II - I survives to the rounding of float32. Sample j of the result lies at time
    j / to_hz. Beyond its ends the record is continued by point reflection (`edges.extend`). NaN spreads over whole
    blocks of about 32 output samples: refuse or fill it first.

    Args:
        waveform: Shape (..., n_samples), any unit; time is the last axis.
        from_hz: Present sampling rate, > 0.
        to_hz: Wanted sampling rate, > 0. The ratio is taken as the nearest fraction of whole numbers up to 2,000.

    Returns:
        Shape (..., ceil(n_samples * to_hz / from_hz)), float32. The same values (a copy) where the rates are equal.

    Raises:
        ValueError: No samples, a rate that is not positive and finite, or a ratio that no such fraction matches
            within 1e-5.
    """
    if waveform.ndim == 0 or waveform.shape[-1] == 0:
        raise ValueError(f"expected at least one sample on the last axis, got shape {waveform.shape}")
    up, down = _ratio(from_hz, to_hz)
    if up == down:
        return np.array(waveform, dtype=np.float32)
    n = waveform.shape[-1]
    n_out = -(-n * up // down)
    rows = waveform.reshape(-1, n)
    resampled = np.empty((rows.shape[0], n_out), dtype=np.float32)
    for start in range(0, rows.shape[0], _ROWS):
        resampled[start : start + _ROWS] = _filter_rows(rows[start : start + _ROWS], up, down, n_out)
    return resampled.reshape(*waveform.shape[:-1], n_out)


def _filter_rows(rows: Waveform, up: int, down: int, n_out: int) -> NDArray[np.float64]:
    """Return rows (n_rows, n_samples) at the new rate: cut into overlapping segments, one matrix product for all."""
    matrix, n_pad = _filter_matrix(up, down)
    n_in, block = matrix.shape
    step = block // up * down
    n_blocks = -(-n_out // block)
    n_after = (n_blocks - 1) * step + n_in - n_pad - rows.shape[-1]
    extended = extend(rows, n_before=n_pad, n_after=max(n_after, 0), dtype=np.float64)
    segments = np.lib.stride_tricks.sliding_window_view(extended, n_in, axis=-1)[:, ::step][:, :n_blocks]
    filtered = np.ascontiguousarray(segments).reshape(-1, n_in) @ matrix
    return filtered.reshape(rows.shape[0], n_blocks * block)[:, :n_out]


def _ratio(from_hz: float, to_hz: float) -> tuple[int, int]:
    """Return (up, down), coprime, with up / down as near to to_hz / from_hz as asked."""
    for name, rate in (("from_hz", from_hz), ("to_hz", to_hz)):
        if not (math.isfinite(rate) and rate > 0):
            raise ValueError(f"{name} must be a positive number of samples per second, got {rate}")
    wanted = to_hz / from_hz
    if wanted > 1:
        inverse = Fraction(from_hz / to_hz).limit_denominator(LARGEST_FACTOR)
        up, down = inverse.denominator, inverse.numerator
    else:
        ratio = Fraction(wanted).limit_denominator(LARGEST_FACTOR)
        up, down = ratio.numerator, ratio.denominator
    if up == 0 or down == 0 or abs(up / down / wanted - 1) > RATIO_TOLERANCE:
        raise ValueError(
            f"cannot resample {from_hz} Hz to {to_hz} Hz: no fraction of whole numbers up to {LARGEST_FACTOR} is "
            f"within {RATIO_TOLERANCE:g} of the ratio; resample in two steps or to a nearby rate"
        )
    return up, down


@lru_cache(maxsize=32)
def _filter_matrix(up: int, down: int) -> tuple[NDArray[np.float64], int]:
    """Return the (n_in, block) matrix that turns n_in samples into one block of output, and how many of n_in lie ahead.

    Column j holds the filter as output sample j sees it; block is a multiple of `up`, so every block looks the same.
    """
    taps, half = _design(up, down)
    n_pad = -(-half // up)
    repeats = max(1, round(_BLOCK / up))
    block = up * repeats
    n_in = (block - 1) * down // up + 1 + 2 * n_pad
    position = half + np.arange(block) * down - (np.arange(n_in)[:, None] - n_pad) * up
    inside = (position >= 0) & (position <= 2 * half)
    matrix = np.where(inside, taps[np.clip(position, 0, 2 * half)], 0.0)
    matrix /= matrix.sum(axis=0, keepdims=True)
    matrix.setflags(write=False)
    return matrix, n_pad


def _design(up: int, down: int) -> tuple[NDArray[np.float64], int]:
    """Return the taps of the Kaiser-windowed sinc at the common rate and half its length."""
    widest = max(up, down)
    width = 2 * TRANSITION * math.pi / widest
    half = math.ceil((STOPBAND_DB - 7.95) / (2.285 * width) / 2)
    beta = 0.1102 * (STOPBAND_DB - 8.7)
    return np.sinc(np.arange(-half, half + 1) / widest) * np.kaiser(2 * half + 1, beta), half
