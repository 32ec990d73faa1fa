"""Losses for labels that are measurements: ECGs are as far apart as their labels are."""

import torch
from torch import Tensor

from hemometric.losses.contrast import check_temperature
from hemometric.losses.precision import at_least_float32, distances


def rank_n_contrast(embeddings: Tensor, labels: Tensor, *, temperature: float = 2.0) -> Tensor:
    """Rank-N-Contrast (Zha, Cao, Son, Yang, Katabi, NeurIPS 2023).

    For each anchor i and each other j: -log(exp(s_ij / t) / sum of exp(s_ik / t) over the k != i whose label is at
    least as far from that of i as the label of j is), s being minus the L2 distance of the embeddings as they are;
    then the mean over all i and j. Label distances that differ by less than a millionth of the largest count as
    equal, so that rounding (such as of standardised labels) does not decide who is farther.

    Args:
        embeddings: Shape (n, d), in the paper what the encoder gives, not normalised.
        labels: Shape (n,), measurements in any unit. Rows whose label is NaN take no part.
        temperature: > 0, the paper's 2.

    Raises:
        ValueError: Fewer than three rows with a label, lengths that differ, or a temperature that is not positive.
    """
    check_temperature(temperature)
    points, values = _labelled(embeddings, labels)
    similarity = -distances(points) / temperature
    label_gaps = (values[:, None] - values[None, :]).abs()
    label_gaps = label_gaps.masked_fill(torch.eye(len(values), dtype=torch.bool, device=values.device), -1.0)
    # From the farthest label to the nearest, the anchor itself last and dropped: the sums over all k that are at
    # least as far as j are then cumulative sums, up to the last k that is as far as j.
    descending, order = label_gaps.sort(dim=1, descending=True)
    descending, order = descending[:, :-1].contiguous(), order[:, :-1]
    similarity = similarity.gather(1, order)
    rounding = 1e-6 * descending.amax()
    last = torch.searchsorted(-descending, rounding - descending, right=True) - 1
    return (torch.logcumsumexp(similarity, dim=1).gather(1, last) - similarity).mean()


def log_ratio(embeddings: Tensor, labels: Tensor, *, label_epsilon: float = 0.0) -> Tensor:
    """Log-ratio loss (Kim, Seo, Laptev, Cho, Kwak, Deep Metric Learning Beyond Binary Supervision, CVPR 2019).

    The mean over anchors a of the mean over pairs i, j of (log(D(a, i) / D(a, j)) - log(Y(a, i) / Y(a, j)))^2: ratios
    of the distances D of embeddings shall be those of the distances Y of labels. D is the L2 distance of the
    embeddings as they are (the authors' code; squared distances on both sides give four times as much), plus 1e-6.

    All n (n - 1) (n - 2) / 2 triplets count, in n^2 steps: the mean of squared differences of all pairs of numbers is
    twice their variance.

    Args:
        embeddings: Shape (n, d).
        labels: Shape (n,), measurements in any unit. Rows whose label is NaN take no part.
        label_epsilon: >= 0, in the labels' unit, is added to their distances: about as small as a difference can be
            before it is an error of measurement. At zero, pairs of equal labels are left out, as they have no ratio.

    Raises:
        ValueError: No anchor has two rows whose labels have a ratio, lengths that differ, or a negative epsilon.
    """
    if label_epsilon < 0:
        raise ValueError(f"label_epsilon must be >= 0, got {label_epsilon}")
    points, values = _labelled(embeddings, labels)
    label_gaps = (values[:, None] - values[None, :]).abs() + label_epsilon
    label_gaps.fill_diagonal_(0.0)
    counted = label_gaps > 0
    n_counted = counted.sum(dim=1)
    anchors = n_counted >= 2
    if not bool(anchors.any()):
        raise ValueError("no row has two others with labels that differ from its own: there is no ratio to match")
    stretch = torch.log(distances(points) + 1e-6) - label_gaps.masked_fill(~counted, 1.0).log()
    stretch, counted, n_counted = stretch[anchors], counted[anchors], n_counted[anchors]
    centre = stretch.masked_fill(~counted, 0.0).sum(dim=1) / n_counted
    scatter = (stretch - centre[:, None]).square().masked_fill(~counted, 0.0).sum(dim=1)
    return (2 * scatter / (n_counted - 1)).mean()


def _labelled(embeddings: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    if labels.shape != embeddings.shape[:1]:
        raise ValueError(f"labels must have shape ({len(embeddings)},), got {tuple(labels.shape)}")
    known = ~torch.isnan(labels)
    if int(known.sum()) < 3:
        raise ValueError(f"at least three rows need a label, got {int(known.sum())}")
    points = at_least_float32(embeddings[known])
    return points, labels[known].to(points.dtype)
