"""How far estimates are from measurements."""

import numpy as np
from numpy.typing import ArrayLike

from hemometric.evaluation.predictions import FloatArray
from hemometric.evaluation.weighted import defined_all, floats, one_sample, quotient

REGRESSION_METRICS = ("rmse", "mae", "pearson_r", "r2", "bias", "loa_low", "loa_high")

LIMITS_OF_AGREEMENT_SD = 1.96
"""Limits of agreement are bias -+ this many standard deviations of the differences (Bland and Altman 1986)."""


def regression_metrics(measured: ArrayLike, estimate: ArrayLike) -> dict[str, float | None]:
    """RMSE, MAE, Pearson r, R2, Bland-Altman bias and 95 % limits of agreement.

    Args:
        measured: Shape (n_ecgs,), in the target's unit.
        estimate: Shape (n_ecgs,), in the same unit.

    Returns:
        The names of `REGRESSION_METRICS`. None where undefined: r without variation on either side, R2 without
        variation of the measurement, limits of agreement with a single ECG. Bias and limits are of
        estimate - measured; R2 = 1 - SSE / SST, negative when worse than the mean of these very ECGs.
    """
    measured = floats(measured)
    return defined_all(weighted_regression(measured, floats(estimate), one_sample(measured.size)))


def weighted_regression(measured: FloatArray, estimate: FloatArray, weights: FloatArray) -> dict[str, FloatArray]:
    """`regression_metrics` for many resamples at once.

    Args:
        measured: Shape (n_ecgs,).
        estimate: Shape (n_ecgs,).
        weights: Shape (n_resamples, n_ecgs), how often each ECG counts.

    Returns:
        Name -> shape (n_resamples,), NaN where undefined. All metrics are functions of weighted sums, so one matrix
        product computes them; both sides are centred first, which keeps the squares small and the sums accurate.
    """
    y = measured - measured.mean()
    x = estimate - estimate.mean()
    d = estimate - measured
    offset = d.mean()
    centred = d - offset
    columns = np.stack([np.ones_like(d), d * d, np.abs(d), centred, centred**2, y, y * y, x, x * x, x * y], axis=1)
    n, dd, ad, c, cc, sy, syy, sx, sxx, sxy = (weights @ columns).T
    bias = offset + quotient(c, n)
    y_square = _without_rounding(syy - quotient(sy * sy, n), measured, n)
    x_square = _without_rounding(sxx - quotient(sx * sx, n), estimate, n)
    sd = np.sqrt(quotient(np.maximum(cc - quotient(c * c, n), 0), n - 1))
    r = quotient(sxy - quotient(sx * sy, n), np.sqrt(x_square * y_square))
    return {
        "rmse": np.sqrt(quotient(dd, n)),
        "mae": quotient(ad, n),
        "pearson_r": np.clip(r, -1, 1),
        "r2": 1 - quotient(dd, y_square),
        "bias": bias,
        "loa_low": bias - LIMITS_OF_AGREEMENT_SD * sd,
        "loa_high": bias + LIMITS_OF_AGREEMENT_SD * sd,
    }


def weighted_rmse(measured: FloatArray, estimate: FloatArray, weights: FloatArray) -> FloatArray:
    """Root mean squared error for many resamples, shape (n_resamples,)."""
    return np.sqrt(quotient(weights @ (estimate - measured) ** 2, weights.sum(axis=1)))


def weighted_fraction(hits: ArrayLike, weights: FloatArray) -> FloatArray:
    """Fraction of the ECGs that are hits (shape (n_ecgs,), bool) for many resamples, shape (n_resamples,)."""
    return quotient(weights @ np.asarray(hits, dtype=np.float64), weights.sum(axis=1))


def _without_rounding(squares: FloatArray, values: FloatArray, n: FloatArray) -> FloatArray:
    """Sums of squared deviations, with those that are rounding of a constant set to 0."""
    floor = n * (1e-10 * max(1.0, float(np.abs(values).max()))) ** 2
    return np.where(squares > floor, squares, 0.0)
