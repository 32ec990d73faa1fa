"""Patient contrast (PCLR; Diamant et al. 2022): two ECGs of one patient are near, those of others far."""

import numpy as np
import torch
from torch import Tensor

from hemometric.losses import nt_xent
from hemometric.objectives.objective import Batch, LossParts, Objective, Recipe
from hemometric.settings import PretrainSettings


def pclr_loss(projections: Tensor, batch: Batch, settings: PretrainSettings, rng: np.random.Generator) -> LossParts:
    """NT-Xent in which every other ECG of the patient is a positive, and never a negative.

    Args:
        projections: (n, d) float32.
        batch: At least two ECGs of every patient in it.
        settings: `temperature` is used.
        rng: Not used: nothing is random here.
    """
    del rng
    codes = torch.from_numpy(batch.patient_codes).to(projections.device)
    return LossParts(nt_xent(projections, codes, temperature=settings.temperature))


PCLR = Objective(
    batches="patient-pairs",
    views=True,
    projection=True,
    recipe=Recipe(batch_size=256, optimizer="adamw", learning_rate=2e-3, weight_decay=1e-3),
    loss=pclr_loss,
)
