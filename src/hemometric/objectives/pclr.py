"""Patient contrast (PCLR; Diamant et al. 2022): two ECGs of one patient are near, those of others far."""

import numpy as np
import torch

from hemometric.losses import nt_xent
from hemometric.objectives.objective import Batch, LossParts, Objective, Recipe, See
from hemometric.settings import PretrainSettings

CONTRAST = Recipe(batch_size=256, optimizer="adamw", learning_rate=2e-3, weight_decay=1e-3)
"""What was found to work with the compact encoder: 128 pairs, AdamW."""


def pclr_loss(see: See, batch: Batch, settings: PretrainSettings, rng: np.random.Generator) -> LossParts:
    """NT-Xent in which every other ECG of the patient is a positive, and never a negative.

    Args:
        see: The model with its projection.
        batch: At least two ECGs of every patient in it; one random view of each is seen.
        settings: `temperature` is used.
        rng: Not used: nothing but the views is random here.
    """
    del rng
    projections = see(batch.view())
    codes = torch.from_numpy(batch.patient_codes).to(projections.device)
    return LossParts(nt_xent(projections, codes, temperature=settings.temperature))


PCLR = Objective(batches="patient-pairs", projection=True, recipe=CONTRAST, loss=pclr_loss)
