"""Splits of a store that has changed: who was there stays, and new patients are placed."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from hemometric.errors import SettingsError
from hemometric.store.changing import Change, check_unchanged
from hemometric.store.reading import Store
from hemometric.store.splits import SPLITS, SPLITS_FILE, assign_joined, join_copied, read_named_splits
from hemometric.store.splitting import RULE_FILE
from hemometric.store.ties import BY_HASH, bring_together, describe_torn_ties, find_torn, is_by_hash

NEW_PATIENTS = ("hash", *SPLITS)
"""Where patients go whom a store's `splits.csv` does not name: as without one, or all to one split."""
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Placed:
    """What became of the splits.

    Attributes:
        n_new: Patients who were added to a `splits.csv`.
        moved: Patient -> split before and now, of those who share an ECG with one of another split by now.
    """

    n_new: int = 0
    moved: Mapping[str, tuple[str, str]] = field(default_factory=dict)


def put_splits(change: Change, store: Store, ecgs: pa.Table, *, how: str | None = None) -> Placed:
    """Write `splits.csv` where the change would otherwise move somebody, or leave somebody without a split.

    Without a `splits.csv` the hash of the patient decides, and of patients who share an ECG that of the first of them:
    so somebody may move when another one comes or goes. Everybody stays but for those who come to share an ECG with one
    in another split; see `ties.bring_together`. Splits that a user has given are never changed.

    Args:
        change: Of the store.
        store: As it was.
        ecgs: patient_id and content_hash of all ECGs as they will be.
        how: One of `NEW_PATIENTS`; None: by hash, but who is in no `splits.csv` that a user has given is refused.

    Raises:
        SettingsError: A new patient has no split, or ECGs tie patients in different splits that a user has given.
        StoreError: `splits.csv` is not usable.
    """
    patients = pc.unique(ecgs["patient_id"]).to_pylist()
    joined = join_copied(ecgs["patient_id"], ecgs["content_hash"])
    natural = dict(zip(patients, assign_joined(patients, joined=joined).tolist(), strict=True))
    before = store.splits_of_patients()
    path = store.path / SPLITS_FILE
    if not path.exists() and all(natural[patient] == before.get(patient, natural[patient]) for patient in patients):
        return Placed()
    known = {**(read_named_splits(path) if path.exists() else {}), **before}
    moved = _bring_together(store, known, joined)
    kept = {**known, **moved}
    placed = _place_new(store, patients, joined, kept, natural=natural, how=how)
    told = Placed(len(placed), {patient: (known[patient], split) for patient, split in moved.items()})
    if path.exists() and not moved:
        if placed:
            check_unchanged(store.path, store.manifest, SPLITS_FILE)
            whole = _add_lines(path.read_bytes().decode("utf-8"), placed)
            change.put(SPLITS_FILE, [whole.encode()], listed=SPLITS_FILE in store.manifest.files)
        return told
    check_unchanged(store.path, store.manifest, SPLITS_FILE)
    everybody = {patient: kept.get(patient) or placed[patient] for patient in sorted(patients)}
    change.put(SPLITS_FILE, [_add_lines("patient_id,split\n", everybody).encode()])
    rule = {"schema_version": 1, "by": f"{BY_HASH} {change.doing}"}
    change.put(RULE_FILE, [(json.dumps(rule, indent=1) + "\n").encode()])
    return told


def _bring_together(store: Store, known: Mapping[str, str], joined: Sequence[Sequence[str]]) -> dict[str, str]:
    """The new splits of those who come to share an ECG with one in another split.

    Raises:
        SettingsError: A user has given the splits.
    """
    torn = find_torn(known, joined=joined)
    if torn and not is_by_hash(store):
        raise SettingsError(
            f"{store.path / SPLITS_FILE}: with the new ECGs the very same one stands under patients in different "
            f"splits ({describe_torn_ties(known, torn=torn)}): give these one split first (hemometric split "
            f"{store.path} --from CSV), or give the new ECG the patient_id that is there with --metadata; nothing was "
            "added"
        )
    return bring_together(known, torn=torn)


def _place_new(
    store: Store,
    patients: Sequence[str],
    joined: Sequence[Sequence[str]],
    known: Mapping[str, str],
    *,
    natural: Mapping[str, str],
    how: str | None,
) -> dict[str, str]:
    """The splits of new patients; who shares an ECG with somebody goes where that one is."""
    beside = {patient: {known[one] for one in group if one in known} for group in joined for patient in group}
    new = [patient for patient in patients if patient not in known]
    alone = [patient for patient in new if not beside.get(patient)]
    if alone and how is None and not is_by_hash(store):
        raise SettingsError(
            f"{store.path / SPLITS_FILE}: names no split for {len(alone):,} new patients (such as "
            f"{', '.join(map(repr, sorted(alone)[:_SHOWN]))}): say with --new-patients "
            f"{', '.join(NEW_PATIENTS[:-1])} or {NEW_PATIENTS[-1]} where they go, or add them to the file; with "
            "--resume nothing is read again"
        )
    drawn = natural if how in (None, "hash") else dict.fromkeys(alone, str(how))
    return {patient: next(iter(beside.get(patient) or {drawn[patient]})) for patient in sorted(new)}


def _add_lines(text: str, splits: Mapping[str, str]) -> str:
    """A `splits.csv` with more patients; other columns it may have stay empty for them."""
    header = [name.removeprefix("\ufeff") for name in next(csv.reader(io.StringIO(text, newline="")))]
    end = "\r\n" if "\r\n" in text else "\n"
    lines = io.StringIO(newline="")
    rows = csv.DictWriter(lines, header, restval="", lineterminator=end)
    rows.writerows({"patient_id": patient, "split": split} for patient, split in splits.items())
    return text + ("" if text.endswith("\n") else end) + lines.getvalue()
