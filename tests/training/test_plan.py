"""Which rows pretraining reads."""

import numpy as np
import pytest

from hemometric.errors import TrainingError
from hemometric.settings import PretrainSettings
from hemometric.training.plan import plan_pretraining


def plan(store, batches="patient-pairs", **settings):
    return plan_pretraining(store, batches=batches, settings=PretrainSettings(**settings), batch_size=16)


@pytest.mark.parametrize("batches", ["patient-pairs", "ecgs"])
def test_test_and_calibration_rows_are_never_read(labelled_store, batches):
    splits = labelled_store.splits()
    chosen = plan(labelled_store, batches)
    read = np.concatenate([chosen.rows, *(chosen.step_rows(step) for step in range(40))])
    assert set(splits[read]) == {"train", "validation"}
    assert set(splits[chosen.train_rows]) == {"train"}
    assert set(splits[np.concatenate(chosen.validation)]) == {"validation"}


@pytest.mark.parametrize("batches", ["patient-pairs", "ecgs"])
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
