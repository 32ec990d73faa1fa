"""`joint`: a metric loss on labeled and unlabeled ECGs together with the task loss on the labeled ones.

The joint training of Jeong, Stultz, Ghassemi (MLHC 2023, arXiv 2308.04650): alpha * metric loss + task loss.
"""

import dataclasses
from typing import NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from hemometric.encoders import ProjectionHead
from hemometric.objectives.default import contrast_partners
from hemometric.objectives.distance_mining import triplets_by_distance
from hemometric.objectives.labels import Labels
from hemometric.objectives.objective import Batch, LossParts, Objective, See
from hemometric.objectives.pclr import CONTRAST
from hemometric.settings import PretrainSettings
from hemometric.targets import find_target

MINED_BY = "dtw"
"""What is near in mined triplets, as in the paper, where the settings leave it open."""


class JointHeads(nn.Module):
    """What the metric loss and what the task loss see of an embedding.

    Args:
        embedding_dim: Of the encoder.
        n_events: Of the target.
        projection: Whether the metric loss sees a projection of the embedding, or the embedding.
    """

    def __init__(self, embedding_dim: int, *, n_events: int, projection: bool) -> None:
        super().__init__()
        self.projection: nn.Module = ProjectionHead(embedding_dim) if projection else nn.Identity()
        self.task = nn.Linear(embedding_dim, 1 + n_events)


class _TaskLoss(NamedTuple):
    """Mean squared error of the standardised target, cross-entropy of its events: scalars."""

    squared_error: Tensor
    event_entropy: Tensor


def joint_loss(see: See, batch: Batch, settings: PretrainSettings, rng: np.random.Generator) -> LossParts:
    """`alpha` times the metric loss of all ECGs, plus the task loss of those that have a label.

    "partners" is the contrast of `default`, on random views; "mined" are the triplets of `dml-dtw`, on the ECGs as they
    are and on each once. The task loss is that of fine-tuning, with a linear head.

    Args:
        see: The model without projection, with `JointHeads` as heads.
        batch: Pairs: rows k and k + n / 2.
        settings: `alpha`, `joint_metric` and `event_weight` are used, and those of the metric loss.
        rng: For the miner.

    Raises:
        ValueError: The batch has no labels.
    """
    labels = batch.labels
    if labels is None:
        raise ValueError("joint needs a batch with labels")
    heads = cast(JointHeads, see.heads)
    if settings.joint_metric == "partners":
        embeddings = see(batch.view())
        metric = contrast_partners(heads.projection(embeddings), batch, settings)
    else:
        batch = _each_once(batch)
        labels = cast(Labels, batch.labels)
        embeddings = see(batch.independent)
        metric = triplets_by_distance(embeddings, batch, settings, rng, distance=MINED_BY)
    task = _lose_by_task(heads.task(embeddings), labels)
    loss = settings.alpha * metric.loss + task.squared_error + settings.event_weight * task.event_entropy
    facts = {
        "train_metric": float(metric.loss.detach()),
        "train_squared_error": float(task.squared_error.detach()),
        "train_event_entropy": float(task.event_entropy.detach()),
        "n_labeled": float(len(labels.known)),
    }
    return LossParts(loss, metric.facts | facts)


def _each_once(batch: Batch) -> Batch:
    """The batch without ECGs that are there already: partners of their own."""
    _, places = np.unique(batch.rows, return_index=True)
    return dataclasses.replace(
        batch,
        independent=batch.independent[torch.from_numpy(places)],
        patient_codes=batch.patient_codes[places],
        rows=batch.rows[places],
        labels=None if batch.labels is None else batch.labels.take(places),
    )


def _lose_by_task(outputs: Tensor, labels: Labels) -> _TaskLoss:
    """Both parts of (n, 1 + n_events) outputs, over the ECGs with a label; zero where there is none."""
    if not len(labels.known):
        nothing = 0.0 * outputs.sum()
        return _TaskLoss(nothing, nothing)
    known = labels.take(labels.known)
    said = outputs[torch.from_numpy(labels.known).to(outputs.device)]
    wanted = torch.from_numpy(known.standardised).to(said)
    happened = torch.from_numpy(known.events).to(said)
    return _TaskLoss(
        functional.mse_loss(said[:, 0], wanted),
        functional.binary_cross_entropy_with_logits(said[:, 1:], happened),
    )


def _heads(embedding_dim: int, settings: PretrainSettings) -> nn.Module:
    n_events = len(find_target(str(settings.target)).events)
    return JointHeads(embedding_dim, n_events=n_events, projection=settings.joint_metric == "partners")


def _settle(settings: PretrainSettings) -> PretrainSettings:
    """Refuse a target that does not exist; mined triplets need no neighbours but a distance that is remembered.

    Raises:
        SettingsError: There is no such target.
    """
    find_target(str(settings.target))
    if settings.joint_metric == "partners":
        return settings
    return settings.model_copy(update={"neighbors": "none", "distance": settings.distance or MINED_BY})


JOINT = Objective(
    batches="half-labeled",
    projection=False,
    recipe=CONTRAST,
    loss=joint_loss,
    labels=True,
    heads=_heads,
    settle=_settle,
    random_validation=True,
)
