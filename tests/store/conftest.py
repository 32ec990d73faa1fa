"""Small stores of random samples."""

import numpy as np
import pyarrow as pa
import pytest

from hemometric.ecg import INDEPENDENT_LEADS
from hemometric.store import ECGS_SCHEMA, Reject, StoreSettings, StoreWriter, content_hashes

N_SAMPLES = 50


def build_settings(*, stored_leads=INDEPENDENT_LEADS, **changed):
    settings = {"sampling_rate_hz": 250.0, "n_samples": N_SAMPLES, "simulated": False, "provenance": {"seed": 1}}
    return StoreSettings(stored_leads=stored_leads, **(settings | changed))


def build_shard(n, *, first=0, n_leads=8):
    """Random microvolts and their table; ECG k belongs to patient k // 2."""
    rng = np.random.default_rng([7, first])
    microvolts = rng.integers(-5000, 5000, (n, n_leads, N_SAMPLES)).astype(np.int16)
    rows = [
        {
            "ecg_id": f"a/{k:04d}#0",
            "patient_id": f"p{k // 2}",
            "patient_id_known": True,
            "acquired_at": "2020-05-15T10:00:00",
            "age_years": 60.0,
            "sex": "female",
            "source": f"a/{k:04d}#0",
            "n_samples_original": 5000,
            "sampling_rate_hz_original": 500.0,
            "content_hash": content_hash,
        }
        for k, content_hash in enumerate(content_hashes(microvolts), start=first)
    ]
    return microvolts, pa.Table.from_pylist(rows, schema=ECGS_SCHEMA)


def write_shards(writer, sizes, *, n_leads=8):
    """Go on from the writer's cursor until all shards of these sizes are there, and finish."""
    for number in range(writer.cursor.get("next", 0), len(sizes)):
        microvolts, table = build_shard(sizes[number], first=sum(sizes[:number]), n_leads=n_leads)
        rejects = [Reject(f"a/bad{number}", "nan", 'lead V1, "all" of it')]
        writer.write_shard(microvolts, table, rejects=rejects, cursor={"next": number + 1})


@pytest.fixture
def make_store(tmp_path):
    """Return a function that writes a complete store and returns (path, all microvolts)."""

    def make(sizes=(3, 4, 2), *, name="store", stored_leads=INDEPENDENT_LEADS, **tables):
        path = tmp_path / name
        n_leads = len(stored_leads)
        writer = StoreWriter.open(path, settings=build_settings(stored_leads=stored_leads), resume=False)
        write_shards(writer, sizes, n_leads=n_leads)
        writer.finish(rejects=[Reject("a/last", "flat-lead", "II")], **tables)
        shards = [build_shard(n, first=sum(sizes[:k]), n_leads=n_leads)[0] for k, n in enumerate(sizes)]
        return path, np.concatenate(shards)

    return make


@pytest.fixture
def build():
    """The builders of this file, for tests that write a store step by step."""
    return {"settings": build_settings, "shard": build_shard, "write": write_shards}


@pytest.fixture
def content():
    """Return a function that gives all files of a folder and their bytes."""

    def read(path):
        return {file.relative_to(path).as_posix(): file.read_bytes() for file in path.rglob("*") if file.is_file()}

    return read
