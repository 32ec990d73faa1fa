"""results.parquet and paired.parquet."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from hemometric.evaluation.bootstrap import draw_patients, intervals
from hemometric.evaluation.classification import happened, weighted_auroc
from hemometric.study.models import Model
from hemometric.study.replicates import Measure
from hemometric.study.results import Findings
from hemometric.targets import TARGETS

CONTRACT = ["objective", "labels", "seed", "target", "metric", "value", "low", "high"]
PAIRED = ["objective", "versus", "labels", "metric", "difference", "low", "high"]


def _rows(path, **wanted):
    return [row for row in pq.read_table(path).to_pylist() if all(row[key] == value for key, value in wanted.items())]


def test_the_tables_begin_with_the_columns_of_the_contract(finished_study):
    assert pq.read_table(finished_study / "results.parquet").column_names[:8] == CONTRACT
    assert pq.read_table(finished_study / "paired.parquet").column_names[:7] == PAIRED


def test_no_number_stands_there_twice(finished_study):
    for name, values in (("results", {"value", "low", "high"}), ("paired", {"difference", "low", "high"})):
        rows = pq.read_table(finished_study / f"{name}.parquet").to_pylist()
        keys = [tuple((key, row[key]) for key in row if key not in values) for row in rows]
        assert len(set(keys)) == len(keys)


def test_an_auroc_is_that_of_the_kept_predictions(finished_study):
    folder = finished_study / "cells" / "truth-mpcwp" / "12" / "pclr-probe" / "seed-1"
    said = pq.read_table(folder / "predictions.parquet").to_pydict()
    assert len(said["ecg_id"]) == 24  # both visits of twelve test patients
    event = TARGETS["mpcwp"].events[0]
    events = happened(event, said["measured"])
    resamples = draw_patients(said["patient_id"], n_bootstrap=40, seed=0)
    scores = np.array(said[f"probability:{event.key}"])
    expected = intervals(lambda weights: {"auroc": weighted_auroc(events, scores, weights)}, resamples)["auroc"]
    (row,) = _rows(
        finished_study / "results.parquet",
        objective="pclr",
        use="probe",
        labels=12,
        seed=1,
        panel="truth",
        metric="auroc:mpcwp>15",
    )
    assert (row["value"], row["low"], row["high"]) == (expected.value, expected.low, expected.high)


def test_the_row_without_a_seed_is_the_mean_over_seeds(finished_study):
    wanted = {"objective": "none", "labels": 60, "panel": "truth", "metric": "rmse"}
    rows = {row["seed"]: row for row in _rows(finished_study / "results.parquet", **wanted)}
    assert set(rows) == {0, 1, None}
    assert rows[None]["value"] == pytest.approx((rows[0]["value"] + rows[1]["value"]) / 2)
    assert rows[None]["low"] < rows[None]["value"] < rows[None]["high"]


def test_a_paired_difference_is_the_difference_of_the_means(finished_study):
    wanted = {"labels": 12, "panel": "truth", "metric": "rmse"}
    means = {
        row["objective"]: row["value"]
        for row in _rows(finished_study / "results.parquet", seed=None, **wanted)
        if row["use"] != "probe" or row["objective"] == "random"
    }
    rows = _rows(finished_study / "paired.parquet", objective="pclr", use="finetune", **wanted)
    assert {row["versus"] for row in rows} == {"none", "features", "random"}
    for row in rows:
        assert row["difference"] == pytest.approx(means["pclr"] - means[row["versus"]])
        assert row["low"] <= row["difference"] <= row["high"]
        assert row["n_seeds"] == 2


def test_retrieval_is_measured_of_pretrained_and_random_encoders(finished_study):
    rows = _rows(finished_study / "results.parquet", use="embedding", seed=None)
    found = {(row["objective"], row["metric"], row["labels"]) for row in rows if row["panel"] == "truth"}
    free = {"recall@1", "recall@5", "recall@10", "label_spearman"}
    expected = {(name, metric, 0) for name in ("pclr", "random") for metric in free}
    expected |= {(name, "neighbor_r2", n) for name in ("pclr", "random") for n in (12, 60)}
    assert found == expected
    assert all(0 <= row["value"] <= 1 for row in rows if row["metric"].startswith("recall"))


def test_all_models_are_judged_on_the_same_ecgs_and_fitted_to_the_same_labels(finished_study):
    cells = finished_study / "cells" / "truth-mpcwp" / "12"
    judged = {tuple(pq.read_table(path)["ecg_id"].to_pylist()) for path in cells.rglob("predictions.parquet")}
    assert len(judged) == 1
    fitted = {
        tuple(pq.read_table(path)["ecg_id"].to_pylist()) for path in cells.glob("*/seed-0/run/label_subset.parquet")
    }
    assert len(fitted) == 1


def test_mistake_7_of_the_method_page_every_budget_is_judged_on_the_same_ecgs(finished_study, measured_store):
    cells = [*(finished_study / "cells" / "truth-mpcwp").rglob("predictions.parquet")]
    judged = {tuple(pq.read_table(path)["ecg_id"].to_pylist()) for path in cells}
    assert {path.relative_to(finished_study / "cells" / "truth-mpcwp").parts[0] for path in cells} > {"12"}
    inside = measured_store.splits() == "test"
    assert judged == {tuple(measured_store.ecgs["ecg_id"].filter(inside).to_pylist())}


def test_a_difference_is_taken_over_the_seeds_that_both_have():
    measure = Measure("truth", "mpcwp", 10, "rmse")
    one, other = Model("pclr", "probe"), Model("mean", "")
    replicates = {one: {measure: {0: np.array([3.0] * 9), 1: np.array([9.0] * 9)}}, other: {measure: {0: np.ones(9)}}}
    findings = Findings(replicates, {("truth", "mpcwp"): 30})
    assert findings.difference(one, other, measure).value == 2.0
    assert findings.shared_seeds(one, other, measure) == [0]
    assert findings.difference(one, Model("none", "x"), measure) is None
    assert findings.interval(Model("none", "x"), measure) is None
