"""STEP pretrain: a store, most often without labels -> an encoder."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hemometric.encoders import Encoder, ProjectionHead
from hemometric.errors import TrainingError
from hemometric.neighbors import PairDistances
from hemometric.objectives import Batch, Labels, Objective, find_objective, remember_distances, resolve
from hemometric.progress import say
from hemometric.settings import PretrainSettings
from hemometric.store import Store
from hemometric.training.batches import PreparedEcgs, Rows, derive_all
from hemometric.training.card import pretraining_card
from hemometric.training.contract import ModelContract, why_unreadable
from hemometric.training.device import autocast, keep_freed_memory, resolve_device, resolve_precision
from hemometric.training.files import write_whole
from hemometric.training.labelled import LabelledEcgs, Role, choose_labels, label_table, table_bytes, table_fingerprint
from hemometric.training.loop import Schedule, Task, optimise
from hemometric.training.neighborhood import Neighborhood, check_neighbors, find_first_neighbors
from hemometric.training.plan import PretrainingPlan, plan_pretraining
from hemometric.training.randomness import Purpose, numpy_rng, seeded_layers, torch_generator
from hemometric.training.runs import ENCODER_WEIGHTS, begin_run, finish_run, write_splits, write_weights
from hemometric.training.start import continued, first_encoder
from hemometric.views import random_view

Value = TypeVar("Value")

_EMBEDDED_AT_ONCE = 512


def pretrain(
    store: Store,
    *,
    out: Path,
    settings: PretrainSettings,
    resume: bool = False,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    start: Path | None = None,
) -> None:
    """Learn an encoder from the training split of a store; its test split is never read.

    Labels have a part in it only where the objective says so: those of the training patients that a fine-tuning with
    the same `n_labels` and `seed` would have, and those of the validation split. Calibration and test labels never.

    Args:
        store: ECGs; several a patient for patient contrast; linked labels for objectives with labels.
        out: The run to write; it is finished when this returns.
        settings: See `PretrainSettings`.
        resume: Go on with an interrupted run; on none it starts, on a finished one it changes nothing.
        device: Where to compute.
        start: An earlier run whose encoder is trained on; None: a new encoder.

    Raises:
        SettingsError: An unknown objective, encoder or target, settings that contradict the objective, or a device or
            precision that is not to be had.
        LabelError: Labels are needed and the store has none.
        TrainingError: Too few ECGs or labels, a store of too low a rate, or a loss that is not finite.
        RunError: `out` exists without `resume`, or was begun with other settings, or `start` reads ECGs otherwise.
    """
    settings = resolve(settings)
    objective = find_objective(settings.objective)
    uses_neighbors = objective.batches in ("partners", "half-labeled")
    if uses_neighbors:
        check_neighbors(settings)
    distances = _remember_distances(objective, settings)
    where = resolve_device(device)
    encoder = first_encoder(start, settings)
    contract, began_with = continued(start, _make_contract(store, encoder, settings, device=where))
    chosen = _choose_labels(store, settings) if objective.labels else None
    plan = plan_pretraining(
        store,
        batches=objective.batches,
        settings=settings,
        batch_size=_resolved(settings.batch_size),
        labels=chosen,
    )
    table = None if chosen is None else label_table(store, chosen, target=_resolved(settings.target))
    if begin_run(out, _describe(store, settings, contract, table) | began_with, resume=resume):
        say(f"{out}: is finished already")
        return
    _say_what_is_read(plan)
    keep_freed_memory()
    with seeded_layers(settings.seed, Purpose.WEIGHTS, 1, device=where):
        model = PretrainingModel(encoder, objective, settings).to(where)
    ecgs = PreparedEcgs(store, plan.rows, contract=contract, memory_gib=settings.memory_gib)
    losses = _Losses(
        model=model,
        objective=objective,
        ecgs=ecgs,
        plan=plan,
        contract=contract,
        settings=settings,
        device=where,
        distances=distances,
        neighborhood=_make_neighborhood(store, model, ecgs, plan, settings, out) if uses_neighbors else None,
        labels=None if chosen is None else _make_labels(chosen, _resolved(settings.target), n_ecgs=len(store)),
    )
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
    if table is not None:
        write_whole(out / "label_subset.parquet", table_bytes(table))
    counts = None if chosen is None else {str(role): part.counts for role, part in chosen.items()}
    card = pretraining_card(settings, contract, progress, plan, label_counts=counts)
    write_whole(out / "card.md", card.encode())
    finish_run(out, contract)


class PretrainingModel(nn.Module):
    """The encoder and what is dropped afterwards: projection and heads, where the objective asks for them.

    Args:
        encoder: What is kept.
        objective: `projection` and `heads` are used.
        settings: For the heads.
    """

    def __init__(self, encoder: Encoder, objective: Objective, settings: PretrainSettings) -> None:
        super().__init__()
        width = encoder.embedding_dim
        self.encoder = encoder
        self.projection: nn.Module = ProjectionHead(width) if objective.projection else nn.Identity()
        self.heads: nn.Module = nn.Identity() if objective.heads is None else objective.heads(width, settings)

    def forward(self, *waveforms: Tensor) -> Tensor:
        """What the loss sees of (n, 12, n_samples) mV, one for each branch where they differ: (n, d)."""
        seen: Tensor = self.projection(self.encoder(*waveforms))
        return seen


@dataclass(frozen=True, slots=True)
class _Sight:
    """The model as a loss sees it."""

    model: PretrainingModel
    contract: ModelContract
    device: torch.device

    @property
    def heads(self) -> nn.Module:
        return self.model.heads

    def __call__(self, *ecgs: Tensor) -> Tensor:
        with autocast(self.contract.precision, device=self.device):
            seen: Tensor = self.model(*map(derive_all, ecgs)).float()
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
    distances: PairDistances | None
    neighborhood: Neighborhood | None
    labels: Labels | None

    def step(self, step: int) -> tuple[Tensor, Mapping[str, float]]:
        """The loss of one training step."""
        neighbors = None if self.neighborhood is None else self.neighborhood.at(step)
        rows, seed = self.plan.step_rows(step, neighbors), self.settings.seed
        generator = torch_generator(seed, Purpose.VIEWS, step, device=self.device)
        batch = self._batch(rows, generator, neighbors)
        with seeded_layers(seed, Purpose.DROPOUT, step, device=self.device):
            parts = self.objective.loss(self._see, batch, self.settings, numpy_rng(seed, Purpose.MINING, step))
        return parts.loss, parts.facts

    def validate(self) -> float | None:
        """The mean loss over the validation split, each ECG weighing the same: without random views, or of the same."""
        total, n_ecgs = 0.0, 0
        for number, rows in enumerate(self.plan.validation):
            seed = self.settings.seed
            generator = None
            if self.objective.random_validation:
                generator = torch_generator(seed, Purpose.VALIDATION, number + 1, device=self.device)
            rng = numpy_rng(seed, Purpose.VALIDATION, number + 1)
            parts = self.objective.loss(self._see, self._batch(rows, generator, None), self.settings, rng)
            total += float(parts.loss) * len(rows)
            n_ecgs += len(rows)
        return total / n_ecgs if n_ecgs else None

    def _batch(self, rows: Rows, generator: torch.Generator | None, neighbors: Rows | None) -> Batch:
        independent = self.ecgs.take(rows, device=self.device)
        rate_hz = self.contract.sampling_rate_hz

        def view(ecgs: Tensor | None = None, /) -> Tensor:
            seen = independent if ecgs is None else ecgs
            if generator is None:
                return seen
            views = self.settings.views
            return random_view(seen, settings=views, sampling_rate_hz=rate_hz, generator=generator)

        return Batch(
            independent=independent,
            patient_codes=self.plan.patient_codes[rows],
            sampling_rate_hz=rate_hz,
            rows=rows,
            view=view,
            distances=self.distances,
            neighbors=neighbors,
            labels=None if self.labels is None else self.labels.take(rows),
        )

    @property
    def _see(self) -> _Sight:
        return _Sight(self.model, self.contract, self.device)


def _choose_labels(store: Store, settings: PretrainSettings) -> dict[Role, LabelledEcgs]:
    """The labels that a fine-tuning of the same seed and number would choose, but those to calibrate with."""
    target = _resolved(settings.target)
    chosen = choose_labels(store, target=target, n_labels=settings.n_labels, seed=settings.seed)
    nobody = np.zeros(0, dtype=np.intp)
    left = chosen["calibration"]
    return {**chosen, "calibration": LabelledEcgs(left.rows[nobody], left.values[nobody], left.patients[nobody])}


def _make_labels(chosen: Mapping[Role, LabelledEcgs], target: str, *, n_ecgs: int) -> Labels:
    values = np.full(n_ecgs, np.nan)
    for part in chosen.values():
        values[part.rows] = part.values
    train = chosen["train"].values
    return Labels(target, values, mean=float(train.mean()), sd=float(train.std()))


def _remember_distances(objective: Objective, settings: PretrainSettings) -> PairDistances | None:
    name = settings.distance or objective.distance
    return None if name is None else remember_distances(name, settings)


def _make_neighborhood(
    store: Store,
    model: PretrainingModel,
    ecgs: PreparedEcgs,
    plan: PretrainingPlan,
    settings: PretrainSettings,
    out: Path,
) -> Neighborhood:
    def embed(rows: Rows) -> NDArray[np.float32]:
        was_training = model.training
        model.eval()
        device = next(model.parameters()).device
        parts = [rows[start : start + _EMBEDDED_AT_ONCE] for start in range(0, len(rows), _EMBEDDED_AT_ONCE)]
        with torch.inference_mode():
            found = [model.encoder(derive_all(ecgs.take(part, device=device))).cpu().numpy() for part in parts]
        model.train(was_training)
        return np.concatenate(found).astype(np.float32)

    every = settings.refresh_epochs and settings.refresh_epochs * plan.steps_per_epoch
    (out / "checkpoint").mkdir(exist_ok=True)
    return Neighborhood(
        plan=plan,
        n_neighbors=settings.n_neighbors,
        every=every,
        folder=out / "checkpoint",
        embed=embed,
        table=find_first_neighbors(store, plan, settings),
    )


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


def _describe(
    store: Store, settings: PretrainSettings, contract: ModelContract, labels: pa.Table | None
) -> dict[str, object]:
    known: dict[str, object] = {} if labels is None else {"label_fingerprint": table_fingerprint(labels)}
    return known | {
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
            "(single_ecg_patients=two-views or the objective default keeps them)"
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
