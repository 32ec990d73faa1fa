"""Many ECGs through encoder and heads."""

import numpy as np
import torch

from hemometric.training import Run, forward
from hemometric.training.batches import PreparedEcgs
from hemometric.training.contract import TargetContract
from hemometric.training.forward import embed_in_batches, estimate
from hemometric.training.runs import Heads

CPU = torch.device("cpu")


def test_batches_do_not_change_what_an_ecg_gets(labelled_store, pretrained, monkeypatch):
    run = Run.open(pretrained)
    encoder = run.load_encoder(device=CPU)
    rows = np.array([5, 9, 2, 200, 5])
    ecgs = PreparedEcgs(labelled_store, rows, contract=run.contract, memory_gib=1.0)
    whole = embed_in_batches(encoder, ecgs, rows, device=CPU)
    monkeypatch.setattr(forward, "_BATCH", 2)
    assert torch.allclose(embed_in_batches(encoder, ecgs, rows, device=CPU), whole, atol=1e-5)
    assert torch.equal(whole[0], whole[4])


def test_it_works_in_eval_mode_and_puts_the_mode_back(labelled_store, pretrained):
    run = Run.open(pretrained)
    encoder = run.load_encoder(device=CPU).train()
    rows = np.arange(6)
    ecgs = PreparedEcgs(labelled_store, rows, contract=run.contract, memory_gib=1.0)
    first = embed_in_batches(encoder, ecgs, rows, device=CPU)
    assert encoder.training
    assert torch.equal(first, embed_in_batches(run.load_encoder(device=CPU), ecgs, rows, device=CPU))
    assert torch.allclose(embed_in_batches(encoder, ecgs, rows[:1], device=CPU), first[:1], atol=1e-5)
    contract = TargetContract(name="co", unit="L/min", label_mean=5, label_sd=1, events=("co<4",), head="mlp")
    heads = Heads(contract, embedding_dim=128).train()
    values, logits = estimate(heads, first)
    assert heads.training
    assert np.array_equal(estimate(heads, first)[0], values)
    assert (values.shape, logits.shape) == ((6,), (6, 1))


def test_no_rows_give_no_embeddings(labelled_store, pretrained):
    run = Run.open(pretrained)
    none = np.zeros(0, dtype=np.int64)
    ecgs = PreparedEcgs(labelled_store, none, contract=run.contract, memory_gib=1.0)
    assert embed_in_batches(run.load_encoder(device=CPU), ecgs, none, device=CPU).shape == (0, 128)
