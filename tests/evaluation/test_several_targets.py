"""A run of two targets through the command line: fitted, judged by either of them, and asked about a file."""

import csv
import json

import numpy as np
import pytest

from hemometric.__main__ import main
from hemometric.evaluation import BASELINES
from hemometric.evaluation.baselines import baselines_file, predict_baselines, read_baselines
from hemometric.evaluation.classification import freeze_threshold
from hemometric.evaluation.model import predict_run
from hemometric.evaluation.run_facts import find_rows, read_run
from hemometric.labels import linked_labels
from hemometric.store import Store


def run(*arguments):
    assert main([str(argument) for argument in arguments]) == 0


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    """60 simulated patients at 100 Hz; every second visit has an mPCWP, two of three a RAP."""
    folder = tmp_path_factory.mktemp("simulated")
    run("simulate", "--out", folder / "store", "--patients", 60, "--seed", 4, "--sampling-rate", 100)
    opened = Store.open(folder / "store")
    visits = [row for row in opened.truth().to_pylist() if row["target"] in ("mpcwp", "rap")]
    at = {
        visit: number for number, visit in enumerate(sorted({(row["patient_id"], row["visit_at"]) for row in visits}))
    }
    with (folder / "catheter.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["patient_id", "measured_at", "target", "value", "unit"])
        for row in visits:
            number = at[row["patient_id"], row["visit_at"]]
            if number % 2 if row["target"] == "mpcwp" else number % 3:
                table.writerow([row["patient_id"], row["visit_at"], row["target"], row["measured"], "mmHg"])
    run("link", folder / "store", "--labels", folder / "catheter.csv")
    return Store.open(folder / "store")


@pytest.fixture(scope="module")
def both(store, tmp_path_factory):
    out = tmp_path_factory.mktemp("both") / "run"
    few = ("--set", "n_steps=4", "--set", "n_validations=1", "--set", "learning_rates=[0.001]")
    run("finetune", store.path, "--from", "none", "--target", "mpcwp", "--target", "rap", "--out", out, *few)
    return out


def test_labels_are_missing_of_each_target_and_both_were_fitted(store, both):
    mpcwp, rap = (set(linked_labels(store, target).rows.tolist()) for target in ("mpcwp", "rap"))
    assert mpcwp - rap
    assert rap - mpcwp
    assert mpcwp & rap
    counts = [read_run(both, target=target).label_counts.train_ecgs for target in ("mpcwp", "rap")]
    assert counts[0] != counts[1]


@pytest.mark.parametrize(("asked", "target"), [((), "mpcwp"), (("--target", "rap"), "rap")])
def test_either_target_is_judged_and_the_first_without_being_asked(asked, target, store, both, tmp_path):
    run("evaluate", both, "--store", store.path, "--out", tmp_path / "report", *asked)
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    linked = linked_labels(store, target)
    inside = store.splits()[linked.rows] == "test"
    assert (report["target"], report["n_ecgs"]) == (target, int(inside.sum()))
    assert set(report["baselines"]) == set(BASELINES)
    said = predict_run(both, store, linked.rows[inside], device="cpu", target=target)
    rmse_of_ecgs = np.sqrt(np.mean((said.estimate - linked.values[inside]) ** 2))
    assert report["regression"]["rmse"]["value"] == pytest.approx(rmse_of_ecgs, rel=0.5)
    assert all(event.startswith(target) for event in report["classification"])


def test_baselines_of_each_target_have_its_labels_and_the_trained_ones_are_shared(store, both):
    for target in ("mpcwp", "rap"):
        facts = read_run(both, target=target)
        fitted = read_baselines(both, baselines_file(facts))
        assert fitted.target == target
        assert fitted.mean.estimate == facts.labels["train"].values.mean()
        assert fitted.runs == {"random": "baselines/random", "none": "baselines/none"}
        for role, ecgs in read_run(both / "baselines" / "random", target=target).labels.items():
            assert np.array_equal(ecgs.values, facts.labels[role].values)
        validation = facts.labels["validation"]
        rows = find_rows(store, validation.ecg_ids)
        said = predict_baselines(both, fitted, store, rows, device="cpu")["random"]
        event = facts.target.events[0]
        happened = validation.values > event.threshold
        assert fitted.thresholds["random"][event.key] == freeze_threshold(happened, said.probability[event.key])
    assert {path.name for path in both.glob("baselines*")} == {"baselines", "baselines.json", "baselines-rap.json"}


def test_predict_answers_with_all_targets(store, both, real_data, capsys):
    header = sorted((real_data / "ptbxl" / "records500" / "00000").glob("*.hea"))[0]
    run("predict", both, header, "--json")
    (answer,) = json.loads(capsys.readouterr().out)
    assert list(answer["estimates"]) == ["mpcwp", "rap"]
    run("predict", both, header)
    lines = capsys.readouterr().out.splitlines()
    assert f"{header}: mpcwp " in lines[0]
    assert f"{header}: rap " in lines[1]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (("finetune", "STORE", "--from", "none", "--target", "mpcwp", "--target", "rpa"), "unknown target 'rpa'"),
        (("finetune", "STORE", "--from", "none", "--target", "rap", "--target", "rap"), "named once, got rap, rap"),
        (
            ("finetune", "STORE", "--from", "none", "--target", "mpcwp", "--target", "rap", "--labels", "3"),
            "labelled ECGs of",
        ),
        (("evaluate", "RUN", "--store", "STORE", "--target", "rpa"), "does not estimate 'rpa', did you mean 'rap'"),
        (
            ("evaluate", "RUN", "--store", "STORE", "--target", "co"),
            "does not estimate 'co': expected one of mpcwp, rap",
        ),
    ],
)
def test_a_mistake_is_named_in_one_line(command, expected, store, both, tmp_path, capsys):
    places = {"STORE": str(store.path), "RUN": str(both)}
    assert main([*(places.get(word, word) for word in command), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert expected in said
    assert "Traceback" not in said
    assert not (tmp_path / "out").exists()
