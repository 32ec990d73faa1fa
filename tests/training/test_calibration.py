"""What the calibration split says."""

import json

import numpy as np
import pytest
from scipy.stats import norm

from hemometric.errors import RunError
from hemometric.training.calibration import (
    Judged,
    calibrate,
    coverage_range,
    event_outcomes,
    event_scores,
    read_calibrations,
    write_calibrations,
)
from hemometric.training.contract import TargetContract
from hemometric.training.labelled import LabelledEcgs
from hemometric.training.members import Estimates
from hemometric.uncertainty import sigmoid, split_conformal

TARGET = TargetContract(
    name="mpcwp", unit="mmHg", label_mean=15.0, label_sd=8.0, events=("mpcwp>15", "mpcwp>18"), head="mlp"
)


def judged(n: int, *, seed: int = 0, head_noise: float = 0.0, estimate_noise: float = 3.0) -> Judged:
    """Two ECGs a patient; the logits of the head are those of the estimate, and noise of their own."""
    rng = np.random.default_rng(seed)
    values = rng.normal(15, 8, n)
    estimates = values + rng.normal(0, estimate_noise, n)
    logits = (estimates + rng.normal(0, head_noise, n))[:, None] - np.array([15.0, 18.0])
    labels = LabelledEcgs(np.arange(n), values, np.array([f"p{k // 2}" for k in range(n)]))
    return Judged(labels, Estimates(estimates, logits, None))


def calibrated(n: int, *, level: float = 0.9, events: str = "head"):
    found = judged(n)
    return found, calibrate(TARGET, found, judged(60, seed=1), level=level, events=events)


def test_the_half_width_is_that_of_the_residuals():
    found, calibration = calibrated(200)
    residuals = found.labels.values - found.said.values
    assert calibration.half_width == split_conformal(residuals, found.labels.patients, level=0.9)
    assert (calibration.n_patients, calibration.n_ecgs) == (100, 200)
    assert all(scale is not None and scale.slope > 0 for scale in calibration.platt.values())


@pytest.mark.parametrize("n", [0, 10])
def test_too_few_patients_give_no_interval_and_say_so(n: int):
    _, calibration = calibrated(n)
    assert calibration.half_width is None
    assert set(calibration.platt.values()) == {None}
    sentences = " ".join(calibration.sentences("mmHg"))
    assert "none, too few calibration patients" in sentences
    assert "uncalibrated" in sentences


def said_of(logits) -> Estimates:
    return Estimates(np.full(len(logits), 15.0), np.array(logits), None)


def test_probabilities_follow_the_order_of_the_events():
    _, calibration = calibrated(200)
    said = calibration.probabilities(said_of([[5.0, -5.0]]), TARGET.events)
    assert said["mpcwp>15"][0] > 0.5 > said["mpcwp>18"][0]


def test_uncalibrated_logits_become_probabilities_by_the_logistic_function():
    _, calibration = calibrated(10)
    said = calibration.probabilities(said_of([[0.0, np.log(3.0)]]), TARGET.events)
    assert said["mpcwp>15"][0] == pytest.approx(0.5)
    assert said["mpcwp>18"][0] == pytest.approx(0.75)


def test_events_are_strict_and_may_be_low_values():
    assert event_outcomes(np.array([15.0, 15.1, 18.5]), "mpcwp").tolist() == [[False, False], [True, False], [True] * 2]
    assert event_outcomes(np.array([3.9, 4.0]), "co").tolist() == [[True], [False]]


def test_it_reads_back_and_a_foreign_file_is_refused(tmp_path):
    _, calibration = calibrated(200)
    path = tmp_path / "conformal.json"
    write_calibrations(path, [calibration])
    assert read_calibrations(path, ["mpcwp"]) == (calibration,)
    for foreign in ('{"half_width": 3}', '{"schema_version": 3, "targets": []}'):
        path.write_text(foreign)
        with pytest.raises(RunError, match="train the run anew"):
            read_calibrations(path, ["mpcwp"])


def test_several_targets_read_back_in_their_order_and_those_of_another_run_are_refused(tmp_path):
    _, calibration = calibrated(200)
    other = calibration.model_copy(update={"target": "rap", "platt": {"rap>8": None}})
    write_calibrations(tmp_path / "conformal.json", [calibration, other])
    assert read_calibrations(tmp_path / "conformal.json", ["mpcwp", "rap"]) == (calibration, other)
    with pytest.raises(RunError, match=r"is of mpcwp, rap, the run estimates rap, mpcwp"):
        read_calibrations(tmp_path / "conformal.json", ["rap", "mpcwp"])


def test_the_estimate_says_how_likely_a_value_beyond_the_threshold_is():
    said = Estimates(np.array([9.0, 15.0, 22.0]), np.zeros((3, 2)), None)
    scores = event_scores(said, source="estimate", target="mpcwp", residual_sd=6.0)
    expected = norm.sf((np.array([15.0, 18.0]) - said.values[:, None]) / 6.0)
    assert np.abs(sigmoid(scores) - expected).max() < 0.01
    low = Estimates(np.array([3.0]), np.zeros((1, 1)), None)
    assert event_scores(low, source="estimate", target="co", residual_sd=1.0)[0, 0] > 0, "a low output is the event"
    with pytest.raises(ValueError, match="residual_sd"):
        event_scores(said, source="estimate", target="mpcwp", residual_sd=None)


@pytest.mark.parametrize("expected", ["head", "estimate", "both"])
def test_the_calibration_split_chooses_where_probabilities_come_from(expected: str):
    """One of the two knows more; or each has a noise of its own, and the mean of the two knows more."""
    rng = np.random.default_rng(3)
    made = judged(600)
    values = made.labels.values
    noise = {"head": (1.0, 9.0), "estimate": (9.0, 1.0), "both": (6.0, 6.0)}[expected]
    scores, estimates = (values + rng.normal(0, sd, 600) for sd in noise)
    logits = (scores[:, None] - np.array([15.0, 18.0])) * 1.7 / max(noise)
    calibration = calibrate(
        TARGET, Judged(made.labels, Estimates(estimates, logits, None)), judged(60, seed=1, estimate_noise=6), level=0.9
    )
    assert calibration.events_from == expected
    assert set(calibration.log_loss) == {"head", "estimate", "both"}
    assert min(calibration.log_loss, key=calibration.log_loss.get) == expected
    assert f"{expected} {calibration.log_loss[expected]:.4f}" in " ".join(calibration.sentences("mmHg"))


def test_validation_labels_do_not_choose_the_source():
    """Weights were chosen by the error of the estimate on them: it is perfect there and poor elsewhere."""
    found = judged(400, head_noise=0, estimate_noise=8)
    logits = found.labels.values[:, None] - np.array([15.0, 18.0])
    knowing = Judged(found.labels, Estimates(found.said.values, logits, None))
    assert calibrate(TARGET, knowing, judged(60, seed=1, estimate_noise=0.1), level=0.9).events_from == "head"


@pytest.mark.parametrize("events", ["head", "estimate", "both"])
def test_a_source_may_be_named_and_then_nothing_is_chosen(events: str):
    _, calibration = calibrated(200, events=events)
    assert calibration.events_from == events
    assert calibration.log_loss == {}


def test_too_few_patients_choose_nothing_and_get_the_mean_of_both():
    _, calibration = calibrated(38, events="auto")
    assert (calibration.n_patients, calibration.events_from, calibration.log_loss) == (19, "both", {})


def test_probabilities_from_the_estimate_are_calibrated():
    fitted = calibrate(TARGET, judged(2000, estimate_noise=6), judged(200, seed=1), level=0.9, events="estimate")
    new = judged(4000, seed=2, estimate_noise=6)
    chance = fitted.probabilities(new.said, TARGET.events)["mpcwp>15"]
    for low, high in ((0.0, 0.3), (0.3, 0.7), (0.7, 1.0)):
        inside = (chance >= low) & (chance < high)
        assert chance[inside].mean() == pytest.approx((new.labels.values[inside] > 15).mean(), abs=0.05)


def test_a_file_of_before_there_could_be_several_targets_reads_as_it_was(tmp_path):
    _, calibration = calibrated(200)
    path = tmp_path / "conformal.json"
    path.write_text(calibration.model_dump_json())
    assert read_calibrations(path, ["mpcwp"]) == (calibration,)
    with pytest.raises(RunError, match="is of mpcwp, the run estimates mpcwp, rap"):
        read_calibrations(path, ["mpcwp", "rap"])


def test_a_file_of_before_reads_as_probabilities_of_the_head(tmp_path):
    _, calibration = calibrated(200)
    old = calibration.model_dump(exclude={"events_from", "residual_sd", "log_loss"})
    path = tmp_path / "conformal.json"
    path.write_text(json.dumps(old))
    assert read_calibrations(path, ["mpcwp"])[0].events_from == "head"


def test_coverage_is_nominal_on_average_and_one_interval_differs_as_much_as_said():
    """A report of .96 for .90 after 60 calibration patients need not mean a wrong interval: they are few."""
    rng = np.random.default_rng(0)
    low, high = coverage_range(60, level=0.9)
    found = []
    for _ in range(2000):
        half_width = split_conformal(rng.normal(0, 7, 60), np.arange(60), level=0.9)
        found.append(2 * norm.cdf(half_width / 7) - 1)
    assert np.mean(found) == pytest.approx(55 / 61, abs=0.005)
    assert np.mean((np.array(found) >= low) & (np.array(found) <= high)) == pytest.approx(0.9, abs=0.03)
    assert high - low > 0.1


def test_the_card_says_how_uncertain_the_coverage_is():
    _, calibration = calibrated(142)
    assert "true coverage between 0.84 and 0.95 nine times of ten" in " ".join(calibration.sentences("mmHg"))


def test_reliability_is_the_share_of_calibration_ecgs_with_more_disagreement():
    found = judged(400)
    rng = np.random.default_rng(5)
    spread = np.abs(found.labels.values - found.said.values) * rng.uniform(0.5, 2, 400)
    said = Estimates(found.said.values, found.said.logits, spread)
    calibration = calibrate(TARGET, Judged(found.labels, said), judged(60, seed=1), level=0.9)
    asked = np.array([0.0, np.median(spread), 1e9])
    assert calibration.reliability(asked) == pytest.approx([1.0, 0.5, 0.0], abs=0.01)
    more = [(spread > one).mean() for one in spread[:20]]
    assert calibration.reliability(spread[:20]) == pytest.approx(more, abs=0.05)
    assert calibration.spread_rank_r > 0.5
    assert "rank correlation" in " ".join(calibration.sentences("mmHg"))
    assert calibration.reliability(None) is None


def test_a_single_model_has_no_reliability():
    _, calibration = calibrated(200)
    assert calibration.spread_quantiles == ()
    assert calibration.reliability(np.array([1.0])) is None
