"""Neighbours before and during training."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from hemometric.neighbors import read_mined
from hemometric.settings import PretrainSettings
from hemometric.training import pretrain
from hemometric.training.neighborhood import Neighborhood, find_first_neighbors
from hemometric.training.plan import plan_pretraining


@pytest.fixture
def lonely_store(write_labelled_store, tmp_path):
    """Sixty patients with one ECG each."""
    return write_labelled_store(tmp_path / "lonely", n_patients=60, n_visits=1)


def planned(store, **settings):
    chosen = PretrainSettings(objective="default", **settings)
    return plan_pretraining(store, batches="partners", settings=chosen, batch_size=16), chosen


def test_a_store_is_mined_where_patients_have_one_ecg_and_only_training_ecgs_are_neighbours(lonely_store):
    plan, settings = planned(lonely_store, neighbors="beat-euclidean", n_neighbors=4)
    table = find_first_neighbors(lonely_store, plan, settings)
    assert read_mined(lonely_store.path / "neighbors" / "beat-euclidean.parquet").n_ecgs == 60
    splits = lonely_store.splits()
    assert set(splits[table[table >= 0]]) == {"train"}
    assert (table[plan.train_rows, 0] >= 0).mean() > 0.9


@pytest.mark.parametrize(
    ("settings", "asked"), [({}, False), ({"neighbors": "none"}, False), ({"exclude_neighbors": True}, True)]
)
def test_a_store_is_mined_only_where_neighbours_are_needed(write_labelled_store, tmp_path, settings, asked):
    store = write_labelled_store(tmp_path / "pairs", n_patients=30)
    plan, chosen = planned(store, **settings)
    table = find_first_neighbors(store, plan, chosen)
    assert (table is not None) == asked == (store.path / "neighbors").exists()


def test_neighbours_are_found_anew_when_due_and_kept_for_a_resumed_run(labelled_store, tmp_path):
    plan, _ = planned(labelled_store)
    rng, calls = np.random.default_rng(0), []

    def embed(rows):
        calls.append(len(rows))
        return rng.normal(size=(len(rows), 4)).astype(np.float32)

    def neighborhood():
        return Neighborhood(plan, n_neighbors=3, every=5, folder=tmp_path, embed=embed, table=None)

    whole = neighborhood()
    found = [whole.at(step) for step in range(17)]
    assert calls == [len(plan.train_rows)] * 3
    assert found[4] is None
    assert found[5] is found[9]
    assert not np.array_equal(found[5], found[10])
    resumed = neighborhood()
    np.testing.assert_array_equal(resumed.at(12), found[12])
    np.testing.assert_array_equal(resumed.at(16), found[16])
    assert len(calls) == 3, "nothing was found anew"
    table, codes = found[16], plan.patient_codes
    anchors, neighbors = np.broadcast_to(np.arange(len(codes))[:, None], table.shape)[table >= 0], table[table >= 0]
    assert set(labelled_store.splits()[neighbors]) == {"train"}
    assert (codes[anchors] != codes[neighbors]).all()


def test_a_run_with_refreshed_neighbours_that_was_interrupted_ends_as_an_undisturbed_one(
    lonely_store, tmp_path, monkeypatch
):
    settings = PretrainSettings(
        objective="default",
        neighbors="embedding",
        refresh_epochs=1,
        n_passes=16 * 12,
        batch_size=16,
        checkpoint_every=1,
    )
    pretrain(lonely_store, out=tmp_path / "whole", settings=settings, device="cpu")
    real, count = Neighborhood.at, []

    def interrupted(self, step):
        count.append(step)
        if len(count) == 8:
            raise KeyboardInterrupt
        return real(self, step)

    monkeypatch.setattr(Neighborhood, "at", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pretrain(lonely_store, out=tmp_path / "broken", settings=settings, device="cpu")
    monkeypatch.setattr(Neighborhood, "at", real)
    pretrain(lonely_store, out=tmp_path / "broken", settings=settings, device="cpu", resume=True)
    one, other = (load_file(tmp_path / name / "encoder.safetensors") for name in ("whole", "broken"))
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert (tmp_path / "whole" / "history.jsonl").read_text() == (tmp_path / "broken" / "history.jsonl").read_text()
    assert '"n_neighbor_pairs": 8.0' in (tmp_path / "whole" / "history.jsonl").read_text()
