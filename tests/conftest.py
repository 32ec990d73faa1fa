"""What every test may ask for."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real ECGs; where CI runs, a missing folder is a failure and not a skip."""
    named = os.environ.get("HEMOMETRIC_REAL_DATA")
    if named is None and os.environ.get("CI") is None:
        pytest.skip("set HEMOMETRIC_REAL_DATA to a folder with ptbxl, ptbdb and challenge2021 to run this test")
    if named is None or not (Path(named) / "ptbxl").is_dir():
        pytest.fail(f"HEMOMETRIC_REAL_DATA={named!r} does not name a folder with real ECGs")
    return Path(named)
