"""Triplet loss: an anchor is nearer to its positive than to its negative, by a margin."""

from torch import Tensor
from torch.nn import functional

from hemometric.losses.precision import at_least_float32, safe_root


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
    points = at_least_float32(embeddings)
    near = (points[anchor] - points[positive]).square().sum(dim=1)
    far = (points[anchor] - points[negative]).square().sum(dim=1)
    if not squared:
        near, far = safe_root(near), safe_root(far)
    return functional.relu(near - far + margin).mean()
