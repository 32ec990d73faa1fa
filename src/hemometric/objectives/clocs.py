"""`clocs`: views of one ECG from other times or leads are near, and so are all ECGs of a patient.

Kiyasseh, Zhu, Clifton, CLOCS: Contrastive Learning of Cardiac Signals Across Space, Time, and Patients, ICML 2021.
"""

from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from hemometric.losses import clocs
from hemometric.objectives.objective import Batch, LossParts, Objective, See
from hemometric.objectives.pclr import CONTRAST
from hemometric.settings import PretrainSettings


def clocs_loss(see: See, batch: Batch, settings: PretrainSettings, rng: np.random.Generator) -> LossParts:
    """Patient contrast, the mean over all pairs of views: halves (cmsc), leads (cmlc), leads of both halves (cmsmlc).

    The network of the paper reads one lead, and a batch holds every lead of an ECG. Ours reads twelve leads that are
    made of eight. So a view of one lead holds that independent lead and zeros in the others (with I or II, the limb
    leads that are made of it), and a step looks at `clocs_leads` of the eight, the same for all of its ECGs, to bound
    the cost. Each view has a random view (noise, gain) of its own, which the paper has not; the halves are cut before.
    After cmlc and cmsmlc the batch norms hold the means of single leads, not of the twelve that are read from then on:
    such an encoder is better fine-tuned than frozen.

    Args:
        see: The model with its projection.
        batch: ECGs; those of one patient are positives by the code of the patient, wherever they lie.
        settings: `clocs_variant`, `clocs_leads` and `temperature` are used.
        rng: Draws the leads.
    """
    views = _cut_views(batch, settings, rng)
    projections = see(torch.cat(views)).chunk(len(views))
    codes = torch.from_numpy(batch.patient_codes).to(projections[0].device)
    pairs = combinations(projections, 2)
    losses = [clocs(first, second, codes, temperature=settings.temperature) for first, second in pairs]
    same = batch.patient_codes[:, None] == batch.patient_codes[None, :]
    return LossParts(torch.stack(losses).mean(), {"n_same_patient_pairs": float((same.sum() - len(same)) // 2)})


def _cut_views(batch: Batch, settings: PretrainSettings, rng: np.random.Generator) -> list[Tensor]:
    """The views, each (n, 8, n_samples): of the halves that a variant needs, and of the leads."""
    ecgs = batch.independent
    half = ecgs.shape[2] // 2
    parts = [ecgs] if settings.clocs_variant == "cmlc" else [ecgs[:, :, :half], ecgs[:, :, -half:]]
    if settings.clocs_variant == "cmsc":
        return [batch.view(part) for part in parts]
    leads = rng.choice(ecgs.shape[1], size=settings.clocs_leads, replace=False)
    return [_keep_lead(batch.view(part), int(lead)) for part in parts for lead in leads]


def _keep_lead(ecgs: Tensor, lead: int) -> Tensor:
    alone = torch.zeros_like(ecgs)
    alone[:, lead] = ecgs[:, lead]
    return alone


def _settle(settings: PretrainSettings) -> PretrainSettings:
    """No lead drops out where a view has but one."""
    if settings.clocs_variant == "cmsc":
        return settings
    return settings.model_copy(update={"views": settings.views.model_copy(update={"lead_dropout": 0.0})})


CLOCS = Objective(batches="ecgs", projection=True, recipe=CONTRAST, loss=clocs_loss, settle=_settle)
