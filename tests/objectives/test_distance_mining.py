"""Triplets by distances in input space."""

import dataclasses

import numpy as np
import pytest
import torch

from hemometric.distances import DISTANCES, pairwise
from hemometric.ecg import derive_leads
from hemometric.errors import SettingsError
from hemometric.objectives.distance_mining import mined_triplet_loss, remember_distances
from hemometric.settings import PretrainSettings
from hemometric.simulation import CohortSettings, draw_people, render_people

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
    parts = mined_triplet_loss(lambda _: embeddings, batch, SETTINGS, np.random.default_rng(0), distance="euclidean")
    expected = slow_loss(embeddings, derive_leads(batch.independent.numpy()), batch.patient_codes)
    assert float(parts.loss) == pytest.approx(expected, rel=1e-5)


def test_an_ecg_and_its_near_copy_are_pulled_together(batch):
    """ECG 1 becomes a copy of ECG 0 with a little noise: its embedding must be drawn towards that of 0."""
    waveforms = batch.independent.clone()
    waveforms[1] = waveforms[0] + 0.01
    embeddings = torch.randn(12, 4, generator=torch.Generator().manual_seed(3)).requires_grad_()
    loud = SETTINGS.model_copy(update={"margin": 100.0})
    with_copy = dataclasses.replace(batch, independent=waveforms)
    mined_triplet_loss(lambda _: embeddings, with_copy, loud, np.random.default_rng(0), distance="dtw").loss.backward()
    before = (embeddings[1] - embeddings[0]).square().sum()
    after = embeddings.detach() - 0.01 * embeddings.grad
    assert (after[1] - after[0]).square().sum() < before


def test_same_patients_are_counted(batch):
    embeddings = torch.randn(12, 4)
    parts = mined_triplet_loss(lambda _: embeddings, batch, SETTINGS, np.random.default_rng(0), distance="euclidean")
    assert parts.facts["n_anchors"] == 12
    assert parts.facts["n_same_patient_negatives"] == 0


@pytest.fixture
def simulated(batch):
    """Twelve simulated ECGs in place of noise, at 250 Hz; the last one is silent."""
    settings = CohortSettings(n_patients=6, sampling_rate_hz=250.0)
    microvolts, _ = render_people(settings, draw_people(settings, 0))
    independent = torch.from_numpy(microvolts[:12].astype(np.float32) / 1000.0)
    independent[11] = 0.0
    return dataclasses.replace(batch, independent=independent, sampling_rate_hz=250.0)


@pytest.mark.parametrize("distance", DISTANCES)
def test_any_distance_can_be_mined_by(simulated, distance):
    embeddings = torch.randn(12, 4, generator=torch.Generator().manual_seed(3)).requires_grad_()
    settings = PretrainSettings(distance=distance)
    parts = mined_triplet_loss(lambda _: embeddings, simulated, settings, np.random.default_rng(0), distance="dtw")
    parts.loss.backward()
    by_beats = DISTANCES[distance].prepare is not None
    assert parts.facts["n_without_beat"] == (1 if by_beats else 0)
    assert parts.facts["n_anchors"] == (11 if by_beats else 12)
    assert (embeddings.grad[11] == 0).all() == by_beats


@pytest.mark.parametrize("distance", ["beat-dtw", "features", "beat-euclidean"])
def test_the_distances_of_a_batch_are_those_of_the_ecgs(simulated, distance):
    class Heard:
        def matrix(self, rows, prepared, *, sampling_rate_hz):
            self.rows = rows
            real = remember_distances(distance, PretrainSettings())
            self.found = real.matrix(rows, prepared, sampling_rate_hz=sampling_rate_hz)
            return self.found

    heard = Heard()
    heard_batch = dataclasses.replace(simulated, distances=heard)
    settings = PretrainSettings(distance=distance)
    mined_triplet_loss(lambda _: torch.randn(12, 4), heard_batch, settings, np.random.default_rng(0), distance="dtw")
    ecgs = derive_leads(simulated.independent[:11].numpy())
    np.testing.assert_array_equal(heard.rows, np.arange(100, 111))
    expected = pairwise(ecgs, distance=distance, sampling_rate_hz=250.0)
    np.testing.assert_allclose(heard.found, expected, rtol=1e-4, atol=1e-4)


def test_pairs_are_remembered_by_their_rows_whatever_the_order_of_the_batch(batch):
    remembered = remember_distances("dtw", SETTINGS)
    order = np.random.default_rng(3).permutation(12)
    shuffled = dataclasses.replace(
        batch, independent=batch.independent[order], rows=batch.rows[order], patient_codes=batch.patient_codes[order]
    )
    for some in (batch, shuffled):
        with_memory = dataclasses.replace(some, distances=remembered)
        mined_triplet_loss(
            lambda _: torch.randn(12, 4), with_memory, SETTINGS, np.random.default_rng(0), distance="dtw"
        )
    assert remembered.n_computed == 66


def test_a_batch_of_silent_ecgs_has_no_loss(batch):
    silent = dataclasses.replace(batch, independent=torch.zeros(12, 8, 1000))
    embeddings = torch.randn(12, 4).requires_grad_()
    settings = PretrainSettings(distance="beat-dtw")
    parts = mined_triplet_loss(lambda _: embeddings, silent, settings, np.random.default_rng(0), distance="dtw")
    parts.loss.backward()
    assert parts.loss.item() == 0.0
    assert parts.facts["n_without_beat"] == 12


def test_an_unknown_distance_is_answered_with_the_nearest():
    with pytest.raises(SettingsError, match="did you mean 'beat-dtw'"):
        remember_distances("beat-dwt", SETTINGS)
