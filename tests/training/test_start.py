"""Pretraining that goes on from the encoder of an earlier run."""

import json

import pytest
import torch
from safetensors.torch import load_file

from hemometric.errors import RunError
from hemometric.training import Run, pretrain
from hemometric.training.start import continued, first_encoder


def weights(run):
    return load_file(run / "encoder.safetensors")


def test_the_first_encoder_is_that_of_the_earlier_run(pretrained, quick):
    encoder = first_encoder(pretrained, quick)
    assert encoder.training, "it is trained on"
    assert all(torch.equal(tensor, weights(pretrained)[name]) for name, tensor in encoder.state_dict().items())
    new = first_encoder(None, quick).state_dict()
    assert not torch.equal(new["embed.weight"], weights(pretrained)["embed.weight"])


def test_a_run_that_goes_on_ends_nearer_to_where_it_began_than_one_anew(labelled_store, pretrained, tmp_path, quick):
    settings = quick.model_copy(update={"seed": 5})
    pretrain(labelled_store, out=tmp_path / "on", settings=settings, device="cpu", start=pretrained)
    pretrain(labelled_store, out=tmp_path / "anew", settings=settings, device="cpu")
    began = weights(pretrained)["embed.weight"]
    on, anew = (float((weights(tmp_path / name)["embed.weight"] - began).norm()) for name in ("on", "anew"))
    assert 0 < on < anew / 2
    said = json.loads((tmp_path / "on" / "settings.json").read_text())
    assert len(said["start_encoder_sha256"]) == 64
    assert "start_encoder_sha256" not in json.loads((tmp_path / "anew" / "settings.json").read_text())


def test_a_run_is_not_gone_on_with_from_another_start(labelled_store, pretrained, tmp_path, quick):
    pretrain(labelled_store, out=tmp_path / "run", settings=quick, device="cpu", start=pretrained)
    with pytest.raises(RunError, match=r"start_encoder_sha256 was .*, now None"):
        pretrain(labelled_store, out=tmp_path / "run", settings=quick, device="cpu", resume=True)


def test_what_reads_ecgs_otherwise_is_refused(labelled_store, pretrained, tmp_path, quick):
    other = quick.model_copy(update={"band_hz": (0.5, 30.0)})
    with pytest.raises(RunError, match=r"band_hz \(0.5, 40.0\), not \(0.5, 30.0\): choose the same"):
        pretrain(labelled_store, out=tmp_path / "run", settings=other, device="cpu", start=pretrained)
    with pytest.raises(RunError, match="has the encoder compact, resnet is asked for"):
        first_encoder(pretrained, quick.model_copy(update={"encoder": "resnet"}))
    assert not (tmp_path / "run").exists()


def test_an_encoder_that_began_with_simulated_ecgs_says_so_after_recorded_ones(pretrained):
    contract = Run.open(pretrained).contract
    assert contract.simulated_pretraining
    recorded = contract.model_copy(update={"simulated_pretraining": False})
    assert continued(pretrained, recorded)[0].simulated_pretraining
    assert not continued(None, recorded)[0].simulated_pretraining
