"""Triplets by distances in input space."""

import dataclasses

import numpy as np
import pytest
import torch

from hemometric.ecg import derive_leads
from hemometric.objectives.distance_mining import mined_triplet_loss
from hemometric.settings import PretrainSettings

SETTINGS = PretrainSettings(margin=0.2, dtw_rate_hz=100.0, n_farthest=1)


def slow_loss(embeddings: torch.Tensor, twelve: np.ndarray, codes: np.ndarray) -> float:
    """The loss by loops over plain Euclidean distances of all twelve leads."""
    n = len(embeddings)
    d = np.array([[np.sqrt(((twelve[i] - twelve[j]) ** 2).sum()) for j in range(n)] for i in range(n)])
    losses = []
    for i in range(n):
        others = [j for j in range(n) if j != i]
        positive = min(others, key=lambda j: d[i, j])
        negative = max((j for j in others if codes[j] != codes[i] and j != positive), key=lambda j: d[i, j])
        near = float((embeddings[i] - embeddings[positive]).square().sum())
        far = float((embeddings[i] - embeddings[negative]).square().sum())
        losses.append(max(0.0, near - far + 0.2))
    return float(np.mean(losses))


def test_it_equals_loops_over_all_twelve_leads(batch):
    embeddings = torch.randn(12, 4, generator=torch.Generator().manual_seed(2))
    parts = mined_triplet_loss(embeddings, batch, SETTINGS, np.random.default_rng(0), distance="euclidean")
    expected = slow_loss(embeddings, derive_leads(batch.independent.numpy()), batch.patient_codes)
    assert float(parts.loss) == pytest.approx(expected, rel=1e-5)


def test_an_ecg_and_its_near_copy_are_pulled_together(batch):
    """ECG 1 becomes a copy of ECG 0 with a little noise: its embedding must be drawn towards that of 0."""
    waveforms = batch.independent.clone()
    waveforms[1] = waveforms[0] + 0.01
    embeddings = torch.randn(12, 4, generator=torch.Generator().manual_seed(3)).requires_grad_()
    loud = SETTINGS.model_copy(update={"margin": 100.0})
    with_copy = dataclasses.replace(batch, independent=waveforms)
    mined_triplet_loss(embeddings, with_copy, loud, np.random.default_rng(0), distance="dtw").loss.backward()
    before = (embeddings[1] - embeddings[0]).square().sum()
    after = embeddings.detach() - 0.01 * embeddings.grad
    assert (after[1] - after[0]).square().sum() < before


def test_same_patients_are_counted(batch):
    embeddings = torch.randn(12, 4)
    parts = mined_triplet_loss(embeddings, batch, SETTINGS, np.random.default_rng(0), distance="euclidean")
    assert parts.facts["n_anchors"] == 12
    assert parts.facts["n_same_patient_negatives"] == 0
