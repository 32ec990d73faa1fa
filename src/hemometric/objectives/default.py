"""`default`, the recipe that we recommend: the patient's other ECG is near, or where there is none a neighbour.

One contrast (InfoNCE with several positives; van den Oord et al. 2018, Khosla et al. 2020) over patients as in PCLR
(Diamant et al. 2022), with nearest-neighbour positives (Dwibedi et al., ICCV 2021) that are neighbours over the whole
archive, so that no patient is left out for having one ECG.
"""

import numpy as np
import torch
from torch import Tensor

from hemometric.losses import multi_positive_info_nce
from hemometric.objectives.objective import Batch, LossParts, Objective, See
from hemometric.objectives.pclr import CONTRAST
from hemometric.settings import PretrainSettings


def default_loss(see: See, batch: Batch, settings: PretrainSettings, rng: np.random.Generator) -> LossParts:
    """`contrast_partners` of one random view of each ECG.

    Args:
        see: The model with its projection.
        batch: Pairs: rows k and k + n / 2.
        settings: `temperature` and `exclude_neighbors` are used.
        rng: Not used: nothing but pairs and views is random here.
    """
    del rng
    return contrast_partners(see(batch.view()), batch, settings)


def contrast_partners(projections: Tensor, batch: Batch, settings: PretrainSettings) -> LossParts:
    """Contrast in which ECGs of a patient and the two ECGs of a pair are positives.

    With `exclude_neighbors`, ECGs that are neighbours of each other but no positives are no negatives either: they may
    well be alike.

    Args:
        projections: (n, d), of the ECGs of the batch.
        batch: Pairs: rows k and k + n / 2.
        settings: `temperature` and `exclude_neighbors` are used.
    """
    n, codes = len(batch.rows), batch.patient_codes
    partner = (np.arange(n) + n // 2) % n
    positives = codes[:, None] == codes[None, :]
    positives[np.arange(n), partner] = True
    excluded = np.zeros((n, n), dtype=np.bool_)
    if settings.exclude_neighbors and batch.neighbors is not None:
        near = (batch.neighbors[batch.rows][:, :, None] == batch.rows).any(axis=1)
        excluded = (near | near.T) & ~positives
    loss = multi_positive_info_nce(
        projections,
        torch.from_numpy(positives).to(projections.device),
        excluded=torch.from_numpy(excluded).to(projections.device),
        temperature=settings.temperature,
    )
    same_ecg = batch.rows == batch.rows[partner]
    of_others = codes != codes[partner]
    facts = {
        "n_same_patient_pairs": float((~same_ecg & ~of_others).sum() // 2),
        "n_neighbor_pairs": float(of_others.sum() // 2),
        "n_pairs_with_itself": float(same_ecg.sum() // 2),
        "n_excluded": float(excluded.sum() // 2),
    }
    return LossParts(loss, facts)


DEFAULT = Objective(batches="partners", projection=True, recipe=CONTRAST, loss=default_loss, random_validation=True)
