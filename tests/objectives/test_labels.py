"""The labels of a batch."""

import numpy as np
import pytest

from hemometric.errors import SettingsError
from hemometric.objectives import Labels
from hemometric.training.calibration import event_outcomes

VALUES = np.array([10.0, np.nan, 15.0, 16.0, 20.0])
LABELS = Labels("mpcwp", VALUES, mean=15.0, sd=5.0)


def test_they_are_standardised_by_the_training_labels_and_gaps_stay():
    np.testing.assert_allclose(LABELS.standardised, [-1, np.nan, 0, 0.2, 1])
    assert LABELS.known.tolist() == [0, 2, 3, 4]


def test_some_of_them_keep_mean_and_sd():
    some = LABELS.take(np.array([4, 0]))
    assert some.values.tolist() == [20.0, 10.0]
    assert (some.mean, some.sd, some.target) == (15.0, 5.0, "mpcwp")


@pytest.mark.parametrize("target", ["mpcwp", "mpap", "rap", "co"])
def test_events_are_those_of_fine_tuning(target):
    values = np.array([1.0, 3.9, 4.0, 8.0, 8.1, 15.0, 15.1, 18.5, 20.0, 21.0])
    labels = Labels(target, values, mean=0.0, sd=1.0)
    assert np.array_equal(labels.events, event_outcomes(values, target))


def test_classes_are_those_of_one_event_and_a_wrong_event_is_answered_with_the_nearest():
    known = LABELS.take(LABELS.known)
    assert known.classes("mpcwp>15").tolist() == [0, 0, 1, 1]
    assert known.classes("mpcwp>18").tolist() == [0, 0, 0, 1]
    with pytest.raises(SettingsError, match="did you mean 'mpcwp>1"):
        known.classes("mpcwp>16")
