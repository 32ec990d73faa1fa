"""What may be judged at all."""

import numpy as np
import pytest

from hemometric.evaluation.predictions import Measurements, Predictions


def measurements(**changed):
    content = {
        "measured": np.array([10.0, 20.0, 12.0]),
        "patient_ids": np.array(["a", "a", "b"]),
        "age_years": np.array([50.0, np.nan, 60.0]),
        "sex": np.array(["female", "", "male"]),
    }
    return Measurements(**{**content, **changed})


def test_patients_are_counted_once():
    assert measurements().n_patients == 2


@pytest.mark.parametrize(
    "changed",
    [{"measured": np.array([1.0, np.nan, 2.0])}, {"sex": np.array(["male"])}],
    ids=["unknown measurement", "lengths differ"],
)
def test_measurements_that_cannot_be_judged_are_a_wrong_call(changed):
    with pytest.raises(ValueError, match=r"expected|needs"):
        measurements(**changed)


@pytest.mark.parametrize("bad", [np.array([0.2, np.nan]), np.array([0.2])], ids=["NaN", "too short"])
def test_a_model_must_say_something_about_every_ecg(bad):
    with pytest.raises(ValueError, match="mpcwp>15"):
        Predictions(estimate=np.array([1.0, 2.0]), probability={"mpcwp>15": bad})
