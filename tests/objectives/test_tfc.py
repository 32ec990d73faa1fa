"""Waveform and spectrum of an ECG."""

import dataclasses

import numpy as np
import torch

from hemometric.losses import tfc
from hemometric.objectives import resolve
from hemometric.objectives.tfc import TFC, JointSpace, change_spectrum, tfc_loss
from hemometric.settings import PretrainSettings

SETTINGS = resolve(PretrainSettings(objective="tfc", temperature=0.1))


class Sight:
    """Sees ECGs, remembers them, and makes embeddings of the first samples of either."""

    def __init__(self):
        self.heads, self.seen = JointSpace(32), []

    def __call__(self, *ecgs):
        self.seen.append(ecgs)
        first, second = ecgs if len(ecgs) == 2 else (ecgs[0], ecgs[0])
        return torch.cat([first[:, 0, :16], second[:, 1, :16]], dim=1)


def test_the_branches_read_the_ecg_itself_then_a_view_and_other_frequencies(batch):
    sight, drawn = Sight(), torch.randn(12, 8, 150)
    tfc_loss(sight, dataclasses.replace(batch, view=lambda: drawn), SETTINGS, np.random.default_rng(0))
    (itself,), (time, frequency) = sight.seen
    assert torch.equal(itself, batch.independent)
    assert torch.equal(time, drawn), "the waveform branch reads the random view"
    expected = change_spectrum(batch.independent, rng=np.random.default_rng(0))
    assert torch.equal(frequency, expected), "the spectrum branch reads the changed spectrum"
    assert not torch.allclose(frequency, batch.independent, atol=0.1)


def test_the_loss_is_that_of_the_released_trainer_unless_a_margin_is_given(batch):
    sight = Sight()
    sight.heads.eval()
    for margin in (None, 1.0):
        chosen = SETTINGS.model_copy(update={"tfc_margin": margin})
        parts = tfc_loss(sight, batch, chosen, np.random.default_rng(0))
        changed = change_spectrum(batch.independent, rng=np.random.default_rng(0))
        original, augmented = (sight.heads(Sight()(*ecgs)) for ecgs in ((batch.independent,), (batch.view(), changed)))
        assert torch.allclose(parts.loss, tfc(original, augmented, temperature=0.1, margin=margin))
    assert parts.facts == {"n_same_patient_negatives": 6}


def test_frequencies_are_removed_or_grow_and_the_others_stay():
    ecgs = torch.randn(20, 8, 1000, generator=torch.Generator().manual_seed(0))
    before, after = (torch.fft.rfft(x, dim=2) for x in (ecgs, change_spectrum(ecgs, rng=np.random.default_rng(3))))
    most = 0.1 * before.abs().amax(dim=2, keepdim=True)
    inside = slice(1, -1)  # the mean and the last frequency are real
    before, after = before[:, :, inside], after[:, :, inside]
    share = after.abs() / before.abs()
    removed, grown = share < 1e-3, share > 1 + 1e-3
    assert 0.09 < removed.float().mean() < 0.11
    assert 0.08 < grown.float().mean() < 0.11
    assert torch.allclose(after[~removed & ~grown], before[~removed & ~grown], rtol=2e-3, atol=1e-3)
    assert (after.abs() - before.abs() <= most + 1e-3).all()
    angle = (after[grown] / before[grown]).angle().abs()
    assert angle.max() < 1e-2, "phases stay"
    assert (removed[0, 0] != removed[0, 1]).any(), "each lead loses others"


def test_the_same_draws_give_the_same_change():
    ecgs = torch.randn(3, 8, 100, generator=torch.Generator().manual_seed(0))
    one, same, other = (change_spectrum(ecgs, rng=np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_it_takes_the_encoder_of_two_branches():
    assert SETTINGS.encoder == "compact-tf"
    assert resolve(PretrainSettings(objective="tfc", encoder="resnet18")).encoder == "resnet18-tf"
    assert resolve(SETTINGS) == SETTINGS
    assert TFC.random_validation, "or time would not be told from its view"
