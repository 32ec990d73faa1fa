"""Adding the ECGs of a store to another, in new shards; what was there before keeps its bytes."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from hemometric.errors import SettingsError
from hemometric.settings import suggest
from hemometric.store.beginning import APPENDED
from hemometric.store.changing import APPEND, Change, check_unchanged
from hemometric.store.concatenation import find_new_rows, join_label_rejects, join_rows, record_of, records_of
from hemometric.store.copies import IDENTITY, Copies, find_copies
from hemometric.store.placing import NEW_PATIENTS, Placed, put_splits
from hemometric.store.quality import count_quality, encode_quality
from hemometric.store.reading import Store, count_shards, shard_path, table_path
from hemometric.store.shards import encode_shard
from hemometric.store.tables import (
    ATTRITION,
    GAPS,
    LABEL_REJECTS,
    NEIGHBORS,
    QUALITY,
    REJECTS,
    Reject,
    concat_ecgs,
    decode_rejects,
    encode_rejects,
    encode_table,
    read_table,
)
from hemometric.store.ties import tell_moved


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """What was added to a store.

    Attributes:
        store: Its directory.
        n_ecgs: New ECGs.
        n_patients: Whose they are.
        n_new_patients: Those of them who were not in the store.
        n_shards: New shards.
        n_total: ECGs of the store now.
        copies: ECGs that were there already and were not doubled.
        n_values: Catheter values that came with the new ECGs and are new.
        n_stale: Patients who had ECGs in the store and have new values: the links were removed.
        n_unlinked: New ECGs of patients with catheter values, where the store is linked.
        placed: What became of the splits.
        has_neighbors: Whether the store was mined.
    """

    store: Path
    n_ecgs: int
    n_patients: int
    n_new_patients: int
    n_shards: int
    n_total: int
    copies: Copies
    n_values: int
    n_stale: int
    n_unlinked: int
    placed: Placed
    has_neighbors: bool

    def text(self) -> str:
        """The account in lines, for people."""
        lines = [
            f"{self.store}: {self.n_ecgs:,} new ECGs of {self.n_patients:,} patients ({self.n_new_patients:,} of them "
            f"new) in {self.n_shards:,} new shards; {self.n_total:,} ECGs now"
        ]
        lines += self.copies.sentences() + tell_moved(self.placed.moved)
        if self.n_values:
            lines.append(f"{self.n_values:,} new catheter values came with them")
        if self.n_stale:
            lines.append(
                f"links are removed, since {self.n_stale:,} patients of the store have new values: run hemometric link "
                f"{self.store} before anything else; until then values are joined within 24 h"
            )
        if not self.n_ecgs:
            return "\n".join([*lines, "no ECG was added: the shards are as before"])
        if self.placed.n_new:
            lines.append(
                f"splits.csv: {self.placed.n_new:,} new patients were added; to place everybody by a rule again: "
                f"hemometric split {self.store}"
            )
        if self.n_unlinked and not self.n_stale:
            lines.append(
                f"{self.n_unlinked:,} new ECGs are of patients with catheter values and not linked to them yet: run "
                f"hemometric link {self.store} again; the links that are there hold"
            )
        if self.has_neighbors:
            lines.append(
                f"neighbours are of the store as it was: run hemometric mine {self.store} again, which compares new "
                "ECGs only"
            )
        return "\n".join(lines)


def add_ecgs(change: Change, store: Store, new: Store, *, new_patients: str | None) -> Addition:
    """Add the ECGs of one store to another, as a change of that, and let it happen.

    Args:
        change: Of `store`.
        store: What is added to.
        new: What is added, made with the same rate, samples and leads; it lies in the folder of `store`.
        new_patients: One of `NEW_PATIENTS`; None: patients whom a `splits.csv` of the store does not name are refused.

    Raises:
        SettingsError: A new patient has no split.
        StoreError: An ECG has the name of another one, or the store cannot be written.
    """
    if new_patients is not None and new_patients not in NEW_PATIENTS:
        raise SettingsError(f"--new-patients: unknown {new_patients!r}{suggest(new_patients, NEW_PATIENTS)}")
    advice = (
        "the file has changed, or another hemometric reads it otherwise, or another SOURCE folder has the same names "
        "(rename it); nothing was added"
    )
    is_copy, copies = find_copies(
        store.ecgs.select(IDENTITY), new.ecgs.select(IDENTITY), where=str(store.path), advice=advice
    )
    added = new.ecgs.filter(pa.array(~is_copy))
    patients = pc.unique(added["patient_id"])
    is_new = pc.invert(pc.is_in(patients, value_set=pc.unique(store.ecgs["patient_id"])))
    owners = ["patient_id", "content_hash"]
    whole = pa.concat_tables([store.ecgs.select(owners), added.select(owners)])
    placed = put_splits(change, store, whole, how=new_patients)
    n_shards = _add_shards(change, store, new, is_copy)
    rejects = _add_rejects(change, store, new, added)
    n_values, n_stale = _add_labels(change, store, new)
    change.remove(APPEND)
    provenance = store.manifest.provenance
    if added.num_rows:
        entry = {**new.manifest.provenance, "n_ecgs": added.num_rows}
        provenance = {**provenance, APPENDED: [*provenance.get(APPENDED, []), entry]}
    if QUALITY in store.manifest.files:
        counts = count_quality(concat_ecgs([store.ecgs, added]), rejects, provenance=provenance)
        change.put(QUALITY, [encode_quality(counts)])
    n_total = len(store) + added.num_rows
    change.commit(store.manifest.model_copy(update={"provenance": provenance, "n_ecgs": n_total}))
    return Addition(
        store=store.path,
        n_ecgs=added.num_rows,
        n_patients=len(patients),
        n_new_patients=int(pc.sum(is_new).as_py() or 0),
        n_shards=n_shards,
        n_total=n_total,
        copies=copies,
        n_values=n_values,
        n_stale=n_stale,
        n_unlinked=_count_unlinked(store, added),
        placed=placed,
        has_neighbors=(store.path / NEIGHBORS).exists(),
    )


def _add_shards(change: Change, store: Store, new: Store, is_copy: NDArray[np.bool_]) -> int:
    """Put the shards of `new` behind those of the store, without copies. Returns how many there are to put."""
    n_before = count_shards(store.manifest)
    number, row = n_before, 0
    for old in range(count_shards(new.manifest)):
        files = (shard_path(new.path, old), table_path(new.path, old))
        names = (shard_path(store.path, number), table_path(store.path, number))
        here = [name.relative_to(store.path).as_posix() for name in names]
        table = read_table(files[1])
        kept = ~is_copy[row : row + table.num_rows]
        row += table.num_rows
        if kept.all():
            for name, file in zip(here, files, strict=True):
                expected = new.manifest.files[file.relative_to(new.path).as_posix()]
                change.put_file(name, file, expected=expected)
        elif kept.any():
            microvolts = np.load(files[0], mmap_mode="r")[kept]
            change.put(here[0], encode_shard(microvolts))
            change.put(here[1], [encode_table(table.filter(pa.array(kept)))])
        number += bool(kept.any())
    return number - n_before


def _add_rejects(change: Change, store: Store, new: Store, added: pa.Table) -> list[Reject]:
    """Join what was rejected: no line twice, and no record that is accepted by now. Returns all of it."""
    before = decode_rejects(store.path / REJECTS) if (store.path / REJECTS).exists() else []
    there, accepted = records_of(store.ecgs), records_of(added)
    kept = [reject for reject in before if reject.source not in accepted]
    known = set(kept)
    kept += [
        reject
        for reject in decode_rejects(new.path / REJECTS)
        if reject not in known and record_of(reject.source) not in there
    ]
    if kept != before:
        check_unchanged(store.path, store.manifest, REJECTS)
        change.put(REJECTS, [encode_rejects(kept)])
    return kept


def _add_labels(change: Change, store: Store, new: Store) -> tuple[int, int]:
    """Join catheter values that came with the new ECGs; take links away that may not be the nearest any more.

    Returns:
        New values, and patients of the store whose links may not hold because of them.
    """
    before, brought = store.labels(), new.labels()
    label_rejects = join_label_rejects([store.path, new.path])
    if label_rejects is not None and (new.path / LABEL_REJECTS).exists():
        check_unchanged(store.path, store.manifest, LABEL_REJECTS)
        change.put(LABEL_REJECTS, [label_rejects])
    labels = join_rows([before, brought])
    if brought is None or labels is None:
        return 0, 0
    values = find_new_rows(before, brought)
    if not values.num_rows:
        return 0, 0
    check_unchanged(store.path, store.manifest, "labels.parquet")
    change.put("labels.parquet", [encode_table(labels)])
    links = store.links()
    there = pc.unique(store.ecgs["patient_id"])
    n_stale = int(pc.sum(pc.is_in(pc.unique(values["patient_id"]), value_set=there)).as_py() or 0)
    if links is None or not n_stale:
        return values.num_rows, 0
    for name in ("links.parquet", ATTRITION, GAPS):
        change.remove(name)
    return values.num_rows, n_stale


def _count_unlinked(store: Store, added: pa.Table) -> int:
    labels = store.labels() if store.links() is not None else None
    if labels is None:
        return 0
    return int(pc.sum(pc.is_in(added["patient_id"], value_set=pc.unique(labels["patient_id"]))).as_py() or 0)
