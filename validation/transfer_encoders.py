"""What the probes read: hand-made features, and embeddings by new and by pretrained encoders."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from hemometric.encoders import build_encoder
from hemometric.evaluation.hand_made import read_hand_made
from hemometric.inference import embed_rows
from hemometric.inference.embedding import embed_store_rows
from hemometric.progress import say
from hemometric.settings import PretrainSettings
from hemometric.simulation import CohortSettings, simulate
from hemometric.store import Store
from hemometric.training import Run, pretrain
from hemometric.training.randomness import Purpose, torch_seed
from validation.transfer_questions import Floats
from validation.transfer_recorded import Recorded

SIMULATED, RECORDED, BOTH = "simulated", "recorded", "simulated, then recorded"

_ANEW, _GOING_ON = 2e-3, 5e-4
"""Learning rates: the recipe of the objective, and a quarter of it for an encoder that has learned already."""

Inputs = list[list[Floats]]
"""For each seed, for each fold: what the probes read, (n, n_inputs)."""

Runs = dict[str, list[list[Path]]]
"""Arm -> for each seed the run of each fold; of one run alone where recorded ECGs have no part in it."""


class Effort(NamedTuple):
    """How much is computed.

    Attributes:
        n_patients: Of the simulated cohort.
        cohort_seed: Of it.
        n_seeds: Encoders of each kind, with the seeds 0, 1, ...
        n_passes: ECGs that go through the encoder on the simulated archive.
        n_recorded_passes: The same on the recorded archive of a fold; 0 leaves out what is pretrained on one.
    """

    n_patients: int
    cohort_seed: int
    n_seeds: int
    n_passes: int
    n_recorded_passes: int

    def on_simulated(self, seed: int) -> PretrainSettings:
        """Pretraining on simulated ECGs."""
        return PretrainSettings(objective="default", n_passes=self.n_passes, seed=seed, precision="fp32")

    def on_recorded(self, seed: int, *, learning_rate: float) -> PretrainSettings:
        """Pretraining on few recorded ECGs: in smaller batches, so that there are more steps."""
        return PretrainSettings(
            objective="default",
            n_passes=self.n_recorded_passes,
            batch_size=64,
            warmup_steps=20,
            learning_rate=learning_rate,
            seed=seed,
            precision="fp32",
        )


def read_inputs(recorded: Recorded, effort: Effort, out: Path) -> dict[str, Inputs]:
    """Arm -> what its probes read of all recorded ECGs; encoders are pretrained where they are not there."""
    n_folds, runs = recorded.n_folds, pretrain_all(recorded, effort, out)
    features = read_hand_made(recorded.store, recorded.rows).measured
    new = [_embed_by_new(seed, run, recorded) for seed, (run,) in enumerate(runs[SIMULATED])]
    embedded = {arm: [[_embed(run, recorded) for run in of_folds] for of_folds in seeds] for arm, seeds in runs.items()}
    simulated = [one for (one,) in embedded.pop(SIMULATED)]
    with_features = [np.concatenate([features, one], axis=1) for one in simulated]
    return {
        "features": [[features] * n_folds],
        "random": [[one] * n_folds for one in new],
        SIMULATED: [[one] * n_folds for one in simulated],
        **embedded,
        f"features and {SIMULATED}": [[one] * n_folds for one in with_features],
    }


def pretrain_all(recorded: Recorded, effort: Effort, out: Path) -> Runs:
    """Pretrain all encoders; each stays where it is there already.

    Args:
        recorded: ECGs and folds.
        effort: How much.
        out: Stores and runs are written into it.
    """
    cohort = CohortSettings(n_patients=effort.n_patients, seed=effort.cohort_seed)
    simulate(out / "simulated", settings=cohort, resume=True)
    virtual = Store.open(out / "simulated")
    first = [out / "runs" / f"simulated-{seed}" for seed in range(effort.n_seeds)]
    for seed, run in enumerate(first):
        _pretrain(virtual, out=run, settings=effort.on_simulated(seed))
    runs: Runs = {SIMULATED: [[run] for run in first]}
    if not effort.n_recorded_passes:
        return runs
    archives = [recorded.archive_without(fold, out / "folds" / f"without-{fold}") for fold in range(recorded.n_folds)]
    runs |= {RECORDED: [], BOTH: []}
    for seed, start in enumerate(first):
        anew, going_on = (effort.on_recorded(seed, learning_rate=rate) for rate in (_ANEW, _GOING_ON))
        alone, after = (
            [out / "runs" / f"{kind}-{seed}-without-{fold}" for fold in range(recorded.n_folds)]
            for kind in ("recorded", "both")
        )
        for fold, archive in enumerate(archives):
            _pretrain(archive, out=alone[fold], settings=anew)
            _pretrain(archive, out=after[fold], settings=going_on, start=start)
        runs[RECORDED].append(alone)
        runs[BOTH].append(after)
    return runs


def _pretrain(store: Store, *, out: Path, settings: PretrainSettings, start: Path | None = None) -> None:
    say(f"pretraining {out.name}")
    pretrain(store, out=out, settings=settings, resume=True, device="cpu", start=start)


def _embed(run: Path, recorded: Recorded) -> Floats:
    return embed_rows(run, recorded.store, recorded.rows, device="cpu").astype(np.float64)


def _embed_by_new(seed: int, run: Path, recorded: Recorded) -> Floats:
    """Embed by the encoder that pretraining with this seed begins with, ECGs being made ready as for that run."""
    contract, where = Run.open(run).contract, torch.device("cpu")
    encoder = build_encoder(contract.encoder, seed=torch_seed(seed, Purpose.WEIGHTS))
    found = embed_store_rows(recorded.store, recorded.rows, encoder=encoder, contract=contract, device=where)
    return np.asarray(found.numpy(), dtype=np.float64)
