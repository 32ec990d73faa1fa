"""A store with every visit measured, and one small study of it that was run to its end."""

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from hemometric.store import TRUTH_SCHEMA, Store, write_store_table
from hemometric.study import StudySettings, run_study
from hemometric.study.models import Model
from hemometric.study.plan import Shown
from hemometric.study.replicates import Measure
from hemometric.study.results import Findings
from hemometric.study.sections import Section
from hemometric.targets import TARGETS

TINY = {
    "objectives": ["pclr", "none", "random", "features", "mean"],
    "seeds": [0, 1],
    "panels": {"truth": {"budgets": [12, "all"]}, "links": {"budgets": [20], "objectives": ["pclr", "features"]}},
    "uses": {"finetune": {"n_steps": 4}, "probe": {"method": "probe"}},
    "pretrain": {"n_passes": 128, "batch_size": 32, "n_validations": 1},
    "finetune": {"learning_rates": [1e-3], "n_validations": 1},
    "n_bootstrap": 40,
}


@pytest.fixture(scope="session")
def measured_store(labelled_store, tmp_path_factory) -> Store:
    """`labelled_store` with a truth: the measurement of a visit is its label plus 0.25."""
    path = tmp_path_factory.mktemp("measured") / "store"
    shutil.copytree(labelled_store.path, path)
    rows = [
        {
            "patient_id": label["patient_id"],
            "visit_at": label["measured_at"],
            "target": "mpcwp",
            "value": label["value"],
            "measured": label["value"] + 0.25,
        }
        for label in labelled_store.labels().to_pylist()
    ]
    write_store_table(path, "truth.parquet", pa.Table.from_pylist(rows, TRUTH_SCHEMA))
    return Store.open(path)


@pytest.fixture(scope="session")
def make_study(measured_store):
    """What is different from `TINY` -> StudySettings on `measured_store`."""

    def make(**different) -> StudySettings:
        return StudySettings.model_validate({**TINY, "store": str(measured_store.path), **different})

    return make


@pytest.fixture(scope="session")
def finished_study(make_study, tmp_path_factory) -> Path:
    """The folder of a small study that was run by one process."""
    out = tmp_path_factory.mktemp("study") / "out"
    run_study(make_study(), out=out, device="cpu", command="hemometric study --config tiny.toml --out out")
    return out


_SHOWN = (Shown("truth", "mpcwp", 100, "100"), Shown("truth", "mpcwp", 640, "all"))
_MODELS = (Model("pclr", "finetune"), Model("simclr", "finetune"), Model("none", "finetune"), Model("features", ""))


@pytest.fixture
def findings() -> Findings:
    """pclr is .05 above none at 100 labels and .05 below it at 640; RMSE the other way round. simclr is none."""
    rng = np.random.default_rng(0)
    luck = rng.normal(0, 0.01, 201)
    luck[0] = 0
    found = {}
    for model in _MODELS:
        found[model] = {}
        for shown, sign in zip(_SHOWN, (1, -1), strict=True):
            lift = 0.05 * sign if model.objective == "pclr" else 0.0
            for metric, value in (("auroc:mpcwp>15", 0.7 + lift), ("rmse", 8 - lift)):
                seeds = {seed: value + luck + 0.02 * seed for seed in (0, 1)}
                found[model][Measure("truth", "mpcwp", shown.labels, metric)] = seeds
    return Findings(found, {("truth", "mpcwp"): 50})


@pytest.fixture
def section() -> Section:
    """The section that `findings` are of."""
    return Section("truth", TARGETS["mpcwp"], _SHOWN, _MODELS, simulated=True)
