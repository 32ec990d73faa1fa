"""Which part of the time is seen. Time runs forwards in all leads together."""

import torch
from torch import Tensor

from hemometric.views.draws import uniform


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


def mask_time_(waveforms: Tensor, *, max_samples: int, generator: torch.Generator) -> Tensor:
    """Set one stretch of all leads to zero, of random length and place (as SpecAugment: Park et al., Interspeech 2019).

    Beats repeat, so that what is hidden is seen elsewhere; no single beat can be relied on.

    Args:
        waveforms: (n, n_leads, n_samples) mV.
        max_samples: Longest stretch; each ECG draws its length from 0 to this.
        generator: On the device of the waveforms.

    Raises:
        ValueError: The stretch is longer than the waveforms.
    """
    n_ecgs, _, n_samples = waveforms.shape
    if max_samples > n_samples:
        raise ValueError(f"a stretch of {max_samples} samples does not fit into {n_samples}")
    # In float32 a draw next to 1 rounds up: hence the clamp.
    length = ((max_samples + 1) * uniform(n_ecgs, 1, generator=generator)).floor().clamp(max=max_samples)
    start = ((n_samples + 1 - length) * uniform(n_ecgs, 1, generator=generator)).floor()
    time = torch.arange(n_samples, device=waveforms.device)
    kept = (time < start) | (time >= start + length)
    return waveforms.mul_(kept[:, None, :])
