"""A 12-lead ECG whose beats are known, made of Gaussian waves on four dipole directions."""

from collections.abc import Callable

import numpy as np
import pytest

from hemometric.ecg import derive_leads

Maker = Callable[..., np.ndarray]

# Rows: P, Q, R, S, T; columns: I, II, V1 to V6. Amplitude in mV.
WAVES_MV = np.array(
    [
        [0.08, 0.12, 0.05, 0.06, 0.06, 0.07, 0.06, 0.05],
        [-0.05, -0.05, 0.0, 0.0, -0.02, -0.05, -0.08, -0.07],
        [0.7, 1.0, 0.2, 0.4, 0.8, 1.4, 1.3, 1.0],
        [-0.1, -0.15, -1.0, -1.4, -0.8, -0.5, -0.2, -0.1],
        [0.2, 0.3, -0.1, 0.5, 0.5, 0.45, 0.35, 0.25],
    ]
)
CENTRES_S = (-0.16, -0.025, 0.0, 0.03, 0.28)
WIDTHS_S = (0.022, 0.007, 0.010, 0.011, 0.045)


def synthetic_ecg(
    beat_times_s: np.ndarray,
    *,
    sampling_rate_hz: float = 250.0,
    duration_s: float = 10.0,
    noise_mv: float = 0.0,
    waves_mv: np.ndarray = WAVES_MV,
    seed: int = 0,
) -> np.ndarray:
    """Return a (12, n) float32 ECG in mV with an R peak at each of the times."""
    times_s = np.arange(round(duration_s * sampling_rate_hz)) / sampling_rate_hz
    independent = np.zeros((8, len(times_s)))
    for beat_s in beat_times_s:
        for amplitudes, centre_s, width_s in zip(waves_mv, CENTRES_S, WIDTHS_S, strict=True):
            independent += np.outer(amplitudes, np.exp(-0.5 * ((times_s - beat_s - centre_s) / width_s) ** 2))
    rng = np.random.default_rng([seed, 1])
    independent += noise_mv * rng.standard_normal(independent.shape)
    return derive_leads(independent.astype(np.float32))


@pytest.fixture
def make_ecg() -> Maker:
    return synthetic_ecg
