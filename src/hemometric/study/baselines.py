"""Baselines without an encoder, fitted to the labels of a budget: mean, demographics, features."""

import numpy as np

from hemometric.evaluation.baselines import DEMOGRAPHICS, read_demographics
from hemometric.evaluation.hand_made import read_hand_made
from hemometric.evaluation.hand_model import HandMadeLabels, fit_hand_made
from hemometric.evaluation.linear import constant_curves, fit_linear
from hemometric.evaluation.predictions import FloatArray, Predictions
from hemometric.store import Store
from hemometric.study.labels import KnownLabels
from hemometric.targets import Target


def say_by_baseline(
    name: str, store: Store, shown: KnownLabels, judged: KnownLabels, *, target: Target, seed: int
) -> Predictions:
    """What a baseline without an encoder says of the judged ECGs.

    As in `hemometric.evaluation.fit_baselines`: fitted to the training labels, chosen by those of validation at most.

    Args:
        name: "mean", "demographics" or "features".
        store: Where the ECGs are.
        shown: The labels of the budget.
        judged: The ECGs that are judged.
        target: What is estimated.
        seed: Of folds and trees.
    """
    train = shown.of_split("train")
    if name == "mean":
        fractions = constant_curves(train.values, target.events)
        n = len(judged.rows)
        constant = {key: np.full(n, fraction) for key, fraction in fractions.items()}
        return Predictions(estimate=np.full(n, train.values.mean()), probability=constant)
    if name == "features":
        fitted, chosen = (
            HandMadeLabels(read_hand_made(store, part.rows), part.values, part.patients)
            for part in (train, shown.of_split("validation"))
        )
        hand_model = fit_hand_made(fitted, chosen, events=target.events, seed=seed)
        inputs = read_hand_made(store, judged.rows)
        return Predictions(estimate=hand_model.estimate(inputs), probability=hand_model.probability(inputs))
    model = fit_linear(
        _read_demographics(store, train),
        train.values,
        train.patients,
        inputs=DEMOGRAPHICS,
        events=target.events,
        seed=seed,
    )
    estimate = model.estimate(_read_demographics(store, judged))
    return Predictions(estimate=estimate, probability=model.probability(estimate))


def _read_demographics(store: Store, labels: KnownLabels) -> FloatArray:
    age, sex = read_demographics(store, labels.rows)
    return np.stack([age, np.where(sex == "", np.nan, sex == "female")], axis=1)
