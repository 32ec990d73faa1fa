"""Reading a complete store: its ECGs by row, its tables, its splits."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from hemometric.ecg import INDEPENDENT_LEADS, INDEPENDENT_ROWS, LEADS, Waveform, derive_leads
from hemometric.errors import StoreError
from hemometric.store.definitions import read_targets
from hemometric.store.manifest import Manifest, read_manifest
from hemometric.store.shards import Microvolts, Shard, find_shard, gather, to_millivolts
from hemometric.store.splits import SPLITS_FILE, assign_joined, check_joined, join_copied, read_splits
from hemometric.store.tables import (
    LABELS_SCHEMA,
    LINKS_SCHEMA,
    TRUTH_SCHEMA,
    check_ecgs_schema,
    concat_ecgs,
    count_rows,
    read_optional_table,
    read_table,
)
from hemometric.targets import add_targets

Rows = Sequence[int] | NDArray[np.integer]
_CHUNK = 4
"""ECGs that are derived at a time, so that the intermediate stays in the cache."""


class Store:
    """A complete store, open for reading; threads may share it, since it keeps no file open. See `Store.open`.

    Attributes:
        path: The directory.
        manifest: What stands in its `manifest.json`.
    """

    def __init__(self, path: Path, manifest: Manifest, shards: list[Shard]) -> None:
        self.path = path
        self.manifest = manifest
        self._shards = shards
        self._first_rows = np.cumsum([0, *(shard.shape[0] for shard in shards)], dtype=np.int64)

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Open a store, and make the targets that its user defined known to `hemometric.targets`.

        Raises:
            StoreError: There is none, it is incomplete, of another schema version, or its files do not fit together.
            SettingsError: It defines a target otherwise than a store or run that was opened before.
        """
        path = Path(path)
        manifest = read_manifest(path)
        if not manifest.complete:
            raise StoreError(f"{path}: incomplete (it was interrupted); finish it with the same command and --resume")
        store = cls(path, manifest, find_shards(path, manifest))
        add_targets(read_targets(path), where=str(path))
        return store

    def __len__(self) -> int:
        return int(self._first_rows[-1])

    def __repr__(self) -> str:
        return f"Store({str(self.path)!r}: {len(self):,} ECGs at {self.sampling_rate_hz:g} Hz)"

    @property
    def sampling_rate_hz(self) -> float:
        """Samples per second of every ECG."""
        return self.manifest.sampling_rate_hz

    @property
    def n_samples(self) -> int:
        """Samples per lead of every ECG."""
        return self.manifest.n_samples

    @property
    def simulated(self) -> bool:
        """Whether the ECGs come from the virtual cohort."""
        return self.manifest.simulated

    @property
    def simulator_version(self) -> int | None:
        """Which version of the simulator made the ECGs; None where they were recorded."""
        version = self.manifest.provenance.get("simulator_version")
        return version if isinstance(version, int) else None

    @property
    def fingerprint(self) -> str:
        """SHA-256 over what the ECGs and their table are; see `Manifest.fingerprint`."""
        return self.manifest.fingerprint

    @cached_property
    def ecgs(self) -> pa.Table:
        """One row per ECG, in the order of the rows of `take`; columns as in `ECGS_SCHEMA`, then the quality flags.

        A flag is null of ECGs that an older hemometric brought, which did not judge by it; see `tables.concat_ecgs`.
        """
        tables = [read_table(table_path(self.path, number)) for number in range(len(self._shards))]
        for number, (table, shard) in enumerate(zip(tables, self._shards, strict=True)):
            check_ecgs_schema(table.schema, where=str(table_path(self.path, number)))
            if table.num_rows != shard.shape[0]:
                raise StoreError(
                    f"{self.path}: was changed since it was opened (withdraw?); begin again with the store as it is now"
                )
        return concat_ecgs(tables)

    def take(self, rows: Rows) -> Waveform:
        """Read ECGs, all twelve leads.

        Args:
            rows: n row numbers from 0 to `len(store) - 1`, in any order, repeats welcome.

        Returns:
            Shape (n, 12, n_samples), float32 mV, in the order of `rows` and of `LEADS`.

        Raises:
            ValueError: A row is not a whole number or not in the store.
            StoreError: A shard cannot be read.
        """
        stored = self._read(rows)
        if stored.shape[1] == len(LEADS):
            return to_millivolts(stored)
        out = np.empty((len(stored), len(LEADS), self.n_samples), dtype=np.float32)
        for start in range(0, len(stored), _CHUNK):
            out[start : start + _CHUNK] = derive_leads(to_millivolts(stored[start : start + _CHUNK]))
        return out

    def take_independent(self, rows: Rows) -> Waveform:
        """Read ECGs, only the eight leads that are not sums of others; a third less to read and to move.

        Args:
            rows: n row numbers from 0 to `len(store) - 1`, in any order, repeats welcome.

        Returns:
            Shape (n, 8, n_samples), float32 mV, in the order of `rows` and of `INDEPENDENT_LEADS`.

        Raises:
            ValueError: A row is not a whole number or not in the store.
            StoreError: A shard cannot be read.
        """
        stored = self._read(rows)
        if stored.shape[1] != len(INDEPENDENT_LEADS):
            stored = stored[:, INDEPENDENT_ROWS]
        return to_millivolts(stored)

    def first_row(self, shard: int) -> int:
        """The row at which the shard of that number begins."""
        return int(self._first_rows[shard])

    def labels(self) -> pa.Table | None:
        """Catheter values (`LABELS_SCHEMA`), or None where the store has none."""
        return read_optional_table(self.path / "labels.parquet", LABELS_SCHEMA)

    def links(self) -> pa.Table | None:
        """Catheter values joined to ECGs (`LINKS_SCHEMA`), or None where `hemometric link` was not run."""
        return read_optional_table(self.path / "links.parquet", LINKS_SCHEMA)

    def truth(self) -> pa.Table | None:
        """Every visit's values of a simulated store (`TRUTH_SCHEMA`), or None."""
        return read_optional_table(self.path / "truth.parquet", TRUTH_SCHEMA)

    @cached_property
    def joined_patients(self) -> tuple[tuple[str, ...], ...]:
        """Groups of patients under whom the very same ECG stands; see `splits.join_copied`. Mostly none."""
        return join_copied(self.ecgs["patient_id"], self.ecgs["content_hash"])

    def splits(self) -> NDArray[np.str_]:
        """The split of each row: "train", "validation", "calibration" or "test"; of a patient always the same one.

        By hash of patient_id, or from the store's `splits.csv` where a user put one. Patients who share an ECG (see
        `joined_patients`) share a split.

        Raises:
            StoreError: `splits.csv` is not usable, or puts patients who share an ECG into different splits.
        """
        patient_ids = self.ecgs["patient_id"].combine_chunks().dictionary_encode()
        of_patient = np.array(list(self._split(patient_ids.dictionary.to_pylist()).values()), dtype="U11")
        of_row: NDArray[np.str_] = of_patient[patient_ids.indices.to_numpy(zero_copy_only=False)]
        return of_row

    def splits_of_patients(self) -> dict[str, str]:
        """The split of each patient of the store, as `splits` has it.

        Raises:
            StoreError: As `splits`.
        """
        return self._split(pc.unique(self.ecgs["patient_id"]).to_pylist())

    def _split(self, patients: Sequence[str]) -> dict[str, str]:
        path = self.path / SPLITS_FILE
        if not path.exists():
            return dict(zip(patients, assign_joined(patients, joined=self.joined_patients).tolist(), strict=True))
        named = dict(zip(patients, read_splits(path, patient_ids=patients).tolist(), strict=True))
        check_joined(named, joined=self.joined_patients, where=str(path))
        return named

    def _read(self, rows: Rows) -> Microvolts:
        checked = _check_rows(rows, n_rows=len(self))
        out = np.empty((len(checked), len(self.manifest.stored_leads), self.n_samples), dtype=np.int16)
        gather(self._shards, first_rows=self._first_rows, rows=checked, out=out)
        return out


def _check_rows(rows: Rows, *, n_rows: int) -> NDArray[np.int64]:
    found = np.asarray(rows)
    if found.size == 0 and found.ndim == 1:
        return np.zeros(0, dtype=np.int64)
    if found.ndim != 1 or found.dtype.kind not in "iu":
        raise ValueError(f"rows must be a flat array of whole numbers, got {found.dtype} of shape {found.shape}")
    if found.min() < 0 or found.max() >= n_rows:
        raise ValueError(f"rows must lie in 0..{n_rows - 1}, got {found.min()}..{found.max()}")
    return found.astype(np.int64)


def shard_path(store: Path, number: int) -> Path:
    """The shard of that number."""
    return store / "shards" / f"{number:05d}.npy"


def table_path(store: Path, number: int) -> Path:
    """The ECG table of the shard of that number."""
    return store / "ecgs" / f"{number:05d}.parquet"


def count_shards(manifest: Manifest) -> int:
    """How many shards a complete store has."""
    return sum(name.startswith("shards/") for name in manifest.files)


def find_shards(store: Path, manifest: Manifest) -> list[Shard]:
    """Find the shards that the manifest of a complete store names, and check that all sizes agree.

    Raises:
        StoreError: A shard or table is missing, or two of manifest, shard and table disagree.
    """
    shards = []
    for number in range(count_shards(manifest)):
        shard = find_shard(shard_path(store, number))
        n_rows = count_rows(table_path(store, number))
        expected = (n_rows, len(manifest.stored_leads), manifest.n_samples)
        if shard.shape != expected:
            raise StoreError(
                f"{shard.path}: shape {shard.shape}, but manifest and table say {expected}; restore it or make the "
                "store anew"
            )
        shards.append(shard)
    n_ecgs = sum(shard.shape[0] for shard in shards)
    if n_ecgs != manifest.n_ecgs:
        raise StoreError(f"{store}: {n_ecgs:,} ECGs in shards, but the manifest says {manifest.n_ecgs:,}; restore it")
    return shards
