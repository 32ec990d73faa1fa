"""Classification metrics against scikit-learn, brute force and hand-made tables."""

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st

from hemometric.evaluation.classification import (
    auroc,
    average_precision,
    brier,
    freeze_threshold,
    happened,
    roc_curve,
    warning_metrics,
    weighted_auroc,
    weighted_classification,
)
from hemometric.targets import TARGETS, Event

RNG = np.random.default_rng(5)
EVENTS = RNG.random(300) < 0.35
SCORES = np.clip(RNG.normal(0.4 + 0.15 * EVENTS, 0.2), 0, 1)
TIED = np.round(SCORES, 1)


@pytest.mark.parametrize("scores", [SCORES, TIED], ids=["no ties", "ties"])
def test_ranking_and_brier_equal_scikit_learn(scores):
    assert auroc(EVENTS, scores) == pytest.approx(sklearn.metrics.roc_auc_score(EVENTS, scores), abs=1e-12)
    assert average_precision(EVENTS, scores) == pytest.approx(
        sklearn.metrics.average_precision_score(EVENTS, scores), abs=1e-12
    )
    assert brier(EVENTS, scores) == pytest.approx(sklearn.metrics.brier_score_loss(EVENTS, scores), abs=1e-12)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=25))
def test_auroc_is_the_fraction_of_pairs_in_the_right_order(ecgs):
    with_event = [score for event, score in ecgs if event]
    without = [score for event, score in ecgs if not event]
    pairs = [(a > b) + 0.5 * (a == b) for a in with_event for b in without]
    events, scores = zip(*ecgs, strict=True)
    assert auroc(events, scores) == (pytest.approx(np.mean(pairs)) if pairs else None)


def test_warnings_equal_the_confusion_matrix_of_scikit_learn():
    found = warning_metrics(EVENTS, TIED, threshold=0.4)
    tn, fp, fn, tp = sklearn.metrics.confusion_matrix(EVENTS, TIED >= 0.4).ravel()
    expected = {
        "sensitivity": tp / (tp + fn),
        "specificity": tn / (tn + fp),
        "ppv": tp / (tp + fp),
        "npv": tn / (tn + fn),
    }
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("scores", [SCORES, TIED], ids=["no ties", "ties"])
def test_weights_count_an_ecg_as_often_as_it_was_drawn(scores):
    weights = RNG.integers(0, 4, size=(6, 300))
    weighted = weighted_classification(EVENTS, scores, weights.astype(float), threshold=0.4)
    for row, counts in enumerate(weights):
        events, copied = np.repeat(EVENTS, counts), np.repeat(scores, counts)
        expected = {
            "auroc": sklearn.metrics.roc_auc_score(events, copied),
            "auprc": sklearn.metrics.average_precision_score(events, copied),
            "brier": sklearn.metrics.brier_score_loss(events, copied),
            **warning_metrics(events, copied, threshold=0.4),
        }
        assert {name: values[row] for name, values in weighted.items()} == pytest.approx(expected, rel=1e-10)


def test_a_resample_without_events_is_undefined_and_its_neighbours_are_not():
    weights = np.stack([np.ones(300), np.where(EVENTS, 0.0, 1.0)])
    found = weighted_auroc(EVENTS, SCORES, weights)
    assert np.isfinite(found[0])
    assert np.isnan(found[1])


@pytest.mark.parametrize("events", [np.zeros(5, bool), np.ones(5, bool)], ids=["no event", "only events"])
def test_one_kind_of_ecg_leaves_ranking_undefined(events):
    scores = np.linspace(0, 1, 5)
    assert auroc(events, scores) is None
    assert average_precision(events, scores) is None
    assert brier(events, scores) is not None


def test_a_constant_probability_has_auroc_one_half_and_auprc_equal_to_prevalence():
    assert auroc(EVENTS, np.full(300, 0.3)) == 0.5
    assert average_precision(EVENTS, np.full(300, 0.3)) == pytest.approx(EVENTS.mean())


def test_without_a_threshold_no_warning_metric_is_invented():
    assert set(warning_metrics(EVENTS, SCORES, threshold=None).values()) == {None}


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=40),
    st.lists(st.floats(0, 1), max_size=40),
    st.sampled_from([0.5, 0.8, 0.95, 1.0]),
)
def test_the_frozen_threshold_is_the_highest_that_reaches_the_sensitivity(with_event, without, sensitivity):
    probability = np.array([*with_event, *without])
    events = np.arange(len(probability)) < len(with_event)
    threshold = freeze_threshold(events, probability, sensitivity=sensitivity)
    reached = warning_metrics(events, probability, threshold=threshold)["sensitivity"]
    above = warning_metrics(events, probability, threshold=np.nextafter(threshold, 2))["sensitivity"]
    assert reached >= sensitivity - 1e-9
    assert above < sensitivity


def test_four_of_five_events_are_warned_of_at_80_percent():
    probability = np.array([0.9, 0.8, 0.7, 0.6, 0.1, 0.65])
    assert freeze_threshold([1, 1, 1, 1, 1, 0], probability) == 0.6


def test_validation_without_an_event_freezes_nothing():
    assert freeze_threshold([False, False], [0.2, 0.3]) is None


def test_an_event_is_strict_in_both_directions():
    wedge, low_output = TARGETS["mpcwp"].events[0], Event("co", "<", 4.0)
    assert happened(wedge, [15.0, 15.01]).tolist() == [False, True]
    assert happened(low_output, [4.0, 3.99]).tolist() == [False, True]


def test_the_roc_curve_equals_scikit_learn_and_its_area_the_auroc():
    false_rate, true_rate = roc_curve(EVENTS, TIED)
    expected = sklearn.metrics.roc_curve(EVENTS, TIED, drop_intermediate=False)
    assert false_rate == pytest.approx(expected[0])
    assert true_rate == pytest.approx(expected[1])
    assert np.trapezoid(true_rate, false_rate) == pytest.approx(auroc(EVENTS, TIED))
