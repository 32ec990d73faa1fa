"""Where the electrodes lie and what they pick up. Sign and order of the leads carry the diagnosis, and stay.

All take the eight independent leads (I, II, V1-V6), from which the other four are derived afterwards: whatever is done
to I and II, every view obeys Einthoven's law, as every real ECG does.
"""

import math

import torch
from torch import Tensor

from hemometric.ecg import INDEPENDENT_LEADS
from hemometric.views.draws import either_way, normal, uniform

_N_LIMB = 2
_N_CHEST = 6


def rotate_frontal_plane_(waveforms: Tensor, *, max_deg: float, generator: torch.Generator) -> Tensor:
    """Turn the heart's vector in the frontal plane: the electrical axes move, the vector's length stays.

    Limb electrodes nearer to the trunk turn the axes of P, QRS and T to the right (Farrell et al., J Electrocardiol
    2008;41:536), lying on a side or sitting up by some degrees either way (Ng et al., Comput Cardiol 2001:313). With
    lead I at 0 and II at 60 degrees (Einthoven's triangle) the vector is x = I, y = (2 II - I) / sqrt(3), pointing to
    the feet. V1-V6 are left as they are.

    Args:
        waveforms: (n, 8, n_samples) mV.
        max_deg: Each ECG draws one angle from -max_deg to max_deg; a positive one turns the axis clockwise (to the
            right, from 0 towards +90 degrees).
        generator: On the device of the waveforms.

    Raises:
        ValueError: Not eight leads.
    """
    _check_independent(waveforms)
    angle = math.radians(max_deg) * either_way(len(waveforms), generator=generator)
    along, across = torch.cos(angle), torch.sin(angle) / math.sqrt(3.0)
    to_first = torch.stack([along + across, -2.0 * across], dim=1)
    to_second = torch.stack([2.0 * across, along - across], dim=1)
    waveforms[:, :_N_LIMB] = torch.stack([to_first, to_second], dim=1) @ waveforms[:, :_N_LIMB]
    return waveforms


def shift_precordials_(waveforms: Tensor, *, max_shift: float, generator: torch.Generator) -> Tensor:
    """Move the chest electrodes along their row: between two places a lead is the mean of both, weighted by nearness.

    Electrodes are 2.9 cm from their place on average (30 technicians; Wenger, Kligfield, J Electrocardiol 1996;29:179),
    all of a row or one alone. So each ECG draws one shift for the row and one for each electrode, and their mean
    counts. Beyond V1 and V6 nothing is known: there an electrode stays. No two electrodes change places.

    Args:
        waveforms: (n, 8, n_samples) mV.
        max_shift: Largest shift either way as a part of the way to the next electrode, 0 to 0.5.
        generator: On the device of the waveforms.

    Raises:
        ValueError: Not eight leads, or a shift that could change the order.
    """
    _check_independent(waveforms)
    if not 0 <= max_shift <= 0.5:
        raise ValueError(f"max_shift must be 0 to 0.5, got {max_shift:g}")
    row = either_way(len(waveforms), 1, generator=generator)
    each = either_way(len(waveforms), _N_CHEST, generator=generator)
    places = torch.arange(_N_CHEST, device=waveforms.device)
    moved = (places + max_shift * 0.5 * (row + each)).clamp(0, _N_CHEST - 1)
    weights = (1.0 - (moved[:, :, None] - places).abs()).clamp(min=0.0)
    waveforms[:, _N_LIMB:] = weights @ waveforms[:, _N_LIMB:]
    return waveforms


def random_gain_(waveforms: Tensor, *, sd: float, lead_sd: float, generator: torch.Generator) -> Tensor:
    """Multiply by exp(N(0, sd)) for the ECG and exp(N(0, lead_sd)) for each lead."""
    n_ecgs, n_leads, _ = waveforms.shape
    whole = normal(n_ecgs, 1, generator=generator) * sd
    each = normal(n_ecgs, n_leads, generator=generator) * lead_sd
    return waveforms.mul_(torch.exp(whole + each)[:, :, None])


def drop_leads_(waveforms: Tensor, *, probability: float, ecg_fraction: float, generator: torch.Generator) -> Tensor:
    """Set each lead to zero with `probability`, in a fraction `ecg_fraction` of the ECGs."""
    n_ecgs, n_leads, _ = waveforms.shape
    kept_ecg = uniform(n_ecgs, 1, generator=generator) >= ecg_fraction
    kept_lead = uniform(n_ecgs, n_leads, generator=generator) >= probability
    return waveforms.mul_((kept_ecg | kept_lead)[:, :, None])


def _check_independent(waveforms: Tensor) -> None:
    if waveforms.ndim != 3 or waveforms.shape[1] != len(INDEPENDENT_LEADS):
        expected = ", ".join(INDEPENDENT_LEADS)
        raise ValueError(f"expected (n, 8, n_samples), the leads {expected}; got {tuple(waveforms.shape)}")
