"""The run directory: begun with its settings, finished with its contract, opened only when finished."""

import csv
import io
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

import hemometric
from hemometric.encoders import ENCODERS, Encoder, EventHead, RegressionHead
from hemometric.errors import RunError
from hemometric.progress import say
from hemometric.settings import differences
from hemometric.store import Store
from hemometric.targets import add_targets
from hemometric.training.contract import ModelContract, TargetContract, read_contract
from hemometric.training.files import beside, read_json, write_json, write_whole

SETTINGS, CONTRACT, CONFORMAL = "settings.json", "contract.json", "conformal.json"
ENCODER_WEIGHTS, HEAD_WEIGHTS = "encoder.safetensors", "heads.safetensors"
_NOT_COMPARED = ("versions", "git_commit")
_PACKAGES = ("numpy", "torch", "scipy", "numba", "safetensors")


class Heads(nn.Module):
    """The heads of one target; those of further targets are kept in `more`.

    So the weights of a run of one target have the names that they had before there could be several.

    Args:
        contract: Of the target.
        more: Of the further targets.
        embedding_dim: Width of the embedding.
    """

    def __init__(self, contract: TargetContract, *more: TargetContract, embedding_dim: int) -> None:
        super().__init__()
        self.regression = RegressionHead(
            embedding_dim, kind=contract.head, label_mean=contract.label_mean, label_sd=contract.label_sd
        )
        self.event = EventHead(embedding_dim, kind=contract.head, events=contract.events)
        self.more = nn.ModuleList(Heads(one, embedding_dim=embedding_dim) for one in more)

    def by_target(self) -> tuple["Heads", ...]:
        """The heads of each target, in the order of the contract."""
        return (self, *(one for one in self.more if isinstance(one, Heads)))

    def forward(self, embeddings: Tensor) -> tuple[Tensor, Tensor]:
        """Estimates (n,) in the unit and event logits (n, n_events) of the (first) target; see `by_target`."""
        return self.regression(embeddings), self.event(embeddings)


def begin_run(out: Path, description: Mapping[str, object], *, resume: bool) -> bool:
    """Make a run directory with its `settings.json`, or go on with one.

    Args:
        out: The run.
        description: Kind, resolved settings, data fingerprint, source, precision: what decides the weights.
        resume: Whether an existing run is gone on with instead of refused.

    Returns:
        Whether the run is finished already.

    Raises:
        RunError: The directory exists without `resume`, is no run, or was begun with other settings (all are named).
    """
    path = out / SETTINGS
    if out.exists() and (not out.is_dir() or any(there != beside(path) for there in out.iterdir())):
        if not resume:
            raise RunError(f"{out}: exists already: go on with --resume, or name another directory")
        there = read_json(path)
        changed = differences(_compared(there), _compared(description))
        if changed:
            raise RunError(
                f"{out}: was begun with other settings: {'; '.join(changed)}; repeat the old ones, or name another "
                "directory"
            )
        other = differences(there.get("versions", {}), _versions())
        if other:
            say(f"{out}: was begun with other versions: {'; '.join(other)}; the weights may differ in the last digits")
        return (out / CONTRACT).exists()
    out.mkdir(parents=True, exist_ok=True)
    write_json(path, {"schema_version": 1, **description, "versions": _versions(), "git_commit": _git_commit()})
    return False


def _compared(description: Mapping[str, object]) -> dict[str, object]:
    left_out = {*_NOT_COMPARED, "schema_version"}
    return {name: value for name, value in description.items() if name not in left_out}


def _versions() -> dict[str, str]:
    found = {"hemometric": hemometric.__version__}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # pragma: no cover  (an installation without metadata)
            continue
    return found


def _git_commit() -> str | None:
    """The commit of the source tree that hemometric runs from, or None where it runs from an installed package."""
    root = Path(hemometric.__file__).parents[2]
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "rev-parse", "HEAD"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None


def write_weights(path: Path, module: nn.Module) -> None:
    """Write the weights and buffers of a module as safetensors."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in module.state_dict().items()}
    write_whole(path, safetensors.torch.save(tensors))


def write_splits(path: Path, store: Store) -> None:
    """Write `splits.csv` (patient_id, split), every patient of the store once, in order of the ids."""
    patients = np.array(store.ecgs["patient_id"].to_pylist(), dtype=np.str_)
    unique, first = np.unique(patients, return_index=True)
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("patient_id", "split"))
    table.writerows(zip(unique.tolist(), store.splits()[first].tolist(), strict=True))
    write_whole(path, text.getvalue().encode())


def finish_run(out: Path, contract: ModelContract) -> None:
    """Write the contract, which makes the run a finished one; everything else must be there already."""
    write_json(out / CONTRACT, contract.model_dump(mode="json"))


@dataclass(frozen=True, slots=True)
class Run:
    """A finished run, open for reading; see `Run.open`.

    Attributes:
        path: The directory.
        contract: What the model reads and says.
        settings: What stands in `settings.json`.
    """

    path: Path
    contract: ModelContract
    settings: dict[str, Any]

    @classmethod
    def open(cls, path: str | Path) -> "Run":
        """Open a finished run, and make targets of a user's own that it estimates known to `hemometric.targets`.

        Raises:
            RunError: There is none, it is not finished, or it is of another version.
            SettingsError: It defines a target otherwise than a store or run that was opened before.
        """
        path = Path(path)
        if not path.is_dir():
            raise RunError.absent(path)
        settings = read_json(path / SETTINGS)
        if not (path / CONTRACT).exists():
            raise RunError(f"{path}: not finished: go on with the same command and --resume")
        contract = read_contract(path / CONTRACT)
        own = [target.definition for target in contract.targets if target.definition is not None]
        add_targets(own, where=str(path))
        return cls(path=path, contract=contract, settings=settings)

    def load_encoder(self, *, device: torch.device) -> Encoder:
        """The encoder with its trained weights, in eval mode.

        Raises:
            RunError: The weights are missing, damaged or of another encoder.
        """
        name = self.contract.encoder
        if name not in ENCODERS:
            raise RunError(f"{self.path}: has an encoder {name!r}, known are {', '.join(ENCODERS)}: update hemometric")
        encoder = ENCODERS[name]()
        _load(encoder, self.path / ENCODER_WEIGHTS)
        return encoder.to(device).eval()

    def load_heads(self, *, device: torch.device) -> Heads:
        """The heads with their trained weights, in eval mode.

        Raises:
            RunError: The run was not fine-tuned, or the weights are missing, damaged or of other heads.
        """
        if not self.contract.targets:
            raise RunError(f"{self.path}: estimates nothing: it is pretrained only; run hemometric finetune --from it")
        heads = Heads(*self.contract.targets, embedding_dim=self.contract.embedding_dim)
        _load(heads, self.path / HEAD_WEIGHTS)
        return heads.to(device).eval()


def _load(module: nn.Module, path: Path) -> None:
    try:
        module.load_state_dict(safetensors.torch.load_file(path))
    except FileNotFoundError:
        raise RunError(f"{path}: missing: the run is incomplete") from None
    except (OSError, safetensors.SafetensorError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise RunError(f"{path}: cannot be loaded ({reason}): copy the run again or train it anew") from error
