"""Small, fast settings, and one pretrained run that tests may read."""

from pathlib import Path

import pytest

from hemometric.settings import PretrainSettings, ViewSettings
from hemometric.store import Store
from hemometric.training import pretrain

QUICK = {"n_passes": 96, "batch_size": 16, "n_validations": 2, "warmup_steps": 1, "views": ViewSettings(crop_s=4.0)}


@pytest.fixture
def quick() -> PretrainSettings:
    """Six steps of sixteen ECGs."""
    return PretrainSettings(**QUICK)


@pytest.fixture(scope="session")
def pretrained(labelled_store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished pclr run on the labelled store."""
    out = tmp_path_factory.mktemp("pretrained") / "run"
    pretrain(labelled_store, out=out, settings=PretrainSettings(**QUICK), device="cpu")
    return out
