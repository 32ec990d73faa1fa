"""Transfer from simulated to recorded ECGs: what is asked, who is held out, how it is scored."""

import csv
import json
import shutil
from functools import partial

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from validation.transfer_probes import answer, answer_by_mean
from validation.transfer_questions import CLASSES, Question, ask, read_table, statements_of
from validation.transfer_recorded import Recorded
from validation.transfer_scores import score, scores_table

from hemometric.evaluation.bootstrap import draw_patients, paired_difference
from hemometric.evaluation.regression import weighted_rmse
from hemometric.training.labelled import assign_folds
from validation import transfer

N = 200


@pytest.fixture
def rng():
    return np.random.default_rng(3)


@pytest.fixture
def patients():
    """Return 200 ECGs of 150 patients, of whom fifty have two."""
    return np.array([f"p{k % 150:03d}" for k in range(N)])


def write_table(folder, rows):
    folder.mkdir()
    statements = [("", "diagnostic", "diagnostic_class"), ("NORM", "1.0", "NORM"), ("IMI", "1.0", "MI")]
    statements += [("LAFB", "1.0", "CD"), ("IRBBB", "1.0", "CD"), ("SR", "", "")]
    tables = {"scp_statements.csv": statements}
    tables["ptbxl_database.csv"] = [("scp_codes", "strat_fold", "filename_hr"), *rows]
    for name, lines in tables.items():
        with (folder / name).open("w", newline="") as stream:
            csv.writer(stream).writerows(lines)


def test_every_diagnostic_statement_counts_whatever_its_likelihood(tmp_path):
    write_table(
        tmp_path / "ptbxl",
        [
            ("{'NORM': 100.0, 'SR': 0.0}", "3", "records500/00000/00001_hr"),
            ("{'IMI': 0.0, 'LAFB': 50.0, 'IRBBB': 15.0}", "10", "records500/00000/00002_hr"),
            ("{'SR': 0.0}", "1", "records500/00000/00003_hr"),
        ],
    )
    table = read_table(tmp_path / "ptbxl")
    assert table["00001_hr"] == ({"NORM"}, True)
    assert table["00002_hr"] == ({"MI", "CD"}, False)
    assert table["00003_hr"] == (set(), True)


@pytest.fixture(scope="session")
def recorded(real_data, tmp_path_factory):
    return Recorded.read(real_data / "ptbxl", tmp_path_factory.mktemp("transfer") / "recorded")


def test_ecgs_without_a_diagnostic_statement_are_not_asked_about_classes(recorded, real_data):
    statements = statements_of(recorded.store, read_table(real_data / "ptbxl"))
    questions = {question.name: question for question in ask(recorded.store, statements)}
    assert list(questions) == ["age", "female", *CLASSES]
    silent = np.array([not one.classes for one in statements])
    assert silent.any()
    assert not questions["NORM"].known[silent].any()
    assert questions["NORM"].known[~silent].all()
    with (real_data / "ptbxl" / "ptbxl_database.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert np.nansum(questions["NORM"].values) == sum("'NORM'" in row["scp_codes"] for row in rows)
    assert np.nansum(questions["female"].values) == sum(row["sex"] == "1" for row in rows)
    assert questions["age"].known.sum() == sum(bool(row["age"]) for row in rows)
    assert recorded.odd.sum() == sum(int(row["strat_fold"]) % 2 for row in rows)


def test_held_out_ecgs_are_not_in_the_store_that_is_pretrained_on(recorded, real_data, tmp_path):
    few = tmp_path / "ptbxl"  # a tenth of the records is enough, and quicker
    shutil.copytree(real_data / "ptbxl", few, ignore=lambda _, names: [name for name in names if is_left_out(name)])
    part = Recorded.read(few, tmp_path / "recorded")
    assert 30 < len(part.store) < 80
    sources = np.array(part.store.ecgs["source"].to_pylist())
    for fold in (0, 4):
        store = part.archive_without(fold, tmp_path / f"without-{fold}")
        assert not set(store.ecgs["patient_id"].to_pylist()) & set(part.patients[part.folds == fold])
        names = [source.rpartition("/")[2] for source in store.ecgs["source"].to_pylist()]
        assert sorted(names) == sorted(one.rpartition("/")[2] for one in sources[part.folds != fold])
        assert set(store.splits()) == {"train"}
    again = part.archive_without(4, tmp_path / "without-4")
    assert again.fingerprint == store.fingerprint, "what is there is taken"


def is_left_out(name: str) -> bool:
    return name[-3:] in ("hea", "dat") and int(name[:5]) % 10 != 0


def test_no_patient_is_in_two_folds(recorded):
    assert recorded.n_folds == 5
    repeated = [set(recorded.folds[recorded.patients == patient]) for patient in set(recorded.patients)]
    assert {len(folds) for folds in repeated} == {1}
    assert len(recorded.patients) > len(repeated), "some have several ECGs"


def test_an_answer_does_not_depend_on_what_is_known_of_its_own_fold(rng, patients):
    inputs = rng.normal(size=(N, 6))
    folds = assign_folds(patients, seed=0)
    for is_event, values in ((False, inputs[:, 0] * 10 + 50), (True, (inputs[:, 0] > 0.3).astype(float))):
        question = Question("asked", values, is_event=is_event)
        turned = Question("asked", np.where(folds == 2, 1 - values if is_event else 0.0, values), is_event=is_event)
        plain, other = (answer(one, [inputs] * 5, patients=patients, folds=folds) for one in (question, turned))
        assert np.array_equal(plain[folds == 2], other[folds == 2])
        assert not np.array_equal(plain[folds != 2], other[folds != 2])


def test_probes_find_what_is_linear_and_nothing_in_noise(rng, patients):
    inputs, noise = rng.normal(size=(N, 6)), rng.normal(size=(N, 6))
    folds = assign_folds(patients, seed=0)
    event = Question("asked", (inputs @ np.arange(6.0) > 0).astype(float), is_event=True)
    age = Question("age", np.where(np.arange(N) < 5, np.nan, 50 + 5 * inputs[:, 1]), is_event=False)
    found = answer(event, [inputs] * 5, patients=patients, folds=folds)
    assert roc_auc_score(event.values > 0.5, found) > 0.97
    by_noise = answer(event, [noise] * 5, patients=patients, folds=folds)
    assert 0.35 < roc_auc_score(event.values > 0.5, by_noise) < 0.65
    years = answer(age, [inputs] * 5, patients=patients, folds=folds)
    assert np.isnan(years[:5]).all()
    assert np.abs(years - age.values)[5:].max() < 0.5


def test_every_fold_reads_its_own_inputs(rng, patients):
    inputs = rng.normal(size=(N, 3))
    folds = assign_folds(patients, seed=0)
    event = Question("asked", (inputs[:, 0] > 0).astype(float), is_event=True)
    of_folds = [inputs, inputs, rng.normal(size=(N, 3)), inputs, inputs]
    found = answer(event, of_folds, patients=patients, folds=folds)
    good = [roc_auc_score(event.values[folds == fold] > 0.5, found[folds == fold]) for fold in range(5)]
    assert good[2] < 0.8 < 0.95 < min(good[:2] + good[3:])


def test_too_few_patients_with_an_event_are_named(rng, patients):
    rare = Question("HYP", (np.arange(N) < 8).astype(float), is_event=True)
    with pytest.raises(ValueError, match="HYP: fewer than 10 patients with or without it outside fold 0"):
        answer(rare, [rng.normal(size=(N, 2))] * 5, patients=patients, folds=assign_folds(patients, seed=0))


def test_the_mean_is_that_of_the_other_folds(patients):
    folds = assign_folds(patients, seed=0)
    age = Question("age", np.arange(N, dtype=float), is_event=False)
    said = answer_by_mean(age, folds=folds)
    assert all(np.allclose(said[folds == fold], age.values[folds != fold].mean()) for fold in range(5))


def test_scores_are_means_over_seeds_and_differences_are_paired(rng, patients):
    event = Question("asked", np.where(np.arange(N) < 10, np.nan, rng.integers(0, 2, N)), is_event=True)
    seeds = np.nan_to_num(event.values) + rng.normal(size=(3, N))
    answers = {"random": rng.normal(size=(2, N)), "features": seeds[:1], "simulated": seeds}
    scores = score(event, answers, draw_patients(patients, n_bootstrap=200))
    found = {(one.arm, one.versus): one for one in scores}
    truth = event.values[10:] > 0.5
    by_seed = [roc_auc_score(truth, row[10:]) for row in seeds]
    assert found["simulated", None].by_seed == pytest.approx(by_seed)
    assert found["simulated", None].interval.value == pytest.approx(np.mean(by_seed))
    apart = found["simulated", "features"]
    assert apart.interval.value == pytest.approx(np.mean(by_seed) - by_seed[0])
    assert ("features", "features") not in found


def test_a_difference_of_one_seed_is_the_paired_difference_of_the_package(rng, patients):
    age = Question("age", rng.normal(50, 10, N), is_event=False)
    one, other = (age.values + rng.normal(0, 5, N) for _ in range(2))
    resamples = draw_patients(patients, n_bootstrap=200)
    scores = score(age, {"features": other[None], "simulated": one[None]}, resamples)
    found = next(each.interval for each in scores if each.metric == "rmse" and each.versus == "features")
    expected = paired_difference(partial(weighted_rmse, age.values), one, other, resamples)
    assert found.model_dump() == pytest.approx(expected.model_dump())


def test_a_table_has_a_line_an_arm_and_leaves_out_what_is_undefined(rng, patients):
    age = Question("age", rng.normal(50, 10, N), is_event=False)
    answers = {"mean": np.full((1, N), 50.0), "random": age.values[None] + rng.normal(size=(1, N))}
    scores = score(age, answers, draw_patients(patients, n_bootstrap=50))
    lines = scores_table(scores, versus=None).splitlines()
    assert lines[0] == "|  | age, MAE, years | age, r |"
    assert [line.split("|")[1].strip() for line in lines[2:]] == ["mean", "random"]
    assert lines[2].endswith("|  |"), "a constant has no correlation"
    assert scores_table(scores, versus="random").splitlines()[2].startswith("| mean | +")


def test_a_folder_without_ptb_xl_is_refused_in_a_line(tmp_path, capsys):
    with pytest.raises(SystemExit):
        transfer.main([str(tmp_path), "--out", str(tmp_path / "out")])
    assert "has no ptbxl/ptbxl_database.csv" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        transfer.main([str(tmp_path), "--out", str(tmp_path / "out"), "--seeds", "0"])
    assert "'0': expected a whole number of 1 or more" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_the_whole_way_gives_the_same_numbers_twice_with_and_without_recorded_archives(real_data, tmp_path):
    found = []
    for name, passes in (("one", "256"), ("two", "0")):
        small = ["--patients", "64", "--seeds", "1", "--passes", "512", "--recorded-passes", passes]
        transfer.main([str(real_data), "--out", str(tmp_path / name), *small])
        scores = json.loads((tmp_path / name / "scores.json").read_text())["scores"]["odd folds"]
        found.append({(one["question"], one["metric"], one["arm"], one["versus"]): one["interval"] for one in scores})
    every, without = found
    assert {arm for _, _, arm, _ in every} - {arm for _, _, arm, _ in without} == {
        "recorded",
        "simulated, then recorded",
    }
    assert without == {key: interval for key, interval in every.items() if key in without}
    assert len({every["NORM", "auroc", arm, None]["value"] for arm in ("random", "simulated", "recorded")}) == 3
    assert "## odd folds" in (tmp_path / "one" / "tables.md").read_text()
