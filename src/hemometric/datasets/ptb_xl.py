"""PTB-XL (Wagner et al. 2020, PhysioNet ptb-xl 1.0.3): patient, age, sex and time stand in ptbxl_database.csv."""

import csv
import datetime
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from hemometric.datasets.facts import OLDEST_YEARS, Dataset, Facts
from hemometric.ecg import Sex
from hemometric.errors import ReadError

NAME = "ptb-xl"
TABLE = "ptbxl_database.csv"
EXPECTED = f"{TABLE} in the folder or up to four folders above"

_COLUMNS = ("patient_id", "age", "sex", "recording_date", "filename_lr", "filename_hr")
_SEXES: dict[str, Sex] = {"0": "male", "1": "female"}
_FOLDERS = ("records100", "records500")
_SPLITS = {**dict.fromkeys(map(str, range(1, 8)), "train"), "8": "validation", "9": "calibration", "10": "test"}
"""By `strat_fold`. The authors validate on 9 and test on 10, which a person looked at, and have no calibration."""
_CODE_OF_OVER_89 = 300.0
_YOUNGEST_OVER_89 = 90.0


def find_root(source: Path) -> Path | None:
    """Return the folder of the PTB-XL that `source` is or lies in, or None."""
    absolute = source.absolute()
    return next((folder for folder in (absolute, *absolute.parents[:4]) if (folder / TABLE).is_file()), None)


def open_at(root: Path) -> Dataset:
    """Read the table of the PTB-XL at `root`.

    A record is found by its name ("00001_hr", "00001_lr"), which is unique in PTB-XL, so that moved files keep their
    patient. Patient 15709.0 of the table becomes "ptb-xl:15709".

    Raises:
        ReadError: The table lacks a column ("metadata").
    """
    path = root / TABLE
    table: dict[str, Facts] = {}
    for row in _read_rows(path, _COLUMNS):
        facts = _read_row(row)
        names = (row[column].rpartition("/")[2] for column in ("filename_lr", "filename_hr"))
        table |= {name: facts for name in names if name}
    return Dataset(name=NAME, root=root, lookup=partial(find_facts, table), tables=(path,))


def advise(source: Path) -> str:
    """Say that `source` holds every ECG twice, where it does; else ""."""
    if not all((source / name).is_dir() for name in _FOLDERS):
        return ""
    return "a SOURCE holds every ECG of ptb-xl twice, at 100 and at 500 Hz: name its folder records500 alone"


def read_splits(root: Path) -> dict[str, str]:
    """Return the split of each patient by the authors' folds: 1 to 7 train, 8 validates, 9 calibrates, 10 tests.

    Args:
        root: The folder of ptbxl_database.csv.

    Returns:
        "ptb-xl:15709" -> "train", "validation", "calibration" or "test".

    Raises:
        ReadError: The table cannot be read, lacks `strat_fold`, or has a fold that is none of 1 to 10 or a patient in
            two splits ("metadata").
    """
    path = root / TABLE
    splits: dict[str, str] = {}
    for row in _read_rows(path, ("patient_id", "strat_fold")):
        patient, fold = _read_patient(row["patient_id"]), row["strat_fold"].strip().removesuffix(".0")
        if fold not in _SPLITS:
            raise ReadError(path, f"strat_fold {fold!r} is none of 1 to 10; download the table again", code="metadata")
        if patient is not None and splits.setdefault(patient, _SPLITS[fold]) != _SPLITS[fold]:
            reason = f"patient {patient} is in two splits by strat_fold; download the table of PTB-XL 1.0.3"
            raise ReadError(path, reason, code="metadata")
    return splits


def find_facts(table: Mapping[str, Facts], record: Path) -> Facts:
    """Return the row of the record at `record`, which may carry a suffix."""
    return table.get(record.name) or table.get(record.stem) or Facts()


def _read_rows(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            rows = list(csv.DictReader(stream, restval=""))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ReadError(path, f"cannot be read as CSV ({error}); download it again", code="metadata") from error
    missing = [column for column in columns if not rows or column not in rows[0]]
    if missing:
        reason = f"lacks the columns {', '.join(missing)} of PTB-XL 1.0.3; download the table again"
        raise ReadError(path, reason, code="metadata")
    return rows


def _read_row(row: Mapping[str, str]) -> Facts:
    age, notes = _read_age(row["age"])
    return Facts(
        patient_id=_read_patient(row["patient_id"]),
        age_years=age,
        sex=_SEXES.get(row["sex"].removesuffix(".0")),
        acquired_at=_read_time(row["recording_date"]),
        notes=notes,
    )


def _read_patient(text: str) -> str | None:
    """Return "ptb-xl:15709" for "15709.0"."""
    number = text.strip().removesuffix(".0")
    return f"{NAME}:{number}" if number and number != "nan" else None


def _read_age(text: str) -> tuple[float | None, tuple[str, ...]]:
    """Return the age in years; 300 stands for more than 89, of which the youngest is taken."""
    try:
        age = float(text)
    except ValueError:
        return None, ()
    if age == _CODE_OF_OVER_89:
        return _YOUNGEST_OVER_89, ("age over 89 (coded 300 in PTB-XL): taken as 90",)
    return (age, ()) if 0 <= age <= OLDEST_YEARS else (None, (f"age {age:g} is not plausible: taken as unknown",))


def _read_time(text: str) -> str | None:
    try:
        return datetime.datetime.fromisoformat(text.strip()).isoformat(timespec="seconds")
    except ValueError:
        return None
