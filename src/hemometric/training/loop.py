"""The one optimisation loop: warm-up and cosine, clipped gradients, validation, the best weights kept, resumable."""

import json
import math
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import FrameType
from typing import Any, Literal

import torch
from torch import Tensor, nn

from hemometric.errors import TrainingError
from hemometric.progress import say, track
from hemometric.training.files import read_checkpoint, write_checkpoint, write_whole

State = dict[str, Tensor]
_NAMED_ECGS = 8


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast to learn.

    Attributes:
        n_steps: Steps in all.
        optimizer: "adam" (weight decay added to the gradient) or "adamw" (decoupled).
        learning_rate: After warm-up.
        weight_decay: 0 or more.
        warmup_steps: Steps over which the learning rate rises linearly.
        gradient_clip: Largest norm of the gradient.
        validate_every: Steps between two looks at the validation split; there is one at the start and one at the end.
        patience: Stop after so many looks in a row without a better loss; None runs to the end.
        checkpoint_every: Steps between checkpoints.
    """

    n_steps: int
    optimizer: Literal["adam", "adamw"]
    learning_rate: float
    weight_decay: float
    warmup_steps: int
    gradient_clip: float
    validate_every: int
    patience: int | None
    checkpoint_every: int


@dataclass(frozen=True, slots=True)
class Task:
    """What is optimised.

    Attributes:
        title: For the progress bar and the history.
        model: All of its parameters are trained.
        loss: From the number of a step to its loss and to facts for the history; called in train mode.
        validate: The loss over the whole validation split, called in eval mode without gradients; None where the
            split is too small to give one: then the last weights are kept.
        ecg_ids: Which ECGs a step looks at, to name them when something goes wrong.
    """

    title: str
    model: nn.Module
    loss: Callable[[int], tuple[Tensor, Mapping[str, float]]]
    validate: Callable[[], float | None]
    ecg_ids: Callable[[int], Sequence[str]]


@dataclass
class Progress:
    """How far the loop is; what a checkpoint holds beside model and optimizer.

    Attributes:
        step: Steps done.
        best_loss: Lowest validation loss, or None before the first.
        best_step: Where it was.
        best_state: A copy of the weights there.
        n_worse: Looks in a row since then.
        stopped: Whether patience ran out.
        finished: Whether the model holds its final weights.
        sums: Sums of loss and facts since the last line of the history, and their count under "n".
    """

    step: int = 0
    best_loss: float | None = None
    best_step: int = 0
    best_state: State = field(default_factory=dict)
    n_worse: int = 0
    stopped: bool = False
    finished: bool = False
    sums: dict[str, float] = field(default_factory=dict)


def learning_rate_at(step: int, schedule: Schedule) -> float:
    """Linear warm-up times a cosine that ends at 0 (Loshchilov & Hutter 2017, without restarts)."""
    warmup = min(1.0, (step + 1) / (schedule.warmup_steps + 1))
    return schedule.learning_rate * warmup * 0.5 * (1 + math.cos(math.pi * step / schedule.n_steps))


def optimise(task: Task, *, schedule: Schedule, run: Path, name: str, device: torch.device) -> Progress:
    """Train `task.model` and leave in it the weights with the lowest validation loss.

    Every step draws its random numbers from its own number, so a run that was killed and resumed ends with the same
    weights as one that was not. Writes `history.jsonl` and `checkpoint/NAME.pt` under `run`, and goes on from that
    checkpoint if there is one.

    Raises:
        TrainingError: A loss or gradient is not finite; step and ECGs are named.
        KeyboardInterrupt: After Ctrl-C, once the checkpoint is written.
    """
    path = run / "checkpoint" / f"{name}.pt"
    path.parent.mkdir(parents=True, exist_ok=True)
    optimizer = _make_optimizer(task.model, schedule)
    progress = _restore(path, task.model, optimizer, device=device)
    if progress.finished:
        return progress
    history = _History(run / "history.jsonl", phase=task.title, step=progress.step)
    with _interruption() as interrupted:
        steps = range(progress.step, schedule.n_steps)
        for step in track(steps, total=schedule.n_steps, unit="steps", title=task.title, done=progress.step):
            _look_if_due(task, progress, schedule, history)
            if progress.stopped:
                break
            _take_step(task, optimizer, schedule, progress)
            if interrupted.is_set() or (step + 1) % schedule.checkpoint_every == 0:
                _save(path, task.model, optimizer, progress)
            if interrupted.is_set():
                say(f"{task.title}: interrupted after step {progress.step}; go on with the same command and --resume")
                raise KeyboardInterrupt
    if not progress.stopped:
        _look_if_due(task, progress, schedule, history)
    if progress.best_state:
        task.model.load_state_dict(progress.best_state)
    progress.finished = True
    _save(path, task.model, optimizer, progress)
    return progress


def _make_optimizer(model: nn.Module, schedule: Schedule) -> torch.optim.Optimizer:
    kind = torch.optim.AdamW if schedule.optimizer == "adamw" else torch.optim.Adam
    return kind(model.parameters(), lr=schedule.learning_rate, weight_decay=schedule.weight_decay, foreach=True)


def _take_step(task: Task, optimizer: torch.optim.Optimizer, schedule: Schedule, progress: Progress) -> None:
    for group in optimizer.param_groups:
        group["lr"] = learning_rate_at(progress.step, schedule)
    task.model.train()
    loss, facts = task.loss(progress.step)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]  # torch does not annotate it
    norm = nn.utils.clip_grad_norm_(task.model.parameters(), schedule.gradient_clip, foreach=True)
    value = float(loss.detach())
    if not (math.isfinite(value) and math.isfinite(float(norm))):
        ids = list(task.ecg_ids(progress.step))
        more = f" and {len(ids) - _NAMED_ECGS} more" if len(ids) > _NAMED_ECGS else ""
        raise TrainingError(
            f"{task.title}: step {progress.step}: loss {value}, gradient norm {float(norm)}: expected finite numbers; "
            f"ECGs of this step: {', '.join(ids[:_NAMED_ECGS])}{more}; look at them with hemometric inspect, or lower "
            "the learning rate"
        )
    optimizer.step()
    progress.step += 1
    for fact, number in {"n": 1.0, "train_loss": value, **facts}.items():
        progress.sums[fact] = progress.sums.get(fact, 0.0) + number


def _look_if_due(task: Task, progress: Progress, schedule: Schedule, history: "_History") -> None:
    """Look at the validation split; keep a copy of the weights if they are the best yet."""
    if progress.step % schedule.validate_every != 0 and progress.step != schedule.n_steps:
        return
    task.model.eval()
    with torch.inference_mode():
        loss = task.validate()
    if loss is not None and not math.isfinite(loss):
        raise TrainingError(f"{task.title}: step {progress.step}: validation loss is {loss}; lower the learning rate")
    if loss is not None and (progress.best_loss is None or loss < progress.best_loss):
        progress.best_loss, progress.best_step, progress.n_worse = loss, progress.step, 0
        progress.best_state = {key: tensor.detach().clone() for key, tensor in task.model.state_dict().items()}
    elif loss is not None:
        progress.n_worse += 1
        progress.stopped = schedule.patience is not None and progress.n_worse >= schedule.patience
    count = max(progress.sums.pop("n", 0.0), 1.0)
    means = {fact: total / count for fact, total in progress.sums.items()}
    progress.sums.clear()
    rate = learning_rate_at(progress.step, schedule)
    history.write({"step": progress.step, "validation_loss": loss, "learning_rate": rate, **means})


def _save(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, progress: Progress) -> None:
    state = {item.name: getattr(progress, item.name) for item in fields(progress) if item.name != "best_state"}
    weights = {"model": model.state_dict(), "best_state": progress.best_state, "optimizer": optimizer.state_dict()}
    write_checkpoint(path, {"progress": state, **weights})


def _restore(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, *, device: torch.device) -> Progress:
    content = read_checkpoint(path, device=device)
    if content is None:
        return Progress()
    model.load_state_dict(content["model"])
    optimizer.load_state_dict(content["optimizer"])
    return Progress(**content["progress"], best_state=content["best_state"])


class _History:
    """Lines of `history.jsonl`; those that an interrupted run wrote after its last checkpoint are dropped."""

    def __init__(self, path: Path, *, phase: str, step: int) -> None:
        self._path = path
        self._phase = phase
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        kept = [line for line in lines if not self._is_ahead(line, step)]
        write_whole(path, "".join(line + "\n" for line in kept).encode())

    def _is_ahead(self, line: str, step: int) -> bool:
        try:
            entry: dict[str, Any] = json.loads(line)
        except json.JSONDecodeError:
            return True
        return bool(entry["phase"] == self._phase and entry["step"] >= step)

    def write(self, entry: Mapping[str, object]) -> None:
        """Add one line."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"phase": self._phase, **entry}) + "\n")


@contextmanager
def _interruption() -> Iterator[threading.Event]:
    """Turn the first Ctrl-C into an event, so that a step is never left half done; the second one stops at once."""
    interrupted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield interrupted
        return

    def note(number: int, frame: FrameType | None) -> None:
        del number, frame
        if interrupted.is_set():
            raise KeyboardInterrupt
        interrupted.set()

    previous = signal.signal(signal.SIGINT, note)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, previous)
