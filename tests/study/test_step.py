"""A whole study on a small store: interrupted, gone on with, by several processes."""

import os

import pyarrow.parquet as pq
import pytest

from hemometric.errors import RunError, SettingsError, TrainingError
from hemometric.study import cells as cells_module
from hemometric.study import run_study
from hemometric.study import step as step_module
from hemometric.study.plan import make_plan
from hemometric.study.step import _do_all
from hemometric.workers import map_in_order

FEW = {
    "objectives": ["pclr", "mean", "demographics"],
    "panels": {"truth": {"budgets": [12]}},
    "uses": {"probe": {"method": "probe"}},
}


def _same(one, other) -> bool:
    return all(
        pq.read_table(one / name).equals(pq.read_table(other / name)) for name in ("results.parquet", "paired.parquet")
    )


def test_every_cell_is_finished_and_no_fine_tuned_weights_are_left(finished_study, make_study, measured_store):
    for cell in make_plan(make_study(), measured_store).cells:
        assert (finished_study / cell.folder / "replicates.parquet").is_file()
    kept = {path.parts[-4] for path in (finished_study / "cells").rglob("encoder.safetensors")}
    assert kept == {"random-probe"}
    assert (finished_study / "pretrained" / "pclr" / "unlabeled" / "seed-0" / "encoder.safetensors").is_file()
    assert not list((finished_study / "cells").rglob("checkpoint"))


def test_an_interrupted_study_ends_like_an_undisturbed_one(make_study, tmp_path, monkeypatch):
    objectives = ["pclr", "none", "mean"]
    study = make_study(objectives=objectives, seeds=[0], panels={"truth": {"budgets": [12]}})
    run_study(study, out=tmp_path / "undisturbed", device="cpu")
    out, left = tmp_path / "out", iter(range(2))

    def predict_until_killed(*args, **settings):
        if next(left, None) is None:
            raise KeyboardInterrupt
        return real(*args, **settings)

    real = cells_module.predict_run
    monkeypatch.setattr(cells_module, "predict_run", predict_until_killed)
    with pytest.raises(KeyboardInterrupt):
        run_study(study, out=out, device="cpu")
    monkeypatch.setattr(cells_module, "predict_run", real)
    assert len(list(out.rglob("cells/**/replicates.parquet"))) == 2
    assert not (out / "results.parquet").exists()
    with pytest.raises(RunError, match="exists already: go on with --resume"):
        run_study(study, out=out, device="cpu")
    # As after a power cut in the middle of the first file of a folder.
    (out / "cells" / "truth-mpcwp" / "12" / "mean" / "seed-0").mkdir(parents=True)
    (out / "cells" / "truth-mpcwp" / "12" / "mean" / "seed-0" / ".settings.json.writing").write_text("{")
    run_study(study, out=out, resume=True, device="cpu")
    assert _same(out, tmp_path / "undisturbed")


def test_a_finished_study_is_not_computed_again_and_can_grow(make_study, tmp_path, monkeypatch):
    out = tmp_path / "out"
    run_study(make_study(seeds=[0], **FEW), out=out, device="cpu")
    before = {path: path.stat().st_mtime_ns for path in out.rglob("replicates.parquet")}
    run_study(make_study(seeds=[0, 1], **{**FEW, "objectives": [*FEW["objectives"], "features"]}), out=out, resume=True)
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())
    table = pq.read_table(out / "results.parquet")
    assert set(table["objective"].to_pylist()) == {"pclr", "mean", "demographics", "features"}
    assert set(table["seed"].to_pylist()) == {0, 1, None}


def test_going_on_with_other_settings_is_refused_before_anything_is_computed(make_study, tmp_path, monkeypatch):
    out = tmp_path / "out"
    study = make_study(seeds=[0], **FEW)
    run_study(study, out=out, device="cpu")
    monkeypatch.setattr(step_module, "_do_all", lambda *args, **kwargs: pytest.fail("something was computed"))
    other = {**FEW, "n_bootstrap": 41}
    with pytest.raises(RunError, match="n_bootstrap was 40, now 41"):
        run_study(make_study(seeds=[0], **other), out=out, resume=True, device="cpu")


def test_results_do_not_depend_on_the_number_of_processes(make_study, tmp_path):
    study = make_study(seeds=[0], **FEW)
    for n_workers in (1, 2):
        run_study(study, out=tmp_path / str(n_workers), n_workers=n_workers, device="cpu")
    assert _same(tmp_path / "1", tmp_path / "2")


def test_an_unknown_objective_is_said_before_a_folder_is_made(make_study, tmp_path):
    with pytest.raises(SettingsError, match="did you mean 'pclr'"):
        run_study(make_study(**{**FEW, "objectives": ["plcr"]}), out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_study_can_make_its_cohort(tmp_path, make_study):
    study = make_study(
        store=None,
        cohort={"n_patients": 130, "sampling_rate_hz": 100, "with_ceiling": False},
        objectives=["features", "mean"],
        panels={"truth": {"budgets": ["all"]}},
        seeds=[0],
        versus=["mean"],
    )
    page = run_study(study, out=tmp_path / "out", device="cpu")
    assert "simulator version" in page.read_text()
    rows = pq.read_table(tmp_path / "out" / "results.parquet").to_pylist()
    rmse = {row["objective"]: row["value"] for row in rows if row["metric"] == "rmse"}
    assert set(rmse) == {"features", "mean"}
    assert rmse["features"] != rmse["mean"]


def test_a_worker_that_died_is_told_and_other_errors_are_left_as_they_are(monkeypatch):
    def die(*args, **kwargs):
        return map_in_order(os._exit, [1, 2], n_workers=2)

    monkeypatch.setattr(step_module, "map_in_order", die)
    with pytest.raises(TrainingError, match=r"pretrain: a worker process died .* --resume and fewer --workers"):
        _do_all(print, [1, 2], title="pretrain", unit="encoders", n_workers=2)
