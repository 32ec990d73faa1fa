"""Where and in what precision to compute."""

import ctypes
import platform
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Literal

import torch

from hemometric.errors import SettingsError
from hemometric.settings import Precision

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
_KEPT_BYTES = 2**30


def resolve_device(device: str) -> torch.device:
    """Turn "auto", "cpu" or "cuda" into a device.

    Raises:
        SettingsError: The name is unknown, or there is no such device here.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device not in ("cpu", "cuda"):
        raise SettingsError(f"unknown device {device!r}: expected auto, cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise SettingsError("device cuda: this machine has no usable GPU; use --device cpu")
    return torch.device(device)


def resolve_precision(precision: Precision, *, device: torch.device) -> Literal["fp32", "bf16"]:
    """Choose what training computes in; the choice stands in the run's settings.

    "auto" is bf16 on GPUs and on processors with AMX. A processor with avx512_bf16 alone gets fp32: with channels last
    the compact encoder trained 1.3 times as fast in fp32 there. "bf16" is taken at its word.

    Raises:
        SettingsError: bf16 was asked for on a processor that would only emulate it.
    """
    if precision == "fp32":
        return "fp32"
    if device.type == "cuda":
        return "bf16"
    if precision == "auto":
        return "bf16" if has_processor_feature("amx_bf16") else "fp32"
    if not (has_processor_feature("avx512_bf16") or has_processor_feature("amx_bf16")):
        raise SettingsError("precision bf16: this processor has neither avx512_bf16 nor AMX; use precision=fp32")
    return "bf16"


def has_processor_feature(name: str) -> bool:
    """Whether the processor has an instruction set, named as Linux names it; False where that cannot be told."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    return name in next((line for line in lines if line.startswith("flags")), "").split()


def autocast(precision: str, *, device: torch.device) -> AbstractContextManager[object]:
    """The context in which the encoder runs during training."""
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def keep_freed_memory() -> None:
    """Let the C library keep freed activations instead of handing them back to the kernel after every layer.

    Each step frees and asks again for arrays of some megabytes, which by default are new, zeroed pages every time: with
    pages kept, the compact encoder trained 1.2 times as fast. Does nothing where the C library is not glibc.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    library = ctypes.CDLL(None)
    library.mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES)
    library.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
    library.mallopt(_M_TOP_PAD, 2**26)
