"""Who is in which split: by a hash of the patient, so that no patient is ever in two, or as the user says."""

import csv
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from hemometric.errors import StoreError
from hemometric.settings import suggest

SPLITS = ("train", "validation", "calibration", "test")
SPLITS_FILE = "splits.csv"

_UPPER_BOUNDS = (0.6, 0.7, 0.8, 1.0)
_SHARES = (6, 1, 1, 2)
_SALT = "hemometric split 1:"
"""Part of every hash; another salt would be another split of the same patients. It never changes."""

_COLUMNS = ("patient_id", "split")
_SHOWN = 5


def assign(patient_ids: Sequence[str]) -> NDArray[np.str_]:
    """Put each patient into a split: train 60, validation 10, calibration 10, test 20 %.

    The first eight bytes of SHA-256("hemometric split 1:" + patient_id), read as a fraction from 0 to 1, decide. So a
    patient's split depends on nothing but the id: not on the other patients, their order or a seed.

    Args:
        patient_ids: n ids; repeats are welcome.

    Returns:
        Shape (n,): one of `SPLITS` for each.

    Example:
        >>> assign(["patient 1", "patient 2", "patient 1"]).tolist()
        ['train', 'test', 'train']
    """
    found = {patient: _split_of(patient) for patient in set(patient_ids)}
    return np.array([found[patient] for patient in patient_ids], dtype="U11")


def _split_of(patient_id: str) -> str:
    fraction = _fraction_of(patient_id)
    return next((name for name, bound in zip(SPLITS, _UPPER_BOUNDS, strict=True) if fraction < bound), SPLITS[-1])


def assign_among(patient_ids: Sequence[str], *, splits: Sequence[str]) -> NDArray[np.str_]:
    """Put each patient into one of some splits, by the hash of `assign` and in the same proportions.

    Args:
        patient_ids: n ids; repeats are welcome.
        splits: Some of `SPLITS`, at least one.

    Returns:
        Shape (n,): one of `splits` for each.

    Example:
        >>> assign_among(["patient 1", "patient 2"], splits=("train", "validation", "calibration")).tolist()
        ['train', 'validation']
    """
    chosen = [name for name in SPLITS if name in splits]
    bounds = np.cumsum([_SHARES[SPLITS.index(name)] for name in chosen])
    fractions = np.array([_fraction_of(patient) for patient in patient_ids])
    places = np.searchsorted(bounds / bounds[-1], fractions, side="right")
    return np.array(chosen, dtype="U11")[np.minimum(places, len(chosen) - 1)]


def _fraction_of(patient_id: str) -> float:
    digest = hashlib.sha256((_SALT + patient_id).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def join_copied(patient_ids: pa.ChunkedArray, content_hashes: pa.ChunkedArray) -> tuple[tuple[str, ...], ...]:
    """Find the patients who must share a split since the very same ECG stands under each of them.

    Who shares an ECG with a patient who shares another one with a third is joined with both.

    Args:
        patient_ids: Of n ECGs.
        content_hashes: Of the same ECGs; "" where it is not known.

    Returns:
        Groups of two or more patients, each sorted, in the order of their first patients. The split of the first
        patient of a group is that of all.
    """
    hashes = content_hashes.combine_chunks().dictionary_encode()
    codes = hashes.indices.to_numpy(zero_copy_only=False)
    is_repeated = np.bincount(codes, minlength=len(hashes.dictionary)) > 1
    is_repeated &= np.array(hashes.dictionary.to_numpy(zero_copy_only=False) != "", dtype=np.bool_)
    rows = np.flatnonzero(is_repeated[codes])
    if not len(rows):
        return ()
    from scipy.sparse import coo_array  # takes 0.2 s, and most stores have no copies
    from scipy.sparse.csgraph import connected_components

    patients = patient_ids.take(pa.array(rows)).combine_chunks().dictionary_encode()
    of_row, n_patients = patients.indices.to_numpy(zero_copy_only=False), len(patients.dictionary)
    ecgs, of_hash = np.unique(codes[rows], return_inverse=True)
    n = n_patients + len(ecgs)
    edges = coo_array((np.ones(len(rows), dtype=np.int8), (of_row, n_patients + of_hash)), shape=(n, n))
    _, group_of = connected_components(edges, directed=False)
    groups: dict[int, list[str]] = {}
    for patient, group in zip(patients.dictionary.to_pylist(), group_of[:n_patients].tolist(), strict=True):
        groups.setdefault(group, []).append(patient)
    return tuple(sorted(tuple(sorted(group)) for group in groups.values() if len(group) > 1))


def assign_joined(patient_ids: Sequence[str], *, joined: Sequence[Sequence[str]]) -> NDArray[np.str_]:
    """Put each patient into a split as `assign` does, and those who are joined into that of their first one.

    Args:
        patient_ids: n ids; repeats are welcome.
        joined: As `join_copied` returns it.

    Returns:
        Shape (n,): one of `SPLITS` for each.
    """
    first_of = {patient: group[0] for group in joined for patient in group}
    return assign([first_of.get(patient, patient) for patient in patient_ids])


def check_joined(splits: Mapping[str, str], *, joined: Sequence[Sequence[str]], where: str) -> None:
    """Check that patients who share an ECG share a split.

    Args:
        splits: Patient -> split.
        joined: As `join_copied` returns it.
        where: The table, for the message.

    Raises:
        StoreError: They do not; the first few are named.
    """
    torn = [group for group in joined if len({splits[patient] for patient in group}) > 1]
    if torn:
        shown = "; ".join(
            ", ".join(f"{patient!r} ({splits[patient]})" for patient in group[:_SHOWN]) for group in torn[:_SHOWN]
        )
        raise StoreError(
            f"{where}: the very same ECG stands under patients in different splits ({len(torn):,} times: {shown}); "
            "give them one split, or one patient_id with --metadata; hemometric inspect names the ECGs"
        )


def read_splits(path: Path, *, patient_ids: Sequence[str]) -> NDArray[np.str_]:
    """Take the splits from a user's `splits.csv` (patient_id, split) instead.

    Args:
        path: The table; it may name more patients than the store has, and a patient on several lines with one split.
        patient_ids: n ids; repeats are welcome.

    Returns:
        Shape (n,): one of `SPLITS` for each.

    Raises:
        StoreError: A column is missing, a split has an unknown name, a patient is in two splits or in none.
    """
    named = read_named_splits(path)
    missing = sorted(set(patient_ids) - named.keys())
    if missing:
        raise StoreError(
            f"{path}: names no split for {len(missing)} patients of the store (first {missing[0]!r}); add them, or "
            "remove the file to split by hash"
        )
    return np.array([named[patient] for patient in patient_ids], dtype="U11")


def read_named_splits(path: Path) -> dict[str, str]:
    """Read a table (patient_id, split): the split of each patient that it names.

    Raises:
        StoreError: A column is missing, a split has an unknown name, or patients are in two splits (they are named).
    """
    named: dict[str, str] = {}
    torn: dict[str, list[str]] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file)
            if not set(_COLUMNS) <= set(table.fieldnames or ()):
                raise StoreError(f"{path}: columns are {table.fieldnames}, expected patient_id and split")
            for row in table:
                patient, split = (row["patient_id"] or "").strip(), (row["split"] or "").strip()
                if split not in SPLITS:
                    raise StoreError(
                        f"{path}: line {table.line_num}: split {split!r} of patient {patient!r}{suggest(split, SPLITS)}"
                    )
                if named.setdefault(patient, split) != split:
                    torn.setdefault(patient, [named[patient]]).append(split)
    except (OSError, ValueError, csv.Error) as error:
        raise StoreError(f"{path}: not a readable CSV ({error})") from error
    if torn:
        raise StoreError(f"{path}: {describe_torn(torn)}; give each patient one split")
    return named


def describe_torn(torn: Mapping[str, Sequence[str]]) -> str:
    """Name patients who are in two splits, the first few of them, with the splits."""
    shown = [f"{patient!r} ({', '.join(dict.fromkeys(splits))})" for patient, splits in list(torn.items())[:_SHOWN]]
    more = f" and {len(torn) - _SHOWN:,} more" if len(torn) > _SHOWN else ""
    return f"{len(torn):,} patients are in two splits: {', '.join(shown)}{more}"
