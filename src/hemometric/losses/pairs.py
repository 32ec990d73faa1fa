"""Losses on pairs: an anchor and its positive against many negatives at once."""

import math

import torch
from torch import Tensor

from hemometric.losses.precision import at_least_float32, products, unit_rows


def n_pair(
    embeddings: Tensor,
    anchor: Tensor,
    positive: Tensor,
    *,
    negatives: Tensor | None = None,
    l2_weight: float = 0.005,
) -> Tensor:
    """N-pair loss (Sohn, Improved Deep Metric Learning with Multi-class N-pair Loss Objective, NeurIPS 2016).

    The mean over pairs that have a negative of log(1 + sum over negatives n of exp(a.n - a.p)), on embeddings as they
    are, not normalised; their squared length is held down instead.

    Args:
        embeddings: Shape (n, d).
        anchor: Shape (t,), row numbers.
        positive: Shape (t,).
        negatives: Shape (t, n), bool: which rows each pair keeps away from. None: the positives of the other pairs
            (the paper's, whose pairs are all of different classes); pass it where two pairs may be of one patient.
        l2_weight: >= 0, times the mean squared length of anchors plus that of positives (the paper's .02, a quarter
            of it as in the published implementations).

    Raises:
        ValueError: No pair has a negative, index tensors of different lengths, or negatives not bool or not (t, n).
    """
    repelling, kept = _negatives(embeddings, anchor, positive, negatives)
    points = at_least_float32(embeddings)
    a, p = points[anchor], points[positive]
    gaps = products(a, points) - (a * p).sum(dim=1, keepdim=True)
    lengths = a.square().sum(dim=1).mean() + p.square().sum(dim=1).mean()
    return _log_one_plus_sum_exp(gaps, repelling)[kept].mean() + l2_weight * lengths


def angular(
    embeddings: Tensor,
    anchor: Tensor,
    positive: Tensor,
    *,
    negatives: Tensor | None = None,
    alpha_degrees: float = 45.0,
) -> Tensor:
    """Angular loss (Wang, Zhou, Wen, Liu, Lin, Deep Metric Learning with Angular Loss, ICCV 2017).

    The mean over pairs that have a negative of log(1 + sum over negatives n of exp(f)), with
    f = 4 tan^2(alpha) (a + p).n - 2 (1 + tan^2(alpha)) a.p: the angle at n of the triangle a, p, n stays below alpha.

    Args:
        embeddings: Shape (n, d); they are L2-normalised here.
        anchor: Shape (t,), row numbers.
        positive: Shape (t,).
        negatives: Shape (t, n), bool: which rows each pair keeps away from. None: the positives of the other pairs.
        alpha_degrees: Upper bound of the angle, 0 < alpha < 90.

    Raises:
        ValueError: As for `n_pair`, or alpha out of range.
    """
    if not 0 < alpha_degrees < 90:
        raise ValueError(f"alpha_degrees must lie between 0 and 90, got {alpha_degrees}")
    repelling, kept = _negatives(embeddings, anchor, positive, negatives)
    squared_tangent = math.tan(math.radians(alpha_degrees)) ** 2
    points = unit_rows(embeddings)
    a, p = points[anchor], points[positive]
    together = 2 * (1 + squared_tangent) * (a * p).sum(dim=1, keepdim=True)
    return _log_one_plus_sum_exp(4 * squared_tangent * products(a + p, points) - together, repelling)[kept].mean()


def angular_n_pair(
    embeddings: Tensor,
    anchor: Tensor,
    positive: Tensor,
    *,
    negatives: Tensor | None = None,
    alpha_degrees: float = 45.0,
    angular_weight: float = 2.0,
) -> Tensor:
    """N-pair loss plus `angular_weight` times the angular loss (Wang et al., ICCV 2017, whose lambda is 2).

    The angular part sees L2-normalised embeddings, the n-pair part embeddings as they are, with its usual L2 weight.

    Args:
        embeddings: Shape (n, d).
        anchor: Shape (t,), row numbers.
        positive: Shape (t,).
        negatives: As for `n_pair`.
        alpha_degrees: As for `angular`.
        angular_weight: >= 0.

    Raises:
        ValueError: As for `n_pair` and `angular`.
    """
    bounded = angular(embeddings, anchor, positive, negatives=negatives, alpha_degrees=alpha_degrees)
    return n_pair(embeddings, anchor, positive, negatives=negatives) + angular_weight * bounded


def _negatives(embeddings: Tensor, anchor: Tensor, positive: Tensor, negatives: Tensor | None) -> tuple[Tensor, Tensor]:
    """Which rows repel which pair (t, n), and which pairs have any (t,); never the pair itself."""
    n_pairs, n = len(anchor), len(embeddings)
    if not n_pairs == len(positive) > 0:
        raise ValueError(f"expected as many anchors as positives, at least one; got {n_pairs}, {len(positive)}")
    if negatives is None:
        is_positive = torch.zeros(n, dtype=torch.bool, device=embeddings.device)
        is_positive[positive] = True
        repelling = is_positive.repeat(n_pairs, 1)
    elif negatives.dtype != torch.bool or negatives.shape != (n_pairs, n):
        raise ValueError(
            f"negatives must be bool of shape ({n_pairs}, {n}), got {negatives.dtype} of {tuple(negatives.shape)}"
        )
    else:
        repelling = negatives.clone()
    pairs = torch.arange(n_pairs, device=embeddings.device)
    repelling[pairs, anchor] = False
    repelling[pairs, positive] = False
    kept = repelling.any(dim=1)
    if not bool(kept.any()):
        raise ValueError("no pair has a negative: nothing to push away")
    return repelling, kept


def _log_one_plus_sum_exp(exponents: Tensor, chosen: Tensor) -> Tensor:
    """Log(1 + sum of exp over the chosen columns), by row, without overflow."""
    one = exponents.new_zeros(len(exponents), 1)
    return torch.logsumexp(torch.cat([exponents.masked_fill(~chosen, -torch.inf), one], dim=1), dim=1)
