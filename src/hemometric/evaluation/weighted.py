"""Quotients that may be undefined: NaN while computing with resamples, None where a person or a file sees them."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from hemometric.evaluation.predictions import FloatArray


def quotient(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Shape (n_resamples,) each; NaN where the denominator is not positive."""
    out = np.full(np.broadcast(numerator, denominator).shape, np.nan)
    np.divide(numerator, denominator, out=out, where=denominator > 0)
    return out


def one_sample(n_ecgs: int) -> FloatArray:
    """Weights of the sample itself, shape (1, n_ecgs)."""
    return np.ones((1, n_ecgs))


def defined(values: FloatArray) -> float | None:
    """The one value of an array of shape (1,), None where it is NaN."""
    return float(values[0]) if np.isfinite(values[0]) else None


def defined_all(metrics: Mapping[str, FloatArray]) -> dict[str, float | None]:
    """`defined` for every metric."""
    return {name: defined(values) for name, values in metrics.items()}


def floats(values: ArrayLike) -> FloatArray:
    """As float64, shape (n_ecgs,)."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"expected shape (n_ecgs,) with n_ecgs >= 1, got {array.shape}")
    return array
