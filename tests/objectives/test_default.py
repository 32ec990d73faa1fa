"""The recipe that is recommended."""

import dataclasses

import numpy as np
import pytest
import torch

from hemometric.losses import multi_positive_info_nce
from hemometric.objectives.default import default_loss
from hemometric.objectives.pclr import pclr_loss
from hemometric.settings import PretrainSettings

SETTINGS = PretrainSettings(temperature=0.1)
RNG = np.random.default_rng(0)


@pytest.fixture
def embeddings():
    return torch.randn(12, 16, generator=torch.Generator().manual_seed(1))


def test_where_every_pair_is_of_one_patient_it_is_patient_contrast(batch, embeddings):
    parts = default_loss(lambda _: embeddings, batch, SETTINGS, RNG)
    assert torch.allclose(parts.loss, pclr_loss(lambda _: embeddings, batch, SETTINGS, RNG).loss)
    assert parts.facts == {
        "n_same_patient_pairs": 6,
        "n_neighbor_pairs": 0,
        "n_pairs_with_itself": 0,
        "n_excluded": 0,
    }


def test_a_neighbour_of_another_patient_is_a_positive_where_it_is_the_partner(batch, embeddings):
    codes = batch.patient_codes.copy()
    codes[6] = 77  # the partner of ECG 0 is of another patient
    positives = torch.from_numpy(batch.patient_codes[:, None] == batch.patient_codes)
    with_neighbor = dataclasses.replace(batch, patient_codes=codes)
    parts = default_loss(lambda _: embeddings, with_neighbor, SETTINGS, RNG)
    assert torch.allclose(parts.loss, multi_positive_info_nce(embeddings, positives, temperature=0.1))
    assert parts.facts["n_neighbor_pairs"] == 1


def test_an_ecg_that_is_its_own_partner_is_counted(batch, embeddings):
    rows = batch.rows.copy()
    rows[6] = rows[0]
    parts = default_loss(lambda _: embeddings, dataclasses.replace(batch, rows=rows), SETTINGS, RNG)
    assert parts.facts["n_pairs_with_itself"] == 1


def test_neighbours_are_no_negatives_if_so_wished(batch, embeddings):
    neighbors = np.full((120, 3), -1)
    neighbors[100, :2] = 103, 119  # ECG 0 has ECG 3 as a neighbour, and one that is not in the batch
    with_table = dataclasses.replace(batch, neighbors=neighbors)
    plain = default_loss(lambda _: embeddings, with_table, SETTINGS, RNG)
    wished = SETTINGS.model_copy(update={"exclude_neighbors": True})
    parts = default_loss(lambda _: embeddings, with_table, wished, RNG)
    excluded = torch.zeros(12, 12, dtype=torch.bool)
    excluded[0, 3] = True
    positives = torch.from_numpy(batch.patient_codes[:, None] == batch.patient_codes)
    expected = multi_positive_info_nce(embeddings, positives, excluded=excluded, temperature=0.1)
    assert torch.allclose(parts.loss, expected)
    assert not torch.allclose(parts.loss, plain.loss)
    assert (plain.facts["n_excluded"], parts.facts["n_excluded"]) == (0, 1)
