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
    with pytest.raises(TrainingError, match=r"no training patient has two ECGs.*dml-dtw.*two-views"):
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
