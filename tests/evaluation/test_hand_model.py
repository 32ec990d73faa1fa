"""The `features` baseline is whatever says the validation labels best."""

from functools import cache

import numpy as np
import pytest

from hemometric.evaluation.hand_made import MEASURED, HandMade
from hemometric.evaluation.hand_model import HandMadeLabels, HandMadeModel, fit_hand_made
from hemometric.targets import TARGETS

EVENTS = TARGETS["mpcwp"].events
SHAPE = np.random.default_rng(0).normal(size=560)


def labels(kind: str, *, n: int = 300, seed: int = 0, noise: float = 2.0) -> HandMadeLabels:
    """mPCWP that follows a measurement, the typical beat, two measurements together, or a measurement's distance."""
    rng = np.random.default_rng([7, seed])
    measured = 0.3 * rng.normal(size=(n, len(MEASURED)))
    if kind == "curve":
        measured[:, 3:] = 0.0  # among many inputs two that act together are not found
    beat = rng.normal(size=n)
    beats = beat[:, None] * SHAPE + 0.05 * rng.normal(size=(n, 560))
    signal = {
        "line": 20 * measured[:, 0],
        "beat": 6 * beat,
        "curve": 60 * measured[:, 0] * measured[:, 1],
        "bend": 6 * np.sign(np.abs(measured[:, 0]) - 0.2),
    }[kind]
    patients = np.array([f"{seed}-{number // 2}" for number in range(n)])
    return HandMadeLabels(HandMade(measured, beats), 15 + signal + rng.normal(0, noise, n), patients)


@cache
def fitted(kind: str) -> HandMadeModel:
    return fit_hand_made(labels(kind), labels(kind, n=200, seed=1), events=EVENTS, seed=0)


@pytest.mark.parametrize(
    ("kind", "estimator"), [("line", "ridge"), ("beat", "ridge-beats"), ("curve", "kernel"), ("bend", "boosting")]
)
def test_validation_chooses_the_model_that_fits_the_case(kind: str, estimator: str):
    model = fitted(kind)
    assert model.estimator == estimator
    errors = {name: value for name, value in model.validation.items() if name.startswith("rmse")}
    assert min(errors, key=errors.get) == f"rmse {estimator}"
    losses = {name: value for name, value in model.validation.items() if name.startswith("log loss")}
    assert min(losses, key=losses.get) == f"log loss {model.prober}"
    new = labels(kind, n=400, seed=2)
    assert np.corrcoef(model.estimate(new.inputs), new.measured)[0, 1] > 0.5


def test_without_validation_labels_it_is_ridge_on_the_measurements():
    model = fit_hand_made(labels("beat", n=60), labels("line", n=0), events=EVENTS, seed=0)
    assert (model.estimator, model.prober, model.validation) == ("ridge", "curve", {})


def test_beats_are_kept_only_where_a_chosen_model_reads_them():
    assert fitted("line").prober != "logistic-beats"
    assert fitted("line").axes.axes == ()
    assert len(fitted("beat").axes.axes) == 60


@pytest.mark.parametrize("kind", ["line", "beat", "curve", "bend"])
def test_a_model_survives_its_json(kind: str):
    again = HandMadeModel.model_validate_json(fitted(kind).model_dump_json())
    new = labels(kind, n=50, seed=2).inputs
    assert (again.estimate(new) == fitted(kind).estimate(new)).all()
    assert (again.probability(new)["mpcwp>15"] == fitted(kind).probability(new)["mpcwp>15"]).all()


def test_an_ecg_without_beats_gets_an_answer():
    unknown = HandMade(np.full((2, len(MEASURED)), np.nan), np.full((2, 560), np.nan))
    assert np.isfinite(fitted("beat").estimate(unknown)).all()
    assert np.isfinite(fitted("beat").probability(unknown)["mpcwp>15"]).all()
