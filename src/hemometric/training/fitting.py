"""Encoder and heads fitted to labels: a probe, or once for each learning rate; the lowest validation loss wins."""

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from hemometric.settings import FinetuneSettings
from hemometric.training.batches import PreparedEcgs, Rows, derive_all, draw_ecgs
from hemometric.training.calibration import event_outcomes
from hemometric.training.contract import ModelContract
from hemometric.training.device import autocast
from hemometric.training.files import write_whole
from hemometric.training.forward import embed_in_batches
from hemometric.training.hand_features import FeatureTable
from hemometric.training.labelled import LabelGrid, assign_folds
from hemometric.training.layer_rates import layer_factors, shortened_steps
from hemometric.training.loop import Progress, Schedule, Task, optimise
from hemometric.training.members import Estimator
from hemometric.training.randomness import Purpose, seeded_layers, torch_generator
from hemometric.training.ridge import set_to_kernel_fit, start_from_ridge
from hemometric.training.runs import Heads
from hemometric.views import random_view

_ROUNDS, _LEAST_STEPS, _MOST_STEPS = 20, 300, 1000


@dataclass(frozen=True, slots=True)
class LabelledData:
    """What the fit reads.

    Attributes:
        ecgs: The prepared ECGs of all roles.
        train: Fitted to.
        validation: Chosen by.
        names: ECG ids of the training rows, to name them when something goes wrong.
        features: Of the rows of all roles, where the heads read them beside the embedding.
    """

    ecgs: PreparedEcgs
    train: LabelGrid
    validation: LabelGrid
    names: Sequence[str]
    features: FeatureTable | None = None

    def beside(self, embeddings: Tensor, rows: Rows) -> Tensor:
        """What the heads read of some rows: their embeddings and, where there are any, their features."""
        if self.features is None:
            return embeddings
        return torch.cat([embeddings, self.features.take(rows, device=embeddings.device)], dim=1)


@dataclass(frozen=True, slots=True)
class Fitted:
    """The best of the candidates.

    Attributes:
        model: With its final weights.
        learning_rate: That it was trained at; None: it is the probe.
        progress: Of its training; of the probe, its validation loss at step 0.
    """

    model: Estimator
    learning_rate: float | None
    progress: Progress


def fit(
    model: Estimator,
    data: LabelledData,
    *,
    settings: FinetuneSettings,
    contract: ModelContract,
    run: Path,
    device: torch.device,
) -> Fitted:
    """Fit copies of a model, one for each learning rate, and return the one with the lowest validation loss.

    With `settings.freeze` the encoder stays in eval mode, embeddings are computed once and the heads alone are fitted.
    A probe (`settings.method`) is a candidate like the others, and the only one where nothing is to be fine-tuned.

    Args:
        model: Before the fit, on `device`; linear and kernel heads are first set to a ridge fit on what they read.
        data: Labelled ECGs.
        settings: Of the fine-tuning, resolved.
        contract: Of the model.
        run: Where checkpoints and history go.
        device: Where the model is.

    Raises:
        TrainingError: A loss is not finite.
    """
    train, validation = (
        data.beside(embed_in_batches(model.encoder, data.ecgs, rows, device=device), rows)
        for rows in (data.train.rows, data.validation.rows)
    )
    if settings.head in ("linear", "kernel"):
        set_heads = start_from_ridge if settings.head == "linear" else partial(set_to_kernel_fit, seed=settings.seed)
        for column, (heads, target) in enumerate(zip(model.heads.by_target(), settings.targets, strict=True)):
            labels = data.train.of(column)
            set_heads(
                heads,
                target=target,
                train=(_at(train, data.train.known(column)), labels.values),
                validation=(_at(validation, data.validation.known(column)), data.validation.of(column).values),
                folds=assign_folds(labels.patients, seed=settings.seed),
            )
    fitted, named = [], ", ".join(settings.targets)
    if settings.method != "finetune":
        losses = _Losses(model, data, settings, contract, device, (train, validation))
        progress = Progress(best_loss=_look(losses), finished=True)
        _note_probe(run / "history.jsonl", f"probe {named}", progress)
        fitted.append(Fitted(copy.deepcopy(model), None, progress))
    for number, schedule in enumerate([] if settings.method == "probe" else _schedules(settings, data=data)):
        candidate = copy.deepcopy(model)
        losses = _Losses(candidate, data, settings, contract, device, (train, validation) if settings.freeze else None)
        task = Task(
            title=f"finetune {named} at {schedule.learning_rate:g}",
            model=candidate.heads if settings.freeze else candidate,
            loss=losses.step,
            validate=losses.validate,
            ecg_ids=lambda step, losses=losses: [data.names[place] for place in losses.places(step)],  # type: ignore[misc]  # a default binds the loop's value
        )
        with shortened_steps(layer_factors(candidate.encoder, decay=settings.layer_decay)):
            progress = optimise(task, schedule=schedule, run=run, name=f"rate-{number}", device=device)
        fitted.append(Fitted(candidate, schedule.learning_rate, progress))
    return min(fitted, key=lambda one: np.inf if one.progress.best_loss is None else one.progress.best_loss)


def _at(seen: Tensor, places: NDArray[np.intp]) -> Tensor:
    return seen[torch.from_numpy(places).to(seen.device)]


def _look(losses: "_Losses") -> float:
    losses.model.eval()
    with torch.inference_mode():
        return losses.validate()


def _note_probe(path: Path, phase: str, progress: Progress) -> None:
    """The probe's line in the history, once, however often the run is resumed."""
    there = path.read_text(encoding="utf-8") if path.exists() else ""
    line = json.dumps({"phase": phase, "step": progress.step, "validation_loss": progress.best_loss}) + "\n"
    if line not in there:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, (there + line).encode())


def _schedules(settings: FinetuneSettings, *, data: LabelledData) -> list[Schedule]:
    rounds = -(-_ROUNDS * len(data.train.rows) // settings.batch_size)
    n_steps = settings.n_steps or min(max(rounds, _LEAST_STEPS), _MOST_STEPS)
    return [
        Schedule(
            n_steps=n_steps,
            optimizer="adamw",
            learning_rate=learning_rate,
            weight_decay=settings.weight_decay,
            warmup_steps=settings.warmup_steps,
            gradient_clip=settings.gradient_clip,
            validate_every=max(1, -(-n_steps // settings.n_validations)),
            patience=settings.patience,
            checkpoint_every=settings.checkpoint_every,
        )
        for learning_rate in settings.learning_rates
    ]


@dataclass(frozen=True, slots=True)
class _Losses:
    """Mean squared error of the standardised target plus the weighted cross-entropy of its events.

    Of several targets each has this loss over the ECGs that have a label of it; of those with a label at all, the mean
    is taken.

    Attributes:
        embeddings: What the heads read of the training and validation ECGs, where the encoder is frozen.
    """

    model: Estimator
    data: LabelledData
    settings: FinetuneSettings
    contract: ModelContract
    device: torch.device
    embeddings: tuple[Tensor, Tensor] | None

    def places(self, step: int) -> Rows:
        """Places within the training labels that a step reads."""
        every = np.arange(len(self.data.train.rows))
        return draw_ecgs(every, batch_size=self.settings.batch_size, step=step, seed=self.settings.seed)

    def step(self, step: int) -> tuple[Tensor, Mapping[str, float]]:
        """The loss of one training step."""
        places = self.places(step)
        with seeded_layers(self.settings.seed, Purpose.DROPOUT, step, device=self.device):
            if self.embeddings is not None:
                seen = _at(self.embeddings[0], places)
            else:
                seen = self._embed_views(self.data.train.rows[places], step)
            return self._loss(seen, self.data.train.values[places])

    def _embed_views(self, rows: Rows, step: int) -> Tensor:
        views = random_view(
            self.data.ecgs.take(rows, device=self.device),
            settings=self.settings.views,
            sampling_rate_hz=self.contract.sampling_rate_hz,
            generator=torch_generator(self.settings.seed, Purpose.VIEWS, step, device=self.device),
        )
        with autocast(self.contract.precision, device=self.device):
            embeddings: Tensor = self.model.encoder(derive_all(views)).float()
        return self.data.beside(embeddings, rows)

    def validate(self) -> float:
        """The loss over the whole validation split, each labelled ECG of a target weighing the same."""
        if self.embeddings is not None:
            seen = self.embeddings[1]
        else:
            rows = self.data.validation.rows
            embeddings = embed_in_batches(self.model.encoder, self.data.ecgs, rows, device=self.device)
            seen = self.data.beside(embeddings, rows)
        return float(self._loss(seen, self.data.validation.values)[0])

    def _loss(self, embeddings: Tensor, values: NDArray[np.float64]) -> tuple[Tensor, Mapping[str, float]]:
        """The loss for labels (n, n_targets), NaN where there is none, and its two parts."""
        parts = [
            _target_losses(heads, embeddings, values[:, column], target=target)
            for column, (heads, target) in enumerate(
                zip(self.model.heads.by_target(), self.settings.targets, strict=True)
            )
            if not np.isnan(values[:, column]).all()
        ]
        squared = torch.stack([part for part, _ in parts]).mean()
        entropy = torch.stack([part for _, part in parts]).mean()
        facts = {"train_squared_error": float(squared.detach()), "train_event_entropy": float(entropy.detach())}
        return squared + self.settings.event_weight * entropy, facts


def _target_losses(
    heads: Heads, embeddings: Tensor, values: NDArray[np.float64], *, target: str
) -> tuple[Tensor, Tensor]:
    """Mean squared error and cross-entropy of the ECGs whose value is not NaN.

    The heads read the others too, for their batch norm alone: what it measures is of the ECGs, not of their labels, and
    a batch may have a single label of a target.
    """
    known = np.flatnonzero(~np.isnan(values))
    labels = torch.from_numpy(values[known]).to(embeddings)
    happened = torch.from_numpy(event_outcomes(values[known], target)).to(embeddings)
    squared = functional.mse_loss(
        _at(heads.regression.standardised(embeddings), known), heads.regression.standardise(labels)
    )
    return squared, functional.binary_cross_entropy_with_logits(_at(heads.event(embeddings), known), happened)
