"""A run's predictions in the form in which models are judged."""

import json
import shutil

import numpy as np

from hemometric.evaluation.model import predict_run
from hemometric.inference import Predictor


def test_predictions_are_those_of_the_predictor(run, store):
    rows = np.flatnonzero(store.splits() == "test")[:7]
    said = Predictor.load(run, device="cpu").predict_rows(store, rows)
    found = predict_run(run, store, rows, device="cpu", thresholds={"mpcwp>15": 0.4})
    assert (found.estimate == said.estimate).all()
    assert (found.low == said.low).all()
    assert set(found.probability) == {"mpcwp>15", "mpcwp>18"}
    assert found.thresholds == {"mpcwp>15": 0.4}
    assert found.nominal_coverage == 0.9


def test_intervals_without_bounds_are_no_intervals(run, store, tmp_path):
    shutil.copytree(run, tmp_path / "few")
    path = tmp_path / "few" / "conformal.json"
    content = json.loads(path.read_text())
    content["targets"][0]["half_width"] = None
    path.write_text(json.dumps(content))
    found = predict_run(tmp_path / "few", store, np.array([0, 1]), device="cpu")
    assert found.low is None
    assert found.high is None
