"""Long stretches of what has no beat: wander, motion and muscle at the electrodes, and fibrillating atria.

Each ECG takes pieces of them, since drawing it anew would cost more than the rest of the ECG.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_F32 = NDArray[np.float32]
_F64 = NDArray[np.float64]

N_KINDS = 3
"""Of noise at an electrode: baseline wander, muscle with amplifier, motion."""

FIBRILLATION_HZ = 7.0
"""Mean rate of the fibrillation waves in the bank."""

_N_SAMPLES = 1 << 17
_REFERENCE_HZ = 500.0
_FIBRILLATION_SD_HZ = 1.1
_POINTED = 0.15


class NoiseBank(NamedTuple):
    """Long stretches of noise.

    Attributes:
        wander: Shape (n,), variance 1.
        motion: Shape (n,), variance 1.
        muscle: Shape (d, n): as each of d filters lets it through; of variance 1 before the filter, over 0..250 Hz.
        low_pass_hz: Shape (d,), upper edge (-3 dB) of each filter.
        fibrillation: Shape (n,): waves of amplitude 1 on average, at `FIBRILLATION_HZ` on average.
    """

    wander: _F32
    motion: _F32
    muscle: _F32
    low_pass_hz: _F64
    fibrillation: _F32


def noise_bank(*, low_pass_hz: Sequence[float], sampling_rate_hz: float, rng: np.random.Generator) -> NoiseBank:
    """Draw long stretches of noise, of 131,072 samples each.

    Muscle and amplifier noise is flat from 15 to 40 Hz and falls as 1/f above. Behind a Gaussian filter of 150 Hz this
    has, within 12 %, the spectrum of what lies between the beats of the 344 ECGs of the PTB-XL sample that are not
    marked as noisy (root mean square of 80-98, 102-125, 125-148, 152-200 Hz: 1.44, 1.18, 0.96, 0.86 microvolts).

    Fibrillation waves have a mean rate of 7 Hz (of surface ECGs 4-9 Hz; Bollmann et al., Europace 2006;8:911) with an
    SD of 1.1 Hz, chosen so that rate and amplitude change within a few waves and nobody takes them for flutter.

    Args:
        low_pass_hz: Upper edges (-3 dB) of the devices' Gaussian filters.
        sampling_rate_hz: Of the ECGs; what lies above half of it is missing.
        rng: Source of randomness.
    """
    bins: _F64 = np.arange(_N_SAMPLES // 2 + 1, dtype=np.float64) / _N_SAMPLES
    frequency, reference = bins * sampling_rate_hz, bins * _REFERENCE_HZ
    white = [rng.standard_normal(len(frequency)) + 1j * rng.standard_normal(len(frequency)) for _ in range(4)]
    edges = np.array(low_pass_hz, dtype=np.float64)
    passed = np.exp(-0.5 * np.log(2.0) * (frequency / edges[:, None]) ** 2)
    unfiltered = _power(_muscle(reference), reference)
    muscle = np.stack([_stretch(white[1], _muscle(frequency) * gain, frequency, unfiltered) for gain in passed])
    waves = _stretch(white[3], np.exp(-0.5 * ((frequency - FIBRILLATION_HZ) / _FIBRILLATION_SD_HZ) ** 2), frequency)
    return NoiseBank(
        wander=_stretch(white[0], _wander(frequency), frequency).astype(np.float32),
        motion=_stretch(white[2], _motion(frequency), frequency).astype(np.float32),
        muscle=muscle.astype(np.float32),
        low_pass_hz=edges,
        fibrillation=((waves + _POINTED * (waves**2 - 1.0)) / np.sqrt(2.0)).astype(np.float32),
    )


def _stretch(white: NDArray[np.complex128], shape: _F64, frequency_hz: _F64, power: float | None = None) -> _F64:
    """A waveform with that amplitude spectrum, of variance 1 or, with `power`, of its own power as a part of it."""
    waveform = np.fft.irfft(white * shape, _N_SAMPLES)
    share = 1.0 if power is None else _power(shape, frequency_hz) / power
    scaled: _F64 = waveform * (np.sqrt(share) / waveform.std())
    return scaled


def _power(shape: _F64, frequency_hz: _F64) -> float:
    return float(np.sum(shape**2) * (frequency_hz[1] - frequency_hz[0]))


def _wander(frequency_hz: _F64) -> _F64:
    """Amplitude of 0.04-0.6 Hz, as 1/f above 0.08."""
    return np.where((frequency_hz > 0.04) & (frequency_hz < 0.6), 1.0 / np.maximum(frequency_hz, 0.08), 0.0)


def _muscle(frequency_hz: _F64) -> _F64:
    return np.where(frequency_hz > 15.0, 40.0 / np.maximum(frequency_hz, 40.0), 0.25)


def _motion(frequency_hz: _F64) -> _F64:
    """Amplitude of 0.7-30 Hz, as 1/f."""
    f = np.maximum(frequency_hz, 0.1)
    return np.where((f > 0.7) & (f < 30.0), 1.0 / f, 0.0)
