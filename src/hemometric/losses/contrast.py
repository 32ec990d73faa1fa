"""Contrastive losses: the log-probability of picking a positive among all other rows."""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from hemometric.losses.precision import products, unit_rows


def multi_positive_info_nce(
    embeddings: Tensor,
    positives: Tensor,
    *,
    temperature: float = 0.1,
    excluded: Tensor | None = None,
    symmetric: bool = True,
) -> Tensor:
    """Contrast with any number of positives per anchor ("L_out", equation 2 of Khosla et al., NeurIPS 2020).

    For each anchor i the mean over its positives p of -log(exp(z_i.z_p / t) / sum over j of exp(z_i.z_j / t)), where
    j goes over all rows but i and those excluded for i; then the mean over the anchors that have a positive.

    Args:
        embeddings: Shape (n, d); they are L2-normalised here, in float32 at least.
        positives: Shape (n, n), bool: which pairs attract. The diagonal is ignored.
        temperature: > 0.
        excluded: Shape (n, n), bool: pairs that count neither as positive nor as negative, such as possible false
            negatives. A pair that is marked both positive and excluded is excluded.
        symmetric: A pair that is marked in one direction counts in both. If not, row i is about anchor i alone.

    Raises:
        ValueError: No anchor has a positive, a mask is not bool of shape (n, n), or the temperature is not positive.
    """
    check_temperature(temperature)
    hidden = torch.eye(len(embeddings), dtype=torch.bool, device=embeddings.device)
    if excluded is not None:
        hidden = hidden | _pairs("excluded", excluded, len(embeddings), symmetric=symmetric)
    attracting = _pairs("positives", positives, len(embeddings), symmetric=symmetric) & ~hidden
    n_positives = attracting.sum(dim=1)
    anchors = n_positives > 0
    if not bool(anchors.any()):
        raise ValueError("no row has a positive that is not excluded: nothing to pull together")
    log_probability = _log_probability(embeddings, hidden, temperature)
    per_anchor = -log_probability.masked_fill(~attracting, 0.0).sum(dim=1) / n_positives.clamp(min=1)
    return per_anchor[anchors].mean()


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
    check_temperature(temperature)
    same = codes[:, None] == codes[None, :]
    if int(same.sum()) == len(codes):
        raise ValueError("no two rows share a code: nothing to pull together")
    return multi_positive_info_nce(embeddings, same, temperature=temperature)


def supervised_contrastive(
    embeddings: Tensor,
    labels: Tensor,
    *,
    temperature: float = 0.1,
    variant: Literal["out", "in"] = "out",
) -> Tensor:
    """Supervised contrastive loss (Khosla et al., Supervised Contrastive Learning, NeurIPS 2020, equations 2 and 3).

    "out" is the mean over positives of -log of their probabilities, "in" is -log of the mean of their probabilities,
    which is never larger; the paper recommends "out".

    Args:
        embeddings: Shape (n, d); they are L2-normalised here.
        labels: Shape (n,), classes: rows with equal labels are positives. Rows whose label is NaN take no part.
        temperature: > 0.
        variant: "out" or "in".

    Returns:
        Mean over the anchors that have a positive.

    Raises:
        ValueError: No two rows share a label, the lengths differ, the temperature is not positive, or no such variant.
    """
    if labels.shape != embeddings.shape[:1]:
        raise ValueError(f"labels must have shape ({len(embeddings)},), got {tuple(labels.shape)}")
    known = ~torch.isnan(labels)
    embeddings, labels = embeddings[known], labels[known]
    if variant == "out":
        return nt_xent(embeddings, labels, temperature=temperature)
    if variant != "in":
        raise ValueError(f'variant must be "out" or "in", got {variant!r}')
    check_temperature(temperature)
    itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    positives = (labels[:, None] == labels[None, :]) & ~itself
    anchors = positives.any(dim=1)
    if not bool(anchors.any()):
        raise ValueError("no two rows share a code: nothing to pull together")
    log_probability = _log_probability(embeddings, itself, temperature)[anchors]
    together = torch.logsumexp(log_probability.masked_fill(~positives[anchors], -torch.inf), dim=1)
    return (positives[anchors].sum(dim=1).log() - together).mean()


def check_temperature(temperature: float) -> None:
    """Refuse a temperature that is not positive with a ValueError."""
    if temperature <= 0:
        raise ValueError(f"temperature must be positive, got {temperature}")


def _log_probability(embeddings: Tensor, hidden: Tensor, temperature: float) -> Tensor:
    """Log-probability (n, n) that row i picks row j, in proportion to exp(z_i.z_j / t), by no pair that is hidden."""
    points = unit_rows(embeddings)
    similarity = products(points, points) / temperature
    return functional.log_softmax(similarity.masked_fill(hidden, -torch.inf), dim=1)


def _pairs(name: str, marked: Tensor, n: int, *, symmetric: bool) -> Tensor:
    if marked.dtype != torch.bool or marked.shape != (n, n):
        raise ValueError(f"{name} must be bool of shape ({n}, {n}), got {marked.dtype} of {tuple(marked.shape)}")
    return marked | marked.T if symmetric else marked
