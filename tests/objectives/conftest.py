"""A batch of synthetic ECGs."""

import dataclasses

import numpy as np
import pytest
import torch

from hemometric.objectives import Batch, Labels


@pytest.fixture
def batch() -> Batch:
    """Twelve ECGs of six patients, 8 x 200 at 100 Hz; ECG k and k + 6 are of patient k."""
    independent = torch.randn(12, 8, 200, generator=torch.Generator().manual_seed(0))
    return Batch(
        independent=independent,
        patient_codes=np.arange(12) % 6,
        sampling_rate_hz=100.0,
        rows=np.arange(12) + 100,
        view=lambda ecgs=None: independent if ecgs is None else ecgs,
    )


@pytest.fixture
def labeled_batch(batch: Batch) -> Batch:
    """The same, each ECG with an mPCWP: 5, 8, 11 ... 38 mmHg."""
    values = 5.0 + 3.0 * np.arange(12)
    return dataclasses.replace(batch, labels=Labels("mpcwp", values, mean=float(values.mean()), sd=float(values.std())))
