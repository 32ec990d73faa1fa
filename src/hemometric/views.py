"""Random views of a batch of ECGs: what may change without changing the patient.

Each function takes (n, n_leads, n_samples) mV and a `torch.Generator` on the same device, draws independently for each
ECG, and returns a new tensor. Nothing is flipped and no lead changes place: sign and order carry the diagnosis.
"""

import torch
from torch import Tensor

from hemometric.settings import ViewSettings


def random_crop(waveforms: Tensor, *, n_samples: int, generator: torch.Generator) -> Tensor:
    """Keep `n_samples` in a row, from a random start, the same for all leads of an ECG.

    Raises:
        ValueError: The waveforms are shorter than that.
    """
    length = waveforms.shape[-1]
    if n_samples > length:
        raise ValueError(f"a crop of {n_samples} samples does not fit into {length}")
    draw = torch.randint(0, length - n_samples + 1, (len(waveforms),), generator=generator, device=generator.device)
    starts = draw.tolist()
    by_time = waveforms.transpose(1, 2)
    crops = [by_time[row, start : start + n_samples] for row, start in enumerate(starts)]
    return torch.stack(crops).transpose(1, 2)


def random_gain(waveforms: Tensor, *, sd: float, lead_sd: float, generator: torch.Generator) -> Tensor:
    """Multiply by exp(N(0, sd)) for the ECG and exp(N(0, lead_sd)) for each lead."""
    n_ecgs, n_leads, _ = waveforms.shape
    whole = _normal(n_ecgs, 1, generator) * sd
    each = _normal(n_ecgs, n_leads, generator) * lead_sd
    return waveforms * torch.exp(whole + each)[:, :, None]


def add_noise(waveforms: Tensor, *, max_sd_mv: float, generator: torch.Generator) -> Tensor:
    """Add white noise whose SD is drawn for each ECG from 0 to `max_sd_mv`."""
    n_ecgs, n_leads, n_samples = waveforms.shape
    sd = torch.rand((n_ecgs, 1, 1), generator=generator, device=generator.device) * max_sd_mv
    noise = torch.randn((n_ecgs, n_samples, n_leads), generator=generator, device=generator.device)
    return torch.addcmul(waveforms, noise.transpose(1, 2), sd)


def drop_leads(waveforms: Tensor, *, probability: float, ecg_fraction: float, generator: torch.Generator) -> Tensor:
    """Set each lead to zero with `probability`, in a fraction `ecg_fraction` of the ECGs."""
    n_ecgs, n_leads, _ = waveforms.shape
    kept_ecg = torch.rand((n_ecgs, 1), generator=generator, device=generator.device) >= ecg_fraction
    kept_lead = torch.rand((n_ecgs, n_leads), generator=generator, device=generator.device) >= probability
    return waveforms * (kept_ecg | kept_lead)[:, :, None]


def random_view(
    waveforms: Tensor, *, settings: ViewSettings, sampling_rate_hz: float, generator: torch.Generator
) -> Tensor:
    """Crop, change the gain, add noise and drop leads, each within the ranges of `settings`.

    Args:
        waveforms: (n, n_leads, n_samples) mV. Given the eight independent leads, so that the other four are derived
            afterwards, every view obeys Einthoven's law as every real ECG does.
        settings: The ranges.
        sampling_rate_hz: Of the waveforms.
        generator: On the device of the waveforms.

    Returns:
        (n, n_leads, n_samples of the crop) mV, time before leads in memory.
    """
    views = waveforms
    if settings.crop_s is not None:
        n_samples = min(round(settings.crop_s * sampling_rate_hz), waveforms.shape[-1])
        views = random_crop(views, n_samples=n_samples, generator=generator)
    views = random_gain(views, sd=settings.gain_sd, lead_sd=settings.lead_gain_sd, generator=generator)
    if settings.noise_mv > 0:
        views = add_noise(views, max_sd_mv=settings.noise_mv, generator=generator)
    if settings.lead_dropout > 0:
        views = drop_leads(
            views,
            probability=settings.lead_dropout,
            ecg_fraction=settings.lead_dropout_ecgs,
            generator=generator,
        )
    return views


def _normal(n_rows: int, n_columns: int, generator: torch.Generator) -> Tensor:
    return torch.randn((n_rows, n_columns), generator=generator, device=generator.device)
