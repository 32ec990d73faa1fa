import pytest
from pydantic import ValidationError

from hemometric.ecg import INDEPENDENT_LEADS, LEADS
from hemometric.store import Manifest
from hemometric.store.manifest import read_manifest, write_manifest

MANIFEST = Manifest(
    sampling_rate_hz=250.0,
    n_samples=2500,
    stored_leads=INDEPENDENT_LEADS,
    simulated=True,
    provenance={"settings": {"seed": 1}, "sources": [{"name": "a"}]},
    complete=True,
    n_ecgs=2,
    files={"shards/00000.npy": "0" * 64, "labels.parquet": "1" * 64},
)


def test_a_manifest_survives_the_way_to_disk_and_back(tmp_path):
    write_manifest(tmp_path, MANIFEST)
    assert read_manifest(tmp_path) == MANIFEST
    assert [file.name for file in tmp_path.iterdir()] == ["manifest.json"]


@pytest.mark.parametrize(
    "wrong", [{"n_samples": 0}, {"sampling_rate_hz": float("nan")}, {"microvolt_per_lsb": 5}, {"stored_leads": ("I",)}]
)
def test_a_manifest_that_makes_no_sense_cannot_be_made(wrong):
    with pytest.raises(ValidationError):
        Manifest.model_validate(MANIFEST.model_dump() | wrong)


@pytest.mark.parametrize(
    "changed",
    [
        {"stored_leads": LEADS},
        {"simulated": False},
        {"provenance": {}},
        {"files": {"shards/00000.npy": "2" * 64}},
        {"files": {**MANIFEST.files, "ecgs/00000.parquet": "2" * 64}},
    ],
)
def test_the_fingerprint_changes_with_the_ecgs(changed):
    assert MANIFEST.model_copy(update=changed).fingerprint != MANIFEST.fingerprint


def test_the_fingerprint_does_not_change_with_the_labels():
    files = {"shards/00000.npy": "0" * 64, "links.parquet": "3" * 64}
    assert MANIFEST.model_copy(update={"files": files}).fingerprint == MANIFEST.fingerprint
