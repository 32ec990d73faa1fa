"""Synthetic cohorts and models of known strength: repeated visits, some unknown ages, no run and no store needed."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import norm

from hemometric.ecg import INDEPENDENT_LEADS
from hemometric.evaluation.classification import freeze_threshold, happened
from hemometric.evaluation.judge import Setting
from hemometric.evaluation.predictions import Measurements, Predictions
from hemometric.evaluation.report import LabelCounts, Provenance
from hemometric.settings import FinetuneSettings
from hemometric.store import (
    ECGS_SCHEMA,
    LABELS_SCHEMA,
    TRUTH_SCHEMA,
    Store,
    StoreSettings,
    StoreWriter,
    content_hashes,
)
from hemometric.targets import TARGETS

TARGET = TARGETS["mpcwp"]


@dataclass(frozen=True)
class Cohort:
    measurements: Measurements
    run: Predictions
    baselines: dict[str, Predictions]


def _model(measured, rng, *, strength, intervals=True):
    """A calibrated model whose estimate correlates with the measurement by about `strength`."""
    centre, spread = measured.mean(), measured.std() or 1.0
    noise = rng.normal(size=measured.size) * np.sqrt(1 - strength**2)
    estimate = centre + strength * spread * (strength * (measured - centre) / spread + noise)
    left = spread * np.sqrt(1 - strength**2)
    # As with the heads of a run, the probability is no function of the estimate.
    scores = estimate + rng.normal(0, 0.5, measured.size)
    probability = {event.key: norm.cdf((scores - event.threshold) / left) for event in TARGET.events}
    thresholds = {
        event.key: freeze_threshold(happened(event, measured), probability[event.key]) for event in TARGET.events
    }
    return Predictions(
        estimate=estimate,
        probability=probability,
        thresholds=thresholds,
        low=estimate - 1.645 * left if intervals else None,
        high=estimate + 1.645 * left if intervals else None,
        nominal_coverage=0.9 if intervals else None,
    )


def _constant(measured):
    probability = {event.key: np.full(measured.size, happened(event, measured).mean()) for event in TARGET.events}
    return Predictions(
        estimate=np.full(measured.size, measured.mean()),
        probability=probability,
        thresholds={key: float(values[0]) for key, values in probability.items()},
    )


@pytest.fixture(scope="session")
def make_cohort():
    """n_patients, visits, measured (of every ECG, else drawn), seed -> Cohort."""

    def make(n_patients=120, visits=2, *, measured=None, seed=0):
        rng = np.random.default_rng(seed)
        n_ecgs = n_patients * visits
        if measured is None:
            measured = np.repeat(rng.gamma(4, 3.6, n_patients), visits) + rng.normal(0, 2.5, n_ecgs)
        age = np.repeat(rng.uniform(18, 95, n_patients), visits)
        sex = np.repeat(rng.choice(["female", "male"], n_patients), visits)
        age[:1], sex[:2] = np.nan, ""
        measurements = Measurements(
            measured=measured,
            patient_ids=np.repeat([f"p{number:04d}" for number in range(n_patients)], visits),
            age_years=age,
            sex=sex,
        )
        baselines = {
            "mean": _constant(measured),
            "features": _model(measured, rng, strength=0.5, intervals=False),
            "none": _model(measured, rng, strength=0.3),
        }
        return Cohort(measurements, _model(measured, rng, strength=0.7), baselines)

    return make


@pytest.fixture(scope="session")
def make_setting():
    """Simulated or not, trained on simulated or not, resamples, notes -> Setting."""

    def make(*, simulated=True, trained_on_simulated=True, n_bootstrap=100, notes=()):
        counts = LabelCounts(
            train_patients=300,
            train_ecgs=1301,
            validation_patients=50,
            validation_ecgs=52,
            calibration_patients=60,
            calibration_ecgs=63,
        )
        provenance = Provenance(
            run="mpcwp-300 <b>",
            source="pclr",
            hemometric_version="0.1.0",
            labels="truth",
            label_counts=counts,
            trained_on_simulated=trained_on_simulated,
            simulator_version=2 if simulated else None,
            training_data_fingerprint="abc",
            seed=7,
            n_bootstrap=n_bootstrap,
            threshold_rule="a rule",
        )
        return Setting(simulated=simulated, split="test", data_fingerprint="def", provenance=provenance, notes=notes)

    return make


N_SAMPLES = 1000
RATE_HZ = 100.0


def _beats(amplitudes, heart_rates, rng):
    """Eight leads of regular beats with P, QRS and T, int16 microvolts, shape (n, 8, N_SAMPLES)."""
    seconds = np.arange(N_SAMPLES) / RATE_HZ
    out = np.zeros((len(amplitudes), 8, N_SAMPLES))
    leads = np.array([0.7, 1.0, -0.6, 0.4, 0.8, 1.2, 1.1, 0.9])
    for number, (amplitude, rate) in enumerate(zip(amplitudes, heart_rates, strict=True)):
        for centre in np.arange(0.5, 10, 60 / rate):
            wave = np.exp(-(((seconds - centre) / 0.02) ** 2)) * amplitude
            wave += 0.15 * np.exp(-(((seconds - centre + 0.17) / 0.03) ** 2))
            wave += 0.3 * np.exp(-(((seconds - centre - 0.28) / 0.06) ** 2))
            out[number] += leads[:, None] * wave
    return np.round(1000 * (out + rng.normal(0, 0.01, out.shape))).astype(np.int16)


def build_store(path: Path, *, n_patients=160, visits=2, simulated=True, prefix="p", seed=0) -> Store:
    """A store whose mPCWP falls with the height of the QRS complex and rises with the rate; every visit is labelled."""
    rng = np.random.default_rng([seed, 17])
    n_ecgs = n_patients * visits
    state = np.repeat(rng.normal(0, 1, n_patients), visits) + rng.normal(0, 0.3, n_ecgs)
    measured = np.clip(15 + 6 * state + rng.normal(0, 2, n_ecgs), 1, 50)
    microvolts = _beats(np.clip(1.0 - 0.2 * state, 0.2, 2), np.clip(72 + 6 * state, 45, 120), rng)
    ages, sexes = rng.uniform(18, 95, n_patients), rng.choice(["female", "male"], n_patients)
    rows, labels, truth = [], [], []
    for number, content_hash in enumerate(content_hashes(microvolts)):
        patient, visit = divmod(number, visits)
        patient_id, at = f"{prefix}{patient:04d}", f"20{10 + visit}-03-04T10:00:00"
        rows.append(
            {
                "ecg_id": f"{prefix}/{number:05d}#0",
                "patient_id": patient_id,
                "patient_id_known": True,
                "acquired_at": at,
                "age_years": None if patient % 10 == 0 else ages[patient] + visit,
                "sex": None if patient % 11 == 0 else sexes[patient],
                "source": f"{prefix}/{number:05d}#0",
                "n_samples_original": N_SAMPLES,
                "sampling_rate_hz_original": RATE_HZ,
                "content_hash": content_hash,
            }
        )
        value = float(measured[number])
        moment = {"patient_id": patient_id, "measured_at": at, "time_known": True, "target": "mpcwp", "value": value}
        labels.append({**moment, "value_original": value, "unit_original": "mmHg", "method": None})
        truth.append(
            {"patient_id": patient_id, "visit_at": at, "target": "mpcwp", "value": value, "measured": value + 0.5}
        )
    settings = StoreSettings(
        sampling_rate_hz=RATE_HZ,
        n_samples=N_SAMPLES,
        stored_leads=INDEPENDENT_LEADS,
        simulated=simulated,
        provenance={"seed": seed},
    )
    writer = StoreWriter.open(path, settings=settings, resume=False)
    writer.write_shard(microvolts, pa.Table.from_pylist(rows, schema=ECGS_SCHEMA), rejects=[], cursor={})
    writer.finish(
        labels=pa.Table.from_pylist(labels, schema=LABELS_SCHEMA),
        truth=pa.Table.from_pylist(truth, schema=TRUTH_SCHEMA) if simulated else None,
    )
    return Store.open(path)


@pytest.fixture(scope="session")
def make_store():
    """path, n_patients, visits, simulated, prefix (of patient ids), seed -> Store."""
    return build_store


@pytest.fixture(scope="session")
def store(tmp_path_factory) -> Store:
    """160 simulated patients with two visits each, all labelled."""
    return build_store(tmp_path_factory.mktemp("stores") / "archive")


@pytest.fixture(scope="session")
def run(tmp_path_factory, store) -> Path:
    """A small network that was trained from scratch on the labels of 40 patients, with all its baselines."""
    from hemometric.evaluation import fit_baselines
    from hemometric.training import finetune

    out = tmp_path_factory.mktemp("runs") / "small-run"
    settings = FinetuneSettings(n_labels=40, n_steps=12, learning_rates=(2e-3,), n_validations=2, checkpoint_every=50)
    finetune(store, source="none", out=out, settings=settings, device="cpu")
    fit_baselines(out, store, device="cpu")
    return out
