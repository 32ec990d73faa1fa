"""Baselines without an encoder."""

from dataclasses import replace

import numpy as np
import pytest

from hemometric.study.baselines import say_by_baseline
from hemometric.study.labels import KnownLabels
from hemometric.targets import TARGETS


@pytest.fixture(scope="module")
def labels(measured_store):
    known = KnownLabels.read(measured_store, "mpcwp", "truth")
    return known.of_budget(60, seed=0), known.of_split("test")


def _say(name, store, shown, judged):
    return say_by_baseline(name, store, shown, judged, target=TARGETS["mpcwp"], seed=0)


def test_the_mean_is_that_of_the_training_labels(measured_store, labels):
    shown, judged = labels
    said = _say("mean", measured_store, *labels)
    np.testing.assert_allclose(said.estimate, shown.of_split("train").values.mean())
    share = (shown.of_split("train").values > 15).mean()
    np.testing.assert_allclose(said.probability["mpcwp>15"], share)
    assert said.estimate.shape == judged.values.shape


def test_features_find_what_the_beats_show_and_demographics_that_are_all_alike_find_nothing(measured_store, labels):
    judged = labels[1]
    errors = {
        name: float(np.mean((_say(name, measured_store, *labels).estimate - judged.values) ** 2))
        for name in ("features", "demographics", "mean")
    }
    assert errors["features"] < 0.5 * errors["mean"]
    assert errors["demographics"] == pytest.approx(errors["mean"])


@pytest.mark.parametrize("name", ["features", "demographics", "mean"])
def test_labels_for_calibration_have_no_part_in_a_baseline(measured_store, labels, name):
    shown, judged = labels
    others = replace(shown, values=np.where(shown.splits == "calibration", 50.0, shown.values))
    before, after = (_say(name, measured_store, one, judged).estimate for one in (shown, others))
    np.testing.assert_array_equal(before, after)
