"""STEP after fine-tuning: simpler models fitted to the same labels, kept as JSON and small runs inside the run."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from hemometric.errors import RunError, SettingsError
from hemometric.evaluation.classification import freeze_threshold, happened
from hemometric.evaluation.hand_made import read_hand_made, refuse_slow
from hemometric.evaluation.hand_model import HandMadeLabels, HandMadeModel, fit_hand_made
from hemometric.evaluation.linear import LinearModel, constant_curves, fit_linear
from hemometric.evaluation.model import predict_run
from hemometric.evaluation.predictions import FloatArray, Predictions
from hemometric.evaluation.run_facts import RunFacts, SubsetEcgs, find_rows, read_run
from hemometric.progress import say, track
from hemometric.store import Store
from hemometric.targets import Target
from hemometric.training import finetune
from hemometric.training.files import write_json
from hemometric.waveform import FEATURES, describe_batch

Device = Literal["auto", "cpu", "cuda"]
BaselineName = Literal["mean", "demographics", "features", "random", "none"]
Thresholds = dict[str, float | None]

BASELINES: tuple[BaselineName, ...] = ("mean", "demographics", "features", "random", "none")
BASELINES_FILE = "baselines.json"
BASELINE_RUNS = "baselines"
DEMOGRAPHICS = ("age (years)", "sex is female")

_CHUNK = 128


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class MeanModel(_Kept):
    """Always the mean of the training labels, and the fraction of them with each event."""

    estimate: float
    probability: dict[str, float]


class FittedBaselines(_Kept):
    """The content of RUN/baselines.json, or of the file of another target of the run.

    Attributes:
        target: What is estimated.
        data_fingerprint: Of the store that all were fitted to.
        mean: The constant model, or None where it was not asked for.
        linear: "demographics" (and "features" in runs of before `hand_made`).
        hand_made: "features", or None where it was not asked for.
        runs: "random" and "none" -> directory inside the run.
        thresholds: Baseline, or "run" for the run itself -> event key -> threshold frozen on validation patients.
    """

    schema_version: Literal[1] = 1
    target: str
    data_fingerprint: str
    mean: MeanModel | None = None
    linear: dict[str, LinearModel]
    hand_made: HandMadeModel | None = None
    runs: dict[str, str]
    thresholds: dict[str, Thresholds]


def fit_baselines(
    run: str | Path,
    store: Store,
    *,
    device: Device = "auto",
    names: Sequence[BaselineName] = BASELINES,
    target: str | None = None,
) -> FittedBaselines:
    """Fit simpler models to the very labels of one target of a run, and freeze all thresholds, that of the run too.

    `mean`: the mean of the training labels. `demographics`: ridge on age and sex. `features`: the best on validation of
    ridge, boosted trees and logistic regression on hand-made ECG features (`fit_hand_made`). `random`: the same heads
    on a frozen random encoder. `none`: the same network from scratch. Neither of these reads hand-made features; both
    estimate all targets of the run, and are fitted once for all. All have the run's training labels, and choose with
    its validation labels at most.

    Args:
        run: A fine-tuned run; `baselines.json` (for another target than its first, `baselines-TARGET.json`) and
            `baselines/` are written into it.
        store: The store it was fitted to.
        device: Where to compute.
        names: Which; an earlier file is replaced.
        target: One of the run's; None: its first.

    Raises:
        RunError: The run is not fine-tuned, or was fitted to another store.
        SettingsError: An unknown baseline, or a target that the run does not estimate.
    """
    unknown = sorted(set(names) - set(BASELINES))
    if unknown:
        raise SettingsError(f"unknown baseline {unknown[0]!r}: expected some of {', '.join(BASELINES)}")
    facts = read_run(run, target=target)
    if store.fingerprint != facts.data_fingerprint:
        raise RunError(f"{facts.path}: was fitted to another store than {store.path}: fit its baselines to its own")
    fitted = FittedBaselines(
        target=facts.target.name,
        data_fingerprint=store.fingerprint,
        mean=_fit_mean(facts) if "mean" in names else None,
        linear={"demographics": _fit_demographics(facts, store)} if "demographics" in names else {},
        hand_made=_fit_hand_made(facts, store) if "features" in names else None,
        runs={name: _fit_run(name, facts, store, device=device) for name in ("random", "none") if name in names},
        thresholds={},
    )
    validation = facts.labels["validation"]
    rows = _rows_of(facts, store, validation)
    said: dict[str, Predictions] = {}
    if len(rows):
        said["run"] = predict_run(facts.path, store, rows, device=device, target=facts.target.name)
        said |= predict_baselines(facts.path, fitted, store, rows, device=device)
    frozen = {name: freeze(facts.target, validation, model) for name, model in said.items()}
    fitted = fitted.model_copy(update={"thresholds": frozen})
    write_json(facts.path / baselines_file(facts), fitted.model_dump(mode="json"))
    return fitted


def baselines_file(facts: RunFacts) -> str:
    """The name of the file with the baselines of a target within its run."""
    name = facts.target.name
    return BASELINES_FILE if name == facts.settings.target else f"baselines-{name}.json"


def read_baselines(run: Path, name: str = BASELINES_FILE) -> FittedBaselines | None:
    """Read a file of baselines in a run, see `baselines_file`; None where no baseline was fitted.

    Raises:
        RunError: The file is damaged or of another version.
    """
    path = run / name
    if not path.exists():
        return None
    try:
        return FittedBaselines.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise RunError(f"{path}: cannot be used ({reason}): fit the baselines again") from error


def predict_baselines(
    run: Path, fitted: FittedBaselines, store: Store, rows: NDArray[np.int64], *, device: Device = "auto"
) -> dict[str, Predictions]:
    """What every baseline says about some ECGs of any store, by name, in the order of `BASELINES`.

    Args:
        run: The run that the baselines belong to.
        fitted: Its baselines.
        store: Where the ECGs are.
        rows: Which.
        device: Where to compute.
    """
    said: dict[str, Predictions] = {}
    if fitted.mean is not None:
        said["mean"] = _predict_mean(fitted.mean, len(rows), fitted.thresholds.get("mean", {}))
    for name, model in fitted.linear.items():
        inputs = describe_rows(store, rows) if name == "features" else _read_demographics(store, rows)
        estimate = model.estimate(inputs)
        said[name] = Predictions(
            estimate=estimate, probability=model.probability(estimate), thresholds=fitted.thresholds.get(name, {})
        )
    if fitted.hand_made is not None:
        hand_made = read_hand_made(store, rows)
        said["features"] = Predictions(
            estimate=fitted.hand_made.estimate(hand_made),
            probability=fitted.hand_made.probability(hand_made),
            thresholds=fitted.thresholds.get("features", {}),
        )
    for name, directory in fitted.runs.items():
        thresholds = fitted.thresholds.get(name, {})
        said[name] = predict_run(
            run / directory, store, rows, device=device, thresholds=thresholds, target=fitted.target
        )
    return said


def freeze(target: Target, validation: SubsetEcgs, model: Predictions) -> Thresholds:
    """Event key -> threshold from what a model said about the validation ECGs."""
    return {
        event.key: freeze_threshold(happened(event, validation.values), model.probability[event.key])
        for event in target.events
    }


def read_demographics(store: Store, rows: NDArray[np.int64]) -> tuple[FloatArray, NDArray[np.str_]]:
    """Age in years, NaN where unknown, and sex, "" where unknown, of some ECGs: shape (n,) each."""
    table = store.ecgs.select(["age_years", "sex"]).take(rows)
    age = np.array([np.nan if one is None else one for one in table["age_years"].to_pylist()], dtype=np.float64)
    sex = np.array([one or "" for one in table["sex"].to_pylist()], dtype=np.str_)
    return age, sex


def describe_rows(store: Store, rows: NDArray[np.int64]) -> FloatArray:
    """The features of `hemometric.waveform` of some ECGs, shape (n, n_features), NaN where not measurable.

    Raises:
        RunError: The sampling rate does not resolve the QRS complex.
    """
    refuse_slow(store)
    out = np.full((len(rows), len(FEATURES)), np.nan)
    starts = range(0, len(rows), _CHUNK)
    for start in track(starts, total=len(starts), unit=f"batches of {_CHUNK} ECGs", title="features"):
        waveforms = store.take(rows[start : start + _CHUNK])
        out[start : start + _CHUNK] = describe_batch(waveforms, sampling_rate_hz=store.sampling_rate_hz)
    return out


def _fit_mean(facts: RunFacts) -> MeanModel:
    measured = facts.labels["train"].values
    return MeanModel(estimate=float(measured.mean()), probability=dict(constant_curves(measured, facts.target.events)))


def _predict_mean(model: MeanModel, n_ecgs: int, thresholds: Mapping[str, float | None]) -> Predictions:
    return Predictions(
        estimate=np.full(n_ecgs, model.estimate),
        probability={key: np.full(n_ecgs, probability) for key, probability in model.probability.items()},
        thresholds=thresholds,
    )


def _fit_demographics(facts: RunFacts, store: Store) -> LinearModel:
    train = facts.labels["train"]
    say(f"baseline demographics: {len(train.values):,} labelled ECGs")
    return fit_linear(
        _read_demographics(store, _rows_of(facts, store, train)),
        train.values,
        train.patient_ids,
        inputs=DEMOGRAPHICS,
        events=facts.target.events,
        seed=facts.settings.seed,
    )


def _read_demographics(store: Store, rows: NDArray[np.int64]) -> FloatArray:
    age, sex = read_demographics(store, rows)
    return np.stack([age, np.where(sex == "", np.nan, sex == "female")], axis=1)


def _fit_hand_made(facts: RunFacts, store: Store) -> HandMadeModel:
    say(f"baseline features: {len(facts.labels['train'].values):,} labelled ECGs")
    train, validation = (
        HandMadeLabels(read_hand_made(store, _rows_of(facts, store, ecgs)), ecgs.values, ecgs.patient_ids)
        for ecgs in (facts.labels["train"], facts.labels["validation"])
    )
    model = fit_hand_made(train, validation, events=facts.target.events, seed=facts.settings.seed)
    say(f"baseline features: {model.estimator} estimates, probabilities come from {model.prober}")
    return model


def _fit_run(name: Literal["random", "none"], facts: RunFacts, store: Store, *, device: Device) -> str:
    say(f"baseline {name}: the same heads, {'a frozen random encoder' if name == 'random' else 'from scratch'}")
    directory = f"{BASELINE_RUNS}/{name}"
    settings = facts.settings.model_copy(update={"freeze": name == "random", "with_features": False})
    if name == "none" and settings.method == "probe":
        settings = settings.model_copy(update={"method": "finetune"})
    finetune(store, source=name, out=facts.path / directory, settings=settings, resume=True, device=device)
    own, other = facts.labels, read_run(facts.path / directory, target=facts.target.name).labels
    if any(set(own[role].ecg_ids) != set(other[role].ecg_ids) for role in own):
        raise RunError(
            f"{facts.path / directory}: has other labels than its run; remove it and fit the baselines again"
        )
    return directory


def _rows_of(facts: RunFacts, store: Store, ecgs: SubsetEcgs) -> NDArray[np.int64]:
    rows = find_rows(store, ecgs.ecg_ids)
    if rows is None:
        raise RunError(f"{facts.path}: has labelled ECGs that are not in {store.path}: give the store it was fitted to")
    return rows
