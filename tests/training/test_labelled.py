"""Label budgets subsample training patients and nothing else."""

import numpy as np
import pytest

from hemometric.errors import LabelError, SettingsError, TrainingError
from hemometric.labels import linked_labels
from hemometric.training.labelled import (
    FOLDS,
    assign_folds,
    choose_label_grids,
    choose_labels,
    grid_table,
    label_table,
    table_fingerprint,
)

BOTH = ("mpcwp", "rap")


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


def choose_both(store, n_labels=None, targets=BOTH):
    return choose_label_grids(store, targets=targets, n_labels=n_labels, seed=0)


def test_of_several_targets_every_ecg_with_a_label_of_any_is_there_and_the_others_are_missing(two_target_store):
    grids, splits = choose_both(two_target_store), two_target_store.splits()
    for column, target in enumerate(BOTH):
        linked = linked_labels(two_target_store, target)
        value = dict(zip(linked.rows.tolist(), linked.values.tolist(), strict=True))
        for role, grid in grids.items():
            expected = np.array([value.get(row, np.nan) for row in grid.rows.tolist()])
            assert np.array_equal(grid.values[:, column], expected, equal_nan=True)
            assert grid.of(column).rows.tolist() == [row for row in linked.rows.tolist() if splits[row] == role]
    train = grids["train"]
    assert train.counts == (120, 60)
    assert not np.isnan(train.values).all(axis=1).any()
    n_known = (~np.isnan(train.values)).sum(axis=1)
    assert set(n_known.tolist()) == {1, 2}


def test_a_budget_counts_patients_with_a_label_of_any_target(two_target_store):
    few, more = choose_both(two_target_store, n_labels=30)["train"], choose_both(two_target_store, n_labels=45)["train"]
    assert few.counts == (60, 30)
    assert all(0 < few.of(column).counts[1] < 30 for column in (0, 1))
    assert set(few.patients) < set(more.patients)


def test_one_target_alone_is_chosen_as_it_is_without_others(two_target_store):
    alone, joint = choose(two_target_store), choose_both(two_target_store)
    for role, ecgs in alone.items():
        of_joint = joint[role].of(0)
        assert np.array_equal(ecgs.rows, of_joint.rows)
        assert np.array_equal(ecgs.values, of_joint.values)
        assert np.array_equal(ecgs.patients, of_joint.patients)


def test_the_target_with_too_few_labels_is_named(two_target_store):
    """Of the five patients drawn, all have an mPCWP, and three a RAP."""
    few = r"6 labelled ECGs of rap in the train split, at least 8 .*: leave this target out, link more"
    with pytest.raises(TrainingError, match=few):
        choose_both(two_target_store, n_labels=5)
    choose_both(two_target_store, n_labels=5, targets=("mpcwp",))
    with pytest.raises(LabelError, match="no ECG has a linked value of co"):
        choose_both(two_target_store, targets=("mpcwp", "co"))
    with pytest.raises(SettingsError, match="unknown target 'rpa'"):
        choose_both(two_target_store, targets=("mpcwp", "rpa"))


def test_the_table_of_several_targets_has_a_line_for_each_label(two_target_store):
    grids = choose_both(two_target_store)
    lines = grid_table(two_target_store, grids, targets=BOTH).to_pylist()
    assert len(lines) == sum(int((~np.isnan(grid.values)).sum()) for grid in grids.values())
    ids = two_target_store.ecgs["ecg_id"].to_pylist()
    value = {
        (ids[row], target): found
        for grid in grids.values()
        for row, of_row in zip(grid.rows, grid.values, strict=True)
        for target, found in zip(BOTH, of_row, strict=True)
        if not np.isnan(found)
    }
    assert {(line["ecg_id"], line["target"]): line["value"] for line in lines} == value


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
