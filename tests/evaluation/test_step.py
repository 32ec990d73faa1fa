"""The whole step: a run and a store -> a report on patients that the run has not seen, or a clear refusal."""

import json
import shutil

import jsonschema
import numpy as np
import pytest

import hemometric.evaluation
from hemometric.errors import LabelError, RunError, SettingsError
from hemometric.evaluation import evaluate
from hemometric.evaluation.baselines import BASELINES
from hemometric.evaluation.report import Report, kept_schema
from hemometric.labels import linked_labels, measured_labels


def judge(run, store, out, **changed):
    return evaluate(run, store, out=out, **{"n_bootstrap": 50, "device": "cpu", **changed})


@pytest.fixture(scope="module")
def judged(run, store, tmp_path_factory):
    out = tmp_path_factory.mktemp("reports") / "first"
    return out, judge(run, store, out)


def test_the_report_is_written_whole_and_validates(judged):
    out, report = judged
    assert sorted(path.relative_to(out).as_posix() for path in out.rglob("*")) == [
        "figures",
        "figures/agreement.svg",
        "figures/calibration.svg",
        "figures/roc.svg",
        "report.html",
        "report.json",
    ]
    assert [path.name for path in out.parent.iterdir()] == ["first"]
    content = json.loads((out / "report.json").read_text())
    jsonschema.validate(content, kept_schema())
    assert Report.read(out / "report.json") == report
    assert f'data-value="{report.regression.rmse.value!r}"' in (out / "report.html").read_text()


def test_the_report_tells_what_was_judged(judged, store):
    _, report = judged
    rows = linked_labels(store, "mpcwp").rows
    inside = rows[store.splits()[rows] == "test"]
    patients = np.array(store.ecgs["patient_id"].to_pylist())[inside]
    assert (report.n_ecgs, report.n_patients) == (len(inside), np.unique(patients).size)
    assert (report.simulated, report.split, report.data_fingerprint) == (True, "test", store.fingerprint)
    assert tuple(report.baselines) == BASELINES
    assert report.provenance.label_counts.train_patients == 40
    assert report.provenance.labels == "links"


def test_a_run_that_is_its_own_baseline_differs_from_it_by_nothing(judged):
    _, report = judged
    assert report.baselines["none"].difference.rmse.model_dump() == {"value": 0, "low": 0, "high": 0}


def test_the_same_run_gives_the_same_bytes_again_and_replaces_the_old_report(judged, run, store, tmp_path):
    out = tmp_path / "again"
    shutil.copytree(judged[0], out)
    (out / "report.html").write_text("an old page")
    judge(run, store, out)
    for name in ("report.json", "report.html", "figures/roc.svg"):
        assert (out / name).read_bytes() == (judged[0] / name).read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["again"]


def test_every_visit_of_a_simulated_store_can_be_judged(run, store, tmp_path):
    report = judge(run, store, tmp_path / "truth", labels="truth")
    truth, links = measured_labels(store, "mpcwp"), linked_labels(store, "mpcwp")
    assert report.provenance.labels == "truth"
    assert report.n_ecgs == (store.splits()[truth.rows] == "test").sum()
    assert np.allclose(truth.values, links.values + 0.5)


@pytest.mark.parametrize("split", ["train", "validation", "calibration"])
def test_patients_that_the_run_has_seen_are_refused_and_nothing_is_written(split, run, store, tmp_path):
    with pytest.raises(RunError, match=f"of its {split} split"):
        judge(run, store, tmp_path / "leak", split=split)
    assert list(tmp_path.iterdir()) == []


def test_another_archive_with_the_same_patient_ids_is_refused(run, make_store, tmp_path):
    twin = make_store(tmp_path / "twin", n_patients=60, seed=3)
    (twin.path / "splits.csv").write_text(
        "patient_id,split\n" + "".join(f"p{number:04d},test\n" for number in range(60))
    )
    with pytest.raises(RunError, match="do not overlap"):
        judge(run, twin, tmp_path / "leak")


def test_another_archive_is_judged_with_the_frozen_thresholds(judged, run, make_store, tmp_path):
    other = make_store(tmp_path / "other", n_patients=60, prefix="q", seed=3, simulated=False)
    report = judge(run, other, tmp_path / "external")
    assert report.classification["mpcwp>15"].threshold == judged[1].classification["mpcwp>15"].threshold
    assert (report.simulated, report.provenance.trained_on_simulated) == (False, True)
    assert "MODEL TRAINED ON SIMULATED DATA" in (tmp_path / "external" / "report.html").read_text()


def test_all_patients_of_another_archive_are_judged_and_none_of_the_own(run, store, make_store, tmp_path):
    other = make_store(tmp_path / "other", n_patients=30, prefix="q", seed=3)
    report = judge(run, other, tmp_path / "external", split="all")
    assert (report.n_patients, report.n_ecgs, report.split) == (30, len(linked_labels(other, "mpcwp")), "all")
    assert "judged on all its patients" in (tmp_path / "external" / "report.html").read_text()
    with pytest.raises(RunError, match=r"patients \(first '\w+'\) are among those"):
        judge(run, store, tmp_path / "leak", split="all")


def test_without_baselines_thresholds_are_frozen_now_and_the_report_says_what_is_missing(judged, run, store, tmp_path):
    bare = tmp_path / "bare"
    shutil.copytree(run, bare)
    (bare / "baselines.json").unlink()
    report = judge(bare, store, tmp_path / "report")
    assert report.baselines == {}
    assert any("No baselines" in note for note in report.notes)
    assert report.classification["mpcwp>15"].threshold == judged[1].classification["mpcwp>15"].threshold


def test_a_few_patients_of_one_kind_give_nulls_and_no_crash(run, make_store, tmp_path):
    tiny = make_store(tmp_path / "tiny", n_patients=12, prefix="t", seed=1)
    report = judge(run, tiny, tmp_path / "report")
    assert report.n_patients < 10
    assert report.regression.rmse.low is None
    assert "NaN" not in (tmp_path / "report" / "report.json").read_text()


@pytest.mark.parametrize("kind", ["file", "foreign directory", "report with a stranger"])
def test_what_is_not_a_report_is_never_replaced(kind, judged, run, store, tmp_path):
    out = tmp_path / "out"
    if kind == "file":
        out.write_text("mine")
    else:
        shutil.copytree(judged[0], out)
        (out / "thesis.tex").write_text("mine")
        if kind == "foreign directory":
            (out / "report.json").unlink()
    before = sorted(path.name for path in tmp_path.rglob("*"))
    with pytest.raises(SettingsError, match="not a report"):
        judge(run, store, out)
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_a_failure_while_writing_leaves_the_old_report_and_nothing_beside_it(judged, run, store, tmp_path, monkeypatch):
    out = tmp_path / "out"
    shutil.copytree(judged[0], out)

    def fail(*_, **__):
        raise OSError("disk full")

    monkeypatch.setattr("hemometric.evaluation.step.render_page", fail)
    with pytest.raises(OSError, match="disk full"):
        judge(run, store, out)
    assert (out / "report.html").read_bytes() == (judged[0] / "report.html").read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [({"split": "tset"}, "unknown split 'tset', did you mean 'test'"), ({"labels": "truth"}, r"truth.parquet")],
)
def test_nothing_to_judge_is_said_with_what_to_do(changed, message, run, make_store, tmp_path):
    other = make_store(tmp_path / "other", n_patients=12, prefix="q", simulated=False)
    with pytest.raises((LabelError, SettingsError), match=message):
        judge(run, other, tmp_path / "report", **changed)
    assert not (tmp_path / "report").exists()


def test_every_public_name_of_the_room_can_be_had():
    assert all(getattr(hemometric.evaluation, name) is not None for name in hemometric.evaluation.__all__)
    assert dir(hemometric.evaluation) == sorted(hemometric.evaluation.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        _ = hemometric.evaluation.nothing
