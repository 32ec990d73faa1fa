"""Rows become tensors, in an order that a resumed run repeats."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from hemometric.ecg import derive_leads
from hemometric.training.batches import PreparedEcgs, derive_all, draw_ecgs, draw_mates, draw_pairs, pair_rows
from hemometric.training.contract import ModelContract, prepare

CPU = torch.device("cpu")
CONTRACT = ModelContract(
    encoder="compact", embedding_dim=128, sampling_rate_hz=100, n_samples=1000, band_hz=(0.5, 40), precision="fp32"
)


def test_ecgs_kept_in_memory_equal_those_prepared_anew(labelled_store):
    rows = np.array([7, 3, 100, 3])
    kept = PreparedEcgs(labelled_store, rows, contract=CONTRACT, memory_gib=1.0).take(rows, device=CPU)
    anew = PreparedEcgs(labelled_store, rows, contract=CONTRACT, memory_gib=0.0).take(rows, device=CPU)
    assert torch.equal(kept, anew)
    plain = prepare(labelled_store.take_independent(rows), sampling_rate_hz=100, contract=CONTRACT)
    assert np.abs(kept.numpy() - plain).max() <= 0.00051, "rounded to a microvolt"


def test_twelve_leads_are_derived_as_everywhere_else():
    eight = torch.randn(3, 8, 50, generator=torch.Generator().manual_seed(0))
    assert np.allclose(derive_all(eight).numpy(), derive_leads(eight.numpy()), atol=1e-6)


@given(st.integers(1, 50), st.integers(1, 60), st.integers(0, 3))
def test_every_row_comes_once_before_any_comes_again(n_rows: int, batch_size: int, seed: int):
    rows = 10 + np.arange(n_rows)
    n_steps = n_rows // min(batch_size, n_rows)
    drawn = [draw_ecgs(rows, batch_size=batch_size, step=step, seed=seed) for step in range(n_steps)]
    together = np.concatenate(drawn)
    assert len(np.unique(together)) == len(together)
    assert set(together) <= set(rows)


def test_a_draw_depends_on_step_and_seed_alone():
    rows = np.arange(100)
    late = draw_ecgs(rows, batch_size=7, step=31, seed=1)
    for step in range(31):
        draw_ecgs(rows, batch_size=7, step=step, seed=1)
    assert np.array_equal(draw_ecgs(rows, batch_size=7, step=31, seed=1), late)
    assert not np.array_equal(draw_ecgs(rows, batch_size=7, step=31, seed=2), late)
    rounds = [draw_ecgs(rows, batch_size=100, step=step, seed=1) for step in (0, 1)]
    assert not np.array_equal(*rounds), "every round has an order of its own"


def test_pairs_are_two_different_ecgs_of_one_patient():
    patients = [np.array([0, 1, 2]), np.array([3, 4]), np.array([5, 6, 7, 8])]
    owner = np.repeat([0, 1, 2], [3, 2, 4])
    seen = set()
    for step in range(50):
        drawn = draw_pairs(patients, n_patients=3, step=step, seed=0).reshape(2, -1)
        assert np.array_equal(owner[drawn[0]], owner[drawn[1]])
        assert (drawn[0] != drawn[1]).all()
        assert len(set(owner[drawn[0]])) == 3, "no patient comes twice in a step"
        seen |= set(drawn.ravel().tolist())
    assert seen == set(range(9))


def test_a_patient_with_one_ecg_is_paired_with_itself():
    drawn = pair_rows([np.array([4]), np.array([1, 2])], rng=np.random.default_rng(0))
    assert drawn[0] == drawn[2] == 4
    assert {int(drawn[1]), int(drawn[3])} == {1, 2}


def test_a_mate_is_any_other_ecg_of_the_patient_or_the_ecg_itself():
    patients = [np.array([3, 5, 9]), np.array([3, 5, 9]), np.array([7])]
    rows = np.array([5, 3, 7])
    drawn = np.array([draw_mates(rows, patients, rng=np.random.default_rng(seed)) for seed in range(50)])
    assert set(drawn[:, 0].tolist()) == {3, 9}
    assert set(drawn[:, 1].tolist()) == {5, 9}
    assert set(drawn[:, 2].tolist()) == {7}
