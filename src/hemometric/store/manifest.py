"""`manifest.json`: what a store holds, how it was made and the hash of every file."""

import json
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hemometric.ecg import INDEPENDENT_LEADS, LEADS
from hemometric.errors import StoreError
from hemometric.store.durable import digest, publish, write_aside

SCHEMA_VERSION: Literal[1] = 1
MANIFEST = "manifest.json"
INCOMING = ".incoming"
"""Directory of a store that is being written: temporary files and the journal of its shards; gone once complete."""
CHANGE = ".change"
"""Directory of a complete store that is being changed: new files that do not count yet, and the plan."""
PLAN = "plan.json"
"""In `CHANGE`: says that all new files are there and where they go. From then on the change is only to be finished."""


class Manifest(BaseModel):
    """What stands in `manifest.json`. It names no time, host, path or worker count: equal input gives equal bytes.

    Attributes:
        schema_version: Of the layout on disk.
        sampling_rate_hz: Of every ECG in the store.
        n_samples: Per lead, of every ECG in the store.
        stored_leads: The eight independent leads, or all twelve.
        microvolt_per_lsb: Always 1.
        simulated: Whether the ECGs come from the virtual cohort.
        provenance: Settings, versions and sources that decide the content; a resumed run must bring the same.
        complete: False until every source was read.
        n_ecgs: Rows over all shards; 0 until complete.
        files: SHA-256 of every file of a complete store by its path relative to the store.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = SCHEMA_VERSION
    sampling_rate_hz: float = Field(gt=0, allow_inf_nan=False)
    n_samples: int = Field(gt=0)
    stored_leads: tuple[str, ...]
    microvolt_per_lsb: Literal[1] = 1
    simulated: bool
    provenance: dict[str, Any]
    complete: bool = False
    n_ecgs: int = Field(default=0, ge=0)
    files: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check_leads(self) -> Self:
        if self.stored_leads not in (INDEPENDENT_LEADS, LEADS):
            raise ValueError(f"stored_leads must be {INDEPENDENT_LEADS} or {LEADS}")
        return self

    @property
    def fingerprint(self) -> str:
        """SHA-256 over what the ECGs are: the fixed fields and the hashes of shards and their tables.

        Labels and links are left out, so that linking new catheter values does not make a pretrained run foreign.
        """
        fixed = self.model_dump(mode="json", exclude={"files"})
        ecgs = {name: value for name, value in self.files.items() if name.startswith(("shards/", "ecgs/"))}
        return digest([json.dumps([fixed, ecgs], sort_keys=True).encode()])


def read_manifest(store: Path) -> Manifest:
    """Read the manifest of a store, complete or not.

    Raises:
        StoreError: There is no store, it is of another schema version, its manifest is not readable, or a change of
            the store is half in place.
    """
    path = store / MANIFEST
    if not store.is_dir():
        raise StoreError(f"{store}: no such directory; make a store with `hemometric ingest` or `hemometric simulate`")
    if not path.is_file():
        raise StoreError(f"{store}: not a hemometric store (it has no {MANIFEST})")
    if (store / CHANGE / PLAN).exists():
        raise StoreError(
            f"{store}: a change is half in place; if no process is at it, it was interrupted: finish it with "
            f"hemometric mend {store}"
        )
    try:
        found = json.loads(path.read_bytes())
        version = found.get("schema_version")
    except (OSError, ValueError, AttributeError) as error:
        raise StoreError(f"{path}: not a readable manifest ({error}); restore it or make the store anew") from error
    if version != SCHEMA_VERSION:
        raise StoreError(
            f"{store}: schema version {version}, this hemometric reads version {SCHEMA_VERSION}; "
            "make the store anew or use the hemometric that wrote it"
        )
    try:
        return Manifest.model_validate(found)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "manifest"
        raise StoreError(f"{path}: {where}: {first['msg']}; restore it or make the store anew") from error


def encode_manifest(manifest: Manifest) -> bytes:
    """The bytes of `manifest.json`."""
    return (json.dumps(manifest.model_dump(mode="json"), indent=1, sort_keys=True) + "\n").encode()


def write_manifest(store: Path, manifest: Manifest) -> None:
    """Replace the manifest in one step.

    Raises:
        StoreError: The store cannot be written.
    """
    aside = store / INCOMING / MANIFEST if (store / INCOMING).is_dir() else store / f".{MANIFEST}"
    write_aside(aside, [encode_manifest(manifest)])
    publish(aside, store / MANIFEST)
