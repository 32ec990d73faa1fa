"""Where and in what precision to compute."""

import pytest
import torch

from hemometric.errors import SettingsError
from hemometric.training import device as rooms
from hemometric.training.device import autocast, keep_freed_memory, resolve_device, resolve_precision

CPU = torch.device("cpu")


def test_unknown_or_absent_devices_are_refused():
    assert resolve_device("cpu") == CPU
    with pytest.raises(SettingsError, match="expected auto, cpu or cuda"):
        resolve_device("tpu")
    if not torch.cuda.is_available():
        assert resolve_device("auto") == CPU
        with pytest.raises(SettingsError, match="no usable GPU"):
            resolve_device("cuda")


@pytest.mark.parametrize(
    ("features", "asked", "expected"),
    [
        (set(), "auto", "fp32"),
        ({"avx512_bf16"}, "auto", "fp32"),
        ({"amx_bf16"}, "auto", "bf16"),
        ({"amx_bf16"}, "fp32", "fp32"),
        ({"avx512_bf16"}, "bf16", "bf16"),
    ],
)
def test_precision_follows_the_processor(monkeypatch, features, asked, expected):
    monkeypatch.setattr(rooms, "has_processor_feature", lambda name: name in features)
    assert resolve_precision(asked, device=CPU) == expected


def test_bf16_that_would_be_emulated_is_refused(monkeypatch):
    monkeypatch.setattr(rooms, "has_processor_feature", lambda name: False)
    with pytest.raises(SettingsError, match="use precision=fp32"):
        resolve_precision("bf16", device=CPU)


def test_a_gpu_computes_in_bf16_unless_told_otherwise():
    assert resolve_precision("auto", device=torch.device("cuda")) == "bf16"
    assert resolve_precision("fp32", device=torch.device("cuda")) == "fp32"


def test_autocast_changes_matrix_products_only_when_asked():
    x = torch.ones(4, 4)
    with autocast("fp32", device=CPU):
        assert (x @ x).dtype == torch.float32
    with autocast("bf16", device=CPU):
        assert (x @ x).dtype == torch.bfloat16


def test_keeping_freed_memory_leaves_results_as_they_are():
    x = torch.randn(1000, generator=torch.Generator().manual_seed(0))
    before = x.sum()
    keep_freed_memory()
    assert torch.equal(x.sum(), before)
