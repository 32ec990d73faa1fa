"""What distances between embeddings know, against slow and obvious versions."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from hemometric.evaluation.bootstrap import draw_patients
from hemometric.study.retrieval import (
    N_COMPARED,
    draw_compared,
    label_correlation,
    neighbor_estimates,
    neighbor_r2,
    recall_by_patient,
    unit_vectors,
)


@pytest.fixture
def embedded():
    rng = np.random.default_rng(0)
    patients = np.array([f"p{k}" for k in rng.integers(0, 25, 60)])
    centres = rng.normal(size=(25, 6))
    vectors = np.stack([centres[int(name[1:])] for name in patients]) + rng.normal(0, 1.2, (60, 6))
    measured = 15 + 4 * vectors[:, 0] + rng.normal(0, 2, 60)
    return unit_vectors(vectors.astype(np.float32)), measured, draw_patients(patients, n_bootstrap=30, seed=1)


def test_recall_is_the_share_of_ecgs_with_one_of_the_same_patient_among_the_nearest(embedded):
    vectors, _, resamples = embedded
    patients = resamples.patients
    found = recall_by_patient(vectors, resamples)
    for k in (1, 5, 10):
        hits = []
        for row in range(len(vectors)):
            if (patients == patients[row]).sum() < 2:
                continue
            distances = 1 - vectors @ vectors[row]
            distances[row] = np.inf
            near = np.argsort(distances)[:k]
            hits.append(patients[row] in patients[near])
        assert found[f"recall@{k}"][0] == pytest.approx(np.mean(hits))
    assert found["recall@1"][0] <= found["recall@5"][0] <= found["recall@10"][0]


def test_a_resample_weighs_who_searches_by_how_often_the_patient_was_drawn(embedded):
    vectors, _, resamples = embedded
    patients, counts = resamples.patients, resamples.counts[3]
    likeness = vectors @ vectors.T
    np.fill_diagonal(likeness, -np.inf)
    hits = patients[likeness.argmax(axis=1)] == patients
    searching = np.bincount(patients)[patients] > 1
    weights = counts[patients] * searching
    expected = (weights * hits).sum() / weights.sum()
    assert recall_by_patient(vectors, resamples)["recall@1"][3] == pytest.approx(expected)


def test_the_rank_correlation_is_spearmans_over_pairs_of_strangers(embedded):
    vectors, measured, resamples = embedded
    distances, differences = [], []
    for i in range(60):
        for j in range(i + 1, 60):
            if resamples.patients[i] != resamples.patients[j]:
                distances.append(1 - float(vectors[i].astype(np.float64) @ vectors[j].astype(np.float64)))
                differences.append(abs(measured[i] - measured[j]))
    found = label_correlation(vectors, measured, resamples)
    assert found[0] == pytest.approx(spearmanr(distances, differences).statistic, abs=1e-9)
    assert found.shape == (31,)


def test_the_estimate_of_neighbours_is_the_mean_of_the_sixteen_nearest(embedded):
    vectors, measured, resamples = embedded
    labeled, values = vectors[:40], measured[:40]
    estimates = neighbor_estimates(vectors[40:], labeled, values)
    for row, estimate in zip(vectors[40:], estimates, strict=True):
        near = np.argsort(1 - labeled @ row)[:16]
        assert estimate == pytest.approx(values[near].mean())
    perfect = neighbor_r2(measured, measured, resamples)
    np.testing.assert_allclose(perfect, 1.0)


def test_with_fewer_labels_than_neighbours_all_are_used(embedded):
    vectors, measured, _ = embedded
    np.testing.assert_allclose(neighbor_estimates(vectors, vectors[:3], measured[:3]), measured[:3].mean())


def test_the_same_ecgs_are_compared_for_every_encoder_and_not_too_many():
    few, many = draw_compared(20, seed=0), draw_compared(5000, seed=0)
    np.testing.assert_array_equal(few, np.arange(20))
    assert len(np.unique(many)) == len(many) == N_COMPARED
    np.testing.assert_array_equal(many, draw_compared(5000, seed=0))
