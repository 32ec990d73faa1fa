"""Answers as text and as JSON."""

import json
from dataclasses import replace
from pathlib import Path

from hemometric.inference import Prediction, TargetEstimate, predictions_json, predictions_text

ESTIMATE = TargetEstimate("mpcwp", "mmHg", 17.26, 9.0, 25.5, {"mpcwp>15": 0.61, "mpcwp>18": 0.4})
GOOD = Prediction(ecg_id="a", refused=False, estimates={"mpcwp": ESTIMATE}, coverage=0.9, n_windows=1)


def test_text_has_value_unit_interval_and_probabilities():
    assert predictions_text([(Path("a.hea"), GOOD)]) == (
        "a.hea: mpcwp 17.3 mmHg (90% interval 9.0 to 25.5), P(mpcwp>15) = 0.61, P(mpcwp>18) = 0.40"
    )


def test_an_unknown_interval_is_left_out_of_the_text_and_null_in_json():
    loose = TargetEstimate("mpcwp", "mmHg", 17.26, None, None, {})
    answer = Prediction(ecg_id="a", refused=False, estimates={"mpcwp": loose}, coverage=0.9, n_windows=1)
    assert predictions_text([(Path("a.hea"), answer)]) == "a.hea: mpcwp 17.3 mmHg"
    assert json.loads(predictions_json([(Path("a.hea"), answer)]))[0]["estimates"]["mpcwp"]["low"] is None


def test_several_targets_have_a_line_each_and_the_reliability_of_each():
    rap = TargetEstimate("rap", "mmHg", 8.44, 2.0, 14.0, {"rap>8": 0.55}, reliability=0.3)
    mpcwp = TargetEstimate("mpcwp", "mmHg", 17.26, 9.0, 25.5, {"mpcwp>15": 0.61}, reliability=0.75)
    answer = replace(GOOD, estimates={"mpcwp": mpcwp, "rap": rap}, reliability=0.3)
    assert predictions_text([(Path("a.hea"), answer)]).splitlines() == [
        "a.hea: mpcwp 17.3 mmHg (90% interval 9.0 to 25.5), P(mpcwp>15) = 0.61",
        "a.hea: rap 8.4 mmHg (90% interval 2.0 to 14.0), P(rap>8) = 0.55",
        "  reliability mpcwp 0.75, rap 0.30 of 1 (the models agree more than on so many ECGs)",
    ]


def test_json_has_an_object_for_each_file():
    refused = Prediction(ecg_id="b", refused=True, reason="flat-lead: V1")
    found = json.loads(predictions_json([(Path("a.hea"), GOOD), (Path("b.hea"), refused)]))
    assert [one["file"] for one in found] == ["a.hea", "b.hea"]
    assert found[0]["estimates"]["mpcwp"]["value"] == 17.26
    assert (found[1]["refused"], found[1]["reason"]) == (True, "flat-lead: V1")
    assert (found[1]["reliability"], found[1]["neighbours"]) == (None, [])
