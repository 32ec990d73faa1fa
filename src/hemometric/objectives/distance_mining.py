"""Deep metric learning by distances in input space, as in the papers (Jeong et al. 2022, 2023), within a batch."""

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from hemometric.distances import pairwise, whiten_independent
from hemometric.losses import triplet
from hemometric.mining import mine_by_distance
from hemometric.objectives.objective import Batch, LossParts, Recipe
from hemometric.settings import PretrainSettings
from hemometric.waveform import resample

PAPER = Recipe(batch_size=64, optimizer="adam", learning_rate=1e-4, weight_decay=0.0)
"""Batch 64, Adam at 1e-4. The papers' script adds weight_decay = 0.1 to the gradient; the text does not, nor do we."""


def mined_triplet_loss(
    embeddings: Tensor,
    batch: Batch,
    settings: PretrainSettings,
    rng: np.random.Generator,
    *,
    distance: Literal["dtw", "euclidean"],
) -> LossParts:
    """Triplet loss on squared distances: the positive is the nearest other ECG of the batch, the negative a far one.

    Distances are taken between the ECGs as prepared, at `dtw_rate_hz`, over all leads together.

    Args:
        embeddings: (n, d) float32, as they leave the encoder.
        batch: n >= 3 ECGs.
        settings: `dtw_rate_hz`, `band_ms`, `n_farthest` and `margin` are used.
        rng: Draws the negatives.
        distance: What "nearest" means.
    """
    rate_hz = min(settings.dtw_rate_hz, batch.sampling_rate_hz)
    waveforms = batch.independent.detach().cpu().contiguous().numpy()
    slow = resample(waveforms, from_hz=batch.sampling_rate_hz, to_hz=rate_hz)
    channels = whiten_independent(slow)
    distances = pairwise(channels, distance=distance, sampling_rate_hz=rate_hz, band_ms=settings.band_ms)
    triplets, counts = mine_by_distance(
        distances, patient_codes=batch.patient_codes, n_farthest=settings.n_farthest, rng=rng
    )
    anchor, positive, negative = (torch.from_numpy(rows).to(embeddings.device) for rows in triplets)
    loss = triplet(embeddings, anchor, positive, negative, margin=settings.margin, squared=True)
    return LossParts(loss, {name: float(count) for name, count in counts._asdict().items()})
