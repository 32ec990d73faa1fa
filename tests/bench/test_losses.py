import importlib

import pytest

import hemometric.losses
from hemometric.bench import losses, run_benchmarks
from hemometric.errors import HemometricError, MissingExtraError


def test_a_loop_and_pytorch_metric_learning_are_raced_on_every_batch():
    results = run_benchmarks(["mining-loss"], repeats=1, quick=True)
    found = [(result["case"].split(",")[0], result["peer_name"]) for result in results]
    assert found == [
        ("mining and triplet loss", "loop over anchors"),
        ("mining and triplet loss", "loop over anchors"),
        ("triplet loss", "pytorch-metric-learning"),
        ("triplet loss", "pytorch-metric-learning"),
        ("NT-Xent", "pytorch-metric-learning"),
        ("NT-Xent", "pytorch-metric-learning"),
    ]
    assert [result["case"].rsplit(", ", 1)[1] for result in results] == ["wall clock", "CPU time"] * 3
    assert {result["metric"] for result in results} == {"ms"}


def test_a_triplet_loss_with_another_margin_is_not_timed(monkeypatch):
    real = hemometric.losses.triplet
    monkeypatch.setattr(hemometric.losses, "triplet", lambda *args, margin: real(*args, margin=2.0 * margin))
    with pytest.raises(HemometricError, match="loop over anchors disagree"):
        run_benchmarks(["mining-loss"], quick=True)


def test_an_nt_xent_of_another_temperature_is_not_timed(monkeypatch):
    real = hemometric.losses.nt_xent
    monkeypatch.setattr(hemometric.losses, "nt_xent", lambda points, codes, temperature: real(points, codes))
    monkeypatch.setattr(losses, "_TEMPERATURE", 0.2)
    with pytest.raises(HemometricError, match="pytorch-metric-learning disagree"):
        run_benchmarks(["mining-loss"], quick=True)


def test_a_loss_whose_gradient_alone_differs_is_not_timed(monkeypatch):
    real = hemometric.losses.nt_xent

    def halved_gradient(points, codes, temperature):
        loss = real(points, codes, temperature=temperature)
        return 0.5 * (loss + loss.detach())

    monkeypatch.setattr(hemometric.losses, "nt_xent", halved_gradient)
    with pytest.raises(HemometricError, match="pytorch-metric-learning disagree"):
        run_benchmarks(["mining-loss"], quick=True)


@pytest.mark.parametrize(("package", "extra"), [("torch", "train"), ("pytorch_metric_learning", "dev")])
def test_a_missing_package_is_named_with_its_extra(monkeypatch, package, extra):
    real = importlib.import_module

    def without(module, inside=None):
        if module.split(".")[0] == package:
            raise ImportError(module)
        return real(module, inside)

    monkeypatch.setattr(importlib, "import_module", without)
    with pytest.raises(MissingExtraError, match=rf"{package.replace('_', '-')}.*hemometric\[{extra}\]"):
        run_benchmarks(["mining-loss"], quick=True)
