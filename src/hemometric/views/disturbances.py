"""What is added at the electrodes: wandering baseline, muscle, mains, white noise. Each ECG and each lead has its own.

All take (n, n_leads, n_samples) float32 mV. Added to the independent leads, a disturbance is in the derived ones what
Einthoven's law makes of it.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from hemometric.views.draws import either_way, normal, uniform

WANDER_HZ = (0.05, 0.5)
"""From the lower edge of a diagnostic ECG (Kligfield et al., Circulation 2007;115:1306) to quick breathing."""

MUSCLE_HZ = (20.0, 150.0)
"""From where muscle outweighs the heart to the upper edge of a diagnostic ECG (ibid.)."""

MAINS_DEVIATION_HZ = 0.2
"""How far mains may be from 50 or 60 Hz (Clifford in Advanced Methods and Tools for ECG Data Analysis, 2006, 3.6.1)."""

_N_WANDERS = 4
_N_MUSCLES = 4
_SHORTEST_BURST_S = 0.2


def add_wander_(waveforms: Tensor, *, max_mv: float, sampling_rate_hz: float, generator: torch.Generator) -> Tensor:
    """Add a baseline that wanders: four sinusoids of 0.05-0.5 Hz, common to all leads, in each lead at its own weights.

    Args:
        waveforms: (n, n_leads, n_samples) mV.
        max_mv: Each ECG draws its size from 0 to this, each lead a part of that; no excursion is larger.
        sampling_rate_hz: Of the waveforms.
        generator: On the device of the waveforms.
    """
    n_ecgs, n_leads, n_samples = waveforms.shape
    low, high = WANDER_HZ
    frequency_hz = low + (high - low) * uniform(n_ecgs, _N_WANDERS, generator=generator)
    weights = either_way(n_ecgs, n_leads, _N_WANDERS, generator=generator)
    size = uniform(n_ecgs, 1, 1, generator=generator) * uniform(n_ecgs, n_leads, 1, generator=generator)
    amplitude_mv = max_mv * size * weights / weights.abs().sum(dim=2, keepdim=True)
    waves = _draw_sinusoids(n_samples, frequency_hz / sampling_rate_hz, generator=generator)
    return _add_sources_(waveforms, waves, amplitude_mv)


def add_mains_(
    waveforms: Tensor, *, max_mv: float, mains_hz: float, sampling_rate_hz: float, generator: torch.Generator
) -> Tensor:
    """Add the mains' hum: one sinusoid within 0.2 Hz of `mains_hz`, in each lead at its own strength and sign.

    Args:
        waveforms: (n, n_leads, n_samples) mV.
        max_mv: Each ECG draws its size from 0 to this, each lead a part of that either way.
        mains_hz: 50 or 60.
        sampling_rate_hz: Of the waveforms. Where the hum may reach half of it, none is added: the anti-alias filter of
            a recorder leaves none, and sampled without one it would come back as a slow wave that no ECG has.
        generator: On the device of the waveforms.
    """
    if mains_hz + MAINS_DEVIATION_HZ >= sampling_rate_hz / 2:
        return waveforms
    n_ecgs, n_leads, n_samples = waveforms.shape
    frequency_hz = mains_hz + MAINS_DEVIATION_HZ * either_way(n_ecgs, 1, generator=generator)
    size = uniform(n_ecgs, 1, 1, generator=generator) * either_way(n_ecgs, n_leads, 1, generator=generator)
    waves = _draw_sinusoids(n_samples, frequency_hz / sampling_rate_hz, generator=generator)
    return _add_sources_(waveforms, waves, max_mv * size)


def add_muscle_(waveforms: Tensor, *, max_sd_mv: float, sampling_rate_hz: float, generator: torch.Generator) -> Tensor:
    """Add muscle noise: four muscles, each flat from 20 to 150 Hz and swelling once, in each lead at its own weights.

    Leads share muscles, since they share electrodes and the central terminal. Each ECG draws its size; each muscle the
    length of its burst (0.2 s to the whole window), its place, and how much of it is there all the time, from none to
    all (a tremor).

    Args:
        waveforms: (n, n_leads, n_samples) mV.
        max_sd_mv: Each ECG draws the SD where all its muscles are at their height from 0 to this; it is never more.
        sampling_rate_hz: Of the waveforms; what lies at or above half of it is missing.
        generator: On the device of the waveforms.
    """
    n_ecgs, n_leads, n_samples = waveforms.shape
    first = math.ceil(MUSCLE_HZ[0] * n_samples / sampling_rate_hz)
    stop = min(math.floor(MUSCLE_HZ[1] * n_samples / sampling_rate_hz) + 1, (n_samples + 1) // 2)
    if first >= stop:
        return waveforms
    spectrum = torch.zeros((n_ecgs, _N_MUSCLES, n_samples // 2 + 1), dtype=torch.complex64, device=waveforms.device)
    parts = normal(n_ecgs, _N_MUSCLES, stop - first, 2, generator=generator)
    spectrum[:, :, first:stop] = torch.view_as_complex(parts)
    noise = torch.fft.irfft(spectrum, n=n_samples, dim=2, norm="forward")
    noise *= _draw_bursts(n_ecgs, n_samples, _SHORTEST_BURST_S * sampling_rate_hz, generator=generator)
    weights = functional.normalize(normal(n_ecgs, n_leads, _N_MUSCLES, generator=generator), dim=2)
    # Before the bursts: each bin and its mirror image have together the variance 4.
    size_mv = max_sd_mv * uniform(n_ecgs, 1, 1, generator=generator) / (2.0 * math.sqrt(stop - first))
    return _add_sources_(waveforms, noise, size_mv * weights)


def add_noise_(waveforms: Tensor, *, max_sd_mv: float, generator: torch.Generator) -> Tensor:
    """Add white noise whose SD is drawn for each ECG from 0 to `max_sd_mv`."""
    n_ecgs, n_leads, n_samples = waveforms.shape
    sd = uniform(n_ecgs, 1, 1, generator=generator) * max_sd_mv
    noise = normal(n_ecgs, n_samples, n_leads, generator=generator)
    return waveforms.addcmul_(noise.transpose(1, 2), sd)


def _draw_sinusoids(n_samples: int, cycles_per_sample: Tensor, *, generator: torch.Generator) -> Tensor:
    """Sinusoids (n, k, n_samples) of (n, k) frequencies and random phases."""
    phase = 2.0 * math.pi * uniform(*cycles_per_sample.shape, generator=generator)
    step = 2.0 * math.pi * cycles_per_sample
    time = torch.arange(n_samples, dtype=torch.float32, device=generator.device)
    return torch.addcmul(phase[:, :, None], step[:, :, None], time).sin_()


def _draw_bursts(n_ecgs: int, n_samples: int, shortest: float, *, generator: torch.Generator) -> Tensor:
    """Envelopes (n, k, n_samples), 0 to 1: a raised cosine of random length and place above a random steady part."""
    length, centre, steady = uniform(3, n_ecgs, _N_MUSCLES, 1, generator=generator)
    half = 0.5 * (shortest + (n_samples - shortest) * length)
    time = torch.arange(n_samples, dtype=torch.float32, device=generator.device)
    distance = ((time - n_samples * centre) / half).clamp_(-1.0, 1.0)
    height = 0.5 * (1.0 - steady.square())  # squared: most muscles are rather at rest
    return torch.addcmul(1.0 - height, height, distance.mul_(math.pi).cos_())


def _add_sources_(waveforms: Tensor, sources: Tensor, weights_mv: Tensor) -> Tensor:
    """Add (n, k, n_samples) sources, in each lead at its (n, n_leads, k) weights.

    The product is taken with time first, as the waveforms lie in memory.
    """
    waveforms.transpose(1, 2).baddbmm_(sources.transpose(1, 2), weights_mv.transpose(1, 2))
    return waveforms
