"""The encoder that pretraining begins with: a new one, or that of an earlier run."""

from pathlib import Path

import torch

from hemometric.encoders import Encoder, build_encoder
from hemometric.errors import RunError
from hemometric.settings import PretrainSettings
from hemometric.store.durable import digest_file
from hemometric.training.contract import ModelContract
from hemometric.training.randomness import Purpose, torch_seed
from hemometric.training.runs import ENCODER_WEIGHTS, Run

_SAME = ("encoder", "sampling_rate_hz", "n_samples", "leads", "unit", "band_hz", "normalisation")


def first_encoder(start: Path | None, settings: PretrainSettings) -> Encoder:
    """The encoder before the first step.

    Args:
        start: A pretrained or fine-tuned run, whose encoder is taken; None: a new one.
        settings: `encoder` and `seed` are used.

    Raises:
        RunError: There is no such run, or its encoder is of another kind.
    """
    if start is None:
        return build_encoder(settings.encoder, seed=torch_seed(settings.seed, Purpose.WEIGHTS))
    run = Run.open(start)
    if run.contract.encoder != settings.encoder:
        raise RunError(f"{start}: has the encoder {run.contract.encoder}, {settings.encoder} is asked for: choose that")
    return run.load_encoder(device=torch.device("cpu")).train()


def continued(start: Path | None, contract: ModelContract) -> tuple[ModelContract, dict[str, object]]:
    """The contract of a run that goes on from another, and what its `settings.json` says of that.

    Args:
        start: As in `first_encoder`.
        contract: Of the new run, as if it began anew.

    Raises:
        RunError: The earlier run reads ECGs in another way.
    """
    if start is None:
        return contract, {}
    before = Run.open(start).contract
    other = [
        f"{name} {getattr(before, name)}, not {getattr(contract, name)}"
        for name in _SAME
        if getattr(before, name) != getattr(contract, name)
    ]
    if other:
        raise RunError(f"{start}: reads ECGs with {'; '.join(other)}: choose the same")
    simulated = before.simulated_pretraining or contract.simulated_pretraining
    changed = contract.model_copy(update={"simulated_pretraining": simulated})
    return changed, {"start_encoder_sha256": digest_file(start / ENCODER_WEIGHTS)}
