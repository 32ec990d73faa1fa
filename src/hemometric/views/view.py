"""The random view of a batch: all changes one after another, each within its range."""

import torch
from torch import Tensor

from hemometric.settings import ViewSettings
from hemometric.views.disturbances import add_mains_, add_muscle_, add_noise_, add_wander_
from hemometric.views.leads import drop_leads_, random_gain_, rotate_frontal_plane_, shift_precordials_
from hemometric.views.windows import mask_time_, random_crop


def random_view(
    waveforms: Tensor, *, settings: ViewSettings, sampling_rate_hz: float, generator: torch.Generator
) -> Tensor:
    """Crop, move electrodes, change the gain, disturb, drop leads, hide a stretch: each within the range of `settings`.

    What is off draws nothing, so that a new view changes no recipe that leaves it off.

    Args:
        waveforms: (n, n_leads, n_samples) float32 mV. Given the eight independent leads, so that the other four are
            derived afterwards, every view obeys Einthoven's law as every real ECG does.
        settings: The ranges.
        sampling_rate_hz: Of the waveforms.
        generator: On the device of the waveforms.

    Returns:
        (n, n_leads, n_samples of the crop) float32 mV, time before leads in memory where a crop or the input has it so.

    Raises:
        ValueError: Electrodes are to be moved and there are not eight leads.
    """
    if settings.crop_s is None:
        views = waveforms.clone()
    else:
        n_samples = min(round(settings.crop_s * sampling_rate_hz), waveforms.shape[-1])
        views = random_crop(waveforms, n_samples=n_samples, generator=generator)
    if settings.rotation_deg > 0:
        rotate_frontal_plane_(views, max_deg=settings.rotation_deg, generator=generator)
    if settings.precordial_shift > 0:
        shift_precordials_(views, max_shift=settings.precordial_shift, generator=generator)
    random_gain_(views, sd=settings.gain_sd, lead_sd=settings.lead_gain_sd, generator=generator)
    _disturb_(views, settings, sampling_rate_hz, generator)
    if settings.lead_dropout > 0:
        drop_leads_(
            views,
            probability=settings.lead_dropout,
            ecg_fraction=settings.lead_dropout_ecgs,
            generator=generator,
        )
    if settings.mask_s > 0:
        n_masked = min(round(settings.mask_s * sampling_rate_hz), views.shape[-1])
        mask_time_(views, max_samples=n_masked, generator=generator)
    return views


def _disturb_(views: Tensor, settings: ViewSettings, rate_hz: float, generator: torch.Generator) -> None:
    """Add what is picked up with the ECG."""
    if settings.wander_mv > 0:
        add_wander_(views, max_mv=settings.wander_mv, sampling_rate_hz=rate_hz, generator=generator)
    if settings.muscle_mv > 0:
        add_muscle_(views, max_sd_mv=settings.muscle_mv, sampling_rate_hz=rate_hz, generator=generator)
    if settings.mains_mv > 0:
        add_mains_(
            views,
            max_mv=settings.mains_mv,
            mains_hz=settings.mains_hz,
            sampling_rate_hz=rate_hz,
            generator=generator,
        )
    if settings.noise_mv > 0:
        add_noise_(views, max_sd_mv=settings.noise_mv, generator=generator)
