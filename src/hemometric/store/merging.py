"""Several stores as one new one; the stores themselves are only read."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hemometric.deidentification import KEY
from hemometric.errors import SettingsError, StoreError
from hemometric.progress import say, track
from hemometric.store.beginning import StoreSettings
from hemometric.store.changing import check_unchanged
from hemometric.store.copies import IDENTITY, Copies, find_copies
from hemometric.store.joining import Joined, Part, check_targets, join_tables
from hemometric.store.manifest import read_manifest
from hemometric.store.reading import Store, count_shards, shard_path, table_path
from hemometric.store.tables import ECGS_SCHEMA, read_table
from hemometric.store.writer import StoreWriter

_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeSummary:
    """What became of several stores.

    Attributes:
        out: The new store.
        n_stores: Stores that were merged.
        n_ecgs: ECGs of the new one.
        n_patients: Patients of the new one.
        n_shared: Patients who are in more than one of the stores.
        copies: ECGs of later stores that are in an earlier one, and are there once.
        remarks: What became of labels, links and splits, a sentence each.
    """

    out: Path
    n_stores: int
    n_ecgs: int
    n_patients: int
    n_shared: int
    copies: Copies
    remarks: tuple[str, ...]

    def text(self) -> str:
        """The account in lines, for people."""
        shared = f", {self.n_shared:,} of them in more than one" if self.n_shared else ""
        head = f"{self.out}: {self.n_ecgs:,} ECGs of {self.n_patients:,} patients{shared}, from {self.n_stores} stores"
        return "\n".join([head, *self.copies.sentences(), *self.remarks])


def merge(
    paths: Sequence[str | Path],
    *,
    out: str | Path,
    same_patients: bool = False,
    prefix_names: bool = False,
    resume: bool = False,
) -> MergeSummary:
    """Make one store of several with the same rate, length and leads. See docs/care-of-a-store.md for the rules.

    Args:
        paths: The stores, two or more; where two say something of the same thing, the later one counts.
        out: The store to be made.
        same_patients: Equal ids in two stores are the same patient. Without it they are refused, since whether they are
            nobody can see from them.
        prefix_names: Put the name of each store's folder before the names of its ECGs, where two have the same names.
        resume: Go on with a merge that was interrupted.

    Raises:
        SettingsError: The stores do not go together; the message says why. Or a target is defined differently in two.
        StoreError: A store cannot be read, changes meanwhile, or `out` is not free or cannot be written.
    """
    out = Path(out)
    parts, copies = _prepare([Path(path) for path in paths], prefix_names=prefix_names)
    n_shared = _check_patients(parts, same=same_patients)
    joined = join_tables(parts, n_shared=n_shared, out=out)
    settings = _to_settings(parts, {"same_patients": same_patients, "prefix_names": prefix_names})
    writer = StoreWriter.open(out, settings=settings, resume=resume)
    try:
        if not writer.finished:
            _fill(writer, parts, joined)
    except KeyboardInterrupt:
        say(f"interrupted: {writer.n_rows:,} ECGs in {writer.n_shards} finished shards are kept; go on with --resume")
        raise
    finally:
        writer.close()
    patients = Store.open(out).ecgs["patient_id"]
    return MergeSummary(
        out=out,
        n_stores=len(parts),
        n_ecgs=len(patients),
        n_patients=pc.count_distinct(patients).as_py(),
        n_shared=n_shared,
        copies=copies,
        remarks=joined.remarks,
    )


def _prepare(paths: Sequence[Path], *, prefix_names: bool) -> tuple[list[Part], Copies]:
    """Open the stores, check that they go together, and find what is in two of them."""
    if len({path.resolve() for path in paths}) < max(len(paths), 2):
        raise SettingsError("merge: name two or more different stores")
    check_targets(paths)
    stores = [Store.open(path) for path in paths]
    _check_alike(stores)
    names = [store.path.resolve().name for store in stores]
    if prefix_names and len(set(names)) < len(names):
        raise SettingsError(f"--prefix-names: two stores are called alike ({', '.join(names)}): rename a folder")
    parts: list[Part] = []
    there, copies = ECGS_SCHEMA.empty_table().select(IDENTITY), Copies()
    for store, name in zip(stores, names, strict=True):
        nothing = np.zeros(len(store), dtype=np.bool_)
        part = Part(store, f"{name}/" if prefix_names else "", nothing)
        ecgs = part.rename(store.ecgs.select(IDENTITY))
        advice = "tell them apart with --prefix-names"
        is_copy, found = find_copies(there, ecgs, where=f"merge: {store.path}", advice=advice)
        parts.append(Part(store, part.prefix, is_copy))
        there, copies = pa.concat_tables([there, ecgs.filter(pa.array(~is_copy))]), copies + found
    return parts, copies


def _check_alike(stores: Sequence[Store]) -> None:
    """Check that the ECGs of the stores can stand in one.

    Raises:
        SettingsError: They cannot; the message names all that differs.
    """
    first, *others = stores
    for other in others:
        differing = [
            f"{what} ({before} and {after})"
            for (what, before), (_, after) in zip(_describe(first), _describe(other), strict=True)
            if before != after
        ]
        if differing:
            raise SettingsError(
                f"merge: {first.path} and {other.path} differ in {', '.join(differing)}: make one of them anew as the "
                "other is"
            )


def _describe(store: Store) -> list[tuple[str, str]]:
    account = store.manifest.provenance.get(KEY)
    secret = "none" if account is None else f"fingerprint {account.get('secret_fingerprint')}"
    return [
        ("rate", f"{store.sampling_rate_hz:g} Hz"),
        ("samples", f"{store.n_samples:,}"),
        ("stored leads", str(len(store.manifest.stored_leads))),
        ("kind", "simulated" if store.simulated else "recorded"),
        ("simulator version", str(store.simulator_version)),
        ("the secret they are de-identified with", secret),
    ]


def _check_patients(parts: Sequence[Part], *, same: bool) -> int:
    """How many patients are in more than one store.

    Raises:
        SettingsError: Some are, and nobody said that they are the same.
    """
    counts: Counter[str] = Counter()
    for part in parts:
        labels = part.store.labels()
        counts.update(
            set(pc.unique(part.rename(part.store.ecgs)["patient_id"]).to_pylist())
            | (set() if labels is None else set(pc.unique(labels["patient_id"]).to_pylist()))
        )
    shared = sorted(patient for patient, count in counts.items() if count > 1)
    if shared and not same:
        shown = ", ".join(map(repr, shared[:_SHOWN]))
        raise SettingsError(
            f"merge: {len(shared):,} patient ids are in more than one store (such as {shown}): if they are the same "
            "people, say --same-patients; if not, ingest one of the stores again with other ids (--metadata)"
        )
    return len(shared)


def _to_settings(parts: Sequence[Part], options: Mapping[str, bool]) -> StoreSettings:
    first = parts[0].store
    provenance: dict[str, Any] = {
        "made_by": "merge",
        "settings": dict(options),
        "merged": [
            {
                "name": part.store.path.resolve().name,
                "fingerprint": part.store.fingerprint,
                "n_ecgs": len(part.store),
                "provenance": part.store.manifest.provenance,
            }
            for part in parts
        ],
    }
    for name in (KEY, "simulator_version"):  # the same in all
        if name in first.manifest.provenance:
            provenance[name] = first.manifest.provenance[name]
    return StoreSettings(
        sampling_rate_hz=first.sampling_rate_hz,
        n_samples=first.n_samples,
        stored_leads=first.manifest.stored_leads,
        simulated=first.simulated,
        provenance=provenance,
    )


def _fill(writer: StoreWriter, parts: Sequence[Part], joined: Joined) -> None:
    shards = [
        (number, shard) for number, part in enumerate(parts) for shard in range(count_shards(part.store.manifest))
    ]
    done = shards.index((writer.cursor["store"], writer.cursor["shard"])) + 1 if writer.cursor else 0
    for number, shard in track(shards[done:], total=len(shards), unit="shards", title="merge", done=done):
        _add_shard(writer, parts[number], shard, cursor={"store": number, "shard": shard})
    for part in parts:
        if read_manifest(part.store.path) != part.store.manifest:
            raise StoreError(
                f"{part.store.path}: was changed while it was merged; remove {writer.path} and merge again"
            )
    writer.finish(
        labels=joined.labels, truth=joined.truth, card=joined.card, others=joined.others, rejects=joined.rejects
    )


def _add_shard(writer: StoreWriter, part: Part, number: int, *, cursor: Mapping[str, int]) -> None:
    """Add one shard of a store without copies; where it has none, its very bytes."""
    path, files = part.store.path, part.store.manifest.files
    shard, table = shard_path(path, number), table_path(path, number)
    check_unchanged(path, part.store.manifest, table.relative_to(path).as_posix())
    ecgs = read_table(table)
    first = part.store.first_row(number)
    kept = ~part.is_copy[first : first + ecgs.num_rows]
    renamed = part.rename(ecgs).filter(pa.array(kept))
    name = shard.relative_to(path).as_posix()
    if kept.all():
        writer.copy_shard(shard, renamed, expected=files[name], cursor=cursor)
    elif kept.any():
        check_unchanged(path, part.store.manifest, name)
        writer.write_shard(np.load(shard, mmap_mode="r")[kept], renamed, rejects=[], cursor=cursor)
