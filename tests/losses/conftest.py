import numpy as np
import pytest
import torch


@pytest.fixture
def random_embeddings():
    def build(n=12, d=5, seed=0, dtype=torch.float32):
        return torch.from_numpy(np.random.default_rng(seed).normal(size=(n, d))).to(dtype).requires_grad_()

    return build
