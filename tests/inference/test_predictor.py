"""The whole path: a store, pretraining, fine-tuning, and an estimate for an ECG that nothing was fitted to."""

from dataclasses import replace

import numpy as np
import pytest

from hemometric.ecg import Ecg
from hemometric.errors import RunError
from hemometric.inference import Predictor, predictions_json, predictions_text
from hemometric.labels import linked_labels
from hemometric.settings import FinetuneSettings, PretrainSettings, ViewSettings
from hemometric.training import finetune, pretrain


@pytest.fixture(scope="module")
def runs(labelled_store, tmp_path_factory):
    """A pretrained run and one fine-tuned from it: a linear head on a frozen encoder, quick and good enough."""
    folder = tmp_path_factory.mktemp("runs")
    settings = PretrainSettings(n_passes=320, batch_size=32, views=ViewSettings(crop_s=4.0))
    pretrain(labelled_store, out=folder / "pretrained", settings=settings, device="cpu")
    chosen = FinetuneSettings(head="linear", freeze=True, n_steps=10, n_validations=2)
    finetune(labelled_store, source=folder / "pretrained", out=folder / "mpcwp", settings=chosen, device="cpu")
    return folder


@pytest.fixture(scope="module")
def predictor(runs) -> Predictor:
    return Predictor.load(runs / "mpcwp", device="cpu")


def ecg_of(store, row: int, *, times: int = 1) -> Ecg:
    waveform = np.concatenate([store.take([row])[0]] * times, axis=1)
    return Ecg(waveform=waveform, sampling_rate_hz=store.sampling_rate_hz, ecg_id=f"row-{row}")


def test_unseen_patients_are_estimated_well_below_the_spread_of_the_labels(predictor, labelled_store):
    labels = linked_labels(labelled_store, "mpcwp")
    test = labelled_store.splits()[labels.rows] == "test"
    said = predictor.predict_rows(labelled_store, labels.rows[test])
    measured = labels.values[test]
    assert np.sqrt(np.mean((said.estimate - measured) ** 2)) < 0.5 * measured.std()
    assert np.mean((said.low <= measured) & (measured <= said.high)) > 0.7
    high = measured > 15
    assert said.probability["mpcwp>15"][high].mean() > 0.7
    assert said.probability["mpcwp>15"][~high].mean() < 0.5


def test_an_ecg_gets_what_its_row_gets(predictor, labelled_store):
    rows = np.array([3, 70, 9])
    said = predictor.predict_rows(labelled_store, rows)
    for place, row in enumerate(rows):
        one = predictor.predict(ecg_of(labelled_store, int(row))).estimates["mpcwp"]
        assert one.value == pytest.approx(said.estimate[place], abs=0.05)
        assert one.low == pytest.approx(said.low[place], abs=0.05)
        assert one.high == pytest.approx(said.high[place], abs=0.05)
        assert one.probability["mpcwp>18"] == pytest.approx(said.probability["mpcwp>18"][place], abs=0.02)


def test_the_same_ecg_twice_gets_the_same_answer(predictor, labelled_store):
    ecg = ecg_of(labelled_store, 4)
    assert predictor.predict(ecg) == predictor.predict(ecg)


def test_a_long_record_gets_the_mean_over_its_good_windows(predictor, labelled_store):
    short = predictor.predict(ecg_of(labelled_store, 4))
    long = predictor.predict(ecg_of(labelled_store, 4, times=3))
    assert (short.n_windows, long.n_windows) == (1, 3)
    assert long.estimates["mpcwp"].value == pytest.approx(short.estimates["mpcwp"].value, abs=1e-3)
    broken = ecg_of(labelled_store, 4, times=3)
    broken.waveform[0, 1500] = np.nan
    partly = predictor.predict(broken)
    assert (partly.n_windows, partly.n_windows_refused, partly.refused) == (2, 1, False)
    assert "mean over 2 windows, 1 refused" in predictions_text([(broken.ecg_id, partly)])


def _with_nan(waveform):
    waveform[3, 5] = np.nan
    return waveform


@pytest.mark.parametrize(
    ("rate_hz", "spoil", "expected"),
    [
        (60.0, lambda waveform: waveform, "60 samples per second, too few for this model"),
        (100.0, lambda waveform: waveform[:, :900], "9.000 s"),
        (100.0, _with_nan, "nan"),
        (100.0, lambda waveform: waveform * 0, "flat-lead"),
        (100.0, lambda waveform: waveform * 50, "implausible-amplitude"),
    ],
)
def test_what_the_model_may_not_read_is_refused_with_a_reason(predictor, labelled_store, rate_hz, spoil, expected):
    waveform = np.ascontiguousarray(spoil(labelled_store.take([0])[0]))
    answer = predictor.predict(Ecg(waveform=waveform, sampling_rate_hz=rate_hz, ecg_id="odd"))
    assert answer.refused
    assert answer.estimates == {}
    assert expected in answer.reason
    assert "refused" in predictions_text([("odd.hea", answer)])
    assert '"refused": true' in predictions_json([("odd.hea", answer)])


def test_simulated_training_is_said_with_every_estimate(predictor, labelled_store):
    answer = predictor.predict(ecg_of(labelled_store, 0))
    assert answer.trained_on_simulated
    assert "SIMULATED" in predictions_text([("a.hea", answer)])
    assert '"trained_on_simulated": true' in predictions_json([("a.hea", answer)])


def test_a_pretrained_run_cannot_predict(runs):
    with pytest.raises(RunError, match="pretrained only"):
        Predictor.load(runs / "pretrained", device="cpu")


def test_a_store_of_too_low_a_rate_is_refused(predictor, write_labelled_store, tmp_path):
    slow = write_labelled_store(tmp_path / "slow", n_patients=2, rate_hz=60.0)
    with pytest.raises(RunError, match="60 samples per second"):
        predictor.predict_rows(slow, np.array([0]))


def test_coverage_is_that_of_the_settings(predictor):
    assert predictor.coverage == 0.9


def test_a_file_that_cannot_be_read_is_refused_with_the_reason(predictor, tmp_path):
    (tmp_path / "notes.txt").write_text("not an ECG")
    answer = predictor.predict_file(tmp_path / "notes.txt")
    assert answer.refused
    assert answer.estimates == {}
    assert answer.reason
    missing = predictor.predict_file(tmp_path / "missing.hea")
    assert missing.refused


def test_features_are_measured_for_a_new_ecg_too(runs, labelled_store, tmp_path):
    chosen = FinetuneSettings(method="probe", with_features=True)
    finetune(labelled_store, source=runs / "pretrained", out=tmp_path / "run", settings=chosen, device="cpu")
    predictor = Predictor.load(tmp_path / "run", device="cpu")
    rows = np.array([3, 70, 9])
    said = predictor.predict_rows(labelled_store, rows)
    for place, row in enumerate(rows):
        one = predictor.predict(ecg_of(labelled_store, int(row)))
        assert one.estimates["mpcwp"].value == pytest.approx(said.estimate[place], abs=0.3)
    long = predictor.predict(ecg_of(labelled_store, 3, times=3))
    assert long.estimates["mpcwp"].value == pytest.approx(said.estimate[0], abs=0.5)
    labels = linked_labels(labelled_store, "mpcwp")
    test = labelled_store.splits()[labels.rows] == "test"
    errors = predictor.predict_rows(labelled_store, labels.rows[test]).estimate - labels.values[test]
    plain = Predictor.load(runs / "mpcwp", device="cpu").predict_rows(labelled_store, labels.rows[test])
    assert np.sqrt(np.mean(errors**2)) < np.sqrt(np.mean((plain.estimate - labels.values[test]) ** 2))


def test_rows_are_estimated_chunk_by_chunk_to_the_same_numbers(predictor, labelled_store, monkeypatch):
    import hemometric.inference.predictor as module

    rows = np.array([3, 70, 9, 9, 200])
    whole = predictor.predict_rows(labelled_store, rows)
    monkeypatch.setattr(module, "_CHUNK", 2)
    assert np.allclose(predictor.predict_rows(labelled_store, rows).estimate, whole.estimate, atol=1e-4)
    assert len(predictor.predict_rows(labelled_store, rows[:0]).estimate) == 0


def test_an_ensemble_says_the_mean_of_its_members_and_how_reliable_it_is(runs, labelled_store, tmp_path):
    chosen = FinetuneSettings(freeze=True, n_steps=20, n_validations=2, n_members=3, learning_rates=(3e-3,))
    finetune(labelled_store, source=runs / "pretrained", out=tmp_path / "run", settings=chosen, device="cpu")
    together = Predictor.load(tmp_path / "run", device="cpu")
    rows = np.array([3, 70, 9])
    said = together.predict_rows(labelled_store, rows)
    each = [replace(together, _members=(one,)).predict_rows(labelled_store, rows) for one in together._members]
    assert said.estimate == pytest.approx(np.mean([one.estimate for one in each], axis=0), abs=1e-4)
    assert ((said.reliability >= 0) & (said.reliability <= 1)).all()
    assert len(set(said.reliability)) > 1
    assert each[0].reliability is None
    answer = together.predict(ecg_of(labelled_store, 3))
    assert answer.estimates["mpcwp"].value == pytest.approx(said.estimate[0], abs=0.05)
    assert answer.reliability == pytest.approx(said.reliability[0], abs=0.1)
    assert f"reliability {answer.reliability:.2f} of 1" in predictions_text([("a.hea", answer)])
