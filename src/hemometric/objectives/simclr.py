"""`simclr`: two random views of one ECG are near, all other ECGs far (Chen et al., SimCLR, ICML 2020)."""

import numpy as np
import torch

from hemometric.losses import multi_positive_info_nce
from hemometric.objectives.objective import Batch, LossParts, Objective, See
from hemometric.objectives.pclr import CONTRAST
from hemometric.settings import PretrainSettings


def simclr_loss(see: See, batch: Batch, settings: PretrainSettings, rng: np.random.Generator) -> LossParts:
    """NT-Xent over two views of each ECG; another ECG of the same patient is neither positive nor negative.

    The published method knows no patients and takes such ECGs as negatives; here they are counted and left out.

    Args:
        see: The model with its projection.
        batch: ECGs; two views of each are seen.
        settings: `temperature` is used.
        rng: Not used: nothing but the views is random here.
    """
    del rng
    projections = see(torch.cat([batch.view(), batch.view()]))
    ecg, patient = np.tile(batch.rows, 2), np.tile(batch.patient_codes, 2)
    positives = ecg[:, None] == ecg[None, :]
    excluded = (patient[:, None] == patient[None, :]) & ~positives
    loss = multi_positive_info_nce(
        projections,
        torch.from_numpy(positives).to(projections.device),
        excluded=torch.from_numpy(excluded).to(projections.device),
        temperature=settings.temperature,
    )
    return LossParts(loss, {"n_same_patient_excluded": float(excluded.sum() // 2)})


SIMCLR = Objective(batches="ecgs", projection=True, recipe=CONTRAST, loss=simclr_loss, random_validation=True)
