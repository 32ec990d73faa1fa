"""`tfc`: the waveform and the spectrum of an ECG are near (Zhang, Zhao, Tsiligkaridis, Zitnik, TF-C, NeurIPS 2022)."""

from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from hemometric.encoders import ProjectionHead, with_spectrum
from hemometric.losses import TfcRepresentations, tfc
from hemometric.objectives.objective import Batch, LossParts, Objective, See
from hemometric.objectives.pclr import CONTRAST
from hemometric.settings import PretrainSettings

REMOVED = 0.1
"""Share of the frequencies that an augmentation takes away (the authors' code)."""

ADDED = 0.1
"""Share of the frequencies that it makes larger, and by how much at most of the largest one (the authors' code)."""


class JointSpace(nn.Module):
    """Projections of both embeddings into the space in which they are compared.

    Args:
        embedding_dim: Of the encoder; half of it is of the waveform, half of the spectrum.
    """

    def __init__(self, embedding_dim: int) -> None:
        super().__init__()
        self.time = ProjectionHead(embedding_dim // 2)
        self.frequency = ProjectionHead(embedding_dim // 2)

    def forward(self, embeddings: Tensor) -> TfcRepresentations:
        """The four representations of (n, embedding_dim) embeddings."""
        time, frequency = embeddings.chunk(2, dim=1)
        return TfcRepresentations(time, frequency, self.time(time), self.frequency(frequency))


def tfc_loss(see: See, batch: Batch, settings: PretrainSettings, rng: np.random.Generator) -> LossParts:
    """Time-frequency consistency of the ECGs as they are, their random view, and their spectrum with other components.

    With `tfc_margin` None the loss is that of the authors' released trainer: contrast within time, contrast within
    frequency, and that of both in the joint space, S(z^T, z^F), alone; a number takes the published consistency loss
    with that delta, which also drives an ECG and its augmentation apart. The weight of the contrasts is the paper's .2.

    Other ECGs of the same patient are negatives, as in the published method, and counted.

    Args:
        see: An encoder of two branches, with `JointSpace` as heads.
        batch: ECGs.
        settings: `temperature` and `tfc_margin` are used.
        rng: Draws the components that are removed or added.
    """
    space = cast(JointSpace, see.heads)
    original = see(batch.independent)
    augmented = see(batch.view(), change_spectrum(batch.independent, rng=rng))
    loss = tfc(space(original), space(augmented), temperature=settings.temperature, margin=settings.tfc_margin)
    same = batch.patient_codes[:, None] == batch.patient_codes[None, :]
    return LossParts(loss, {"n_same_patient_negatives": float((same.sum() - len(same)) // 2)})


def change_spectrum(ecgs: Tensor, *, rng: np.random.Generator) -> Tensor:
    """Remove some frequencies and add to others, in each lead of each ECG others; phases stay.

    As a waveform, so that what reads its spectrum reads the changed one.

    Args:
        ecgs: (n, n_leads, n_samples) mV.
        rng: Where the draws come from.

    Returns:
        (n, n_leads, n_samples) mV.
    """
    generator = torch.Generator(device=ecgs.device).manual_seed(int(rng.integers(2**62)))
    transform = torch.fft.rfft(ecgs, dim=2)
    sizes = transform.abs()
    chance, share = torch.rand((2, *sizes.shape), generator=generator, device=ecgs.device)
    largest = sizes.amax(dim=2, keepdim=True)
    added = torch.where(chance > 1 - ADDED, ADDED * share * largest, torch.zeros_like(sizes))
    changed = torch.where(chance < REMOVED, torch.zeros_like(sizes), sizes + added)
    waveforms: Tensor = torch.fft.irfft(torch.polar(changed, transform.angle()), n=ecgs.shape[2], dim=2)
    return waveforms


def _settle(settings: PretrainSettings) -> PretrainSettings:
    return settings.model_copy(update={"encoder": with_spectrum(settings.encoder)})


def _heads(embedding_dim: int, settings: PretrainSettings) -> nn.Module:
    del settings
    return JointSpace(embedding_dim)


TFC = Objective(
    batches="ecgs",
    projection=False,
    recipe=CONTRAST,
    loss=tfc_loss,
    heads=_heads,
    settle=_settle,
    random_validation=True,
)
