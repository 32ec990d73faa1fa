"""What a run tells about itself, whom it has seen, and runs that are damaged."""

import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest

from hemometric.errors import RunError
from hemometric.evaluation.run_facts import find_rows, read_run, refuse_seen_patients
from hemometric.labels import linked_labels
from hemometric.settings import PretrainSettings
from hemometric.training import pretrain


@pytest.fixture
def copied(run, tmp_path):
    path = tmp_path / "copied"
    shutil.copytree(run, path)
    return path


def test_the_labels_are_those_of_the_store_by_role(run, store):
    facts = read_run(run)
    linked = linked_labels(store, "mpcwp")
    values = dict(zip(linked.rows.tolist(), linked.values.tolist(), strict=True))
    splits = store.splits()
    assert (facts.target.name, facts.source, facts.trained_on_simulated) == ("mpcwp", "none", True)
    assert facts.data_fingerprint == store.fingerprint
    assert facts.label_counts.train_patients == 40
    for role, ecgs in facts.labels.items():
        rows = find_rows(store, ecgs.ecg_ids)
        assert set(splits[rows]) == {role}
        assert ecgs.values.tolist() == [values[row] for row in rows.tolist()]


def test_rows_are_found_in_the_order_asked_and_none_where_one_is_missing(store):
    ids = np.array(store.ecgs["ecg_id"].to_pylist())
    assert find_rows(store, ids[[5, 0, 9]]).tolist() == [5, 0, 9]
    assert find_rows(store, np.array([ids[0], "elsewhere"])) is None


@pytest.mark.parametrize("split", ["train", "validation", "calibration"])
def test_patients_of_a_split_that_the_run_used_are_refused_by_number_and_name(split, run, store):
    patients = np.array(store.ecgs["patient_id"].to_pylist())
    of_split = patients[store.splits() == split]
    with pytest.raises(
        RunError, match=f"{np.unique(of_split).size} patients of its {split} split .first '{min(of_split)}'"
    ):
        refuse_seen_patients(read_run(run), of_split, store=store, split=split)


def test_test_patients_and_strangers_pass(run, store):
    patients = np.array(store.ecgs["patient_id"].to_pylist())
    facts = read_run(run)
    refuse_seen_patients(facts, patients[store.splits() == "test"], store=store, split="test")
    refuse_seen_patients(facts, np.array(["never seen"]), store=store, split="test")


def test_a_labelled_patient_is_refused_even_where_the_split_list_forgot_it(copied, store):
    labelled = read_run(copied).labels["train"].patient_ids
    (copied / "splits.csv").write_text("patient_id,split\nsomebody,train\n")
    with pytest.raises(RunError, match="1 patients"):
        refuse_seen_patients(read_run(copied), labelled[:1], store=store, split="test")


@pytest.mark.parametrize("split", ["train", "validation", "calibration"])
def test_a_patient_without_a_label_is_refused_too(split, copied, store):
    (copied / "splits.csv").write_text(f"patient_id,split\nsomebody,{split}\nanother,test\n")
    with pytest.raises(RunError, match="'somebody'"):
        refuse_seen_patients(read_run(copied), np.array(["another", "somebody"]), store=store, split="test")


def test_without_a_split_list_nothing_is_judged(copied, store):
    (copied / "splits.csv").unlink()
    with pytest.raises(RunError, match=r"splits.csv: missing"):
        refuse_seen_patients(read_run(copied), np.array(["anybody"]), store=store, split="test")


def spoil_missing(path):
    path.unlink()


def spoil_bytes(path):
    path.write_bytes(b"no parquet")


def spoil_columns(path):
    pq.write_table(pq.read_table(path).drop_columns(["role"]), path)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [(spoil_missing, "missing"), (spoil_bytes, "cannot be read"), (spoil_columns, "lacks the columns role")],
)
def test_a_damaged_label_list_is_named(spoil, message, copied):
    spoil(copied / "label_subset.parquet")
    with pytest.raises(RunError, match=rf"label_subset.parquet: {message}"):
        read_run(copied)


def test_a_pretrained_run_estimates_nothing(store, tmp_path):
    settings = PretrainSettings(n_passes=8, batch_size=8, n_validations=1)
    pretrain(store, out=tmp_path / "pretrained", settings=settings, device="cpu")
    with pytest.raises(RunError, match="estimates nothing"):
        read_run(tmp_path / "pretrained")


def test_no_run_at_all_is_named(tmp_path):
    with pytest.raises(RunError, match="no such run"):
        read_run(tmp_path / "nothing")
