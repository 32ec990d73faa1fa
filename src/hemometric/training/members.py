"""The models of a fine-tuned run: an encoder with its heads, one or several, in one directory."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hemometric.encoders import Encoder
from hemometric.training.contract import ModelContract
from hemometric.training.forward import estimate
from hemometric.training.runs import ENCODER_WEIGHTS, HEAD_WEIGHTS, Heads, Run, write_weights

_MEMBERS = "members"


def member_seed(seed: int, number: int) -> int:
    """The seed of a member; the first has that of the run, so that a run of one member is as if there were no others.

    Examples:
        >>> member_seed(7, 0)
        7
    """
    return seed if number == 0 else int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


def member_place(run: Path, number: int) -> Path:
    """The directory of a member's weights, history and checkpoints: the run itself, or RUN/members/1 and on."""
    return run if number == 0 else run / _MEMBERS / str(number)


class Estimator(nn.Module):
    """An encoder and its heads."""

    def __init__(self, encoder: Encoder, heads: Heads) -> None:
        super().__init__()
        self.encoder = encoder
        self.heads = heads


@dataclass(frozen=True, slots=True)
class Estimates:
    """What the members of a run say of one target about n ECGs.

    Attributes:
        values: (n,) means over the members, in the target's unit.
        logits: (n, n_events) means over the members.
        spread: (n,) standard deviation of the members' values, in the target's unit; None of a single one.
    """

    values: NDArray[np.float64]
    logits: NDArray[np.float64]
    spread: NDArray[np.float64] | None

    def at(self, places: NDArray[np.intp]) -> "Estimates":
        """Those of some of the ECGs."""
        spread = None if self.spread is None else self.spread[places]
        return Estimates(self.values[places], self.logits[places], spread)


def new_heads(contract: ModelContract) -> Heads:
    """Heads with random weights that read the embedding and, where the contract has them, hand-made features."""
    return Heads(*contract.targets, embedding_dim=contract.head_width)


def estimate_members(members: Sequence[Estimator], inputs: Sequence[Tensor]) -> tuple[Estimates, ...]:
    """Average what the heads of all members say, in eval mode.

    Args:
        members: At least one.
        inputs: For each member what its heads read, (n, head_width): its own embedding, then the features if any.

    Returns:
        For each target, in the order of the contract.
    """
    said = [
        [estimate(heads, seen) for heads in member.heads.by_target()]
        for member, seen in zip(members, inputs, strict=True)
    ]
    return tuple(_average(of_target) for of_target in zip(*said, strict=True))


def _average(said: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]]) -> Estimates:
    """Of the values (n,) and logits (n, n_events) that each member says."""
    values = np.stack([value for value, _ in said])
    logits = np.stack([logit for _, logit in said]).mean(axis=0)
    return Estimates(values.mean(axis=0), logits, values.std(axis=0, ddof=1) if len(said) > 1 else None)


def join_estimates(parts: Sequence[Estimates]) -> Estimates:
    """Put the ECGs of several estimates of one target by the same members after each other."""
    spreads = [part.spread for part in parts if part.spread is not None]
    return Estimates(
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.logits for part in parts]),
        np.concatenate(spreads) if spreads else None,
    )


def write_members(run: Path, members: Sequence[Estimator]) -> None:
    """Write the weights: those of the first into the run itself, those of the others under `members/`."""
    for number, member in enumerate(members):
        place = member_place(run, number)
        place.mkdir(parents=True, exist_ok=True)
        write_weights(place / ENCODER_WEIGHTS, member.encoder)
        write_weights(place / HEAD_WEIGHTS, member.heads)


def load_members(run: Run, *, device: torch.device) -> tuple[Estimator, ...]:
    """Load all members of a fine-tuned run, in eval mode.

    Raises:
        RunError: The run was not fine-tuned, or weights are missing, damaged or of another model.
    """
    # What a run calls embedding_dim is, for its heads, the width of all that they read.
    widened = run.contract.model_copy(update={"embedding_dim": run.contract.head_width})
    members = []
    for number in range(run.contract.n_members):
        there = replace(run, path=member_place(run.path, number))
        heads = replace(there, contract=widened).load_heads(device=device)
        members.append(Estimator(there.load_encoder(device=device), heads).eval())
    return tuple(members)
