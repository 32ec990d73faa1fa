"""Hand-made features beside an embedding: measured on what the encoder reads, standardised by the training ECGs."""

import numpy as np
import pytest
import torch

from hemometric.errors import RunError, TrainingError
from hemometric.training.batches import PreparedEcgs
from hemometric.training.contract import ModelContract, prepare
from hemometric.training.hand_features import (
    CLIP,
    FeatureTable,
    centre_and_spread,
    fit_features,
    measure_rows,
    measure_standardised,
    measure_windows,
    refuse_slow,
    standardise,
)
from hemometric.waveform import FEATURES, describe

CONTRACT = ModelContract(
    encoder="compact", embedding_dim=128, sampling_rate_hz=100, n_samples=1000, band_hz=(0.5, 40), precision="fp32"
)


def test_they_are_measured_on_what_the_encoder_reads(labelled_store):
    rows = np.array([7, 3])
    ecgs = PreparedEcgs(labelled_store, rows, contract=CONTRACT, memory_gib=1.0)
    found = measure_rows(ecgs, rows, contract=CONTRACT)
    prepared = prepare(labelled_store.take(rows), sampling_rate_hz=100, contract=CONTRACT)
    expected = [describe(waveform, sampling_rate_hz=100) for waveform in prepared]
    assert np.allclose(found, expected, atol=0.3, equal_nan=True)
    raw = [describe(waveform, sampling_rate_hz=100) for waveform in labelled_store.take(rows)]
    assert not np.allclose(raw, expected, atol=0.3, equal_nan=True)


def test_windows_and_rows_of_a_store_get_the_same_features(labelled_store):
    rows = np.arange(20)
    ecgs = PreparedEcgs(labelled_store, rows, contract=CONTRACT, memory_gib=1.0)
    fitted = fit_features(measure_rows(ecgs, rows, contract=CONTRACT))
    contract = CONTRACT.model_copy(update={"features": fitted})
    windows = np.ascontiguousarray(prepare(labelled_store.take(rows), sampling_rate_hz=100, contract=contract))
    one = measure_windows(windows, contract=contract)
    assert one.shape == (20, len(FEATURES))
    assert torch.quantile((one - measure_standardised(ecgs, rows, contract=contract)).abs(), 0.99) < 1e-3


def test_a_model_without_features_is_given_none(labelled_store):
    assert measure_windows(np.zeros((3, 12, 1000), np.float32), contract=CONTRACT).shape == (3, 0)
    ecgs = PreparedEcgs(labelled_store, np.arange(2), contract=CONTRACT, memory_gib=1.0)
    assert measure_standardised(ecgs, np.arange(2), contract=CONTRACT).shape == (2, 0)


def test_what_is_missing_is_the_centre_and_what_is_far_is_held():
    values = np.random.default_rng(0).normal(3, 2, (400, len(FEATURES)))
    fitted = fit_features(values)
    odd = np.full((1, len(FEATURES)), 1e6)
    odd[0, 0] = np.nan
    found = standardise(odd, features=fitted)
    assert found.dtype == np.float32
    assert found[0, 0] == 0
    assert (found[0, 1:] == CLIP).all()
    assert standardise(values, features=fitted).std() == pytest.approx(1, abs=0.1)


def test_centre_and_spread_are_robust_and_never_zero():
    values = np.array([[1.0, 5.0, np.nan], [2.0, 5.0, np.nan], [3.0, 5.0, np.nan], [1e9, 5.0, np.nan]])
    centre, spread = centre_and_spread(values)
    assert centre.tolist() == [2.5, 5.0, 0.0]
    assert spread[1:].tolist() == [1.0, 1.0]
    rare = np.zeros((100, 1))
    rare[:10] = 1
    assert centre_and_spread(rare)[1][0] == pytest.approx(0.3)


def test_features_of_another_version_are_refused():
    fitted = fit_features(np.random.default_rng(0).normal(size=(9, len(FEATURES))))
    other = fitted.model_copy(update={"names": fitted.names[::-1]})
    with pytest.raises(RunError, match="other hand-made features"):
        standardise(np.zeros((1, len(FEATURES))), features=other)


def test_an_encoder_that_reads_too_slowly_is_refused_with_numbers():
    with pytest.raises(TrainingError, match="need 100 samples per second, the encoder reads 50"):
        refuse_slow(CONTRACT.model_copy(update={"sampling_rate_hz": 50.0}))


def test_a_table_gives_rows_in_the_order_asked_for():
    table = FeatureTable(np.array([2, 5, 9]), np.arange(6, dtype=np.float32).reshape(3, 2))
    assert table.take(np.array([9, 2]), device=torch.device("cpu")).tolist() == [[4.0, 5.0], [0.0, 1.0]]
