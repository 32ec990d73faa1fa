"""What every test may ask for."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from hemometric.ecg import INDEPENDENT_LEADS
from hemometric.store import ECGS_SCHEMA, LABELS_SCHEMA, Store, StoreSettings, StoreWriter, content_hashes


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real ECGs; where CI runs, a missing folder is a failure and not a skip."""
    named = os.environ.get("HEMOMETRIC_REAL_DATA")
    if named is None and os.environ.get("CI") is None:
        pytest.skip("set HEMOMETRIC_REAL_DATA to a folder with ptbxl, ptbdb and challenge2021 to run this test")
    if named is None or not (Path(named) / "ptbxl").is_dir():
        pytest.fail(f"HEMOMETRIC_REAL_DATA={named!r} does not name a folder with real ECGs")
    return Path(named)


def _beats(rng: np.random.Generator, *, strength: float, rate_hz: float) -> np.ndarray:
    """Ten seconds of eight leads of Gaussian waves, in mV; the T wave and the R wave grow with `strength`."""
    time = np.arange(round(10 * rate_hz)) / rate_hz
    period = rng.uniform(0.7, 1.1)
    phase = (time + rng.uniform(0, period)) % period
    waves = [(0.15, 0.02, 0.12), (0.32, 0.02, 1.0 + 0.3 * strength), (0.55, 0.05, 0.25 + 0.15 * strength)]
    beat = sum(height * np.exp(-0.5 * ((phase - at) / width) ** 2) for at, width, height in waves)
    leads = np.linspace(0.5, 1.2, 8)[:, None] * beat
    return leads + 0.01 * rng.normal(size=leads.shape)


@pytest.fixture(scope="session")
def write_labelled_store() -> Callable[..., Store]:
    """Return a function that writes a small store in which mPCWP is 15 + 6 x strength, visible in the R and T waves.

    Patient k of n is in train for k % 10 < 5, validation for 5 and 6, calibration for 7 and 8, else in test. With
    `with_rap` there are RAPs of 8 - 3 x strength too, and every third patient has no mPCWP, every other third no RAP.
    """

    def write(
        path: Path, *, n_patients: int = 120, n_visits: int = 2, rate_hz: float = 100.0, with_rap: bool = False
    ) -> Store:
        rng = np.random.default_rng([5, n_patients])
        microvolts, ecgs, labels = [], [], []
        for patient in range(n_patients):
            strength = rng.normal()
            for visit in range(n_visits):
                at = f"2020-01-{visit + 1:02d}T10:00:00"
                name = f"{patient:04d}-{visit}"
                waveform = _beats(rng, strength=strength, rate_hz=rate_hz)
                microvolts.append(np.rint(1000 * waveform).astype(np.int16))
                ecgs.append({"ecg_id": name, "patient_id": f"p{patient:04d}", "acquired_at": at, "source": name})
                measured = {"mpcwp": float(np.clip(15 + 6 * strength + rng.normal(), 1, 59))}
                if with_rap:
                    measured["rap"] = float(np.clip(8 - 3 * strength + rng.normal(), -4, 49))
                    measured.pop({0: "mpcwp", 1: "rap"}.get(patient % 3, ""), None)
                of = {"patient_id": f"p{patient:04d}", "measured_at": at}
                labels += [{**of, "target": target, "value": value} for target, value in measured.items()]
        known = {"patient_id_known": True, "age_years": 60.0, "sex": "female", "n_samples_original": 1000}
        known |= {"sampling_rate_hz_original": rate_hz}
        hashes = content_hashes(np.stack(microvolts))
        rows = [row | known | {"content_hash": found} for row, found in zip(ecgs, hashes, strict=True)]
        same = {"time_known": True, "unit_original": "mmHg", "method": "right-heart catheter"}
        values = [label | same | {"value_original": label["value"]} for label in labels]
        settings = StoreSettings(
            sampling_rate_hz=rate_hz,
            n_samples=round(10 * rate_hz),
            stored_leads=INDEPENDENT_LEADS,
            simulated=True,
        )
        writer = StoreWriter.open(path, settings=settings, resume=False)
        writer.write_shard(np.stack(microvolts), pa.Table.from_pylist(rows, ECGS_SCHEMA), rejects=[], cursor={})
        writer.finish(labels=pa.Table.from_pylist(values, LABELS_SCHEMA))
        roles = [*["train"] * 5, *["validation"] * 2, *["calibration"] * 2, "test"]
        lines = [f"p{patient:04d},{roles[patient % 10]}\n" for patient in range(n_patients)]
        (path / "splits.csv").write_text("patient_id,split\n" + "".join(lines))
        return Store.open(path)

    return write


@pytest.fixture(scope="session")
def labelled_store(write_labelled_store: Callable[..., Store], tmp_path_factory: pytest.TempPathFactory) -> Store:
    """240 ECGs of 120 patients at 100 Hz, all with an mPCWP; see `write_labelled_store`."""
    return write_labelled_store(tmp_path_factory.mktemp("labelled") / "store")


@pytest.fixture(scope="session")
def two_target_store(write_labelled_store: Callable[..., Store], tmp_path_factory: pytest.TempPathFactory) -> Store:
    """240 ECGs of 120 patients, a third of them with both an mPCWP and a RAP, a third with one of them each."""
    return write_labelled_store(tmp_path_factory.mktemp("two-targets") / "store", with_rap=True)
