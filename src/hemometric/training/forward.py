"""Encoder and heads run over many ECGs in eval mode, float32."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hemometric.encoders import Encoder
from hemometric.training.batches import PreparedEcgs, Rows, derive_all
from hemometric.training.runs import Heads

_BATCH = 256


def embed_in_batches(encoder: Encoder, ecgs: PreparedEcgs, rows: Rows, *, device: torch.device) -> Tensor:
    """Embed rows of a store.

    Returns:
        (n, embedding_dim) float32 on `device`, in the order of `rows`; the encoder is in the mode that it was in.
    """
    was_training = encoder.training
    encoder.eval()
    with torch.no_grad():
        parts = [
            encoder(derive_all(ecgs.take(rows[start : start + _BATCH], device=device)))
            for start in range(0, len(rows), _BATCH)
        ]
    encoder.train(was_training)
    return torch.cat(parts) if parts else torch.zeros((0, encoder.embedding_dim), device=device)


def estimate(heads: Heads, embeddings: Tensor) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What the heads of one target say in eval mode: estimates (n,) in its unit and event logits (n, n_events)."""
    was_training = heads.training
    heads.eval()
    with torch.no_grad():
        values, logits = heads(embeddings)
    heads.train(was_training)
    return values.double().cpu().numpy(), logits.double().cpu().numpy()
