"""Views of one ECG in time and over leads."""

import dataclasses

import numpy as np
import pytest
import torch

from hemometric.losses import clocs
from hemometric.objectives import resolve
from hemometric.objectives.clocs import CLOCS, clocs_loss
from hemometric.settings import PretrainSettings, ViewSettings


def settings(**changed) -> PretrainSettings:
    return resolve(PretrainSettings(objective="clocs", temperature=0.1, **changed))


class Eye:
    """Sees ECGs and remembers them; what it makes of one is the place of its patient among unit vectors, or noise."""

    def __init__(self, make=None):
        self.seen, self.make = None, make

    def __call__(self, ecgs):
        self.seen = ecgs
        return ecgs.mean(dim=2) if self.make is None else self.make


def test_the_halves_do_not_overlap_and_are_cut_before_they_are_disturbed(batch):
    eye, given = Eye(), []

    def view(ecgs):
        given.append(ecgs)
        return ecgs + len(given)

    clocs_loss(eye, dataclasses.replace(batch, view=view), settings(), np.random.default_rng(0))
    first, second = eye.seen.chunk(2)
    assert torch.equal(torch.cat(given, dim=2), batch.independent), "side by side they are the ECG"
    assert torch.equal(first, given[0] + 1)
    assert torch.equal(second, given[1] + 2), "each half has a view of its own"


@pytest.mark.parametrize(("variant", "n_parts"), [("cmlc", 1), ("cmsmlc", 2)])
@pytest.mark.parametrize("n_leads", [2, 4])
def test_a_view_of_a_lead_holds_this_lead_alone(batch, variant, n_parts, n_leads):
    eye = Eye()
    clocs_loss(eye, batch, settings(clocs_variant=variant, clocs_leads=n_leads), np.random.default_rng(0))
    views = eye.seen.chunk(n_parts * n_leads)
    leads = []
    for view in views:
        assert view.shape == (12, 8, 200 // n_parts)
        there = (view != 0).any(dim=2)
        assert torch.equal(there, there[:1].expand(12, 8)), "the same lead in all ECGs"
        (lead,) = torch.nonzero(there[0])[:, 0].tolist()
        leads.append(lead)
        half = len(leads) > n_leads
        assert torch.equal(
            view[:, lead], batch.independent[:, lead, 100:] if half else batch.independent[:, lead, : view.shape[2]]
        )
    assert len(set(leads)) == n_leads, "leads differ"
    assert leads == leads[:n_leads] * n_parts


def test_every_pair_of_views_counts_once(batch):
    made = torch.randn(4 * 12, 16, generator=torch.Generator().manual_seed(1))
    chosen = settings(clocs_variant="cmsmlc")
    loss = clocs_loss(Eye(made), batch, chosen, np.random.default_rng(0)).loss
    codes, sets = torch.from_numpy(batch.patient_codes), made.chunk(4)
    expected = [clocs(sets[i], sets[j], codes, temperature=0.1) for i in range(4) for j in range(i + 1, 4)]
    assert torch.allclose(loss, torch.stack(expected).mean())


def test_positives_are_ecgs_of_the_patient_and_not_of_a_place_in_the_dataset(batch):
    """Where the ECGs of a patient have one embedding the loss is that of wanted pairs; by indices it would be high."""
    one_a_patient = torch.eye(6)[torch.arange(12) % 6].repeat(2, 1)
    parts = clocs_loss(Eye(one_a_patient), batch, settings(), np.random.default_rng(0))
    assert float(parts.loss) == pytest.approx(np.log(2), abs=0.01), "two ECGs of a patient are wanted, each as likely"
    assert parts.facts["n_same_patient_pairs"] == 6
    one_each = torch.eye(12).repeat(2, 1)
    assert clocs_loss(Eye(one_each), batch, settings(), np.random.default_rng(0)).loss > 4
    shuffled = np.random.default_rng(1).permutation(12)
    moved = dataclasses.replace(
        batch,
        independent=batch.independent[shuffled],
        rows=batch.rows[shuffled],
        patient_codes=batch.patient_codes[shuffled],
    )
    again = clocs_loss(
        Eye(one_a_patient.chunk(2)[0][shuffled].repeat(2, 1)), moved, settings(), np.random.default_rng(0)
    )
    assert torch.allclose(again.loss, parts.loss, atol=1e-6)


def test_leads_are_drawn_anew_for_each_step(batch):
    chosen, seen = settings(clocs_variant="cmlc"), set()
    for step in range(30):
        eye = Eye()
        clocs_loss(eye, batch, chosen, np.random.default_rng(step))
        seen |= set(torch.nonzero((eye.seen != 0).any(dim=2))[:, 1].tolist())
    assert seen == set(range(8))


def test_the_only_lead_of_a_view_does_not_drop_out():
    assert settings(clocs_variant="cmlc", views=ViewSettings(lead_dropout=0.2)).views.lead_dropout == 0.0
    assert settings(clocs_variant="cmsc", views=ViewSettings(lead_dropout=0.2)).views.lead_dropout == 0.2


def test_it_draws_ecgs_and_needs_no_random_views_to_tell_halves_apart():
    assert (CLOCS.batches, CLOCS.projection, CLOCS.random_validation, CLOCS.labels) == ("ecgs", True, False, False)
