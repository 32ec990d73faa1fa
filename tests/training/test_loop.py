"""The one optimisation loop."""

import json
import os
import signal

import pytest
import torch
from torch import nn

from hemometric.errors import TrainingError
from hemometric.training.loop import Schedule, Task, learning_rate_at, optimise

CPU = torch.device("cpu")
SCHEDULE = Schedule(
    n_steps=20,
    optimizer="adamw",
    learning_rate=0.1,
    weight_decay=0.0,
    warmup_steps=4,
    gradient_clip=1.0,
    validate_every=5,
    patience=None,
    checkpoint_every=3,
)


def changed(**values) -> Schedule:
    return Schedule(**{name: getattr(SCHEDULE, name) for name in Schedule.__slots__} | values)


def line_task(*, at_step=lambda step: None, validation=None) -> Task:
    """Fit y = 3 x by a layer with dropout before it, so that random numbers matter."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(1, 8), nn.Dropout(0.2), nn.Linear(8, 1))

    def loss(step):
        at_step(step)
        torch.manual_seed(step)
        x = torch.randn(16, 1)
        return (model(x) - 3 * x).square().mean(), {"half": 0.5}

    def validate():
        x = torch.linspace(-1, 1, 9)[:, None]
        return float((model(x) - 3 * x).square().mean())

    return Task("line", model, loss, validation or validate, lambda step: [f"ecg-{step}-{k}" for k in range(10)])


@pytest.fixture(autouse=True)
def _keep_the_global_random_state():
    with torch.random.fork_rng():
        yield


def history(run) -> list[dict]:
    return [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]


def test_the_learning_rate_rises_and_then_falls_to_nothing():
    rates = [learning_rate_at(step, SCHEDULE) for step in range(21)]
    assert rates[0] == pytest.approx(0.1 / 5)
    assert rates[:5] == sorted(rates[:5])
    assert rates[4:] == sorted(rates[4:], reverse=True)
    assert rates[20] == pytest.approx(0.0)


def test_every_step_uses_the_rate_of_the_schedule(tmp_path, monkeypatch):
    used = []
    plain = torch.optim.AdamW.step
    monkeypatch.setattr(
        torch.optim.AdamW, "step", lambda self, *a: (used.append(self.param_groups[0]["lr"]), plain(self, *a))[1]
    )
    optimise(line_task(), schedule=SCHEDULE, run=tmp_path, name="line", device=CPU)
    assert used == pytest.approx([learning_rate_at(step, SCHEDULE) for step in range(20)])


def test_the_loss_falls_and_history_says_so(tmp_path):
    progress = optimise(line_task(), schedule=SCHEDULE, run=tmp_path, name="line", device=CPU)
    lines = history(tmp_path)
    assert [line["step"] for line in lines] == [0, 5, 10, 15, 20]
    assert lines[-1]["validation_loss"] < lines[0]["validation_loss"] / 2
    assert lines[-1]["half"] == 0.5
    assert progress.best_loss == min(line["validation_loss"] for line in lines)


def test_the_best_weights_are_a_copy_that_later_steps_do_not_touch(tmp_path):
    """Validation is best at step 10; the model must end with the weights it had there."""
    there = {}
    losses = iter([5.0, 4.0, 1.0, 3.0, 2.0])
    task = line_task(validation=lambda: next(losses))

    def note(step):
        if step == 10:
            there.update({key: value.clone() for key, value in task.model.state_dict().items()})

    noted = line_task(at_step=note)
    task = Task("line", noted.model, noted.loss, task.validate, noted.ecg_ids)
    progress = optimise(task, schedule=SCHEDULE, run=tmp_path, name="line", device=CPU)
    assert progress.best_step == 10
    final = task.model.state_dict()
    assert all(torch.equal(final[key], there[key]) for key in there)


def test_without_a_validation_split_the_last_weights_are_kept(tmp_path):
    task = line_task(validation=lambda: None)
    start = {key: value.clone() for key, value in task.model.state_dict().items()}
    progress = optimise(task, schedule=SCHEDULE, run=tmp_path, name="line", device=CPU)
    assert progress.best_loss is None
    assert not torch.equal(task.model.state_dict()["0.weight"], start["0.weight"])


def test_patience_ends_the_run_early(tmp_path):
    losses = iter([1.0, 2.0, 3.0])
    task = line_task(validation=lambda: next(losses))
    progress = optimise(task, schedule=changed(patience=2), run=tmp_path, name="line", device=CPU)
    assert progress.stopped
    assert (progress.step, progress.best_step) == (10, 0)


@pytest.mark.parametrize("broken", ["loss", "gradient", "validation"])
def test_a_number_that_is_not_finite_stops_and_names_step_and_ecgs(tmp_path, broken):
    whole = line_task()

    def loss(step):
        value, facts = whole.loss(step)
        if step == 7 and broken == "loss":
            value = value * float("nan")
        if step == 7 and broken == "gradient":
            value = value + (whole.model[0].weight * 0.0).sum().sqrt()
        return value, facts

    validate = (lambda: float("nan")) if broken == "validation" else whole.validate
    task = Task("line", whole.model, loss, validate, whole.ecg_ids)
    expected = "step 0: validation loss is nan" if broken == "validation" else r"step 7.*ecg-7-0.*and 2 more"
    with pytest.raises(TrainingError, match=expected):
        optimise(task, schedule=SCHEDULE, run=tmp_path, name="line", device=CPU)


def test_gradients_are_clipped(tmp_path, monkeypatch):
    norms = []
    plain = torch.optim.AdamW.step

    def note(self, *a):
        norms.append(float(torch.cat([p.grad.ravel() for p in self.param_groups[0]["params"]]).norm()))
        return plain(self, *a)

    monkeypatch.setattr(torch.optim.AdamW, "step", note)
    optimise(line_task(), schedule=changed(gradient_clip=0.01), run=tmp_path, name="line", device=CPU)
    assert max(norms) < 0.0101


class _PulledPlugError(Exception):
    pass


@pytest.mark.parametrize("at", [2, 3, 8, 11, 19])
def test_a_run_that_died_goes_on_and_ends_with_the_same_weights(tmp_path, at):
    whole = line_task()
    for name in ("whole", "died"):
        (tmp_path / name).mkdir()
    optimise(whole, schedule=SCHEDULE, run=tmp_path / "whole", name="line", device=CPU)

    def die(step):
        if step == at:
            raise _PulledPlugError

    run = tmp_path / "died"
    with pytest.raises(_PulledPlugError):
        optimise(line_task(at_step=die), schedule=SCHEDULE, run=run, name="line", device=CPU)
    resumed = line_task()
    optimise(resumed, schedule=SCHEDULE, run=run, name="line", device=CPU)
    for key, value in whole.model.state_dict().items():
        assert torch.equal(resumed.model.state_dict()[key], value)
    assert history(run) == history(tmp_path / "whole")


def test_a_finished_run_is_not_trained_again(tmp_path):
    done = line_task()
    optimise(done, schedule=SCHEDULE, run=tmp_path, name="line", device=CPU)
    before = history(tmp_path)

    def never(step):
        raise AssertionError

    again = line_task(at_step=never, validation=lambda: never(0))
    optimise(again, schedule=SCHEDULE, run=tmp_path, name="line", device=CPU)
    assert torch.equal(again.model.state_dict()["0.weight"], done.model.state_dict()["0.weight"])
    assert history(tmp_path) == before


def test_ctrl_c_finishes_the_step_and_writes_a_checkpoint(tmp_path):
    def press(step):
        if step == 7:
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        optimise(line_task(at_step=press), schedule=SCHEDULE, run=tmp_path, name="line", device=CPU)
    assert signal.getsignal(signal.SIGINT) is before
    content = torch.load(tmp_path / "checkpoint" / "line.pt", weights_only=True)
    assert content["progress"]["step"] == 8


def test_eval_mode_while_validating_and_train_mode_while_learning(tmp_path):
    modes = []
    whole = line_task(at_step=lambda step: modes.append(("loss", whole.model.training)))
    validate = lambda: (modes.append(("validate", whole.model.training)), whole.validate())[1]  # noqa: E731  (two lines)
    task = Task("line", whole.model, whole.loss, validate, whole.ecg_ids)
    optimise(task, schedule=SCHEDULE, run=tmp_path, name="line", device=CPU)
    assert set(modes) == {("loss", True), ("validate", False)}
