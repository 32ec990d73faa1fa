"""What the calibration split says."""

import numpy as np
import pytest

from hemometric.errors import RunError
from hemometric.training.calibration import calibrate, event_outcomes, read_calibration
from hemometric.training.contract import TargetContract
from hemometric.training.labelled import LabelledEcgs
from hemometric.uncertainty import split_conformal

TARGET = TargetContract(
    name="mpcwp", unit="mmHg", label_mean=15.0, label_sd=8.0, events=("mpcwp>15", "mpcwp>18"), head="mlp"
)


def labels(n: int) -> LabelledEcgs:
    values = np.random.default_rng(0).normal(15, 8, n)
    return LabelledEcgs(np.arange(n), values, np.array([f"p{k // 2}" for k in range(n)]))


def calibrated(n: int, *, level: float = 0.9):
    found = labels(n)
    estimates = found.values + np.random.default_rng(1).normal(0, 3, n)
    logits = np.stack([estimates - 15, estimates - 18], axis=1)
    return found, estimates, calibrate(TARGET, found, estimates=estimates, logits=logits, level=level)


def test_the_half_width_is_that_of_the_residuals():
    found, estimates, calibration = calibrated(200)
    assert calibration.half_width == split_conformal(found.values - estimates, found.patients, level=0.9)
    assert (calibration.n_patients, calibration.n_ecgs) == (100, 200)
    assert all(scale is not None and scale.slope > 0 for scale in calibration.platt.values())


@pytest.mark.parametrize("n", [0, 10])
def test_too_few_patients_give_no_interval_and_say_so(n: int):
    _, _, calibration = calibrated(n)
    assert calibration.half_width is None
    assert set(calibration.platt.values()) == {None}
    sentences = " ".join(calibration.sentences("mmHg"))
    assert "none, too few calibration patients" in sentences
    assert "uncalibrated" in sentences


def test_probabilities_follow_the_order_of_the_events():
    _, _, calibration = calibrated(200)
    said = calibration.probabilities(np.array([[5.0, -5.0]]), TARGET.events)
    assert said["mpcwp>15"][0] > 0.5 > said["mpcwp>18"][0]


def test_uncalibrated_logits_become_probabilities_by_the_logistic_function():
    _, _, calibration = calibrated(10)
    said = calibration.probabilities(np.array([[0.0, np.log(3.0)]]), TARGET.events)
    assert said["mpcwp>15"][0] == pytest.approx(0.5)
    assert said["mpcwp>18"][0] == pytest.approx(0.75)


def test_events_are_strict_and_may_be_low_values():
    assert event_outcomes(np.array([15.0, 15.1, 18.5]), "mpcwp").tolist() == [[False, False], [True, False], [True] * 2]
    assert event_outcomes(np.array([3.9, 4.0]), "co").tolist() == [[True], [False]]


def test_it_reads_back_and_a_foreign_file_is_refused(tmp_path):
    _, _, calibration = calibrated(200)
    path = tmp_path / "conformal.json"
    path.write_text(calibration.model_dump_json())
    assert read_calibration(path) == calibration
    path.write_text('{"half_width": 3}')
    with pytest.raises(RunError, match="train the run anew"):
        read_calibration(path)
