"""Heads that are set to a ridge fit: linear ones before the encoder moves, kernel ones for good.

Linear heads that start from a probe are those of Kumar et al. 2022: probe first, then tune.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hemometric.encoders.heads import N_LANDMARKS, KernelLayer
from hemometric.targets import find_target
from hemometric.training.kernel_ridge import fit_kernel_ridge
from hemometric.training.runs import Heads

LOGISTIC_PER_NORMAL = 1.702
"""1 / (1 + exp(-1.702 z)) is within 0.01 of the normal distribution function (Camilli 1994)."""
_PENALTIES = 10.0 ** np.arange(-1, 5.1, 0.5)

Labelled = tuple[Tensor, NDArray[np.float64]]
"""What the heads read, (n, d), and labels (n,) in the target's unit."""
Matrix = NDArray[np.float64]


def start_from_ridge(
    heads: Heads, *, target: str, train: Labelled, validation: Labelled, folds: NDArray[np.intp]
) -> None:
    """Set linear heads to the ridge fit on standardised inputs with the penalty of least squared error.

    That error is summed over the validation labels and, out of fold, over the training labels: where labels are few,
    the validation labels alone choose by luck.

    The logit of an event starts as that of a normal distribution around the estimate, with the SD of the validation
    residuals, beyond the event's threshold.

    Args:
        heads: Of kind "linear"; changed in place.
        target: What they estimate.
        train: Fitted to.
        validation: Has a part in the choice of the penalty, and gives the residual SD.
        folds: (n,) of the training ECGs, from 0; a patient is in one fold. With one fold validation chooses alone.

    Raises:
        ValueError: The heads are not linear.
    """
    head = heads.regression
    if len(head.layers) != 1:
        raise ValueError("only linear heads can start from a ridge fit")
    x = train[0].double().cpu().numpy()
    mean, sd = x.mean(axis=0), x.std(axis=0) + 1e-8
    label_mean, label_sd = float(head.label_mean), float(head.label_sd)
    z, y = (x - mean) / sd, (train[1] - label_mean) / label_sd
    z_validation = (validation[0].double().cpu().numpy() - mean) / sd
    y_validation = (validation[1] - label_mean) / label_sd
    fits = _ridge(z, y)
    errors = np.sum((fits @ z_validation.T - y_validation) ** 2, axis=1) + _out_of_fold(z, y, folds)
    best = fits[int(np.argmin(errors))]
    residual_sd = max(float(np.sqrt(np.mean((z_validation @ best - y_validation) ** 2))), 1e-3)
    weights, bias = best / sd, -float(best / sd @ mean)
    _set_layers(heads, target=target, weights=weights, bias=bias, residual_sd=residual_sd)


def set_to_kernel_fit(
    heads: Heads, *, target: str, train: Labelled, validation: Labelled, folds: NDArray[np.intp], seed: int
) -> None:
    """Set kernel heads to kernel ridge regression on standardised inputs (`hemometric.training.kernel_ridge`).

    Width and penalty are those of least squared error, over the validation labels and, out of fold, over the training
    labels. Events as in `start_from_ridge`.

    Args:
        heads: Of kind "kernel"; changed in place.
        target: What they estimate.
        train: Fitted to.
        validation: Has a part in the choice, and gives the residual SD.
        folds: (n,) of the training ECGs, from 0; a patient is in one fold.
        seed: Of the landmarks.

    Raises:
        ValueError: The heads are of another kind.
    """
    layers = [
        layer for head in (heads.regression, heads.event) for layer in head.layers if isinstance(layer, KernelLayer)
    ]
    if len(layers) != 2:
        raise ValueError("only kernel heads can be set to a kernel fit")
    x = train[0].double().cpu().numpy()
    mean, sd = x.mean(axis=0), x.std(axis=0) + 1e-8
    label_mean, label_sd = float(heads.regression.label_mean), float(heads.regression.label_sd)
    seen = (validation[0].double().cpu().numpy() - mean) / sd, (validation[1] - label_mean) / label_sd
    fit = fit_kernel_ridge(
        ((x - mean) / sd, (train[1] - label_mean) / label_sd), folds=folds, seed=seed, validation=seen
    )
    residual_sd = max(float(np.sqrt(np.mean((fit.say(seen[0]) - seen[1]) ** 2))), 1e-3)
    n = len(fit.landmarks)
    weights = np.zeros(N_LANDMARKS)
    weights[:n] = fit.weights  # where labels are few the other landmarks stay at 0 and weigh nothing
    with torch.no_grad():
        for layer in layers:
            layer.centre.copy_(torch.from_numpy(mean))
            layer.spread.copy_(torch.from_numpy(sd))
            layer.landmarks[:n].copy_(torch.from_numpy(fit.landmarks))
            layer.gamma.fill_(fit.gamma)
    _set_layers(heads, target=target, weights=weights, bias=fit.intercept, residual_sd=residual_sd)


def _set_layers(heads: Heads, *, target: str, weights: Matrix, bias: float, residual_sd: float) -> None:
    """Give the estimate its weights, in SDs, and each event the logit of a normal distribution around it."""
    layer, event_layer = heads.regression.layers[-1], heads.event.layers[-1]
    if not isinstance(layer, nn.Linear) or not isinstance(event_layer, nn.Linear):
        raise TypeError("the last layer of every head is linear")
    events = find_target(target).events
    label_mean, label_sd = float(heads.regression.label_mean), float(heads.regression.label_sd)
    signs = np.array([1.0 if event.direction == ">" else -1.0 for event in events])
    thresholds = (np.array([event.threshold for event in events]) - label_mean) / label_sd
    slopes = signs * LOGISTIC_PER_NORMAL / residual_sd
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weights)[None, :])
        layer.bias.copy_(torch.tensor([bias]))
        event_layer.weight.copy_(torch.from_numpy(slopes[:, None] * weights))
        event_layer.bias.copy_(torch.from_numpy(slopes * (bias - thresholds)))


def _ridge(z: Matrix, y: Matrix) -> Matrix:
    """Weights (n_penalties, d) for inputs and labels around zero."""
    return np.stack([np.linalg.solve(z.T @ z + penalty * np.eye(z.shape[1]), z.T @ y) for penalty in _PENALTIES])


def _out_of_fold(z: Matrix, y: Matrix, folds: NDArray[np.intp]) -> Matrix:
    """Sum of squared errors of each penalty over ECGs that it was not fitted to, (n_penalties,)."""
    errors = np.zeros(len(_PENALTIES))
    for fold in np.unique(folds) if folds.max() > 0 else ():
        inside = folds != fold
        centre = y[inside].mean()
        said = _ridge(z[inside] - z[inside].mean(axis=0), y[inside] - centre)
        held_out = (z[~inside] - z[inside].mean(axis=0)) @ said.T + centre
        errors += np.sum((held_out - y[~inside, None]) ** 2, axis=0)
    return errors
