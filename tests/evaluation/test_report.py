"""report.json: one model, one kept schema, no NaN."""

import json

import jsonschema
import numpy as np
import pytest
from pydantic import ValidationError

from hemometric.evaluation.judge import judge
from hemometric.evaluation.report import Interval, Report, kept_schema, paired_auroc_difference, report_schema
from hemometric.targets import TARGETS

TARGET = TARGETS["mpcwp"]


@pytest.fixture(scope="module")
def report(make_cohort, make_setting):
    cohort = make_cohort()
    return judge(TARGET, cohort.measurements, cohort.run, cohort.baselines, make_setting(n_bootstrap=50))


def test_the_kept_schema_is_that_of_the_model():
    assert kept_schema() == report_schema()


def test_a_report_validates_against_the_kept_schema(report):
    schema = kept_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(report.to_json()), schema)


def test_a_report_full_of_nulls_validates_too(make_cohort, make_setting):
    cohort = make_cohort(1, 1)
    empty = judge(TARGET, cohort.measurements, cohort.run, {}, make_setting(n_bootstrap=5))
    jsonschema.validate(json.loads(empty.to_json()), kept_schema())


@pytest.mark.parametrize(
    "change",
    [{"n_ecgs": "many"}, {"schema_version": 2}, {"extra": 1}, {"split": None}],
    ids=lambda change: next(iter(change)),
)
def test_the_schema_refuses_what_is_no_report(change, report):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**json.loads(report.to_json()), **change}, kept_schema())


def test_the_keys_are_those_of_the_contract(report):
    content = json.loads(report.to_json())
    assert set(content) == {
        *("schema_version", "target", "unit", "simulated", "split", "n_patients", "n_ecgs", "data_fingerprint"),
        *("regression", "classification", "calibration", "uncertainty", "subgroups", "baselines"),
        *("notes", "provenance"),
    }
    assert list(content["regression"]) == ["rmse", "mae", "pearson_r", "r2", "bias", "loa_low", "loa_high"]
    assert list(content["classification"]) == ["mpcwp>15", "mpcwp>18"]
    assert set(content["classification"]["mpcwp>15"]) == {
        *("prevalence", "auroc", "auprc", "brier", "sensitivity", "specificity", "ppv", "npv", "threshold")
    }
    assert set(content["calibration"]["mpcwp>15"]) == {"intercept", "slope", "oe_ratio"}
    assert set(content["uncertainty"]) == {"coverage", "auroc_by_reliability_decile", "risk_coverage"}
    assert set(content["uncertainty"]["coverage"]) == {"nominal", "value", "low", "high"}
    assert set(content["subgroups"][0]) == {"name", "n_patients", "auroc", "rmse", "coverage"}
    assert set(content["regression"]["rmse"]) == {"value", "low", "high"}
    assert {"regression", "classification"} <= set(content["baselines"]["features"])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_cannot_enter_a_report(bad):
    with pytest.raises(ValidationError):
        Interval(value=bad, low=None, high=None)


def test_a_report_survives_its_file(report, tmp_path):
    path = tmp_path / "report.json"
    path.write_text(report.to_json(), encoding="utf-8")
    assert Report.read(path) == report


def test_a_paired_difference_is_found_by_name(report):
    assert (
        paired_auroc_difference(report, versus="none", event="mpcwp>15")
        == (report.baselines["none"].difference.auroc["mpcwp>15"])
    )
    with pytest.raises(ValueError, match="demographics"):
        paired_auroc_difference(report, versus="demographics", event="mpcwp>15")
