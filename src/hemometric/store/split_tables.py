"""Tables of a user: which split or which site patients belong to; of a de-identified store by original ids too."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hemometric.deidentification import KEY, Deidentifier, check_secret
from hemometric.errors import SettingsError, StoreError
from hemometric.settings import suggest
from hemometric.store.reading import Store
from hemometric.store.splits import read_named_splits


def read_table(store: Store, path: Path, *, deidentifier: Deidentifier | None) -> dict[str, str]:
    """Read a table (patient_id, split): patient as the store knows it -> split.

    Args:
        store: Whose patients they are.
        path: The CSV.
        deidentifier: The one by which the store was made: the table has original ids. None: those of the store.

    Raises:
        SettingsError: The store was not made with this secret.
        StoreError: The table cannot be read, or patients are in two splits.
    """
    with _reading(store, deidentifier):
        named = read_named_splits(path)
    return {_map(patient, deidentifier): split for patient, split in named.items()}


def read_sites(store: Store, path: Path, *, column: str, deidentifier: Deidentifier | None) -> dict[str, set[str]]:
    """Read a table with patient_id and a column of sites: patient as the store knows it -> sites.

    Args:
        store: Whose patients they are.
        path: The CSV, one or more lines a patient.
        column: Where the site stands.
        deidentifier: As of `read_table`.

    Raises:
        SettingsError: There is no such column, or the store was not made with this secret.
        StoreError: The table cannot be read.
    """
    sites: dict[str, set[str]] = {}
    with _reading(store, deidentifier):
        try:
            with path.open(newline="", encoding="utf-8-sig") as file:
                table = csv.DictReader(file, restval="")
                for name in ("patient_id", column):
                    if name not in (table.fieldnames or ()):
                        raise SettingsError(f"{path}: has no column {name!r}{suggest(name, table.fieldnames or ())}")
                for row in table:
                    if row["patient_id"].strip() and row[column].strip():
                        patient = _map(row["patient_id"].strip(), deidentifier)
                        sites.setdefault(patient, set()).add(row[column].strip())
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise StoreError(f"{path}: not a readable CSV ({error})") from error
    return sites


def tell_name(store: Store, path: Path) -> str:
    """The name of a table as the store may remember it: "" where it may name a patient."""
    return "" if KEY in store.manifest.provenance else path.name


def _map(patient: str, deidentifier: Deidentifier | None) -> str:
    return patient if deidentifier is None else deidentifier.patient(patient)


@contextmanager
def _reading(store: Store, deidentifier: Deidentifier | None) -> Iterator[None]:
    """Check the secret; let no error out that quotes the table of a de-identified store.

    Raises:
        SettingsError: The store was not made with this secret.
        StoreError: In place of one that quotes.
    """
    if deidentifier is not None:
        check_secret(store.manifest.provenance, deidentifier, where=str(store.path))
    try:
        yield
    except (StoreError, SettingsError):
        if KEY not in store.manifest.provenance:
            raise
        raise StoreError(
            f"{store.path}: the table cannot be used (no CSV with the columns, an unknown split, or a patient in two "
            "splits); where is left out, since the store is de-identified and the table may name a patient"
        ) from None
