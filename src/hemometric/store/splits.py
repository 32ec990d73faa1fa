"""Who is in which split: by a hash of the patient, so that no patient is ever in two, or as the user says."""

import csv
import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hemometric.errors import StoreError

SPLITS = ("train", "validation", "calibration", "test")
SPLITS_FILE = "splits.csv"

_UPPER_BOUNDS = (0.6, 0.7, 0.8, 1.0)
_SALT = "hemometric split 1:"
"""Part of every hash; another salt would be another split of the same patients. It never changes."""

_COLUMNS = ("patient_id", "split")


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
    digest = hashlib.sha256((_SALT + patient_id).encode()).digest()
    fraction = int.from_bytes(digest[:8], "big") / 2**64
    return next((name for name, bound in zip(SPLITS, _UPPER_BOUNDS, strict=True) if fraction < bound), SPLITS[-1])


def read_splits(path: Path, *, patient_ids: Sequence[str]) -> NDArray[np.str_]:
    """Take the splits from a user's `splits.csv` (patient_id, split) instead.

    Args:
        path: The table; it may name more patients than the store has.
        patient_ids: n ids; repeats are welcome.

    Returns:
        Shape (n,): one of `SPLITS` for each.

    Raises:
        StoreError: A column is missing, a split has an unknown name, a patient is named twice or not at all.
    """
    named = _read_rows(path)
    missing = sorted(set(patient_ids) - named.keys())
    if missing:
        raise StoreError(
            f"{path}: names no split for {len(missing)} patients of the store (first {missing[0]!r}); add them, or "
            "remove the file to split by hash"
        )
    return np.array([named[patient] for patient in patient_ids], dtype="U11")


def _read_rows(path: Path) -> dict[str, str]:
    named: dict[str, str] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file)
            if not set(_COLUMNS) <= set(table.fieldnames or ()):
                raise StoreError(f"{path}: columns are {table.fieldnames}, expected patient_id and split")
            for row in table:
                patient, split = row["patient_id"] or "", row["split"] or ""
                if split not in SPLITS:
                    raise StoreError(
                        f"{path}: line {table.line_num}: split {split!r} of patient {patient!r}, "
                        f"expected one of {', '.join(SPLITS)}"
                    )
                if patient in named:
                    raise StoreError(f"{path}: line {table.line_num}: patient {patient!r} stands there twice")
                named[patient] = split
    except (OSError, ValueError, csv.Error) as error:
        raise StoreError(f"{path}: not a readable CSV ({error})") from error
    return named
