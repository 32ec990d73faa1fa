"""One way of making an ECG ready, and a contract that says which."""

import json

import numpy as np
import pytest

from hemometric.ecg import derive_leads
from hemometric.errors import RunError
from hemometric.training.contract import ModelContract, prepare, read_contract, why_unreadable

CONTRACT = ModelContract(
    encoder="compact", embedding_dim=128, sampling_rate_hz=100, n_samples=1000, band_hz=(0.5, 40), precision="fp32"
)


def tone(frequency_hz: float, rate_hz: float) -> np.ndarray:
    time = np.arange(round(10 * rate_hz)) / rate_hz
    return np.tile(np.sin(2 * np.pi * frequency_hz * time), (8, 1)).astype(np.float32)


@pytest.mark.parametrize("rate_hz", [100.0, 250.0, 360.0, 500.0, 1000.0])
def test_any_rate_comes_out_the_same(rate_hz: float):
    ready = prepare(tone(5.0, rate_hz), sampling_rate_hz=rate_hz, contract=CONTRACT)
    assert ready.shape == (8, 1000)
    assert ready.dtype == np.float32
    assert np.abs(ready - tone(5.0, 100.0))[:, 300:700].max() < 0.01


def test_what_the_model_cannot_see_is_filtered_before_resampling():
    ready = prepare(tone(80.0, 250.0), sampling_rate_hz=250.0, contract=CONTRACT)
    assert np.abs(ready[:, 300:700]).max() < 0.01


def test_a_wandering_baseline_is_filtered_where_the_contract_says_so():
    wandering = tone(0.05, 250.0) + 1.0
    ready = prepare(wandering, sampling_rate_hz=250.0, contract=CONTRACT)
    assert np.abs(ready[:, 300:700]).max() < 0.05
    as_it_is = prepare(wandering, sampling_rate_hz=250.0, contract=CONTRACT.model_copy(update={"band_hz": None}))
    assert as_it_is.mean() > 0.5


def test_preparing_eight_leads_and_deriving_equals_preparing_twelve():
    eight = np.random.default_rng(0).normal(size=(3, 8, 2500)).astype(np.float32)
    twelve = prepare(derive_leads(eight), sampling_rate_hz=250, contract=CONTRACT)
    derived = derive_leads(prepare(eight, sampling_rate_hz=250, contract=CONTRACT))
    assert np.allclose(twelve, derived, atol=1e-5)


@pytest.mark.parametrize(
    ("rate_hz", "band_hz", "expected"),
    [
        (80.0, (0.5, 40.0), "80 samples per second"),
        (50.0, (0.5, 40.0), "needs more than 80"),
        (99.0, None, "at least 100"),
        (81.0, (0.5, 40.0), None),
        (100.0, None, None),
    ],
)
def test_a_rate_that_is_too_low_is_refused_with_numbers(rate_hz, band_hz, expected):
    contract = CONTRACT.model_copy(update={"band_hz": band_hz})
    problem = why_unreadable(sampling_rate_hz=rate_hz, contract=contract)
    assert problem is None if expected is None else expected in problem
    if expected is not None:
        with pytest.raises(RunError, match=expected):
            prepare(tone(5.0, rate_hz), sampling_rate_hz=rate_hz, contract=contract)


@pytest.mark.parametrize("n_samples", [900, 1100])
def test_a_window_of_another_length_is_refused(n_samples: int):
    with pytest.raises(RunError, match="the model reads 10 s"):
        prepare(np.zeros((8, n_samples), np.float32), sampling_rate_hz=100, contract=CONTRACT)


def test_a_contract_reads_back_and_a_foreign_one_is_refused(tmp_path):
    path = tmp_path / "contract.json"
    path.write_text(CONTRACT.model_dump_json())
    assert read_contract(path) == CONTRACT
    for content, message in (
        (json.dumps(CONTRACT.model_dump(mode="json") | {"schema_version": 2}), "schema_version"),
        ("[1", "cannot be read"),
    ):
        path.write_text(content)
        with pytest.raises(RunError, match=message):
            read_contract(path)
    with pytest.raises(RunError, match="missing"):
        read_contract(tmp_path / "none.json")


def test_simulated_pretraining_or_labels_mark_the_model():
    assert not CONTRACT.trained_on_simulated
    assert CONTRACT.model_copy(update={"simulated_labels": True}).trained_on_simulated
    assert CONTRACT.model_copy(update={"simulated_pretraining": True}).trained_on_simulated
