"""Encoders of a study: what pretraining may see, and what embeddings are asked."""

import json

import pyarrow.parquet as pq
import pytest

from hemometric.study import encoders as encoders_module
from hemometric.study import run_study
from hemometric.study.cells import Workshop
from hemometric.study.encoders import finish_pretraining, finish_search
from hemometric.study.labels import KnownLabels
from hemometric.study.plan import Pretraining, Shown, make_plan


@pytest.fixture
def pretrained_on(monkeypatch, tmp_path, make_study, measured_store):
    """Pretraining -> the store and the settings that it would be made with."""
    seen = []
    monkeypatch.setattr(
        encoders_module, "pretrain", lambda store, *, settings, **others: seen.append((store, settings))
    )

    def pretrain(one):
        finish_pretraining(Workshop(tmp_path, measured_store.path, make_study(), "cpu"), one)
        return seen[-1]

    return pretrain


def test_pretraining_without_labels_sees_none(pretrained_on):
    store, settings = pretrained_on(Pretraining("pclr", 1, None))
    assert store.links().num_rows == 0
    assert (store.labels(), store.truth()) == (None, None)
    assert (settings.objective, settings.seed, settings.target) == ("pclr", 1, None)


def test_pretraining_with_labels_sees_those_of_its_budget_and_seed(pretrained_on, measured_store):
    store, settings = pretrained_on(Pretraining("supervised-dml", 1, Shown("truth", "mpcwp", 12, "12")))
    expected = KnownLabels.read(measured_store, "mpcwp", "truth").of_budget(12, seed=1)
    assert store.links()["value"].to_pylist() == expected.values.tolist()
    assert settings.target == "mpcwp"


def test_an_objective_with_labels_learns_from_those_that_its_cell_is_fitted_to(make_study, tmp_path):
    study = make_study(
        objectives=["supervised-dml", "mean"],
        panels={"truth": {"budgets": [12, 30]}},
        seeds=[0],
        uses={"probe": {"method": "probe"}},
        versus=["mean"],
    )
    run_study(study, out=tmp_path / "out", device="cpu")
    for budget in ("12", "30"):
        subsets = [
            pq.read_table(tmp_path / "out" / run / "label_subset.parquet").to_pylist()
            for run in (
                f"pretrained/supervised-dml/truth-mpcwp-{budget}/seed-0",
                f"cells/truth-mpcwp/{budget}/supervised-dml-probe/seed-0/run",
            )
        ]
        learned, fitted = ([row for row in subset if row["role"] == "train"] for subset in subsets)
        assert learned == fitted
        assert len({row["patient_id"] for row in learned}) == int(budget)
    rows = pq.read_table(tmp_path / "out" / "results.parquet").to_pylist()
    assert {row["labels"] for row in rows if row["use"] == "embedding"} == {12, 30}


def test_an_encoder_is_asked_again_only_where_the_question_is_another(finished_study, make_study, measured_store):
    study = make_study()
    search = make_plan(study, measured_store).searches()[0]
    file = finished_study / search.folder / "replicates.parquet"
    before = file.stat().st_mtime_ns
    finish_search(Workshop(finished_study, measured_store.path, study, "cpu"), search)
    assert file.stat().st_mtime_ns == before
    asked = finished_study / search.folder / "asked.json"
    asked.write_text(json.dumps({**json.loads(asked.read_text()), "n_bootstrap": 7}))
    finish_search(Workshop(finished_study, measured_store.path, study, "cpu"), search)
    assert file.stat().st_mtime_ns > before
