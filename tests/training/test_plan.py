"""Which rows pretraining reads."""

import numpy as np
import pytest

from hemometric.errors import TrainingError
from hemometric.settings import PretrainSettings
from hemometric.training.labelled import choose_labels
from hemometric.training.plan import plan_pretraining


def plan(store, batches="patient-pairs", n_labels=None, **settings):
    labels = choose_labels(store, target="mpcwp", n_labels=n_labels, seed=0) if "labeled" in batches else None
    return plan_pretraining(store, batches=batches, settings=PretrainSettings(**settings), batch_size=16, labels=labels)


@pytest.mark.parametrize("batches", ["patient-pairs", "ecgs", "labeled-ecgs", "half-labeled"])
def test_test_and_calibration_rows_are_never_read(labelled_store, batches):
    splits = labelled_store.splits()
    chosen = plan(labelled_store, batches)
    read = np.concatenate([chosen.rows, *(chosen.step_rows(step) for step in range(40))])
    assert set(splits[read]) == {"train", "validation"}
    assert set(splits[chosen.train_rows]) == {"train"}
    assert set(splits[np.concatenate(chosen.validation)]) == {"validation"}


@pytest.mark.parametrize("batches", ["patient-pairs", "ecgs", "labeled-ecgs"])
def test_the_whole_validation_split_is_looked_at_once(labelled_store, batches):
    read = np.concatenate(plan(labelled_store, batches).validation)
    assert sorted(read) == np.flatnonzero(labelled_store.splits() == "validation").tolist()


def test_pairs_share_a_patient_by_id_and_not_by_place(labelled_store):
    chosen = plan(labelled_store)
    patients = np.array(labelled_store.ecgs["patient_id"].to_pylist())
    for rows in (*(chosen.step_rows(step) for step in range(10)), *chosen.validation):
        first, second = patients[rows].reshape(2, -1)
        assert np.array_equal(first, second)
        assert (rows.reshape(2, -1)[0] != rows.reshape(2, -1)[1]).all()


def test_patients_with_one_ecg_are_left_out_and_counted_or_paired_with_themselves(write_labelled_store, tmp_path):
    store = write_labelled_store(tmp_path / "store", n_patients=20, n_visits=1)
    with pytest.raises(TrainingError, match=r"no training patient has two ECGs.*default.*two-views"):
        plan(store)
    chosen = plan(store, single_ecg_patients="two-views")
    assert chosen.n_left_out == 0
    first, second = chosen.step_rows(0).reshape(2, -1)
    assert np.array_equal(first, second)
    assert len(plan(store, "ecgs").train_rows) == 10


def test_the_count_of_left_out_patients_is_right(labelled_store):
    class OneLess:
        """The store, where every second patient lost its second ECG to the test split."""

        path, ecgs = labelled_store.path, labelled_store.ecgs

        def splits(self):
            found = labelled_store.splits().copy()
            found[3::4] = "test"
            return found

    chosen = plan(OneLess())
    assert chosen.n_left_out == 24 + 12
    assert len(chosen.train) == 36


def test_too_few_ecgs_are_refused(write_labelled_store, tmp_path):
    store = write_labelled_store(tmp_path / "store", n_patients=1, n_visits=2)
    with pytest.raises(TrainingError, match="too few to train pclr"):
        plan(store)
    with pytest.raises(TrainingError, match="too few to train"):
        plan(store, "ecgs")


def test_partners_of_patients_with_one_ecg_are_neighbours_of_others(labelled_store, write_labelled_store, tmp_path):
    store = write_labelled_store(tmp_path / "store", n_patients=40, n_visits=1)
    chosen = plan(store, "partners")
    assert chosen.n_left_out == 0
    neighbors = np.full((len(store), 2), -1)
    rows = chosen.train_rows
    neighbors[rows, 0] = np.roll(rows, 1)
    neighbors[rows[3]] = -1
    partners = {}
    for step in range(5):
        first, second = chosen.step_rows(step, neighbors).reshape(2, -1)
        partners |= dict(zip(first.tolist(), second.tolist(), strict=True))
        again = chosen.step_rows(step, neighbors).reshape(2, -1)
        np.testing.assert_array_equal([first, second], again)
    assert set(partners) == set(rows.tolist())
    assert partners.pop(int(rows[3])) == rows[3], "an ECG without neighbours is its own partner"
    assert all(second == neighbors[first, 0] for first, second in partners.items())
    with_two = plan(labelled_store, "partners")
    everybody = np.zeros((len(labelled_store), 1), dtype=np.int64)
    np.testing.assert_array_equal(with_two.step_rows(3, everybody), plan(labelled_store).step_rows(3))


@pytest.mark.parametrize(
    ("batches", "expected"), [("patient-pairs", 60 // 8), ("partners", 60 // 8), ("ecgs", 120 // 16)]
)
def test_an_epoch_is_as_many_steps_as_draw_everybody_once(labelled_store, batches, expected):
    chosen = plan(labelled_store, batches)
    assert chosen.steps_per_epoch == expected
    drawn = np.concatenate([chosen.step_rows(step) for step in range(expected)])
    assert len(np.unique(chosen.patient_codes[drawn])) >= 0.9 * 60


def test_labeled_ecgs_are_those_of_the_budget(labelled_store):
    chosen = plan(labelled_store, "labeled-ecgs", n_labels=10)
    labels = choose_labels(labelled_store, target="mpcwp", n_labels=10, seed=0)
    assert set(chosen.train_rows.tolist()) == set(labels["train"].rows.tolist())
    assert len(chosen.step_rows(0)) == 16
    with pytest.raises(ValueError, match="drawn by labels"):
        plan_pretraining(labelled_store, batches="labeled-ecgs", settings=PretrainSettings(), batch_size=16)


def test_half_of_the_pairs_begin_with_a_labeled_ecg_that_come_in_rounds_of_their_own(labelled_store):
    chosen = plan(labelled_store, "half-labeled", n_labels=5)
    labels = choose_labels(labelled_store, target="mpcwp", n_labels=5, seed=0)["train"]
    labeled_patients = set(labels.patients.tolist())
    patients = np.array(labelled_store.ecgs["patient_id"].to_pylist())
    firsts, others = [], []
    for step in range(25):
        first, second = chosen.step_rows(step).reshape(2, 8)
        assert (patients[first] == patients[second]).all()
        assert (first != second).all()
        assert set(first[:4].tolist()) <= set(labels.rows.tolist())
        assert not set(patients[first[4:]].tolist()) & labeled_patients, "the other half has no labels"
        firsts.append(first[:4])
        others.append(first[4:])
    counts = np.unique(np.concatenate(firsts), return_counts=True)[1]
    assert len(counts) == 10
    assert counts.min() >= 8, "100 draws of 10 labeled ECGs, in rounds of 8 of them"
    assert len(np.unique(patients[np.concatenate(others)])) == 55
    assert chosen.steps_per_epoch == 55 // 4
    np.testing.assert_array_equal(chosen.step_rows(7), chosen.step_rows(7))
    assert set(chosen.train_rows.tolist()) == set(np.flatnonzero(labelled_store.splits() == "train").tolist())


def test_where_everybody_has_a_label_all_pairs_are_labeled(labelled_store):
    chosen = plan(labelled_store, "half-labeled")
    assert len(chosen.step_rows(0)) == 16
    assert chosen.steps_per_epoch == 120 // 8


class HalfKnown:
    """A store in which every second ten of patients has no label."""

    def __init__(self, store):
        self._store = store

    def __getattr__(self, name):
        return getattr(self._store, name)

    def labels(self):
        table = self._store.labels()
        kept = [place for place, name in enumerate(table["patient_id"].to_pylist()) if int(name[1:]) // 10 % 2 == 0]
        return table.take(kept)


def test_validation_batches_hold_every_labeled_ecg_once_and_as_many_pairs_of_others(labelled_store):
    store = HalfKnown(labelled_store)
    chosen = plan(store, "half-labeled")
    rows = choose_labels(store, target="mpcwp", n_labels=None, seed=0)["validation"].rows
    assert len(rows) == 24
    found, others = [], []
    for batch in chosen.validation:
        first, second = batch.reshape(2, -1)
        assert (chosen.patient_codes[first] == chosen.patient_codes[second]).all()
        labeled = np.isin(first, rows)
        assert 4 <= labeled.sum() <= 5
        assert 2 <= (~labeled).sum() <= 3
        found += first[labeled].tolist()
        others += first[~labeled].tolist()
    assert sorted(found) == sorted(rows.tolist())
    assert len(np.unique(chosen.patient_codes[others])) == 12, "each validation patient without a label"


def test_mates_are_the_other_ecgs_of_the_patient_and_a_neighbour_where_there_is_none(write_labelled_store, tmp_path):
    store = write_labelled_store(tmp_path / "store", n_patients=40, n_visits=1)
    chosen = plan(store, "half-labeled", n_labels=10)
    first, second = chosen.step_rows(0).reshape(2, -1)
    assert np.array_equal(first, second), "without neighbours an ECG is its own partner"
    neighbors = np.full((len(store), 1), -1)
    neighbors[chosen.train_rows, 0] = np.roll(chosen.train_rows, 1)
    first, second = chosen.step_rows(0, neighbors).reshape(2, -1)
    assert np.array_equal(second, neighbors[first, 0])


@pytest.mark.parametrize("batches", ["patient-pairs", "partners", "ecgs"])
def test_a_smaller_archive_is_a_part_of_a_larger_one_and_validation_stays_whole(labelled_store, batches):
    whole, more, fewer = (plan(labelled_store, batches, n_patients=n) for n in (None, 20, 5))
    patients = np.array(labelled_store.ecgs["patient_id"].to_pylist())
    read = [set(patients[chosen.train_rows]) for chosen in (fewer, more, whole)]
    assert [len(some) for some in read[:2]] == [5, 20]
    assert read[0] < read[1] < read[2]
    assert set(fewer.train_rows) == set(np.flatnonzero(np.isin(patients, list(read[0]))))
    assert sorted(np.concatenate(fewer.validation)) == sorted(np.concatenate(whole.validation))
    other = plan(labelled_store, batches, n_patients=5, seed=1)
    assert set(patients[other.train_rows]) != read[0]


def test_more_patients_than_there_are_is_refused(labelled_store):
    with pytest.raises(TrainingError, match=r"has \d+ training patients, n_patients=9,999 are asked for"):
        plan(labelled_store, n_patients=9999)
