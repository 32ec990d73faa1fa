"""STEP pretrain: a store without labels -> an encoder."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from hemometric.encoders import Encoder, ProjectionHead, build_encoder
from hemometric.errors import TrainingError
from hemometric.objectives import Batch, LossParts, Objective, find_objective, resolve
from hemometric.progress import say
from hemometric.settings import PretrainSettings
from hemometric.store import Store
from hemometric.training.batches import PreparedEcgs, Rows, derive_all
from hemometric.training.card import pretraining_card
from hemometric.training.contract import ModelContract, why_unreadable
from hemometric.training.device import autocast, keep_freed_memory, resolve_device, resolve_precision
from hemometric.training.files import write_whole
from hemometric.training.loop import Schedule, Task, optimise
from hemometric.training.plan import PretrainingPlan, plan_pretraining
from hemometric.training.randomness import Purpose, numpy_rng, seeded_layers, torch_generator, torch_seed
from hemometric.training.runs import ENCODER_WEIGHTS, begin_run, finish_run, write_splits, write_weights
from hemometric.views import random_view

Value = TypeVar("Value")


def pretrain(
    store: Store,
    *,
    out: Path,
    settings: PretrainSettings,
    resume: bool = False,
    device: Literal["auto", "cpu", "cuda"] = "auto",
) -> None:
    """Learn an encoder from the training split of a store, without labels; its test split is never read.

    Args:
        store: ECGs; several a patient for patient contrast.
        out: The run to write; it is finished when this returns.
        settings: See `PretrainSettings`.
        resume: Go on with an interrupted run; on none it starts, on a finished one it changes nothing.
        device: Where to compute.

    Raises:
        SettingsError: An unknown objective or encoder, or a device or precision that is not to be had.
        TrainingError: Too few ECGs, a store of too low a rate, or a loss that is not finite.
        RunError: `out` exists without `resume`, or was begun with other settings.
    """
    settings = resolve(settings)
    objective = find_objective(settings.objective)
    where = resolve_device(device)
    encoder = build_encoder(settings.encoder, seed=torch_seed(settings.seed, Purpose.WEIGHTS))
    contract = _make_contract(store, encoder, settings, device=where)
    plan = plan_pretraining(
        store, batches=objective.batches, settings=settings, batch_size=_resolved(settings.batch_size)
    )
    if begin_run(out, _describe(store, settings, contract), resume=resume):
        say(f"{out}: is finished already")
        return
    _say_what_is_read(plan)
    keep_freed_memory()
    with seeded_layers(settings.seed, Purpose.WEIGHTS, 1, device=where):
        model = PretrainingModel(encoder, projection=objective.projection).to(where)
    ecgs = PreparedEcgs(store, plan.rows, contract=contract, memory_gib=settings.memory_gib)
    losses = _Losses(model, objective, ecgs, plan, contract, settings, where)
    names = store.ecgs["ecg_id"]
    task = Task(
        title=f"pretrain {settings.objective}",
        model=model,
        loss=losses.step,
        validate=losses.validate,
        ecg_ids=lambda step: [str(names[int(row)]) for row in plan.step_rows(step)],
    )
    schedule = _schedule(settings, n_ecgs=len(plan.step_rows(0)))
    progress = optimise(task, schedule=schedule, run=out, name="pretrain", device=where)
    write_weights(out / ENCODER_WEIGHTS, model.encoder)
    write_splits(out / "splits.csv", store)
    write_whole(out / "card.md", pretraining_card(settings, contract, progress, plan).encode())
    finish_run(out, contract)


class PretrainingModel(nn.Module):
    """The encoder and, where the objective asks for it, the projection head that is dropped afterwards."""

    def __init__(self, encoder: Encoder, *, projection: bool) -> None:
        super().__init__()
        self.encoder = encoder
        self.projection: nn.Module = ProjectionHead(encoder.embedding_dim) if projection else nn.Identity()

    def forward(self, waveforms: Tensor) -> Tensor:
        """What the loss sees of (n, 12, n_samples) mV: (n, d)."""
        seen: Tensor = self.projection(self.encoder(waveforms))
        return seen


@dataclass(frozen=True, slots=True)
class _Losses:
    """The loss of a step and of the validation split."""

    model: PretrainingModel
    objective: Objective
    ecgs: PreparedEcgs
    plan: PretrainingPlan
    contract: ModelContract
    settings: PretrainSettings
    device: torch.device

    def step(self, step: int) -> tuple[Tensor, Mapping[str, float]]:
        """The loss of one training step."""
        rows = self.plan.step_rows(step)
        independent = views = self.ecgs.take(rows, device=self.device)
        seed = self.settings.seed
        if self.objective.views:
            views = random_view(
                independent,
                settings=self.settings.views,
                sampling_rate_hz=self.contract.sampling_rate_hz,
                generator=torch_generator(seed, Purpose.VIEWS, step, device=self.device),
            )
        with seeded_layers(seed, Purpose.DROPOUT, step, device=self.device):
            parts = self._loss(independent, views, rows, rng=numpy_rng(seed, Purpose.MINING, step))
        return parts.loss, parts.facts

    def validate(self) -> float | None:
        """The mean loss over the validation split, each ECG weighing the same, without random views."""
        total, n_ecgs = 0.0, 0
        for number, rows in enumerate(self.plan.validation):
            independent = self.ecgs.take(rows, device=self.device)
            rng = numpy_rng(self.settings.seed, Purpose.VALIDATION, number + 1)
            total += float(self._loss(independent, independent, rows, rng=rng).loss) * len(rows)
            n_ecgs += len(rows)
        return total / n_ecgs if n_ecgs else None

    def _loss(self, independent: Tensor, views: Tensor, rows: Rows, *, rng: np.random.Generator) -> LossParts:
        with autocast(self.contract.precision, device=self.device):
            seen = self.model(derive_all(views)).float()
        rate_hz = self.contract.sampling_rate_hz
        batch = Batch(independent=independent, patient_codes=self.plan.patient_codes[rows], sampling_rate_hz=rate_hz)
        return self.objective.loss(seen, batch, self.settings, rng)


def _make_contract(
    store: Store, encoder: Encoder, settings: PretrainSettings, *, device: torch.device
) -> ModelContract:
    contract = ModelContract(
        encoder=settings.encoder,
        embedding_dim=encoder.embedding_dim,
        sampling_rate_hz=settings.sampling_rate_hz,
        n_samples=round(settings.duration_s * settings.sampling_rate_hz),
        band_hz=settings.band_hz,
        precision=resolve_precision(settings.precision, device=device),
        simulated_pretraining=store.simulated,
    )
    check_store(store, contract)
    return contract


def check_store(store: Store, contract: ModelContract) -> None:
    """Refuse a store that a model cannot read.

    Raises:
        TrainingError: Its sampling rate is too low or its windows are of another length.
    """
    problem = why_unreadable(sampling_rate_hz=store.sampling_rate_hz, contract=contract)
    if problem is not None:
        raise TrainingError(f"{store.path}: {problem}; choose a lower sampling_rate_hz and band_hz")
    duration_s = store.n_samples / store.sampling_rate_hz
    if abs(duration_s - contract.duration_s) * store.sampling_rate_hz > 1:
        raise TrainingError(
            f"{store.path}: its ECGs have {duration_s:g} s, the model reads {contract.duration_s:g} s; choose that "
            "duration_s, or ingest anew"
        )


def _describe(store: Store, settings: PretrainSettings, contract: ModelContract) -> dict[str, object]:
    return {
        "kind": "pretrain",
        "settings": json.loads(settings.model_dump_json()),
        "precision": contract.precision,
        "data_fingerprint": store.fingerprint,
        "simulated": store.simulated,
        "simulator_version": store.simulator_version,
        "seed": settings.seed,
    }


def _say_what_is_read(plan: PretrainingPlan) -> None:
    if plan.n_left_out:
        say(
            f"{plan.n_left_out:,} patients with one ECG are left out of patient contrast "
            "(single_ecg_patients=two-views keeps them)"
        )
    if not plan.validation:
        say("the validation split is too small to choose the best weights by: the last ones are kept")


def _schedule(settings: PretrainSettings, *, n_ecgs: int) -> Schedule:
    n_steps = max(1, -(-settings.n_passes // n_ecgs))
    return Schedule(
        n_steps=n_steps,
        optimizer=_resolved(settings.optimizer),
        learning_rate=_resolved(settings.learning_rate),
        weight_decay=_resolved(settings.weight_decay),
        warmup_steps=settings.warmup_steps,
        gradient_clip=settings.gradient_clip,
        validate_every=max(1, -(-n_steps // settings.n_validations)),
        patience=settings.patience,
        checkpoint_every=settings.checkpoint_every,
    )


def _resolved(value: Value | None) -> Value:
    if value is None:
        raise ValueError("settings must be resolved before they are used")
    return value
