"""Gradient-boosted trees whose fit is plain numbers: fitted by scikit-learn, kept as JSON, evaluated here."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from sklearn.ensemble import GradientBoostingRegressor

from hemometric.evaluation.classification import happened
from hemometric.evaluation.linear import LogisticCurve, apply_curve, design, fit_curve
from hemometric.evaluation.predictions import FloatArray
from hemometric.targets import Event
from hemometric.training.hand_features import centre_and_spread
from hemometric.training.labelled import assign_folds

MOST_TREES, DEPTH, LEAST_LEAF = 150, 3, 10
LEARNING_RATE, SUBSAMPLE, INPUT_SHARE = 0.05, 0.5, 0.2


class Tree(BaseModel):
    """One regression tree; node 0 is the root, a leaf has itself as both children.

    Attributes:
        feature: Column of the design that a node looks at.
        threshold: At or below it, on to `left`, else to `right`.
        left: Node.
        right: Node.
        value: What a node says, in the target's unit.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    feature: tuple[int, ...]
    threshold: tuple[float, ...]
    left: tuple[int, ...]
    right: tuple[int, ...]
    value: tuple[float, ...]

    def say(self, columns: NDArray[np.float32]) -> FloatArray:
        """Values (n,) for a design (n, n_columns) float32."""
        feature, threshold = np.array(self.feature), np.array(self.threshold)
        left, right = np.array(self.left), np.array(self.right)
        nodes, rows = np.zeros(len(columns), dtype=np.intp), np.arange(len(columns))
        for _ in range(DEPTH):
            nodes = np.where(columns[rows, feature[nodes]] <= threshold[nodes], left[nodes], right[nodes])
        found: FloatArray = np.array(self.value)[nodes]
        return found


class BoostedModel(BaseModel):
    """Boosted trees on standardised inputs, with curves for events.

    Attributes:
        inputs: Names of the inputs, with their units.
        fill: As in `LinearModel`.
        spread: As in `LinearModel`.
        start: What is said before the first tree: the mean of the training labels.
        trees: Each adds `LEARNING_RATE` times what it says.
        curves: Event key -> probability from the estimate.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    inputs: tuple[str, ...]
    fill: tuple[float, ...]
    spread: tuple[float, ...]
    start: float
    trees: tuple[Tree, ...]
    curves: dict[str, LogisticCurve]

    def estimate(self, values: FloatArray) -> FloatArray:
        """Inputs, shape (n, n_inputs), NaN where missing -> estimates in the target's unit, shape (n,)."""
        columns = design(values, fill=np.array(self.fill), spread=np.array(self.spread)).astype(np.float32)
        added = np.zeros(len(values))
        for tree in self.trees:
            added += tree.say(columns)
        out: FloatArray = self.start + LEARNING_RATE * added
        return out

    def probability(self, estimate: FloatArray) -> dict[str, FloatArray]:
        """Event key -> probability, shape (n,), from estimates of this model."""
        return {key: apply_curve(curve, estimate) for key, curve in self.curves.items()}


def fit_boosting(
    values: FloatArray,
    measured: FloatArray,
    patient_ids: NDArray[np.str_],
    *,
    inputs: Sequence[str],
    events: Sequence[Event],
    seed: int,
) -> BoostedModel:
    """Fit boosted trees (Friedman 2001, 2002), as many as have the least error over folds of patients.

    Args:
        values: Shape (n, n_inputs), NaN where missing; standardised as by `fit_linear`.
        measured: Shape (n,), in the target's unit.
        patient_ids: Shape (n,); no patient is in two folds.
        inputs: Names of the columns.
        events: Of the target.
        seed: Of the folds and of what each tree sees.
    """
    folds = assign_folds(patient_ids, seed=seed)
    out_of_fold = np.full((MOST_TREES + 1, len(measured)), measured.mean())
    for fold in np.unique(folds) if folds.max() > 0 else ():
        inside = folds != fold
        fill, spread = centre_and_spread(values[inside])
        model = _grow(design(values[inside], fill=fill, spread=spread), measured[inside], seed=seed)
        held_out = design(values[~inside], fill=fill, spread=spread)
        out_of_fold[0, ~inside] = measured[inside].mean()
        out_of_fold[1:, ~inside] = list(model.staged_predict(held_out))
    n_trees = int(np.argmin(np.mean((out_of_fold - measured) ** 2, axis=1)))
    fill, spread = centre_and_spread(values)
    model = _grow(design(values, fill=fill, spread=spread), measured, seed=seed)
    return BoostedModel(
        inputs=tuple(inputs),
        fill=tuple(fill.tolist()),
        spread=tuple(spread.tolist()),
        start=float(measured.mean()),
        trees=tuple(_keep(one[0].tree_) for one in model.estimators_[:n_trees]),
        curves={event.key: fit_curve(happened(event, measured), out_of_fold[n_trees]) for event in events},
    )


def _grow(columns: FloatArray, measured: FloatArray, *, seed: int) -> GradientBoostingRegressor:
    model = GradientBoostingRegressor(
        n_estimators=MOST_TREES,
        learning_rate=LEARNING_RATE,
        max_depth=DEPTH,
        min_samples_leaf=LEAST_LEAF,
        subsample=SUBSAMPLE,
        max_features=INPUT_SHARE,
        random_state=seed,
    )
    return model.fit(columns, measured)


def _keep(tree: Any) -> Tree:  # noqa: ANN401  (scikit-learn does not annotate its trees)
    leaf = tree.children_left < 0
    own = np.arange(tree.node_count)
    return Tree(
        feature=tuple(np.where(leaf, 0, tree.feature).tolist()),
        threshold=tuple(np.where(leaf, 0.0, tree.threshold).tolist()),
        left=tuple(np.where(leaf, own, tree.children_left).tolist()),
        right=tuple(np.where(leaf, own, tree.children_right).tolist()),
        value=tuple(tree.value[:, 0, 0].tolist()),
    )
