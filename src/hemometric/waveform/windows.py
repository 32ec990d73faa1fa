"""Windows of one length, cut from records of any length."""

import math
from dataclasses import dataclass, field

import numpy as np

from hemometric.ecg import Waveform
from hemometric.errors import EcgError


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """A piece of a record.

    Attributes:
        start_sample: Where it begins in the record.
        waveform: Shape (n_leads, n_window), mV.
        n_recorded: How many of its samples come from the record; the rest, at the end, is padding.
    """

    start_sample: int
    waveform: Waveform = field(repr=False)
    n_recorded: int


def cut_windows(
    waveform: Waveform, *, sampling_rate_hz: float, duration_s: float = 10.0, pad: bool = False
) -> list[Window]:
    """Cut a record into consecutive windows that do not overlap, from its first sample on; the rest is dropped.

    A record that is one sample short by rounding (9.998 s at 500 Hz) counts as whole: its last sample is repeated once.

    Args:
        waveform: Shape (n_leads, n_samples), any unit.
        sampling_rate_hz: Samples per second, > 0.
        duration_s: Length of a window; round(duration_s * sampling_rate_hz) samples.
        pad: Whether a record shorter than one window becomes one window, its last sample held to the end.

    Returns:
        At least one window, each of the same length; the waveforms are views unless something was padded.

    Raises:
        EcgError: The record is shorter than a window and `pad` is off (code "too-short").
        ValueError: No samples, or a rate or duration that is not positive.
    """
    if waveform.ndim != 2 or waveform.shape[1] == 0:
        raise ValueError(f"expected shape (n_leads, n_samples) with samples, got {waveform.shape}")
    if not (0 < sampling_rate_hz < math.inf and 0 < duration_s < math.inf):
        raise ValueError(f"rate and duration must be positive, got {sampling_rate_hz} Hz and {duration_s} s")
    n_samples = waveform.shape[1]
    n_window = max(1, round(duration_s * sampling_rate_hz))
    if n_samples >= n_window:
        starts = range(0, n_samples - n_window + 1, n_window)
        return [Window(start, waveform[:, start : start + n_window], n_window) for start in starts]
    if n_samples < n_window - 1 and not pad:
        raise EcgError(
            f"the record lasts {n_samples / sampling_rate_hz:.3f} s, a window needs {duration_s:g} s: "
            "--pad fills it up",
            code="too-short",
        )
    padded = np.pad(waveform, ((0, 0), (0, n_window - n_samples)), mode="edge")
    return [Window(0, padded, n_samples)]
