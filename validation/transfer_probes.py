"""Linear probes: each ECG is judged by a model that was fitted to the ECGs of other patients."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hemometric.evaluation.linear import fit_linear
from hemometric.evaluation.logistic import MIN_PATIENTS_PER_CLASS, fit_logistic
from hemometric.targets import Event
from validation.transfer_questions import Floats, Question

_ASKED = Event("asked", ">", 0.5)


def answer(
    question: Question, inputs: Sequence[Floats], *, patients: NDArray[np.str_], folds: NDArray[np.intp]
) -> Floats:
    """Out-of-fold answers: ridge regression for a value, penalised logistic regression for yes or no.

    Both choose their penalty over folds of the patients that they are fitted to.

    Args:
        question: About n ECGs.
        inputs: For each fold, what the models read, (n, n_inputs): an encoder may be another one in every fold.
        patients: Shape (n,).
        folds: Shape (n,), from 0; no patient is in two.

    Returns:
        Shape (n,): estimates, or probabilities; NaN where the answer is not known.

    Raises:
        ValueError: A fold leaves fewer than ten patients with or without the event.
    """
    out = np.full(len(question.values), np.nan)
    for fold, read in enumerate(inputs):
        held, fitted = question.known & (folds == fold), question.known & (folds != fold)
        names = [f"input {number}" for number in range(read.shape[1])]
        if not question.is_event:
            line = fit_linear(read[fitted], question.values[fitted], patients[fitted], inputs=names, events=(), seed=0)
            out[held] = line.estimate(read[held])
            continue
        curve = fit_logistic(
            read[fitted], question.values[fitted], patients[fitted], inputs=names, events=(_ASKED,), seed=0
        )
        if curve is None:
            raise ValueError(
                f"{question.name}: fewer than {MIN_PATIENTS_PER_CLASS} patients with or without it outside fold {fold}"
            )
        out[held] = curve.probability(read[held])[_ASKED.key]
    return out


def answer_by_mean(question: Question, *, folds: NDArray[np.intp]) -> Floats:
    """What is said without looking at an ECG: the mean of the other folds, shape (n,)."""
    out = np.full(len(question.values), np.nan)
    for fold in np.unique(folds):
        held = question.known & (folds == fold)
        out[held] = question.values[question.known & (folds != fold)].mean()
    return out
