"""The objective `dml-beat`."""

import dataclasses

import numpy as np
import torch

from hemometric.objectives.distance_mining import mined_triplet_loss
from hemometric.objectives.dml_beat import DML_BEAT
from hemometric.settings import PretrainSettings
from hemometric.simulation import CohortSettings, draw_people, render_people


def test_its_distance_is_dtw_of_beats(batch):
    cohort = CohortSettings(n_patients=6, sampling_rate_hz=100.0)
    microvolts, _ = render_people(cohort, draw_people(cohort, 0))
    ecgs = torch.from_numpy(microvolts[:12].astype(np.float32) / 1000.0)
    batch, settings = dataclasses.replace(batch, independent=ecgs), PretrainSettings()
    embeddings = torch.randn(12, 4, generator=torch.Generator().manual_seed(0))
    ours = DML_BEAT.loss(lambda _: embeddings, batch, settings, np.random.default_rng(1)).loss
    named = mined_triplet_loss(lambda _: embeddings, batch, settings, np.random.default_rng(1), distance="beat-dtw")
    assert torch.equal(ours, named.loss)
