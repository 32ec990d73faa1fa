"""The main job, by the command line as a user would do it, on real ECGs and on simulated ones."""

import csv
import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from hemometric.__main__ import main
from hemometric.store import Store


def run(*arguments):
    assert main([str(argument) for argument in arguments]) == 0


@pytest.fixture(scope="module")
def real_archive(real_data, tmp_path_factory):
    """150 records of PTB-XL beside its own table, and the three of PTBDB, ingested."""
    folder = tmp_path_factory.mktemp("real")
    source = folder / "ptbxl"
    (source / "records500" / "00000").mkdir(parents=True)
    (source / "ptbxl_database.csv").symlink_to(real_data / "ptbxl" / "ptbxl_database.csv")
    for header in sorted((real_data / "ptbxl" / "records500" / "00000").glob("*.hea"))[:150]:
        for path in (header, header.with_suffix(".dat")):
            (source / "records500" / "00000" / path.name).symlink_to(path)
    run("ingest", source, real_data / "ptbdb", "--out", folder / "archive", "--workers", 1)
    return folder / "archive"


def test_every_real_record_is_accepted_or_rejected_with_a_reason(real_archive):
    store = Store.open(real_archive)
    accepted = {source.split("#")[0] for source in store.ecgs["source"].to_pylist()}
    with (real_archive / "rejects.csv").open(newline="") as lines:
        rejected = {row["source"].split("#")[0] for row in csv.DictReader(lines)}
    assert len(accepted | rejected) == 153
    assert len(accepted) >= 150
    known = dict(zip(store.ecgs["source"].to_pylist(), store.ecgs["patient_id_known"].to_pylist(), strict=True))
    assert all(value == source.startswith("ptbxl/") for source, value in known.items())


def test_real_ecgs_are_pretrained_on_embedded_fine_tuned_and_estimated(real_archive, real_data, tmp_path, capsys):
    few = ("--set", "n_passes=256", "--set", "n_validations=1")
    run("pretrain", real_archive, "--objective", "dml-dtw", "--out", tmp_path / "pretrained", *few)
    run("embed", tmp_path / "pretrained", real_archive, "--out", tmp_path / "embeddings.parquet")
    table = Store.open(real_archive).ecgs
    assert pq.read_table(tmp_path / "embeddings.parquet").num_rows == len(table)

    # PTB-XL has no catheter values: these are invented, to go the way and not to learn from.
    rng = np.random.default_rng(0)
    with (tmp_path / "catheter.csv").open("w", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(["patient_id", "measured_at", "target", "value", "unit"])
        for patient, moment in zip(table["patient_id"].to_pylist(), table["acquired_at"].to_pylist(), strict=True):
            if patient.startswith("ptb-xl:"):
                writer.writerow([patient, moment, "mpcwp", f"{rng.normal(16, 4):.1f}", "mmHg"])
    run("link", real_archive, "--labels", tmp_path / "catheter.csv")
    fit = ("--set", "n_steps=10", "--set", "n_validations=2", "--set", "learning_rates=[0.001]", "--no-baselines")
    run(
        "finetune",
        real_archive,
        "--from",
        tmp_path / "pretrained",
        "--target",
        "mpcwp",
        "--out",
        tmp_path / "run",
        *fit,
    )
    capsys.readouterr()
    run("predict", tmp_path / "run", real_data / "ptbdb" / "s0010_re.hea", "--json")
    answer = json.loads(capsys.readouterr().out)[0]
    assert not answer["refused"]
    assert 0 < answer["estimates"]["mpcwp"]["value"] < 40
    assert set(answer["estimates"]["mpcwp"]["probability"]) == {"mpcwp>15", "mpcwp>18"}


@pytest.fixture(scope="module")
def simulated_archive(tmp_path_factory):
    archive = tmp_path_factory.mktemp("simulated") / "archive"
    run("simulate", "--out", archive, "--patients", 400, "--sampling-rate", 100, "--workers", 1, "--seed", 3)
    run("link", archive)
    return archive


def test_a_simulated_archive_ends_in_a_report_with_every_baseline(simulated_archive, tmp_path):
    few = ("--set", "n_passes=1024", "--set", "n_validations=1")
    run("pretrain", simulated_archive, "--objective", "pclr", "--out", tmp_path / "pretrained", *few)
    fit = ("--set", "n_steps=20", "--set", "n_validations=2", "--set", "learning_rates=[0.001]")
    run(
        *("finetune", simulated_archive, "--from", tmp_path / "pretrained", "--target", "mpcwp", "--labels", 30),
        *("--out", tmp_path / "run", *fit),
    )
    run("evaluate", tmp_path / "run", "--store", simulated_archive, "--out", tmp_path / "report", "--labels", "truth")
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert report["simulated"] is True
    assert set(report["baselines"]) == {"mean", "demographics", "features", "random", "none"}
    assert "SIMULATED" in (tmp_path / "report" / "report.html").read_text()
    assert report["classification"]["mpcwp>15"]["auroc"]["low"] <= report["classification"]["mpcwp>15"]["auroc"]["high"]


def test_a_store_and_a_file_are_inspected(simulated_archive, tmp_path, capsys):
    from pydicom.data import get_testdata_file

    run("inspect", simulated_archive)
    assert "SIMULATED" in capsys.readouterr().out
    run("inspect", get_testdata_file("waveform_ecg.dcm", download=False), "--plot", tmp_path / "ecg.png")
    assert (tmp_path / "ecg.png").read_bytes().startswith(b"\x89PNG")
    run("verify", simulated_archive)


def test_no_output_is_left_behind_by_a_mistake(simulated_archive, tmp_path, capsys):
    assert main(["pretrain", str(simulated_archive), "--objective", "plcr", "--out", str(tmp_path / "run")]) == 2
    assert main(["ingest", str(tmp_path / "nothing"), "--out", str(tmp_path / "archive")]) == 2
    assert main(["finetune", str(simulated_archive), "--from", "nowhere", "--target", "mpcwp", "--out", "x"]) == 2
    assert main(["evaluate", str(tmp_path), "--store", str(simulated_archive), "--out", str(tmp_path / "report")]) == 2
    heard = capsys.readouterr().err
    assert "Traceback" not in heard
    assert "did you mean 'pclr'" in heard
    assert sorted(tmp_path.iterdir()) == []
