"""`label_rejects.csv` of a store: the values that were written and are not used."""

import csv
import io
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from hemometric.errors import StoreError
from hemometric.labels.values import LabelReject
from hemometric.store.tables import LABEL_REJECTS

_COLUMNS = tuple(one.name for one in fields(LabelReject))


def encode_label_rejects(rejects: Sequence[LabelReject]) -> bytes:
    """The bytes of the file."""
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(_COLUMNS)
    rows.writerows([getattr(reject, name) for name in _COLUMNS] for reject in rejects)
    return text.getvalue().encode("utf-8", "backslashreplace")


def read_label_rejects(store: Path) -> tuple[LabelReject, ...]:
    """Read the file of a store; empty where there is none.

    Raises:
        StoreError: It is not such a table.
    """
    path = store / LABEL_REJECTS
    if not path.exists():
        return ()
    try:
        with path.open(newline="", encoding="utf-8") as file:
            header, *rows = csv.reader(file)
        if tuple(header) != _COLUMNS:
            raise ValueError(f"columns are {', '.join(header)}")
        return tuple(LabelReject(int(row[0]), *row[1:]) for row in rows)
    except (OSError, ValueError, TypeError, csv.Error) as error:
        raise StoreError(
            f"{path}: expected the columns {', '.join(_COLUMNS)} ({error}); link the table again"
        ) from error
