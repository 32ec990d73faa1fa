"""Ridge regression on a Gaussian kernel over a few hundred landmarks: smooth curves where ridge has straight lines.

The kernel is exp(-gamma |a - b|^2) (Saunders et al. 1998, kernel ridge regression); all ECGs are seen through their
kernel with m landmarks, which are training ECGs drawn at random (Williams and Seeger 2001, the Nystroem method), so
that time and memory grow with n x m and not with n x n, and the fitted model is m weights.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from hemometric.encoders.heads import N_LANDMARKS

WIDTHS = (0.04, 0.12, 0.36)
"""Gammas that are tried, over the median squared distance of two landmarks."""

PENALTIES = 10.0 ** np.arange(-3, 2.1, 0.5)

_LEAST_EIGENVALUE = 1e-8
_CHUNK_ELEMENTS = 4_000_000

Matrix = NDArray[np.float64]
Labelled = tuple[Matrix, Matrix]
"""Inputs (n, d) and labels (n,)."""


@dataclass(frozen=True, slots=True, eq=False)
class KernelFit:
    """A fitted function of d inputs.

    Attributes:
        landmarks: (m, d).
        gamma: Of the kernel.
        weights: (m,).
        intercept: In the unit of the labels.
        penalty: That was chosen.
        out_of_fold: (n,) what it says of the training ECGs when it is not fitted to them; the mean with one fold.
    """

    landmarks: Matrix
    gamma: float
    weights: Matrix
    intercept: float
    penalty: float
    out_of_fold: Matrix

    def say(self, inputs: Matrix) -> Matrix:
        """Values (n,) of inputs (n, d)."""
        return kernel(inputs, self.landmarks, gamma=self.gamma) @ self.weights + self.intercept


def kernel(inputs: Matrix, landmarks: Matrix, *, gamma: float) -> Matrix:
    """exp(-gamma |a - b|^2) of inputs (n, d) and landmarks (m, d): (n, m) between 0 and 1."""
    found: Matrix = np.exp(-gamma * _squared_distances(inputs, landmarks))
    return found


def fit_kernel_ridge(
    train: Labelled, *, folds: NDArray[np.intp], seed: int, validation: Labelled | None = None
) -> KernelFit:
    """Fit with the width and the penalty of least squared error, out of fold and on validation labels if there are any.

    Args:
        train: Inputs (n, d) that are comparable in scale, and labels (n,); n >= 2, finite.
        folds: (n,) from 0; a patient is in one fold.
        seed: Of the landmarks.
        validation: Has a part in the choice alone.

    Raises:
        ValueError: Shapes that do not fit, or nothing to fit to.
    """
    x, y = train
    if x.ndim != 2 or y.shape != x.shape[:1] or folds.shape != y.shape or len(y) < 2:
        raise ValueError(f"expected inputs (n, d), labels and folds (n,), n >= 2; got {x.shape}, {y.shape}")
    if validation is None and folds.max() == 0:
        raise ValueError("nothing to choose the penalty by: give several folds or validation labels")
    with threadpool_limits(1):  # the products are small, and more threads only wait for each other
        drawn = np.random.default_rng(seed).permutation(len(x))[:N_LANDMARKS]
        landmarks = x[np.sort(drawn)]
        between = _squared_distances(landmarks, landmarks)
        scale = max(float(np.median(between[np.triu_indices(len(landmarks), 1)])), 1e-12)
        tried = [_try_width(train, landmarks, width / scale, folds, validation) for width in WIDTHS]
        return min(tried, key=lambda one: one[0])[1]


def _try_width(
    train: Labelled, landmarks: Matrix, gamma: float, folds: NDArray[np.intp], validation: Labelled | None
) -> tuple[float, KernelFit]:
    """The least error over all penalties, and the fit that has it."""
    x, y = train
    values, vectors = np.linalg.eigh(kernel(landmarks, landmarks, gamma=gamma))
    kept = values > _LEAST_EIGENVALUE * values[-1]
    whiten = vectors[:, kept] / np.sqrt(values[kept])
    columns = kernel(x, landmarks, gamma=gamma) @ whiten
    said = np.tile(y.mean(), (len(PENALTIES), len(y)))
    errors = np.zeros(len(PENALTIES))
    for fold in np.unique(folds) if folds.max() > 0 else ():
        outside = folds == fold
        weights, intercepts = _ridge(columns[~outside], y[~outside])
        said[:, outside] = weights @ columns[outside].T + intercepts[:, None]
        errors += ((said[:, outside] - y[outside]) ** 2).sum(axis=1)
    weights, intercepts = _ridge(columns, y)
    if validation is not None:
        seen = kernel(validation[0], landmarks, gamma=gamma) @ whiten
        errors += ((weights @ seen.T + intercepts[:, None] - validation[1]) ** 2).sum(axis=1)
    best = int(np.argmin(errors))
    fit = KernelFit(landmarks, gamma, whiten @ weights[best], float(intercepts[best]), PENALTIES[best], said[best])
    return float(errors[best]), fit


def _ridge(columns: Matrix, y: Matrix) -> tuple[Matrix, Matrix]:
    """Ridge for every penalty: weights (n_penalties, n_columns) and intercepts."""
    centre, mean = columns.mean(axis=0), y.mean()
    inside = columns - centre
    values, vectors = np.linalg.eigh(inside.T @ inside)
    target = vectors.T @ (inside.T @ (y - mean))
    weights: Matrix = (target / (np.maximum(values, 0.0) + PENALTIES[:, None])) @ vectors.T
    return weights, mean - weights @ centre


def _squared_distances(a: Matrix, b: Matrix) -> Matrix:
    out = np.empty((len(a), len(b)))
    for part in _parts(len(a), len(b)):
        products = a[part] @ b.T
        out[part] = (a[part] ** 2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None, :] - 2.0 * products
    return np.maximum(out, 0.0)


def _parts(n_rows: int, n_columns: int) -> Iterator[slice]:
    rows = max(1, _CHUNK_ELEMENTS // max(1, n_columns))
    return (slice(start, start + rows) for start in range(0, n_rows, rows))
