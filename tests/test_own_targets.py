"""A target of the user's own goes the whole way, and a process that only has the run knows it."""

import csv

import numpy as np
import pytest

from hemometric.errors import SettingsError
from hemometric.evaluation import evaluate
from hemometric.inference import Predictor
from hemometric.labels import link, read_definitions
from hemometric.settings import FinetuneSettings
from hemometric.store import Store
from hemometric.targets import find_target, forget_targets
from hemometric.training import finetune

DEFINITION = """
[ef]
title = "left ventricular ejection fraction"
unit = "%"
range = [5, 90]
events = ["< 50"]
decimals = 0
"""


@pytest.fixture(autouse=True)
def _nothing_defined():
    forget_targets()
    yield
    forget_targets()


def test_a_target_of_ones_own_is_linked_learned_judged_and_estimated(write_labelled_store, tmp_path):
    store = write_labelled_store(tmp_path / "store", n_patients=60)
    (tmp_path / "targets.toml").write_text(DEFINITION)
    with (tmp_path / "ef.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["patient_id", "measured_at", "target", "value", "unit"])
        for label in store.labels().to_pylist():
            table.writerow([label["patient_id"], label["measured_at"], "ef", 80 - 2 * label["value"], "%"])
    summary = link(
        store, labels_csv=tmp_path / "ef.csv", targets=read_definitions(tmp_path / "targets.toml"), window_hours=1
    )
    assert summary.n_labels_linked + summary.dropped.get("implausible", 0) == 120

    forget_targets()
    opened = Store.open(store.path)
    settings = FinetuneSettings(target="ef", method="probe", encoder="compact", precision="fp32", seed=1)
    finetune(opened, source="random", out=tmp_path / "run", settings=settings, device="cpu")
    forget_targets()
    with pytest.raises(SettingsError, match="unknown target 'ef'"):
        find_target("ef")

    predictor = Predictor.load(tmp_path / "run", device="cpu")
    target = find_target("ef")
    assert (target.unit, target.decimals, [event.key for event in target.events]) == ("%", 0, ["ef<50"])
    said = predictor.predict_rows(opened, np.arange(3))
    assert (said.target, list(said.probability)) == ("ef", ["ef<50"])

    report = evaluate(tmp_path / "run", opened, out=tmp_path / "report", n_bootstrap=20, device="cpu")
    assert (report.target, report.unit, list(report.classification)) == ("ef", "%", ["ef<50"])
    assert "left ventricular ejection fraction" in (tmp_path / "report" / "report.html").read_text()
