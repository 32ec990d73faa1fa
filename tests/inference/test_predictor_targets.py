"""One run, several targets."""

import json

import numpy as np
import pytest

from hemometric.ecg import Ecg
from hemometric.errors import SettingsError
from hemometric.inference import Predictor, predictions_json
from hemometric.settings import FinetuneSettings
from hemometric.training import finetune

ROWS = np.array([3, 70, 9, 11])


def ecg_of(store, row: int) -> Ecg:
    return Ecg(waveform=store.take([row])[0], sampling_rate_hz=store.sampling_rate_hz, ecg_id=f"row-{row}")


@pytest.fixture(scope="module")
def predictor(two_target_store, tmp_path_factory) -> Predictor:
    out = tmp_path_factory.mktemp("both") / "run"
    settings = FinetuneSettings(more_targets=("rap",), method="probe", with_features=True)
    finetune(two_target_store, source="random", out=out, settings=settings, device="cpu")
    return Predictor.load(out, device="cpu")


def test_an_ecg_gets_all_targets_as_its_row_does(predictor, two_target_store):
    said = predictor.predict_rows_by_target(two_target_store, ROWS)
    assert list(said) == ["mpcwp", "rap"]
    for place, row in enumerate(ROWS):
        answer = predictor.predict(ecg_of(two_target_store, int(row)))
        assert list(answer.estimates) == ["mpcwp", "rap"]
        for name, one in answer.estimates.items():
            assert one.value == pytest.approx(said[name].estimate[place], abs=0.3)
            assert one.high - one.low == pytest.approx(said[name].high[place] - said[name].low[place], abs=1e-4)
    widths = [one.high[0] - one.low[0] for one in said.values()]
    assert widths[0] != pytest.approx(widths[1], rel=0.01)


def test_both_are_estimated_of_patients_nothing_was_fitted_to(predictor, two_target_store):
    """RAP falls where mPCWP rises: heads that were taken for each other would show."""
    test = np.flatnonzero(two_target_store.splits() == "test")
    said = predictor.predict_rows_by_target(two_target_store, test)
    assert np.corrcoef(said["mpcwp"].estimate, said["rap"].estimate)[0, 1] < -0.5
    assert said["mpcwp"].estimate.mean() > said["rap"].estimate.mean() + 3
    assert list(said["mpcwp"].probability) == ["mpcwp>15", "mpcwp>18"]
    assert list(said["rap"].probability) == ["rap>8"]
    assert np.corrcoef(said["rap"].estimate, said["rap"].probability["rap>8"])[0, 1] > 0.8


def test_json_has_the_keys_of_each_target(predictor, two_target_store):
    answer = predictor.predict(ecg_of(two_target_store, 3))
    (content,) = json.loads(predictions_json([("a.hea", answer)]))
    assert list(content["estimates"]) == ["mpcwp", "rap"]
    keys = {"target", "unit", "value", "low", "high", "probability", "reliability"}
    assert all(set(one) == keys for one in content["estimates"].values())
    assert list(content["estimates"]["rap"]["probability"]) == ["rap>8"]


def test_rows_are_estimated_for_the_target_that_is_asked_for_and_the_first_without_one(predictor, two_target_store):
    every = predictor.predict_rows_by_target(two_target_store, ROWS)
    for asked, name in ((None, "mpcwp"), ("mpcwp", "mpcwp"), ("rap", "rap")):
        said = predictor.predict_rows(two_target_store, ROWS, target=asked)
        assert said.target == name
        assert np.array_equal(said.estimate, every[name].estimate)
    with pytest.raises(SettingsError, match="the run does not estimate 'rpa', did you mean 'rap'"):
        predictor.predict_rows(two_target_store, ROWS, target="rpa")


def test_no_rows_give_no_estimates_of_any_target(predictor, two_target_store):
    said = predictor.predict_rows_by_target(two_target_store, ROWS[:0])
    assert {name: len(one.estimate) for name, one in said.items()} == {"mpcwp": 0, "rap": 0}


def test_the_reliability_of_an_ensemble_is_of_each_target_and_the_least_of_the_ecg(two_target_store, tmp_path):
    settings = FinetuneSettings(more_targets=("rap",), n_steps=20, n_validations=2, n_members=3, learning_rates=(3e-3,))
    finetune(two_target_store, source="random", out=tmp_path / "run", settings=settings, device="cpu")
    together = Predictor.load(tmp_path / "run", device="cpu")
    said = together.predict_rows_by_target(two_target_store, ROWS)
    assert not np.array_equal(said["mpcwp"].reliability, said["rap"].reliability)
    answer = together.predict(ecg_of(two_target_store, 3))
    each = [one.reliability for one in answer.estimates.values()]
    assert each == pytest.approx([said[name].reliability[0] for name in ("mpcwp", "rap")], abs=0.1)
    assert answer.reliability == min(each)
