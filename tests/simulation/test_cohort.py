import hashlib

import numpy as np
import pytest

from hemometric.errors import StoreError
from hemometric.labels import link
from hemometric.simulation import CohortSettings, cohort, simulate
from hemometric.store import Store, verify

SETTINGS = CohortSettings(n_patients=150, seed=2, sampling_rate_hz=100.0, shard_size=300, with_ceiling=False)


def _bytes_of(path):
    return {
        file.relative_to(path).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(path.rglob("*"))
        if file.is_file()
    }


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("cohort") / "store"
    simulate(path, settings=SETTINGS)
    return Store.open(path)


def test_the_store_is_whole_and_says_that_it_is_simulated(store):
    assert verify(store.path) == []
    assert store.simulated
    assert store.sampling_rate_hz == 100.0
    assert store.n_samples == 1000
    assert store.manifest.provenance["settings"]["seed"] == 2
    assert "Simulated, not clinical" in (store.path / "card.md").read_text()
    assert len(store.ecgs["patient_id"].unique()) == 150
    assert len(list((store.path / "shards").iterdir())) > 1


def test_waveforms_have_the_size_of_an_ecg(store):
    waveforms = store.take(np.arange(0, len(store), 7))
    assert np.isfinite(waveforms).all()
    assert 0.5 < np.median(np.ptp(waveforms, axis=2)) < 3.0


def test_every_label_is_the_truths_measurement_and_is_linked_to_an_ecg(store, tmp_path):
    truth = {(row["patient_id"], row["target"], row["measured"]) for row in store.truth().to_pylist()}
    labels = store.labels().to_pylist()
    assert labels
    assert {(row["patient_id"], row["target"], row["value"]) for row in labels} <= truth
    summary = link(store)
    assert summary.n_labels_linked == len(labels)


def test_every_ecg_has_a_truth(store):
    visits = {(row["patient_id"], row["visit_at"]) for row in store.truth().to_pylist()}
    ecgs = {(row["patient_id"], row["acquired_at"]) for row in store.ecgs.to_pylist()}
    assert ecgs == visits


def test_the_number_of_workers_does_not_change_a_byte(tmp_path):
    for n_workers in (1, 2):
        settings = CohortSettings(n_patients=150, seed=2, sampling_rate_hz=100.0, shard_size=300, n_workers=n_workers)
        simulate(tmp_path / str(n_workers), settings=settings)
    assert _bytes_of(tmp_path / "1") == _bytes_of(tmp_path / "2")


def test_an_interrupted_run_goes_on_to_the_same_bytes(tmp_path, monkeypatch):
    simulate(tmp_path / "whole", settings=SETTINGS)
    with monkeypatch.context() as patch:
        patch.setattr(cohort, "make_chunks", _interrupted_after_two(cohort.make_chunks))
        with pytest.raises(KeyboardInterrupt):
            simulate(tmp_path / "broken", settings=SETTINGS)
    with pytest.raises(StoreError, match="--resume"):
        simulate(tmp_path / "broken", settings=SETTINGS)
    simulate(tmp_path / "broken", settings=SETTINGS, resume=True)
    assert _bytes_of(tmp_path / "broken") == _bytes_of(tmp_path / "whole")


def _interrupted_after_two(make_chunks):
    def make(settings, *, first_rendered):
        for chunk in make_chunks(settings, first_rendered=first_rendered):
            if chunk.people.number == 2:
                raise KeyboardInterrupt
            yield chunk

    return make


def test_resuming_a_complete_store_changes_nothing(tmp_path):
    settings = CohortSettings(n_patients=5, sampling_rate_hz=100.0)
    simulate(tmp_path / "store", settings=settings, resume=True)
    before = _bytes_of(tmp_path / "store")
    simulate(tmp_path / "store", settings=settings, resume=True)
    assert _bytes_of(tmp_path / "store") == before


def test_other_settings_cannot_be_resumed(tmp_path):
    simulate(tmp_path / "store", settings=CohortSettings(n_patients=5, sampling_rate_hz=100.0))
    with pytest.raises(StoreError, match="seed"):
        simulate(tmp_path / "store", settings=CohortSettings(n_patients=5, seed=1, sampling_rate_hz=100.0), resume=True)
