"""Metric loss and task loss together."""

import dataclasses

import numpy as np
import pytest
import torch
from torch.nn import functional

from hemometric.errors import SettingsError
from hemometric.objectives import resolve
from hemometric.objectives.default import default_loss
from hemometric.objectives.distance_mining import mined_triplet_loss
from hemometric.objectives.joint import JOINT, joint_loss
from hemometric.settings import PretrainSettings


class Sight:
    """Makes the same embeddings of an ECG wherever it is, and remembers what it saw."""

    def __init__(self, settings, *, width=8):
        torch.manual_seed(0)
        self.heads = JOINT.heads(width, settings)
        self.seen = []

    def __call__(self, ecgs):
        self.seen.append(ecgs)
        return ecgs.mean(dim=2) * 10


def chosen(**changed) -> PretrainSettings:
    return resolve(PretrainSettings(objective="joint", dtw_rate_hz=100.0, **changed))


@pytest.fixture
def half(labeled_batch):
    """Only ECGs 0, 3 and 8 have a label."""
    values = np.full(12, np.nan)
    values[[0, 3, 8]] = labeled_batch.labels.values[[0, 3, 8]]
    return dataclasses.replace(labeled_batch, labels=dataclasses.replace(labeled_batch.labels, values=values))


def task_of(sight, embeddings, batch, places, event_weight):
    said = sight.heads.task(embeddings)[places]
    values = torch.from_numpy(batch.labels.values)[places].float()
    squared = functional.mse_loss(said[:, 0], (values - batch.labels.mean) / batch.labels.sd)
    happened = torch.stack([values > 15, values > 18], dim=1).float()
    return squared + event_weight * functional.binary_cross_entropy_with_logits(said[:, 1:], happened)


@pytest.mark.parametrize("alpha", [0.0, 0.3])
def test_it_is_alpha_times_the_contrast_of_all_plus_the_task_of_the_labeled(half, alpha):
    settings = chosen(alpha=alpha, event_weight=0.7)
    sight = Sight(settings)
    sight.heads.eval()
    parts = joint_loss(sight, half, settings, np.random.default_rng(0))
    embeddings = sight(half.independent)
    contrast = default_loss(lambda _: sight.heads.projection(embeddings), half, settings, np.random.default_rng(0))
    expected = alpha * contrast.loss + task_of(sight, embeddings, half, [0, 3, 8], 0.7)
    assert torch.allclose(parts.loss, expected, rtol=1e-5)
    assert parts.facts["n_labeled"] == 3
    assert parts.facts["train_metric"] == pytest.approx(float(contrast.loss.detach()), rel=1e-5)


def test_mined_triplets_are_those_of_the_paper_and_see_each_ecg_once_and_as_it_is(half):
    settings = chosen(joint_metric="mined", n_farthest=1)
    sight = Sight(settings)
    twice = np.array([*range(12), 3, 8])  # two ECGs are partners of their own
    repeated = dataclasses.replace(
        half,
        independent=half.independent[twice],
        patient_codes=half.patient_codes[twice],
        rows=half.rows[twice],
        labels=half.labels.take(twice),
        view=lambda ecgs=None: pytest.fail("the positive is near by the ECGs as they are"),
    )
    parts = joint_loss(sight, repeated, settings, np.random.default_rng(0))
    (seen,) = sight.seen
    assert torch.equal(seen, half.independent)
    mined = mined_triplet_loss(sight, half, settings, np.random.default_rng(0), distance="dtw")
    expected = mined.loss + task_of(sight, sight(half.independent), half, [0, 3, 8], 0.5)
    assert torch.allclose(parts.loss, expected, rtol=1e-5)
    assert parts.facts["n_same_patient_negatives"] == mined.facts["n_same_patient_negatives"] == 0


def test_the_task_moves_with_labels_and_the_metric_with_all(half):
    settings = chosen()
    sight = Sight(settings)
    ecgs = half.independent.clone().requires_grad_()
    batch = dataclasses.replace(half, independent=ecgs, view=lambda: ecgs)
    joint_loss(sight, batch, settings.model_copy(update={"alpha": 0.0}), np.random.default_rng(0)).loss.backward()
    moved = ecgs.grad.abs().sum(dim=(1, 2)) > 1e-9
    assert torch.nonzero(moved)[:, 0].tolist() == [0, 3, 8], "by the task alone, those with a label"
    ecgs.grad = None
    joint_loss(sight, batch, settings, np.random.default_rng(0)).loss.backward()
    assert (ecgs.grad.abs().sum(dim=(1, 2)) > 1e-9).all()


def test_a_batch_without_a_label_has_the_metric_loss_alone(half):
    settings = chosen()
    nothing = dataclasses.replace(half.labels, values=np.full(12, np.nan))
    parts = joint_loss(Sight(settings), dataclasses.replace(half, labels=nothing), settings, np.random.default_rng(0))
    assert float(parts.loss.detach()) == pytest.approx(parts.facts["train_metric"])
    assert parts.facts["n_labeled"] == 0


def test_it_settles_what_the_metric_needs():
    assert JOINT.labels
    assert (chosen().target, chosen().neighbors) == ("mpcwp", "features")
    mined = chosen(joint_metric="mined")
    assert (mined.neighbors, mined.distance) == ("none", "dtw")
    assert chosen(joint_metric="mined", distance="beat-dtw").distance == "beat-dtw"
    assert resolve(mined) == mined
    with pytest.raises(SettingsError, match="unknown target 'wedge'"):
        chosen(target="wedge")
