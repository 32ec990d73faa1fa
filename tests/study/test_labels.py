"""Which labels a budget shows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hemometric.study.labels import KnownLabels, LabelView
from hemometric.training.labelled import choose_labels


def _known(*, n_patients=60, seed=0, source="truth") -> KnownLabels:
    """Patients with one to four visits of one to three ECGs, half of them in train, a quarter in each of two others."""
    rng = np.random.default_rng(seed)
    patients, visits = [], []
    for patient in range(n_patients):
        for visit in range(rng.integers(1, 5)):
            for _ in range(rng.integers(1, 4)):
                patients.append(f"p{patient:03d}")
                visits.append(f"2020-01-{visit + 1:02d}")
    n = len(patients)
    roles = np.array(["train", "train", "validation", "calibration"])
    splits = roles[[int(patient[1:]) % 4 for patient in patients]]
    return KnownLabels(np.arange(n) * 2, rng.normal(size=n), np.array(patients), np.array(visits), splits, source)


@given(st.integers(1, 29), st.integers(1, 29), st.integers(0, 5))
@settings(deadline=None)
def test_a_larger_budget_of_a_seed_holds_a_smaller_one(one, other, seed):
    known = _known()
    small, large = sorted((one, other))
    of_small, of_large = (set(known.of_budget(n, seed=seed).rows.tolist()) for n in (small, large))
    assert of_small <= of_large


@given(st.integers(1, 60), st.integers(0, 5))
@settings(deadline=None)
def test_a_budget_counts_training_patients_and_a_third_as_many_to_choose_and_to_calibrate(n, seed):
    shown = _known().of_budget(n, seed=seed)
    assert shown.n_patients("train") == min(n, 30)
    assert shown.n_patients("validation") == shown.n_patients("calibration") == min(-(-n // 3), 15)
    assert shown.n_patients("test") == 0


def test_from_the_truth_a_patient_gives_one_visit_with_all_of_its_ecgs():
    known = _known()
    shown = known.of_budget(30, seed=3)
    for patient in np.unique(shown.patients):
        (visit,) = np.unique(shown.visits[shown.patients == patient])
        assert (shown.patients == patient).sum() == ((known.patients == patient) & (known.visits == visit)).sum()


def test_every_visit_of_a_patient_can_be_drawn():
    known = _known()
    patient = "p000"
    drawn = set()
    for seed in range(60):
        shown = known.of_budget(30, seed=seed)
        drawn |= set(shown.visits[shown.patients == patient].tolist())
    assert drawn == set(known.visits[known.patients == patient].tolist())


def test_from_links_a_patient_gives_all_that_was_linked():
    known = _known(source="links")
    shown = known.of_budget(5, seed=1)
    mine = np.isin(known.patients, shown.patients)
    np.testing.assert_array_equal(shown.rows, known.rows[mine])


def test_another_seed_shows_other_patients():
    known = _known()
    assert set(known.of_budget(10, seed=0).patients) != set(known.of_budget(10, seed=1).patients)


def test_a_store_shows_the_labels_of_a_budget_and_no_other(measured_store):
    known = KnownLabels.read(measured_store, "mpcwp", "truth")
    shown = known.of_budget(12, seed=0)
    view = LabelView.show(measured_store.path, shown, target="mpcwp")
    chosen = choose_labels(view, target="mpcwp", n_labels=None, seed=0)
    for role, labels in chosen.items():
        part = shown.of_split(role)
        np.testing.assert_array_equal(labels.rows, part.rows)
        np.testing.assert_array_equal(labels.values, part.values)
    assert view.labels() is None
    assert view.truth() is None
    assert view.fingerprint == measured_store.fingerprint


def test_the_truth_is_what_was_measured_and_the_links_what_was_linked(measured_store):
    truth, links = (KnownLabels.read(measured_store, "mpcwp", source) for source in ("truth", "links"))
    np.testing.assert_allclose(truth.values - links.values, 0.25)
    assert truth.fingerprint != links.fingerprint


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_split_keeps_its_own(split):
    known = _known()
    assert set(known.of_split(split).splits) <= {split}
