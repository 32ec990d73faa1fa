"""What the distances between embeddings know, without any training: identity, and the target."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from hemometric.evaluation.bootstrap import Resamples
from hemometric.evaluation.predictions import FloatArray
from hemometric.evaluation.regression import weighted_regression
from hemometric.evaluation.weighted import quotient
from hemometric.study.replicates import Replicates

RECALL_AT = (1, 5, 10)
N_NEIGHBORS = 16
N_COMPARED = 1000
"""ECGs whose pairs are ranked for the rank correlation; all pairs of them are 500,000."""

_BLOCK = 1024
Vectors = NDArray[np.float32]


def unit_vectors(embeddings: Vectors) -> Vectors:
    """Embeddings of length 1, shape (n, d): between them the Euclidean distance grows with the cosine distance."""
    lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
    scaled: Vectors = embeddings / np.maximum(lengths, np.float32(1e-12))
    return scaled


def recall_by_patient(embeddings: Vectors, resamples: Resamples) -> Replicates:
    """Share of the ECGs that have one of the same patient among their k nearest others, "recall@k" for each k.

    ECGs of patients with a single one search nothing, but may be found. Patients are resampled as those who search;
    the ECGs among which they search stay, since a patient who is drawn twice would find the copy.

    Args:
        embeddings: (n, d), of length 1.
        resamples: Of the patients of these n ECGs.
    """
    patients = resamples.patients
    searching = np.flatnonzero(np.bincount(patients)[patients] > 1)
    most = min(max(RECALL_AT), len(embeddings) - 1)
    found = np.zeros((len(searching), most), dtype=np.bool_)
    for start in range(0, len(searching), _BLOCK):
        rows = searching[start : start + _BLOCK]
        likeness = embeddings[rows] @ embeddings.T
        likeness[np.arange(len(rows)), rows] = -np.inf
        near = np.argpartition(-likeness, most - 1, axis=1)[:, :most]
        order = np.argsort(-np.take_along_axis(likeness, near, axis=1), axis=1, kind="stable")
        near = np.take_along_axis(near, order, axis=1)
        found[start : start + len(rows)] = patients[near] == patients[rows][:, None]
    hits = np.stack([found[:, :k].any(axis=1) for k in RECALL_AT], axis=1).astype(np.float64)
    kept = np.zeros(len(patients), dtype=np.bool_)
    kept[searching] = True
    sums = [np.column_stack([weights.sum(axis=1), weights @ hits]) for weights in resamples.subset(kept).weights()]
    counts = np.concatenate(sums)
    return {f"recall@{k}": quotient(counts[:, place], counts[:, 0]) for place, k in enumerate(RECALL_AT, start=1)}


def label_correlation(embeddings: Vectors, measured: FloatArray, resamples: Resamples) -> FloatArray:
    """Spearman's correlation of |difference of the target| and distance over pairs of different patients.

    Pairs are ranked once; a resample weighs a pair by how often both of its patients were drawn.

    Args:
        embeddings: (n, d), of length 1.
        measured: (n,) in the target's unit.
        resamples: Of the patients of these n ECGs.

    Returns:
        Shape (1 + n_bootstrap,).
    """
    n, patients = len(measured), resamples.patients
    first, second = np.triu_indices(n, k=1)
    strangers = patients[first] != patients[second]
    first, second = first[strangers], second[strangers]
    distances = 1 - (embeddings.astype(np.float64) @ embeddings.T.astype(np.float64))[first, second]
    ranks = [rankdata(distances), rankdata(np.abs(measured[first] - measured[second]))]
    x, y = (rank - rank.mean() for rank in ranks)
    moments = []
    for products in (np.ones_like(x), x, y, x * x, y * y, x * y):
        matrix = np.zeros((n, n))
        matrix[first, second] = products
        moments.append(np.concatenate([((weights @ matrix) * weights).sum(axis=1) for weights in resamples.weights()]))
    total, sx, sy, sxx, syy, sxy = moments
    spread = np.maximum(sxx - quotient(sx * sx, total), 0) * np.maximum(syy - quotient(sy * sy, total), 0)
    return quotient(sxy - quotient(sx * sy, total), np.sqrt(spread))


def neighbor_estimates(embeddings: Vectors, labeled: Vectors, values: FloatArray) -> FloatArray:
    """The mean label of the `N_NEIGHBORS` nearest labeled ECGs, shape (n,).

    Args:
        embeddings: (n, d), of length 1.
        labeled: (m, d), of length 1: of the training ECGs of a budget.
        values: (m,) their labels.
    """
    k = min(N_NEIGHBORS, len(values))
    estimates = np.empty(len(embeddings))
    for start in range(0, len(embeddings), _BLOCK):
        likeness = embeddings[start : start + _BLOCK] @ labeled.T
        near = np.argpartition(-likeness, k - 1, axis=1)[:, :k]
        estimates[start : start + len(likeness)] = values[near].mean(axis=1)
    return estimates


def neighbor_r2(estimates: FloatArray, measured: FloatArray, resamples: Resamples) -> FloatArray:
    """R2 of estimates from neighbours, shape (1 + n_bootstrap,)."""
    return np.concatenate([weighted_regression(measured, estimates, weights)["r2"] for weights in resamples.weights()])


def draw_compared(n_ecgs: int, *, seed: int) -> NDArray[np.intp]:
    """The ECGs whose pairs are ranked, `N_COMPARED` at most: the same for every encoder."""
    rng = np.random.default_rng([seed, n_ecgs])
    return np.sort(rng.choice(n_ecgs, min(N_COMPARED, n_ecgs), replace=False))
