"""Heads on an embedding. Every layer is built in `__init__`, so that weights are trained, saved and, in eval, still."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

HeadKind = Literal["mlp", "linear", "kernel"]
HIDDEN = 128
N_LANDMARKS = 256
"""Of a kernel head; twice as many changed AUROC by at most .003 (docs/experiments/0005)."""
DROPOUT = 0.3
PROJECTION_DIM = 64


class ProjectionHead(nn.Module):
    """Linear, batch norm, ReLU, linear to 64; used by contrast and dropped afterwards (Chen et al. 2020)."""

    def __init__(self, embedding_dim: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(embedding_dim, HIDDEN),
            nn.BatchNorm1d(HIDDEN),
            nn.ReLU(inplace=True),
            nn.Linear(HIDDEN, PROJECTION_DIM),
        )

    def forward(self, embeddings: Tensor) -> Tensor:
        """Project (n, embedding_dim) to (n, 64)."""
        projections: Tensor = self.layers(embeddings)
        return projections


class KernelLayer(nn.Module):
    """A Gaussian kernel with landmarks, exp(-gamma |a - b|^2), on standardised inputs; nothing in it is trained.

    Args:
        embedding_dim: Width of the inputs.
    """

    centre: Tensor
    spread: Tensor
    landmarks: Tensor
    gamma: Tensor

    def __init__(self, embedding_dim: int) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(embedding_dim))
        self.register_buffer("spread", torch.ones(embedding_dim))
        self.register_buffer("landmarks", torch.zeros(N_LANDMARKS, embedding_dim))
        self.register_buffer("gamma", torch.ones(()))

    def forward(self, embeddings: Tensor) -> Tensor:
        """Nearness of (n, embedding_dim) to each landmark, (n, N_LANDMARKS) between 0 and 1."""
        inputs = (embeddings - self.centre) / self.spread
        squared = inputs.square().sum(dim=1)[:, None] + self.landmarks.square().sum(dim=1)[None, :]
        return torch.exp(-self.gamma * (squared - 2 * inputs @ self.landmarks.T).clamp(min=0))


def _layers(kind: HeadKind, embedding_dim: int, n_outputs: int) -> nn.Sequential:
    if kind == "kernel":
        return nn.Sequential(KernelLayer(embedding_dim), nn.Linear(N_LANDMARKS, n_outputs))
    if kind == "linear":
        return nn.Sequential(nn.Linear(embedding_dim, n_outputs))
    return nn.Sequential(
        nn.Linear(embedding_dim, HIDDEN),
        nn.BatchNorm1d(HIDDEN),
        nn.ReLU(inplace=True),
        nn.Dropout(DROPOUT),
        nn.Linear(HIDDEN, n_outputs),
    )


class RegressionHead(nn.Module):
    """Estimates a target in its own unit; "mlp" is the papers' 128-BatchNorm-ReLU-Dropout(0.3)-1.

    "kernel" is linear in the nearness to landmarks, as kernel ridge regression is.

    Args:
        embedding_dim: Width of the embedding.
        kind: "mlp", "linear" or "kernel".
        label_mean: Mean of the training labels in the target's unit.
        label_sd: Their SD, > 0, in the target's unit.
    """

    label_mean: Tensor
    label_sd: Tensor

    def __init__(self, embedding_dim: int, *, kind: HeadKind, label_mean: float, label_sd: float) -> None:
        super().__init__()
        if label_sd <= 0:
            raise ValueError(f"label_sd must be > 0, got {label_sd}")
        self.layers = _layers(kind, embedding_dim, 1)
        self.register_buffer("label_mean", torch.tensor(label_mean, dtype=torch.float32))
        self.register_buffer("label_sd", torch.tensor(label_sd, dtype=torch.float32))

    def standardised(self, embeddings: Tensor) -> Tensor:
        """Estimate in SDs from the label mean, (n,); what the loss sees."""
        outputs: Tensor = self.layers(embeddings)
        return outputs[:, 0]

    def standardise(self, values: Tensor) -> Tensor:
        """Turn labels in the target's unit into SDs from the label mean."""
        return (values - self.label_mean) / self.label_sd

    def forward(self, embeddings: Tensor) -> Tensor:
        """Estimate in the target's unit, (n,)."""
        return self.standardised(embeddings) * self.label_sd + self.label_mean


class EventHead(nn.Module):
    """One logit for each event of a target, in the order of `events`."""

    def __init__(self, embedding_dim: int, *, kind: HeadKind, events: Sequence[str]) -> None:
        super().__init__()
        self.events = tuple(events)
        self.layers = _layers(kind, embedding_dim, len(self.events))

    def forward(self, embeddings: Tensor) -> Tensor:
        """Logits (n, n_events); positive where the event is more likely than not."""
        logits: Tensor = self.layers(embeddings)
        return logits
