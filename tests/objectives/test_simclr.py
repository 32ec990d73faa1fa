"""Two views of one ECG."""

import dataclasses

import numpy as np
import torch

from hemometric.objectives.simclr import SIMCLR, simclr_loss
from hemometric.settings import PretrainSettings

SETTINGS = PretrainSettings(temperature=0.1)
RNG = np.random.default_rng(0)


def test_views_of_an_ecg_are_drawn_together_and_other_ecgs_apart(batch):
    apart = torch.eye(12).repeat(2, 1)
    mixed = torch.cat([torch.eye(12), torch.eye(12).roll(1, dims=0)])
    assert simclr_loss(lambda _: apart, batch, SETTINGS, RNG).loss < 0.01
    assert simclr_loss(lambda _: mixed, batch, SETTINGS, RNG).loss > 5


def test_mistake_11_of_the_method_page_the_two_views_of_an_ecg_are_drawn_apart(batch):
    drawn, seen = [], []

    def view():
        drawn.append(batch.independent + len(drawn))
        return drawn[-1]

    def see(ecgs):
        seen.append(ecgs)
        return ecgs.mean(dim=2)

    simclr_loss(see, dataclasses.replace(batch, view=view), SETTINGS, RNG)
    assert len(drawn) == 2
    assert torch.equal(seen[0], torch.cat(drawn))


def test_another_ecg_of_the_patient_is_neither_near_nor_far_and_is_counted(batch):
    """Where the two ECGs of a patient have one embedding the loss is the same as where they have not."""
    one_each = torch.eye(12).repeat(2, 1)
    one_a_patient = torch.eye(12)[torch.arange(12) % 6].repeat(2, 1)
    parts = simclr_loss(lambda _: one_a_patient, batch, SETTINGS, RNG)
    assert torch.allclose(parts.loss, simclr_loss(lambda _: one_each, batch, SETTINGS, RNG).loss, atol=1e-3)
    assert parts.facts["n_same_patient_excluded"] == 6 * 4
    strangers = dataclasses.replace(batch, patient_codes=np.arange(12))
    assert simclr_loss(lambda _: one_a_patient, strangers, SETTINGS, RNG).loss > 0.5


def test_validation_needs_views_or_nothing_would_be_told_apart():
    assert SIMCLR.random_validation
