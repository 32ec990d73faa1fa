"""Taking patients out of a store: their rows are gone from every shard and table, as if they had never been there."""

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hemometric.deidentification import KEY, Deidentifier, check_secret
from hemometric.errors import SettingsError
from hemometric.progress import track
from hemometric.store.beginning import WITHDRAWN
from hemometric.store.changing import Change, changing, check_unchanged, find_leftovers
from hemometric.store.concatenation import records_of
from hemometric.store.locking import LOCK, locked
from hemometric.store.manifest import CHANGE, INCOMING, MANIFEST, Manifest
from hemometric.store.placing import put_splits
from hemometric.store.reading import Store, count_shards, shard_path, table_path
from hemometric.store.redaction import count_named, filter_csv, list_patients, redact_names, redact_rejects
from hemometric.store.shards import encode_shard
from hemometric.store.splits import SPLITS_FILE
from hemometric.store.tables import (
    ATTRITION,
    CARD,
    GAPS,
    LABEL_REJECTS,
    NEIGHBORS,
    QUALITY,
    REJECTS,
    decode_rejects,
    encode_rejects,
    encode_table,
    read_table,
)

_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawalSummary:
    """What was taken out of a store.

    Attributes:
        store: Its directory.
        n_patients: Who were withdrawn.
        n_ecgs: Their ECGs.
        n_left: ECGs that stay.
        n_shards: Shards that they were in.
        n_lines: File -> rows that are gone from it; shards and their tables are not among them.
        dropped: Files and folders that count or compare ECGs and were removed.
        relink: The command that makes them again, or "".
        fingerprint: Of the store before.
        n_named: ECGs of other patients whose name tells an id that was withdrawn.
        foreign: What lies in the folder and was not written by hemometric.
    """

    store: Path
    n_patients: int
    n_ecgs: int
    n_left: int
    n_shards: int
    n_lines: Mapping[str, int]
    dropped: tuple[str, ...]
    relink: str
    fingerprint: str
    n_named: int
    foreign: tuple[str, ...]

    def text(self) -> str:
        """The account in lines, for people."""
        lines = [
            f"{self.store}: {self.n_patients:,} patients withdrawn with {self.n_ecgs:,} ECGs; {self.n_left:,} ECGs stay"
        ]
        rows = ", ".join(f"{count:,} of {name}" for name, count in self.n_lines.items() if count)
        lines.append(f"gone: their rows in {self.n_shards:,} shards{rows and f', and {rows}'}")
        if self.dropped:
            again = [self.relink] if self.relink else []
            again += [f"hemometric inspect {self.store} --save-quality"] if QUALITY in self.dropped else []
            again += [f"hemometric mine {self.store}"] if NEIGHBORS in self.dropped else []
            advice = f"; make them again with {' and '.join(again)}" if again else ""
            lines.append(f"removed, since they count or compare these ECGs: {', '.join(self.dropped)}{advice}")
        if self.n_named:
            lines.append(
                f"warning: the names of {self.n_named:,} ECGs of other patients tell a withdrawn id; they were left: "
                "withdraw those patients too, or ingest those files again under other names"
            )
        if self.foreign:
            lines.append(
                f"warning: left alone, since hemometric did not write it: {', '.join(self.foreign)}; look yourself "
                "whether it tells of these patients"
            )
        lines.append(
            "runs that were trained on these ECGs are not changed, nor are their splits.csv and copies of the store; "
            "where they are the store does not know. Runs of the store as it was have in settings.json the "
            f"data_fingerprint {self.fingerprint}"
        )
        return "\n".join(lines)


def withdraw(
    path: str | Path, patients: Sequence[str], *, deidentifier: Deidentifier | None = None
) -> WithdrawalSummary:
    """Take patients out of a store with all that it holds of them.

    Shards without them keep their bytes. What counts or compares ECGs (`attrition.json`, `gaps.png`, neighbours) is
    removed; links of other patients do not depend on these and stay.

    Args:
        path: The store.
        patients: Their ids as they stand in the store; with `deidentifier` their original ones.
        deidentifier: The one by which the store was made.

    Returns:
        What was taken out.

    Raises:
        SettingsError: A patient is not in the store (all such are named), nobody would be left, or the store was not
            made with this secret. Nothing is changed then.
        StoreError: The store cannot be read or written, was changed by something else, or another process is writing
            or mining it.
    """
    path = Path(path)
    with changing(path, doing="withdraw") as change, _no_mining(path):
        store = Store.open(path)
        if deidentifier is not None:
            check_secret(store.manifest.provenance, deidentifier, where=str(path))
        ids = _find(store, patients, deidentifier)
        theirs = pc.is_in(store.ecgs["patient_id"], value_set=pa.array(sorted(ids)))
        ecgs, others = store.ecgs.filter(theirs), store.ecgs.filter(pc.invert(theirs))
        if not others.num_rows:
            raise SettingsError(f"{path}: no ECG would be left; remove the folder instead")
        summary = WithdrawalSummary(
            store=path,
            n_patients=len(ids),
            n_ecgs=ecgs.num_rows,
            n_left=others.num_rows,
            n_shards=_withdraw_shards(change, store, ids) if ecgs.num_rows else 0,
            n_lines=_withdraw_rows(change, store, ids, ecgs),
            relink=_describe_link(store),
            dropped=_drop(change, store) if ecgs.num_rows else (),
            fingerprint=store.fingerprint,
            n_named=count_named(others["ecg_id"], patients=ids),
            foreign=_find_foreign(store),
        )
        put_splits(change, store, others)
        change.commit(_describe(store.manifest, ids, n_ecgs=ecgs.num_rows))
    return summary


@contextmanager
def _no_mining(store: Path) -> Iterator[None]:
    """Hold the locks of neighbours that are being mined, or were.

    Raises:
        StoreError: They are being mined.
    """
    with ExitStack() as held:
        for lock in sorted((store / NEIGHBORS / INCOMING).glob("*.lock")):
            held.enter_context(locked(lock, what=f"{store / NEIGHBORS}: {lock.stem}", doing="withdraw"))
        yield


def _find(store: Store, patients: Sequence[str], deidentifier: Deidentifier | None) -> set[str]:
    """The ids as they stand in the store."""
    wanted = {patient.strip() for patient in patients} - {""}
    if not wanted:
        raise SettingsError("withdraw: names nobody: give --patient ID or --patients FILE with an id on each line")
    stored = {patient if deidentifier is None else deidentifier.patient(patient): patient for patient in wanted}
    there = set(pc.unique(store.ecgs["patient_id"]).to_pylist())
    for table in (store.labels(), store.truth()):
        there |= set() if table is None else set(pc.unique(table["patient_id"]).to_pylist())
    for name in (SPLITS_FILE, LABEL_REJECTS):
        path = store.path / name
        there |= list_patients(path, column="patient_id") if path.exists() else set()
    unknown = sorted(patient for id_, patient in stored.items() if id_ not in there)
    if not unknown:
        return set(stored)
    if KEY in store.manifest.provenance:  # an id that was given may be an original one, and a message ends up in a log
        places = [place for place, patient in enumerate(patients, start=1) if patient.strip() in unknown]
        shown = ", ".join(map(str, places[:_SHOWN])) + (", ..." if places[_SHOWN:] else "")
        raise SettingsError(
            f"{store.path}: {len(unknown):,} of {len(wanted):,} patients cannot be found (number {shown} of those "
            "given); nobody was withdrawn: leave them out, or correct them (the store is de-identified: give original "
            "ids and --deidentify SECRET_FILE, or ids as they stand in it)"
        )
    shown = ", ".join(map(repr, unknown[:_SHOWN])) + (
        f" and {len(unknown) - _SHOWN:,} more" if unknown[_SHOWN:] else ""
    )
    hint = "; nobody was withdrawn: leave them out, or correct them"
    if near := difflib.get_close_matches(unknown[0], [*there], n=1):
        hint += f" (did you mean {near[0]!r}?)"
    raise SettingsError(f"{store.path}: {_count_missing(len(unknown))}: {shown}{hint}")


def _count_missing(n_patients: int) -> str:
    return "a patient is not in the store" if n_patients == 1 else f"{n_patients:,} patients are not in the store"


def _withdraw_shards(change: Change, store: Store, ids: set[str]) -> int:
    """Write shards without these patients; the numbers have no hole afterwards. Returns in how many they were."""
    path, manifest, gone = store.path, store.manifest, pa.array(sorted(ids))
    n_shards = count_shards(manifest)
    number = n_touched = 0
    for old in track(range(n_shards), total=n_shards, unit="shards", title="withdraw"):
        there, here = _names(path, old), _names(path, number)
        table = read_table(table_path(path, old))
        stays = pc.invert(pc.is_in(table["patient_id"], value_set=gone)).to_numpy(zero_copy_only=False)
        if stays.all():
            for name, before in zip(here, there, strict=True) if number != old else ():
                change.put_file(name, path / before, expected=manifest.files[before])
        elif stays.any():
            for name in there:
                check_unchanged(path, manifest, name)
            microvolts = np.load(shard_path(path, old), mmap_mode="r")[stays]
            change.put(here[0], encode_shard(microvolts))
            change.put(here[1], [encode_table(table.filter(pa.array(stays)))])
        number += bool(stays.any())
        n_touched += not stays.all()
    for old in range(number, n_shards):
        for name in _names(path, old):
            change.remove(name)
    return n_touched


def _names(store: Path, number: int) -> tuple[str, str]:
    """What the manifest calls the shard and the table of that number."""
    files = (shard_path(store, number), table_path(store, number))
    return files[0].relative_to(store).as_posix(), files[1].relative_to(store).as_posix()


def _withdraw_rows(change: Change, store: Store, ids: set[str], ecgs: pa.Table) -> dict[str, int]:
    """Write every other table without these patients, and count the rows that are gone."""
    new = _filter_tables(store, ids, ecgs) | _filter_texts(store, ids, ecgs)
    for name, (encoded, _) in new.items():
        check_unchanged(store.path, store.manifest, name)
        change.put(name, [encoded], listed=name in store.manifest.files)
    for name in find_leftovers(store.path):
        change.remove(name)
    return {name: count for name, (_, count) in new.items()}


def _filter_tables(store: Store, ids: set[str], ecgs: pa.Table) -> dict[str, tuple[bytes, int]]:
    """The tables that lose rows, and how many."""
    patients, ecg_ids = pa.array(sorted(ids)), ecgs["ecg_id"].combine_chunks()
    new = {}
    for name, table, column, gone in (
        ("labels.parquet", store.labels(), "patient_id", patients),
        ("truth.parquet", store.truth(), "patient_id", patients),
        ("links.parquet", store.links(), "ecg_id", ecg_ids),
    ):
        if table is not None:
            kept = table.filter(pc.invert(pc.is_in(table[column], value_set=gone)))
            if kept.num_rows < table.num_rows:
                new[name] = encode_table(kept), table.num_rows - kept.num_rows
    return new


def _filter_texts(store: Store, ids: set[str], ecgs: pa.Table) -> dict[str, tuple[bytes, int]]:
    """The texts that change, and how many lines they lose."""
    path, new, records = store.path, {}, records_of(ecgs)
    for name in (LABEL_REJECTS, SPLITS_FILE):
        if (path / name).exists():
            new[name] = filter_csv(path / name, column="patient_id", gone=ids, records=records)
    if (path / REJECTS).exists():
        kept, n_gone = redact_rejects(decode_rejects(path / REJECTS), patients=ids, records=records)
        new[REJECTS] = encode_rejects(kept), n_gone
    if (path / CARD).exists() and ecgs.num_rows:
        since = (
            f"\nSince then {len(ids):,} patients with {ecgs.num_rows:,} ECGs were withdrawn: the numbers count them.\n"
        )
        new[CARD] = (path / CARD).read_bytes() + since.encode(), 0
    return {name: found for name, found in new.items() if found[0] != (path / name).read_bytes()}


def _describe_link(store: Store) -> str:
    """The command by which the store was linked, or ""."""
    try:
        told = json.loads((store.path / ATTRITION).read_bytes())
        return f"hemometric link {store.path} --window-hours {told['window_hours']:g} --side {told['side']}"
    except (OSError, ValueError, LookupError, TypeError):
        return ""


def _drop(change: Change, store: Store) -> tuple[str, ...]:
    """Remove what counts or compares ECGs."""
    dropped = tuple(name for name in (ATTRITION, GAPS, QUALITY, NEIGHBORS) if (store.path / name).exists())
    for name in dropped:
        change.remove(name)
    return dropped


def _describe(manifest: Manifest, ids: set[str], *, n_ecgs: int) -> Manifest:
    """The manifest of the store without them; how many they were it may tell."""
    provenance: dict[str, Any] = redact_names(manifest.provenance, patients=ids)
    if n_ecgs:
        earlier = provenance.get(WITHDRAWN, [])
        provenance[WITHDRAWN] = [*earlier, {"n_patients": len(ids), "n_ecgs": n_ecgs}]
    return manifest.model_copy(update={"provenance": provenance, "n_ecgs": manifest.n_ecgs - n_ecgs})


def _find_foreign(store: Store) -> tuple[str, ...]:
    ours = {name.partition("/")[0] for name in store.manifest.files} | {MANIFEST, NEIGHBORS, SPLITS_FILE, LOCK, CHANGE}
    ours |= set(find_leftovers(store.path))
    return tuple(sorted(entry.name for entry in store.path.iterdir() if entry.name not in ours))
