"""A batch of synthetic ECGs."""

import numpy as np
import pytest
import torch

from hemometric.objectives import Batch


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
