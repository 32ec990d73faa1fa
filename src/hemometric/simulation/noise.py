"""What an electrode adds to the ECG: wander of the baseline, muscle and amplifier, motion of the skin."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

N_KINDS = 3
"""Baseline wander, muscle with amplifier, motion."""

_N_SAMPLES = 1 << 17
_REFERENCE_HZ = 500.0


def noise_bank(*, sampling_rate_hz: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Long stretches of noise of which each recording takes pieces, since drawing it anew costs more than the ECG.

    Args:
        sampling_rate_hz: Of the ECGs.
        rng: Source of randomness.

    Returns:
        Shape (3, 131072), of variance 1 over 0..250 Hz; at lower rates what lies above half the rate is missing.
    """
    frequency = np.fft.rfftfreq(_N_SAMPLES, 1.0 / sampling_rate_hz)
    reference = np.fft.rfftfreq(_N_SAMPLES, 1.0 / _REFERENCE_HZ)
    bank = np.empty((N_KINDS, _N_SAMPLES), dtype=np.float32)
    for row, shape, whole in zip(bank, _spectra(frequency), _spectra(reference), strict=True):
        random = rng.standard_normal(len(frequency)) + 1j * rng.standard_normal(len(frequency))
        waveform = np.fft.irfft(random * shape, _N_SAMPLES)
        power = np.sum(shape**2) * (frequency[1] - frequency[0])
        whole_power = np.sum(whole**2) * (reference[1] - reference[0])
        row[:] = waveform / waveform.std() * np.sqrt(min(power / whole_power, 1.0))
    return bank


def _spectra(frequency_hz: NDArray[np.floating[Any]]) -> tuple[NDArray[np.float64], ...]:
    """Amplitude of wander (0.04-0.6 Hz), muscle (flat, rising to 40 Hz, falling at 160 Hz) and motion (0.7-30 Hz)."""
    f = np.maximum(frequency_hz, 1e-6)
    wander = np.where((f > 0.04) & (f < 0.6), 1.0 / np.maximum(f, 0.08), 0.0)
    muscle = np.where(f > 15.0, np.minimum(f / 40.0, 1.0), 0.25) * np.where(f < 160.0, 1.0, 0.15)
    motion = np.where((f > 0.7) & (f < 30.0), 1.0 / f, 0.0)
    return wander, muscle, motion
