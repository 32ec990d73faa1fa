"""Losses on triplets: an anchor is nearer to its positive than to its negative, by a margin or around a boundary."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from hemometric.losses.precision import at_least_float32, safe_root, unit_rows


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
    _check_triplets(anchor, positive, negative)
    points = at_least_float32(embeddings)
    near, far = _squares(points, anchor, positive), _squares(points, anchor, negative)
    if not squared:
        near, far = safe_root(near), safe_root(far)
    return functional.relu(near - far + margin).mean()


def margin_loss(
    embeddings: Tensor,
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    betas: Tensor | float = 1.2,
    margin: float = 0.2,
) -> Tensor:
    """Margin loss (Wu, Manmatha, Smola, Krähenbühl, Sampling Matters in Deep Embedding Learning, ICCV 2017).

    Positives shall be nearer than beta - margin, negatives farther than beta + margin: the sum over triplets of
    max(0, margin + D(a, p) - beta) + max(0, margin + beta - D(a, n)), divided by the number of terms above zero (as
    the authors do). D is the L2 distance between L2-normalised embeddings, 0 to 2.

    Args:
        embeddings: Shape (n, d); they are L2-normalised here.
        anchor: Shape (t,), row numbers.
        positive: Shape (t,).
        negative: Shape (t,).
        betas: The boundary: one for all triplets, or one for each, shape (t,). `MarginBetas` holds learnable ones.
        margin: >= 0, the paper's alpha.

    Returns:
        Zero where no term is above zero.

    Raises:
        ValueError: No triplets, index tensors of different lengths, or betas of another shape.
    """
    _check_triplets(anchor, positive, negative)
    points = unit_rows(embeddings)
    boundary = torch.as_tensor(betas, dtype=points.dtype, device=points.device)
    if boundary.shape not in {(), (1,), anchor.shape}:
        raise ValueError(f"betas must be one, or one for each of {len(anchor)} triplets, got {tuple(boundary.shape)}")
    near = functional.relu(margin + safe_root(_squares(points, anchor, positive)) - boundary)
    far = functional.relu(margin + boundary - safe_root(_squares(points, anchor, negative)))
    n_active = (near > 0).sum() + (far > 0).sum()
    return (near + far).sum() / n_active.clamp(min=1)


class MarginBetas(nn.Module):
    """Learnable boundaries of the margin loss; they train if its parameters are given to the optimizer.

    Args:
        n_classes: How many betas; 1 shares one between all.
        beta: What they start from (the paper's 1.2).
    """

    def __init__(self, n_classes: int = 1, *, beta: float = 1.2) -> None:
        super().__init__()
        self.betas = nn.Parameter(torch.full((n_classes,), beta))

    def forward(self, classes: Tensor | None = None) -> Tensor:
        """Betas of the anchors' classes (t,), as (t,); the shared one, (1,), where no classes are given.

        Raises:
            ValueError: Several betas but no classes.
        """
        if classes is None:
            if len(self.betas) > 1:
                raise ValueError(f"there are {len(self.betas)} betas: say which class each anchor is of")
            return self.betas
        return self.betas[classes]


def _check_triplets(anchor: Tensor, positive: Tensor, negative: Tensor) -> None:
    if not len(anchor) == len(positive) == len(negative) > 0:
        raise ValueError(
            f"expected as many anchors as positives and negatives, at least one of each;"
            f" got {len(anchor)}, {len(positive)}, {len(negative)}"
        )


def _squares(points: Tensor, these: Tensor, those: Tensor) -> Tensor:
    return (points[these] - points[those]).square().sum(dim=1)
