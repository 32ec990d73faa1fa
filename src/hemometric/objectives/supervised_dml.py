"""`supervised-dml`: ECGs are as near as their labels (supervised metric learning of Jeong, Stultz, Ghassemi, 2023)."""

from typing import Any, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hemometric.errors import SettingsError
from hemometric.losses import (
    MarginBetas,
    angular_n_pair,
    log_ratio,
    margin_loss,
    rank_n_contrast,
    supervised_contrastive,
    triplet,
)
from hemometric.losses.precision import distances, unit_rows
from hemometric.mining import (
    MiningCounts,
    Triplets,
    mine_batch_hard,
    mine_by_label,
    mine_semi_hard,
    mine_soft_hard,
)
from hemometric.objectives.distance_mining import PAPER
from hemometric.objectives.labels import Labels, find_event
from hemometric.objectives.objective import Batch, LossParts, Objective, See
from hemometric.settings import PretrainSettings
from hemometric.targets import find_target

LABEL_EPSILON_SD = 0.1
"""For log-ratio: labels that differ by less, 0.8 mmHg of a wedge pressure, differ by an error of measurement."""

_OF_MEASUREMENTS = ("rnc", "log-ratio")
_OF_CLASSES = ("supcon",)


class _Known(NamedTuple):
    """What is learned from.

    Attributes:
        values: (n,) in the target's unit, where equal gaps are equal (in SDs they are so but for rounding); or with an
            event 1 where it is there and else 0.
        sd: Of the training labels.
        patient_codes: (n,).
    """

    values: NDArray[np.float64]
    sd: float
    patient_codes: NDArray[np.int64]


def supervised_dml_loss(see: See, batch: Batch, settings: PretrainSettings, rng: np.random.Generator) -> LossParts:
    """A metric loss on labels: those of the target, or with `event` the classes of an event.

    Triplet, margin and angular (with n-pair) take triplets: for the target the positive is the nearest in label, of
    another patient, and the negative farther in label (`n_farthest` 1: the farthest, as in the paper). The ECGs of one
    catheterisation have one label: as positives of each other they would teach whose they are instead of the pressure,
    in most triplets of an archive with several a patient. For the classes of an event `miner` mines.
    The angular loss keeps each pair away from all ECGs that are farther in label than its positive. Negatives are of
    another patient where there is one, else counted. "rnc" and "log-ratio" take all labels, "supcon" all classes.

    Args:
        see: The model without projection, with `MarginBetas` as heads for the margin loss; one random view is seen.
        batch: ECGs that all have a label.
        settings: `metric_loss`, `event`, `miner`, `margin`, `n_farthest` and `temperature` are used.
        rng: For miners.

    Raises:
        ValueError: The batch has no labels.
    """
    known = _look_at(batch, settings)
    embeddings = see(batch.view())
    if settings.metric_loss in (*_OF_MEASUREMENTS, *_OF_CLASSES):
        return LossParts(_compare_all(embeddings, known, settings))
    triplets, counts = _mine(embeddings, known, settings, rng)
    facts = {fact: float(count) for fact, count in counts._asdict().items()}
    if not counts.n_anchors:
        return LossParts(0.0 * embeddings.sum(), facts)
    if settings.metric_loss == "angular":
        return LossParts(_keep_angles(embeddings, triplets, known), facts)
    places = [torch.from_numpy(found).to(embeddings.device) for found in triplets]
    if settings.metric_loss == "triplet":
        return LossParts(triplet(embeddings, *places, margin=settings.margin, squared=True), facts)
    of_anchors = None if settings.event is None else torch.from_numpy(known.values[triplets.anchor].astype(np.int64))
    betas = cast(MarginBetas, see.heads)(None if of_anchors is None else of_anchors.to(embeddings.device))
    facts["beta"] = float(betas.detach().mean())
    return LossParts(margin_loss(embeddings, *places, betas=betas, margin=settings.margin), facts)


def _look_at(batch: Batch, settings: PretrainSettings) -> _Known:
    labels: Labels | None = batch.labels
    if labels is None:
        raise ValueError("supervised-dml needs a batch with labels")
    values = labels.values if settings.event is None else labels.classes(settings.event).astype(np.float64)
    return _Known(values, labels.sd, batch.patient_codes)


def _compare_all(embeddings: Tensor, known: _Known, settings: PretrainSettings) -> Tensor:
    labels = torch.from_numpy(known.values).to(embeddings)
    if settings.metric_loss == "rnc":
        return rank_n_contrast(embeddings, labels)
    if settings.metric_loss == "log-ratio":
        return log_ratio(embeddings, labels, label_epsilon=LABEL_EPSILON_SD * known.sd)
    return supervised_contrastive(embeddings, labels, temperature=settings.temperature)


def _mine(
    embeddings: Tensor, known: _Known, settings: PretrainSettings, rng: np.random.Generator
) -> tuple[Triplets, MiningCounts]:
    codes = known.patient_codes
    if settings.event is None:
        return mine_by_label(
            known.values,
            n_farthest=settings.n_farthest,
            patient_codes=codes,
            same_patient_positives=False,
            rng=rng,
        )
    apart = _distances(embeddings, settings)
    if settings.miner == "semi-hard":
        return mine_semi_hard(apart, known.values, margin=settings.margin, patient_codes=codes, rng=rng)
    if settings.miner == "soft-hard":
        return mine_soft_hard(apart, known.values, patient_codes=codes, rng=rng)
    return mine_batch_hard(apart, known.values, patient_codes=codes)


def _distances(embeddings: Tensor, settings: PretrainSettings) -> NDArray[np.floating[Any]]:
    """Distances (n, n) as the loss takes them: squared for the triplet loss, else of unit vectors."""
    points = embeddings.detach()
    found = distances(points).square() if settings.metric_loss == "triplet" else distances(unit_rows(points))
    apart: NDArray[np.floating[Any]] = found.cpu().numpy()
    return apart


def _keep_angles(embeddings: Tensor, triplets: Triplets, known: _Known) -> Tensor:
    """Each pair once, against all ECGs of other patients that are farther in label than its positive."""
    pairs = np.unique(np.stack([triplets.anchor, triplets.positive]), axis=1)
    gaps = np.abs(known.values[pairs[0]][:, None] - known.values[None, :])
    nearest = np.abs(known.values[pairs[0]] - known.values[pairs[1]])
    strangers = known.patient_codes[pairs[0]][:, None] != known.patient_codes[None, :]
    negatives = (gaps > nearest[:, None]) & strangers
    if not negatives.any():
        return 0.0 * embeddings.sum()
    anchor, positive = (torch.from_numpy(places).to(embeddings.device) for places in pairs)
    return angular_n_pair(embeddings, anchor, positive, negatives=torch.from_numpy(negatives).to(embeddings.device))


def _heads(embedding_dim: int, settings: PretrainSettings) -> nn.Module:
    del embedding_dim
    if settings.metric_loss != "margin":
        return nn.Identity()
    return MarginBetas(1 if settings.event is None else 2, beta=settings.beta)


def _settle(settings: PretrainSettings) -> PretrainSettings:
    """Refuse a target or an event that does not exist, and a loss that does not fit.

    Raises:
        SettingsError: That is so.
    """
    target = find_target(str(settings.target))
    if settings.event is not None:
        find_event(target.name, settings.event)
    if settings.event is None and settings.metric_loss in _OF_CLASSES:
        raise SettingsError(f"metric_loss={settings.metric_loss} needs classes: say event={target.events[0].key}")
    if settings.event is not None and settings.metric_loss in _OF_MEASUREMENTS:
        raise SettingsError(f"metric_loss={settings.metric_loss} compares measurements: leave out event")
    return settings


SUPERVISED_DML = Objective(
    batches="labeled-ecgs",
    projection=False,
    recipe=PAPER,
    loss=supervised_dml_loss,
    labels=True,
    heads=_heads,
    settle=_settle,
)
