"""The tables of several stores as those of one."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from hemometric.errors import SettingsError
from hemometric.store.concatenation import join_label_rejects, join_rows, records_of
from hemometric.store.definitions import TARGETS_FILE, encode_targets, read_targets
from hemometric.store.reading import Store
from hemometric.store.splits import SPLITS, SPLITS_FILE, assign_joined, describe_torn, join_copied
from hemometric.store.splitting import RULE_FILE, describe_rule
from hemometric.store.tables import (
    ATTRITION,
    CARD,
    GAPS,
    LABEL_REJECTS,
    NEIGHBORS,
    QUALITY,
    REJECTS,
    Reject,
    decode_rejects,
    encode_table,
)
from hemometric.store.ties import BY_HASH, bring_together, describe_torn_ties, find_torn, is_by_hash, tell_moved
from hemometric.targets import Target

_OWNERS = ["patient_id", "patient_id_known", "content_hash"]
_OF_ONE_STORE = (ATTRITION, GAPS, QUALITY, NEIGHBORS)


@dataclass(frozen=True, slots=True)
class Part:
    """One of the stores that are merged.

    Attributes:
        store: It.
        prefix: What goes before the names of its ECGs and records: "" or its folder's name with "/".
        is_copy: Shape (n_ecgs,), ECGs that an earlier store has.
    """

    store: Store
    prefix: str
    is_copy: NDArray[np.bool_]

    def rename(self, ecgs: pa.Table) -> pa.Table:
        """A table with the names that its ECGs have in the new store."""
        there = [name for name in ("ecg_id", "source", "patient_id") if self.prefix and name in ecgs.column_names]
        for name in there:
            place = ecgs.schema.get_field_index(name)
            renamed = pc.binary_join_element_wise(self.prefix, ecgs[name], "")
            if name == "patient_id":  # of an unknown one it is the name of the record
                renamed = pc.if_else(ecgs["patient_id_known"], ecgs[name], renamed)
            ecgs = ecgs.set_column(place, ecgs.schema.field(name), renamed)
        return ecgs


@dataclass(frozen=True, slots=True)
class Joined:
    """What stands in the merged store beside shards and their tables.

    Attributes:
        labels: `LABELS_SCHEMA`, or None.
        truth: `TRUTH_SCHEMA`, or None.
        card: Markdown, or None.
        others: Further files by name.
        rejects: Of all stores.
        remarks: What became of them, a sentence each.
    """

    labels: pa.Table | None
    truth: pa.Table | None
    card: str | None
    others: dict[str, bytes]
    rejects: list[Reject]
    remarks: tuple[str, ...]


def check_targets(paths: Sequence[Path]) -> None:
    """Check that a target which two stores define means the same in both.

    Raises:
        SettingsError: It does not; the message names the difference.
        StoreError: A `targets.json` cannot be read.
    """
    known: dict[str, tuple[Target, Path]] = {}
    for path in paths:
        for target in read_targets(path):
            other, where = known.setdefault(target.name, (target, path))
            differing = [
                f"{field.name} is {_show(getattr(other, field.name))} in {where} and "
                f"{_show(getattr(target, field.name))} in {path}"
                for field in fields(Target)
                if getattr(other, field.name) != getattr(target, field.name)
            ]
            if differing:
                raise SettingsError(
                    f"merge: target {target.name}: {'; '.join(differing)}: link one of them again with the other's "
                    "definition (hemometric link --targets)"
                )


def join_tables(parts: Sequence[Part], *, n_shared: int, out: Path) -> Joined:
    """Join what the stores hold beside ECGs; what cannot be joined is left out and said.

    Args:
        parts: The stores.
        n_shared: Patients who are in more than one.
        out: The new store, for what is to be done there.

    Raises:
        SettingsError: A patient is in two splits, or an ECG ties patients in different ones.
        StoreError: A table cannot be read.
    """
    stores = [part.store for part in parts]
    others, remarks = {}, []
    targets = {target.name: target for store in stores for target in read_targets(store.path)}
    if targets:
        others[TARGETS_FILE] = encode_targets(list(targets.values()))
    splits, told = _join_splits(parts)
    others |= splits
    remarks += told
    why = _why_no_links(parts, n_shared=n_shared)
    tables = [part.rename(links.filter(_is_kept(part, links))) for part in parts if (links := part.store.links())]
    if tables and not why:
        others["links.parquet"] = encode_table(pa.concat_tables(tables))
    elif tables:
        remarks.append(
            f"links are left out, since {why}: run hemometric link {out} before anything else; until then values are "
            "joined within 24 h"
        )
    label_rejects = join_label_rejects([store.path for store in stores])
    if label_rejects is not None:
        others[LABEL_REJECTS] = label_rejects
    left = sorted({name for store in stores for name in _OF_ONE_STORE if (store.path / name).exists()})
    if left:
        remarks.append(
            f"of the single stores, and not in the new one: {', '.join(left)}; hemometric link, mine and inspect "
            "--save-quality make them again"
        )
    cards = [(store.path / CARD).read_text(encoding="utf-8") for store in stores if (store.path / CARD).exists()]
    return Joined(
        labels=join_rows([store.labels() for store in stores]),
        truth=join_rows([store.truth() for store in stores]),
        card="\n".join([f"# Merged from {len(stores)} stores\n", *cards]) if cards else None,
        others=others,
        rejects=_join_rejects(parts),
        remarks=tuple(remarks),
    )


def _show(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(event.key for event in value)
    return repr(value)


def _is_kept(part: Part, links: pa.Table) -> pa.ChunkedArray:
    kept = part.store.ecgs["ecg_id"].filter(pa.array(~part.is_copy)).combine_chunks()
    return pc.is_in(links["ecg_id"], value_set=kept)


def _why_no_links(parts: Sequence[Part], *, n_shared: int) -> str:
    """Why the links of the stores together are not those that `link` would find in the new one; "" where they are."""
    if n_shared:
        return f"{n_shared:,} patients are in more than one store, whose ECGs and values may belong together"
    rules = set()
    for part in parts:
        path = part.store.path
        if part.store.links() is None:
            if part.store.labels() is not None:
                return f"{path} has catheter values that are not linked"
            continue
        try:
            told = json.loads((path / ATTRITION).read_bytes())
            rules.add((told["window_hours"], told["side"]))
        except (OSError, ValueError, LookupError, TypeError):
            return f"{path} has no {ATTRITION} that tells how it was linked"
    if len(rules) > 1:
        shown = " and ".join(f"{hours:g} h ({side})" for hours, side in sorted(rules))
        return f"they were made within different windows: {shown}"
    return ""


def _join_splits(parts: Sequence[Part]) -> tuple[dict[str, bytes], list[str]]:
    """`splits.csv` and its rule where a store has its own, or the hash would move somebody; and what to say of it.

    Raises:
        SettingsError: A patient is in two splits, or an ECG ties patients in different ones, and a user has given them.
    """
    own = not all(is_by_hash(part.store) for part in parts)
    named: dict[str, str] = {}
    torn: dict[str, list[str]] = {}
    for part in parts:
        for patient, split in _splits_of(part).items():
            if named.setdefault(patient, split) != split:
                torn.setdefault(patient, [named[patient]]).append(split)
    advice = "split one of the stores again so that they go together (hemometric split --from CSV)"
    if torn and own:
        raise SettingsError(f"merge: {describe_torn(torn)}: {advice}")
    kept = {patient: min(splits, key=SPLITS.index) for patient, splits in torn.items()}
    joined, natural = _split_by_hash(parts)
    groups = find_torn(named | kept, joined=joined)
    if groups and own:
        raise SettingsError(
            "merge: the very same ECG stands under patients in different splits "
            f"({describe_torn_ties(named, torn=groups)}): {advice}"
        )
    kept |= bring_together(named | kept, torn=groups)
    moved = {patient: (named[patient], split) for patient, split in kept.items() if named[patient] != split}
    moved |= {patient: (max(torn[patient], key=SPLITS.index), kept[patient]) for patient in torn}
    splits = named | kept
    if not own and natural == splits:
        return {}, tell_moved(moved)
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("patient_id", "split"))
    rows.writerows(sorted(splits.items()))
    of = [{"name": part.store.path.resolve().name, "rule": describe_rule(part.store.path)} for part in parts]
    rule = {"schema_version": 1, "by": "merge" if own else f"{BY_HASH} merge", "of": of}
    others = "every other patient" if moved else "every patient"
    return (
        {SPLITS_FILE: text.getvalue().encode(), RULE_FILE: (json.dumps(rule, indent=1) + "\n").encode()},
        [f"splits.csv: {others} stays in the split that it has in its store", *tell_moved(moved)],
    )


def _splits_of(part: Part) -> dict[str, str]:
    """The split of each patient of a store, by the name that the patient has in the new one."""
    owners = part.store.ecgs.select(["patient_id", "patient_id_known"])
    names = pa.table({"before": owners["patient_id"], "now": part.rename(owners)["patient_id"]})
    pairs = names.group_by(["before", "now"]).aggregate([])
    splits = part.store.splits_of_patients()
    columns = (pairs["before"].to_pylist(), pairs["now"].to_pylist())
    return {now: splits[before] for before, now in zip(*columns, strict=True)}


def _split_by_hash(parts: Sequence[Part]) -> tuple[tuple[tuple[str, ...], ...], dict[str, str]]:
    """Who shares an ECG in the new store, and where the hash alone would put everybody."""
    owners = pa.concat_tables(
        [part.rename(part.store.ecgs.select(_OWNERS).filter(pa.array(~part.is_copy))) for part in parts]
    )
    joined = join_copied(owners["patient_id"], owners["content_hash"])
    patients = pc.unique(owners["patient_id"]).to_pylist()
    return joined, dict(zip(patients, assign_joined(patients, joined=joined).tolist(), strict=True))


def _join_rejects(parts: Sequence[Part]) -> list[Reject]:
    """All lines once, without records that another store has accepted."""
    accepted = {name for part in parts for name in records_of(part.rename(part.store.ecgs.select(["source"])))}
    found: dict[Reject, None] = {}
    for part in parts:
        path = part.store.path / REJECTS
        for reject in decode_rejects(path) if path.exists() else ():
            line = replace(reject, source=f"{part.prefix}{reject.source}")
            if line.source not in accepted:
                found[line] = None
    return list(found)
