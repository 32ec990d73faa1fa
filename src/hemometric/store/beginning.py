"""What decides the bytes of a store, and whether a store that was begun has the same."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hemometric.errors import StoreError
from hemometric.store.locking import LOCK
from hemometric.store.manifest import INCOMING, MANIFEST, Manifest

APPENDED, WITHDRAWN = "appended", "withdrawn"
"""In the provenance of a store: what was added to it and taken from it once it was complete."""


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """What decides the bytes of a store; a resumed run must bring the same.

    Attributes:
        sampling_rate_hz: Of every ECG.
        n_samples: Per lead, of every ECG.
        stored_leads: `INDEPENDENT_LEADS` or `LEADS`.
        simulated: Whether the ECGs come from the virtual cohort.
        provenance: JSON: settings, versions, sources. No time, host, path or worker count.
    """

    sampling_rate_hz: float
    n_samples: int
    stored_leads: tuple[str, ...]
    simulated: bool
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def to_manifest(self) -> Manifest:
        """The manifest of a store with these settings that is not complete."""
        return Manifest(
            sampling_rate_hz=self.sampling_rate_hz,
            n_samples=self.n_samples,
            stored_leads=self.stored_leads,
            simulated=self.simulated,
            provenance=json.loads(json.dumps(self.provenance)),
        )


def is_begun(path: Path) -> bool:
    """Whether there is a store, complete or not; False where there is nothing, or what a kill left before it began.

    Raises:
        StoreError: There is something else.
    """
    if not path.exists():
        return False
    if not path.is_dir():
        raise StoreError(f"{path}: is a file; choose another --out")
    names = {entry.name for entry in path.iterdir()}
    if MANIFEST in names:
        return True
    if names <= {INCOMING, LOCK}:
        return False
    raise StoreError(f"{path}: exists and is not a hemometric store; choose another --out")


def check_same(path: Path, there: Manifest, wanted: Manifest) -> None:
    """Check that a store was begun with the settings that are wanted now.

    Raises:
        StoreError: It was not; the message names what differs.
    """
    before, now = _flatten(_fixed(there)), _flatten(_fixed(wanted))
    differing = [name for name in sorted(before.keys() | now.keys()) if before.get(name) != now.get(name)]
    told = [name for name in differing if not name.endswith("_sha256")] or differing
    if told:
        changes = "; ".join(f"{name} was {before.get(name)!r}, now {now.get(name)!r}" for name in told)
        raise StoreError(f"{path}: begun with other settings: {changes}; use the same again, or choose another --out")


def _fixed(manifest: Manifest) -> dict[str, Any]:
    return manifest.model_dump(
        mode="json",
        exclude={"provenance": {APPENDED, WITHDRAWN}, "complete": True, "n_ecgs": True, "files": True},
    )


def _flatten(value: object, name: str = "") -> dict[str, object]:
    """Nested settings as one level of dotted names, without the word "provenance" and "settings" in front."""
    if isinstance(value, Mapping):
        items = [(str(key), inner) for key, inner in value.items()]
    elif isinstance(value, list) and any(isinstance(inner, Mapping) for inner in value):
        items = [(str(key), inner) for key, inner in enumerate(value)]
    else:
        return {name.removeprefix("provenance.").removeprefix("settings."): value}
    flat: dict[str, object] = {}
    for key, inner in items:
        flat |= _flatten(inner, f"{name}.{key}" if name else key)
    return flat
