"""Losses on embeddings: tensors in, scalar out, computed in float32 at least."""

import torch
from torch import Tensor
from torch.nn import functional


def triplet(
    embeddings: Tensor,
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    margin: float = 0.2,
    squared: bool = True,
) -> Tensor:
    """Triplet loss: mean of max(0, d(a, p) - d(a, n) + margin) (Schroff, Kalenichenko, Philbin, FaceNet, CVPR 2015).

    Args:
        embeddings: Shape (n, d).
        anchor: Shape (t,), row numbers.
        positive: Shape (t,).
        negative: Shape (t,).
        margin: >= 0.
        squared: d is the squared L2 distance (the paper's), else the L2 distance, with finite gradients at zero.

    Raises:
        ValueError: No triplets, or index tensors of different lengths.
    """
    if not len(anchor) == len(positive) == len(negative) > 0:
        raise ValueError(
            f"expected as many anchors as positives and negatives, at least one of each;"
            f" got {len(anchor)}, {len(positive)}, {len(negative)}"
        )
    points = _at_least_float32(embeddings)
    near = (points[anchor] - points[positive]).square().sum(dim=1)
    far = (points[anchor] - points[negative]).square().sum(dim=1)
    if not squared:
        near, far = _safe_root(near), _safe_root(far)
    return functional.relu(near - far + margin).mean()


def nt_xent(embeddings: Tensor, codes: Tensor, *, temperature: float = 0.1) -> Tensor:
    """Normalised-temperature cross entropy with any number of positives per anchor.

    Chen et al., SimCLR, ICML 2020, for one positive; for several the mean over positives of their log-probabilities
    ("L_out" of Khosla et al., Supervised Contrastive Learning, NeurIPS 2020). With codes of patients this is the loss
    of PCLR (Diamant et al., PLOS Comput Biol 2022).

    Args:
        embeddings: Shape (n, d); they are L2-normalised here.
        codes: Shape (n,), integers; rows with equal codes are positives of each other.
        temperature: > 0.

    Returns:
        Mean over the anchors that have a positive.

    Raises:
        ValueError: No two rows share a code, the lengths differ, or the temperature is not positive.
    """
    if codes.shape != embeddings.shape[:1]:
        raise ValueError(f"codes must have shape ({len(embeddings)},), got {tuple(codes.shape)}")
    if temperature <= 0:
        raise ValueError(f"temperature must be positive, got {temperature}")
    points = functional.normalize(_at_least_float32(embeddings), dim=1, eps=1e-6)
    itself = torch.eye(len(points), dtype=torch.bool, device=points.device)
    positives = (codes[:, None] == codes[None, :]) & ~itself
    n_positives = positives.sum(dim=1)
    anchors = n_positives > 0
    if not bool(anchors.any()):
        raise ValueError("no two rows share a code: nothing to pull together")
    with torch.autocast(points.device.type, enabled=False):  # which would take the product in half precision
        products = points @ points.T
    similarity = (products / temperature).masked_fill(itself, -torch.inf)
    log_probability = similarity - torch.logsumexp(similarity, dim=1, keepdim=True)
    per_anchor = -log_probability.masked_fill(~positives, 0.0).sum(dim=1) / n_positives.clamp(min=1)
    return per_anchor[anchors].mean()


def _at_least_float32(embeddings: Tensor) -> Tensor:
    return embeddings if embeddings.dtype == torch.float64 else embeddings.float()


def _safe_root(squares: Tensor) -> Tensor:
    """Square root whose gradient at zero is zero instead of infinite."""
    zero = squares == 0
    return torch.where(zero, torch.zeros_like(squares), torch.where(zero, torch.ones_like(squares), squares).sqrt())
