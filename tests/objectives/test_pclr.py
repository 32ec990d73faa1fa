"""Patient contrast."""

import dataclasses

import numpy as np
import torch

from hemometric.objectives.pclr import PCLR, pclr_loss
from hemometric.settings import PretrainSettings

SETTINGS = PretrainSettings(temperature=0.1)
RNG = np.random.default_rng(0)


def test_embeddings_that_tell_patients_apart_have_a_low_loss(batch):
    codes = torch.from_numpy(batch.patient_codes)
    apart = torch.nn.functional.one_hot(codes, 6).float()
    mixed = torch.nn.functional.one_hot((codes + (torch.arange(12) >= 6)) % 6, 6).float()
    assert pclr_loss(lambda _: apart, batch, SETTINGS, RNG).loss < 0.01
    assert pclr_loss(lambda _: mixed, batch, SETTINGS, RNG).loss > 5


def test_positives_come_from_patients_and_not_from_places(batch):
    """Shuffling the batch together with the patients changes nothing; shuffling the patients alone does."""
    embeddings = torch.randn(12, 16, generator=torch.Generator().manual_seed(1))
    order = np.random.default_rng(1).permutation(12)
    loss = pclr_loss(lambda _: embeddings, batch, SETTINGS, RNG).loss
    both = dataclasses.replace(batch, patient_codes=batch.patient_codes[order])
    assert torch.allclose(pclr_loss(lambda _: embeddings[order], both, SETTINGS, RNG).loss, loss)
    assert not torch.allclose(pclr_loss(lambda _: embeddings, both, SETTINGS, RNG).loss, loss)


def test_it_draws_pairs_of_a_patient_and_projects():
    assert PCLR.batches == "patient-pairs"
    assert PCLR.projection
