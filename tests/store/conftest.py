"""Small stores of random samples."""

import numpy as np
import pyarrow as pa
import pytest

from hemometric.ecg import INDEPENDENT_LEADS
from hemometric.labels import join
from hemometric.labels.reject_file import encode_label_rejects
from hemometric.labels.values import LabelReject
from hemometric.store import ECGS_SCHEMA, LABELS_SCHEMA, Reject, StoreSettings, StoreWriter, content_hashes
from hemometric.store.tables import encode_table

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


def build_full_store(path, *, name="ward", people=range(6), shard_size=4, with_splits=True, twins=(), **settings):
    """A store with everything that a store may have, of some people with three ECGs each.

    Person k is "person-00k" and has ECG "<name>/00k/<visit>#0"; the samples depend on person and visit alone. The
    second of two `twins` has the samples of the first.
    """
    like = dict([reversed(twins)]) if twins else {}
    ids = [f"person-{number:03d}" for number in people]
    microvolts, rows = [], []
    for number, patient in zip(people, ids, strict=True):
        for visit in range(3):
            rng = np.random.default_rng([3, like.get(number, number), visit])
            microvolts.append(rng.integers(-5000, 5000, (8, N_SAMPLES)).astype(np.int16))
            source = f"{name}/{number:03d}/{visit}#0"
            at = f"2020-0{visit + 1}-11T10:00:00"
            rows.append({"ecg_id": source, "source": source, "patient_id": patient, "acquired_at": at})
    known = {"patient_id_known": True, "age_years": 60.0, "sex": "female", "n_samples_original": 5000}
    known |= {"sampling_rate_hz_original": 500.0}
    hashes = content_hashes(np.stack(microvolts))
    rows = [row | known | {"content_hash": found} for row, found in zip(rows, hashes, strict=True)]
    ecgs = pa.Table.from_pylist(rows, schema=ECGS_SCHEMA)
    of = [{"patient_id": patient, "target": "mpcwp", "value": 10.0 + k} for k, patient in enumerate(ids)]
    same = {"measured_at": "2020-01-11T12:00:00", "time_known": True, "unit_original": "mmHg", "method": None}
    labels = pa.Table.from_pylist([row | same | {"value_original": row["value"]} for row in of], LABELS_SCHEMA)
    links = join(ecgs, labels, window_hours=24.0).links
    refused = [
        LabelReject(k, patient, "2020", "mpcwp", "990", "mmHg", "implausible", "") for k, patient in enumerate(ids)
    ]
    splits = "".join(f"{patient},{('train', 'test')[k % 2]}\n" for k, patient in enumerate(ids))
    others = {
        "links.parquet": encode_table(links),
        "attrition.json": b'{"window_hours": 24.0, "side": "both"}',
        "gaps.png": b"a picture",
        "label_rejects.csv": encode_label_rejects(refused),
        **(
            {"splits.csv": f"patient_id,split\n{splits}".encode(), "splits.json": b'{"by": "time"}'}
            if with_splits
            else {}
        ),
    }
    provenance = {"made_by": "ingest", "sources": [{"name": f"{name}-{ids[0]}.dcm"}]}
    provenance |= settings.pop("provenance", {})
    writer = StoreWriter.open(path, settings=build_settings(provenance=provenance, **settings), resume=False)
    for first in range(0, len(rows), shard_size):
        last = min(first + shard_size, len(rows))
        writer.write_shard(np.stack(microvolts[first:last]), ecgs.slice(first, last - first), rejects=[], cursor={})
    rejects = [Reject(f"{name}/{number:03d}/0#1", "nan", "II") for number in people]
    rejects += [Reject(f"{name}/{ids[-1]}_late", "unreadable", "?")]
    rejects += [Reject(f"{name}/link", "same-file", f"the same file as {name}/{people[0]:03d}/1")]
    writer.finish(labels=labels, card=f"{len(ids)} patients\n", others=others, rejects=rejects)
    (path / "neighbors").mkdir()
    (path / "neighbors" / "features.parquet").write_bytes(" ".join(ids).encode())
    return path


@pytest.fixture
def full_store(tmp_path):
    """Return a function that writes a store with everything, of a name, and returns its path."""

    def make(folder="full", **options):
        return build_full_store(tmp_path / folder, **options)

    return make
