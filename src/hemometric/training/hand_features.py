"""Hand-made features beside an embedding: measured on the prepared ECG, standardised as the contract says."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hemometric.ecg import Waveform
from hemometric.errors import RunError, TrainingError
from hemometric.progress import track
from hemometric.training.batches import PreparedEcgs, Rows, derive_all
from hemometric.training.contract import FeatureContract, ModelContract
from hemometric.waveform import FEATURES, describe_batch
from hemometric.waveform.beats import SLOWEST_RATE_HZ

CLIP = 5.0
"""Standardised features are held within this many robust standard deviations."""

_MILLIVOLT_PER_STEP = 0.001
_IQR_OF_NORMAL = 1.349
_BATCH = 256
_CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class FeatureTable:
    """Standardised features of chosen rows of a store.

    Attributes:
        rows: (n,) rising.
        values: (n, n_features) float32.
    """

    rows: Rows
    values: NDArray[np.float32]

    def take(self, rows: Rows, *, device: torch.device) -> Tensor:
        """Features of some of the rows, (len(rows), n_features) float32 on `device`."""
        return torch.from_numpy(self.values[np.searchsorted(self.rows, rows)]).to(device)


def measure_rows(ecgs: PreparedEcgs, rows: Rows, *, contract: ModelContract) -> NDArray[np.float64]:
    """Measure `FEATURES` on prepared ECGs of a store, with progress.

    They are measured on what the encoder reads, after band-pass and resampling, so that an ECG of another sampling rate
    is measured alike.

    Args:
        ecgs: Among which `rows` are.
        rows: Which.
        contract: Of the model.

    Returns:
        (n, n_features), NaN where something cannot be measured.

    Raises:
        TrainingError: The model reads too few samples per second for it.
    """
    refuse_slow(contract)
    out = np.full((len(rows), len(FEATURES)), np.nan)
    starts = range(0, len(rows), _BATCH)
    for start in track(starts, total=len(starts), unit=f"x {_BATCH} ECGs", title="features"):
        waveforms = derive_all(ecgs.take(rows[start : start + _BATCH], device=_CPU)).numpy()
        out[start : start + _BATCH] = describe_batch(waveforms, sampling_rate_hz=contract.sampling_rate_hz)
    return out


def refuse_slow(contract: ModelContract) -> None:
    """Raise `TrainingError` where features cannot be measured on what a model reads."""
    if contract.sampling_rate_hz < SLOWEST_RATE_HZ:
        raise TrainingError(
            f"hand-made features need {SLOWEST_RATE_HZ:g} samples per second, the encoder reads "
            f"{contract.sampling_rate_hz:g}: leave out with_features, or choose another sampling_rate_hz"
        )


def measure_windows(waveforms: Waveform, *, contract: ModelContract) -> Tensor:
    """Features that the heads read of prepared windows, (n, 12, n_samples) mV -> (n, n_features) float32.

    The windows are rounded to the microvolt first, as `PreparedEcgs` rounds the rows of a store: where the QRS complex
    begins may hang on it.

    Raises:
        RunError: The model was fitted to other features than those that are measured here.
    """
    features = contract.features
    if features is None:
        return torch.zeros((len(waveforms), 0))
    rounded = np.rint(waveforms / _MILLIVOLT_PER_STEP).astype(np.float32) * np.float32(_MILLIVOLT_PER_STEP)
    measured = describe_batch(rounded, sampling_rate_hz=contract.sampling_rate_hz)
    return torch.from_numpy(standardise(measured, features=features))


def measure_standardised(ecgs: PreparedEcgs, rows: Rows, *, contract: ModelContract) -> Tensor:
    """Features that the heads read of prepared rows of a store, (n, n_features) float32; see `measure_windows`."""
    features = contract.features
    if features is None:
        return torch.zeros((len(rows), 0))
    return torch.from_numpy(standardise(measure_rows(ecgs, rows, contract=contract), features=features))


def centre_and_spread(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Median and robust standard deviation of each column, NaN left out; 0 and 1 where nothing is known or varies.

    Args:
        values: (n, n_columns).

    Returns:
        (n_columns,) each. The spread is the interquartile range over that of the normal distribution; for a column
        without one, such as a yes-or-no whose one answer is rare, the standard deviation.
    """
    centre, spread = np.zeros(values.shape[1]), np.ones(values.shape[1])
    for column in range(values.shape[1]):
        known = values[np.isfinite(values[:, column]), column]
        if known.size == 0:
            continue
        low, centre[column], high = np.quantile(known, [0.25, 0.5, 0.75])
        scale = (high - low) / _IQR_OF_NORMAL if high > low else float(known.std())
        spread[column] = scale if scale > 1e-12 else 1.0
    return centre, spread


def fit_features(values: NDArray[np.float64]) -> FeatureContract:
    """How the features of the training ECGs, (n, n_features), are standardised."""
    centre, spread = centre_and_spread(values)
    return FeatureContract(names=FEATURES, centre=tuple(centre.tolist()), spread=tuple(spread.tolist()))


def standardise(values: NDArray[np.float64], *, features: FeatureContract) -> NDArray[np.float32]:
    """Centre, scale and clip features; what could not be measured counts as the centre.

    Args:
        values: (n, n_features) in the order of `FEATURES`, NaN where not measurable.
        features: Of the model.

    Returns:
        (n, n_features) float32, within +-`CLIP`.

    Raises:
        RunError: The model was fitted to other features than those that are measured here.
    """
    if features.names != FEATURES:
        raise RunError("the model was fitted to other hand-made features than this version measures: train it anew")
    standard = np.clip((values - np.array(features.centre)) / np.array(features.spread), -CLIP, CLIP)
    found: NDArray[np.float32] = np.nan_to_num(standard, nan=0.0).astype(np.float32)
    return found
