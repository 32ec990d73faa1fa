"""Label budgets subsample training patients and nothing else."""

import numpy as np
import pytest

from hemometric.errors import LabelError, TrainingError
from hemometric.training.labelled import FOLDS, assign_folds, choose_labels, label_table, table_fingerprint


def choose(store, n_labels=None, seed=0, target="mpcwp"):
    return choose_labels(store, target=target, n_labels=n_labels, seed=seed)


def test_no_test_label_is_ever_handed_out(labelled_store):
    splits = labelled_store.splits()
    chosen = choose(labelled_store)
    for role, ecgs in chosen.items():
        assert set(splits[ecgs.rows]) == {role}
    patients = [set(ecgs.patients) for ecgs in chosen.values()]
    assert not patients[0] & patients[1]
    assert not patients[0] & patients[2]
    assert not patients[1] & patients[2]


def test_a_budget_counts_patients_and_leaves_the_other_splits_whole(labelled_store):
    every, few = choose(labelled_store), choose(labelled_store, n_labels=12)
    assert few["train"].counts == (24, 12)
    for role in ("validation", "calibration"):
        assert np.array_equal(few[role].rows, every[role].rows)


def test_a_smaller_budget_is_part_of_a_larger_one(labelled_store):
    few, more, other = (choose(labelled_store, n, seed)["train"] for n, seed in ((10, 0), (30, 0), (10, 1)))
    assert set(few.patients) < set(more.patients)
    assert set(few.patients) != set(other.patients)


def test_a_budget_beyond_what_there_is_takes_all(labelled_store):
    assert choose(labelled_store, n_labels=1000)["train"].counts == (120, 60)


def test_values_stay_with_their_ecgs(labelled_store):
    every, few = choose(labelled_store)["train"], choose(labelled_store, n_labels=12)["train"]
    value = dict(zip(every.rows, every.values, strict=True))
    assert all(value[row] == found for row, found in zip(few.rows, few.values, strict=True))


def test_too_few_labels_are_refused_by_name(labelled_store):
    with pytest.raises(TrainingError, match="6 labelled ECGs of mpcwp in the train split, at least 8"):
        choose(labelled_store, n_labels=3)
    with pytest.raises(LabelError, match="no ECG has a linked value of co"):
        choose(labelled_store, target="co")


def test_the_table_has_the_columns_of_the_contract_and_a_fingerprint(labelled_store):
    table = label_table(labelled_store, choose(labelled_store), target="mpcwp")
    assert table.column_names == ["ecg_id", "patient_id", "role", "target", "value"]
    assert set(table["role"].to_pylist()) == {"train", "validation", "calibration"}
    other = label_table(labelled_store, choose(labelled_store, n_labels=12), target="mpcwp")
    assert table_fingerprint(table) != table_fingerprint(other)
    again = label_table(labelled_store, choose(labelled_store), target="mpcwp")
    assert table_fingerprint(table) == table_fingerprint(again)


def test_folds_are_of_patients_and_of_even_size_whatever_the_order():
    patients = np.array([f"p{number % 23}" for number in range(100)])
    folds = assign_folds(patients, seed=0)
    assert set(folds) == set(range(FOLDS))
    assert all(len(set(folds[patients == patient])) == 1 for patient in np.unique(patients))
    sizes = [len(np.unique(patients[folds == fold])) for fold in range(FOLDS)]
    assert max(sizes) - min(sizes) <= 1
    order = np.random.default_rng(1).permutation(100)
    assert np.array_equal(assign_folds(patients[order], seed=0), folds[order])
    assert not np.array_equal(assign_folds(patients, seed=1), folds)
