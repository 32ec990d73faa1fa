"""Linear heads that start from a ridge fit, before the encoder moves (Kumar et al. 2022: probe first, then tune)."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hemometric.targets import find_target
from hemometric.training.runs import Heads

LOGISTIC_PER_NORMAL = 1.702
"""1 / (1 + exp(-1.702 z)) is within 0.01 of the normal distribution function (Camilli 1994)."""
_PENALTIES = 10.0 ** np.arange(-1, 5.1, 0.5)

Labelled = tuple[Tensor, NDArray[np.float64]]
"""Embeddings (n, d) and labels (n,) in the target's unit."""


def start_from_ridge(heads: Heads, *, target: str, train: Labelled, validation: Labelled) -> None:
    """Set linear heads to the ridge fit on standardised embeddings whose penalty validation chooses.

    The logit of an event starts as that of a normal distribution around the estimate, with the SD of the validation
    residuals, beyond the event's threshold.

    Args:
        heads: Of kind "linear"; changed in place.
        target: What they estimate.
        train: Fitted to.
        validation: Chooses the penalty by its mean squared error.

    Raises:
        ValueError: The heads are not linear.
    """
    head, layer, event_layer = heads.regression, heads.regression.layers[0], heads.event.layers[0]
    if len(head.layers) != 1 or not isinstance(layer, nn.Linear) or not isinstance(event_layer, nn.Linear):
        raise ValueError("only linear heads can start from a ridge fit")
    x = train[0].double().cpu().numpy()
    mean, sd = x.mean(axis=0), x.std(axis=0) + 1e-8
    label_mean, label_sd = float(head.label_mean), float(head.label_sd)
    z, y = (x - mean) / sd, (train[1] - label_mean) / label_sd
    z_validation = (validation[0].double().cpu().numpy() - mean) / sd
    y_validation = (validation[1] - label_mean) / label_sd
    fits = [np.linalg.solve(z.T @ z + penalty * np.eye(z.shape[1]), z.T @ y) for penalty in _PENALTIES]
    best = min(fits, key=lambda w: float(np.mean((z_validation @ w - y_validation) ** 2)))
    residual_sd = max(float(np.sqrt(np.mean((z_validation @ best - y_validation) ** 2))), 1e-3)
    weights, bias = best / sd, -float(best / sd @ mean)
    events = find_target(target).events
    signs = np.array([1.0 if event.direction == ">" else -1.0 for event in events])
    thresholds = (np.array([event.threshold for event in events]) - label_mean) / label_sd
    slopes = signs * LOGISTIC_PER_NORMAL / residual_sd
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weights)[None, :])
        layer.bias.copy_(torch.tensor([bias]))
        event_layer.weight.copy_(torch.from_numpy(slopes[:, None] * weights))
        event_layer.bias.copy_(torch.from_numpy(slopes * (bias - thresholds)))
