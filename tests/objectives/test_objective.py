"""What an objective is made of."""

import dataclasses

import numpy as np
import pytest
import torch

from hemometric.objectives import OBJECTIVES, Recipe
from hemometric.settings import PretrainSettings


def test_batches_with_labels_are_drawn_for_objectives_that_say_so_and_for_no_others():
    with_labels = {name for name, one in OBJECTIVES.items() if one.labels}
    assert with_labels == {name for name, one in OBJECTIVES.items() if "labeled" in one.batches}
    assert with_labels == {"supervised-dml", "joint"}


def test_a_recipe_speaks_the_names_of_the_settings():
    recipe = Recipe(batch_size=8, optimizer="adam", learning_rate=1e-3, weight_decay=0.0)
    assert set(recipe.as_settings()) <= set(PretrainSettings.model_fields)


@pytest.mark.parametrize(
    ("name", "n_views", "as_they_are"),
    [
        ("clocs", 2, 0),
        ("default", 1, 0),
        ("dml-beat", 0, 1),
        ("dml-dtw", 0, 1),
        ("dml-euclidean", 0, 1),
        ("pclr", 1, 0),
        ("simclr", 2, 0),
    ],
)
def test_distance_mining_sees_the_ecgs_as_they_are_and_contrast_sees_views_that_differ(
    batch, name, n_views, as_they_are
):
    """The positive of a miner is chosen by the distance between two ECGs; random views would be other ECGs."""
    drawn, seen = [], []

    def view(ecgs=None):
        drawn.append(torch.randn_like(batch.independent if ecgs is None else ecgs))
        return drawn[-1]

    def see(ecgs):
        seen.append(ecgs)
        return ecgs.mean(dim=2)

    OBJECTIVES[name].loss(see, dataclasses.replace(batch, view=view), PretrainSettings(), np.random.default_rng(0))
    assert len(drawn) == n_views
    assert len(seen) == 1
    expected = batch.independent if as_they_are else torch.cat(drawn)
    assert torch.equal(seen[0], expected)
