"""The objective `dml-dtw`."""

import numpy as np
import torch

from hemometric.objectives.distance_mining import mined_triplet_loss
from hemometric.objectives.dml_dtw import DML_DTW
from hemometric.settings import PretrainSettings


def test_its_distance_is_dtw(batch):
    embeddings = torch.randn(12, 4, generator=torch.Generator().manual_seed(0))
    settings = PretrainSettings(dtw_rate_hz=25.0)
    ours = DML_DTW.loss(lambda _: embeddings, batch, settings, np.random.default_rng(1)).loss
    named = mined_triplet_loss(lambda _: embeddings, batch, settings, np.random.default_rng(1), distance="dtw").loss
    assert torch.equal(ours, named)
