"""What lies before the first and after the last sample, for filters that need to know: one rule for all of them."""

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float64] | NDArray[np.float32]


def extend(waveform: NDArray[np.float32], *, n_before: int, n_after: int, dtype: type[np.floating]) -> Samples:
    """Continue a waveform beyond its ends by turning it about its end points.

    Before the start stands 2 x[0] - x[k], after the end 2 x[-1] - x[-1-k]; where the record is shorter than what is
    asked for, the farthest value is held. Offsets and straight slopes go on unchanged, so neither rings in a filter,
    and the rule is linear, so lead III stays II - I.

    Args:
        waveform: Shape (..., n_samples), n_samples >= 1.
        n_before: Samples to add at the start, >= 0.
        n_after: Samples to add at the end, >= 0.
        dtype: Floating type of the result.

    Returns:
        Shape (..., n_before + n_samples + n_after).
    """
    n = waveform.shape[-1]
    extended = np.empty((*waveform.shape[:-1], n_before + n + n_after), dtype=dtype)
    extended[..., n_before : n_before + n] = waveform
    inner = extended[..., n_before : n_before + n]
    before, after = extended[..., :n_before], extended[..., n_before + n :]
    twice_first, twice_last = 2.0 * inner[..., :1], 2.0 * inner[..., -1:]
    n_turned = min(n_before, n - 1)
    np.subtract(twice_first, inner[..., n_turned:0:-1], out=before[..., n_before - n_turned :])
    before[..., : n_before - n_turned] = twice_first - inner[..., -1:]
    n_turned = min(n_after, n - 1)
    np.subtract(twice_last, inner[..., n - 1 - n_turned : n - 1][..., ::-1], out=after[..., :n_turned])
    after[..., n_turned:] = twice_last - inner[..., :1]
    return extended
