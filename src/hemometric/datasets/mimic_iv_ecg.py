"""MIMIC-IV-ECG (Gow et al. 2023, PhysioNet mimic-iv-ecg 1.0): 800,035 ECGs of 161,352 patients of one hospital.

files/p1000/p10000032/s40689238/40689238.{hea,dat}, 500 Hz, 10 s. Lead order of the headers: I, II, III, aVR, aVF, aVL,
V1-V6 (aVF before aVL), so leads are chosen by name. Units: 200 steps per mV, as the header says; no gain is repaired.
Patients and times: record_list.csv, "mimic-iv:10000032", as `hemometric link --layout mimic-iv` calls them. All times
of a patient are moved alike in both archives, but the clocks of most ECG machines were not set by any other clock.
Age and sex: hosp/patients.csv or .csv.gz of MIMIC-IV where it is found (`PLACES`). Labels: none beside the records;
catheter values are charted in MIMIC-IV (icu/chartevents). Splits: none is published.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pc_csv
from numpy.typing import NDArray

from hemometric.datasets.columns import explain_columns, has_columns
from hemometric.datasets.facts import OLDEST_YEARS, Dataset, Facts
from hemometric.ecg import Sex
from hemometric.errors import ReadError

NAME = "mimic-iv-ecg"
PATIENT_PREFIX = "mimic-iv:"
TABLE = "record_list.csv"
EXPECTED = (
    f"{TABLE} with the columns subject_id, study_id, file_name, ecg_time, path, in the folder or up to five above"
)
PLACES = (
    "hosp",
    "../hosp",
    *("../mimiciv*/hosp", "../mimic-iv-[0-9]*/hosp", "../mimiciv*/*/hosp"),
    *("../../mimiciv*/hosp", "../../mimic-iv-[0-9]*/hosp", "../../mimiciv*/*/hosp"),
)
"""Where patients.csv or patients.csv.gz is looked for, from the folder of record_list.csv.

The first place where one is counts, there patients.csv before .csv.gz, and of several versions the last by name.
"""

_CLOCKS = (
    "the clocks of most ECG machines of mimic-iv-ecg were never set by another, so that times may be off against those "
    "of MIMIC-IV (docs/datasets/mimic-iv-ecg.md)"
)
_NO_PATIENTS = "no hosp/patients.csv of MIMIC-IV is found beside mimic-iv-ecg, so that age and sex are unknown"
_COLUMNS = ("subject_id", "study_id", "file_name", "ecg_time", "path")
_SEXES: dict[str, Sex] = {"F": "female", "M": "male"}
_CODE_OF_OVER_89 = 91
_MEASURES = ("rr_interval", "p_onset", "p_end", "qrs_onset", "qrs_end", "t_end", "p_axis", "qrs_axis", "t_axis")
SENTINELS = (29999, 32767, -32768, 65535)
"""Stand for "not measured" in machine_measurements.csv."""


@dataclass(frozen=True, slots=True, eq=False)
class _Studies:
    """record_list.csv, sorted by study: 13 MB for all of them.

    Attributes:
        study: Shape (n,), ascending.
        subject: Shape (n,).
        time: Shape (n,), by the clock of the hospital, moved by MIMIC.
    """

    study: NDArray[np.int64]
    subject: NDArray[np.int64]
    time: NDArray[np.datetime64]


@dataclass(frozen=True, slots=True, eq=False)
class _Patients:
    """hosp/patients, sorted by subject.

    Attributes:
        subject: Shape (n,), ascending.
        sex: Shape (n,), "F" or "M".
        anchor_age: Shape (n,), years in the anchor year; 91 stands for more than 89.
        anchor_year: Shape (n,).
    """

    subject: NDArray[np.int64]
    sex: NDArray[np.str_]
    anchor_age: NDArray[np.int64]
    anchor_year: NDArray[np.int64]


def find_root(source: Path) -> Path | None:
    """Return the folder of the MIMIC-IV-ECG that `source` is or lies in, or None."""
    return next((folder for folder in _list_places(source) if has_columns(folder / TABLE, _COLUMNS)), None)


def explain(source: Path) -> str:
    """Say what a record_list.csv at `source` lacks to be that of MIMIC-IV-ECG, or ""."""
    return next(filter(None, (explain_columns(folder / TABLE, _COLUMNS) for folder in _list_places(source))), "")


def open_at(root: Path) -> Dataset:
    """Read record_list.csv of the MIMIC-IV-ECG at `root`, and hosp/patients of MIMIC-IV where it is found.

    Raises:
        ReadError: A table is damaged ("metadata").
    """
    patients = find_patients(root)
    lookup: Callable[[Path], Facts] = partial(
        find_facts, _read_studies(root / TABLE), None if patients is None else _read_patients(patients)
    )
    tables = (root / TABLE,) if patients is None else (root / TABLE, patients)
    remarks = (_CLOCKS,) if patients is not None else (_NO_PATIENTS, _CLOCKS)
    return Dataset(name=NAME, root=root, lookup=lookup, tables=tables, remark="; ".join(remarks))


def find_patients(root: Path) -> Path | None:
    """Return hosp/patients.csv or .csv.gz of the MIMIC-IV that lies inside or beside `root`, or None."""
    for place in PLACES:
        base = root.joinpath(*[part for part in Path(place).parts if part == ".."])
        pattern = "/".join(part for part in Path(place).parts if part != "..")
        for name in ("patients.csv", "patients.csv.gz"):
            found = sorted(base.resolve().glob(f"{pattern}/{name}"))
            if found:
                return found[-1]
    return None


def find_facts(studies: _Studies, patients: _Patients | None, record: Path) -> Facts:
    """Return what the tables say about the record at `record`, whose name is that of its study.

    Args:
        studies: record_list.csv.
        patients: hosp/patients, or None.
        record: Path of the header.
    """
    row = _find(studies.study, record.stem)
    if row is None:
        return Facts()
    subject, time = int(studies.subject[row]), studies.time[row]
    acquired_at = None if np.isnat(time) else str(time.astype("datetime64[s]"))
    facts = Facts(patient_id=f"{PATIENT_PREFIX}{subject}", acquired_at=acquired_at)
    place = None if patients is None else _find(patients.subject, str(subject))
    if patients is None or place is None:
        return facts
    age, notes = _find_age(patients, place, acquired_at)
    sex = _SEXES.get(str(patients.sex[place]))
    return Facts(patient_id=facts.patient_id, acquired_at=acquired_at, age_years=age, sex=sex, notes=notes)


def read_machine_measurements(root: Path) -> pa.Table:
    """Read the intervals (ms) and axes (degrees) that the ECG machines measured; null where they did not.

    Args:
        root: The folder of machine_measurements.csv.

    Returns:
        Columns subject_id, study_id, rr_interval, p_onset, p_end, qrs_onset, qrs_end, t_end, p_axis, qrs_axis, t_axis,
        all int64.

    Raises:
        ReadError: The table is damaged ("metadata").
    """
    names = ("subject_id", "study_id", *_MEASURES)
    table = _read_table(root / "machine_measurements.csv", dict.fromkeys(names, pa.int64()))
    for name in _MEASURES:
        sentinel = pc.is_in(table[name], value_set=pa.array(SENTINELS, pa.int64()))
        cleaned = pc.if_else(sentinel, pa.scalar(None, pa.int64()), table[name])
        table = table.set_column(table.schema.get_field_index(name), name, cleaned)
    return table


def _list_places(source: Path) -> tuple[Path, ...]:
    absolute = source.absolute()
    return (absolute, *absolute.parents[:5])


def _read_studies(path: Path) -> _Studies:
    table = _read_table(path, {"subject_id": pa.int64(), "study_id": pa.int64(), "ecg_time": pa.timestamp("s")})
    if table["subject_id"].null_count or table["study_id"].null_count:
        raise ReadError(path, "has rows without subject_id or study_id; download it again", code="metadata")
    table = table.sort_by("study_id")
    study = table["study_id"].to_numpy()
    if len(study) and not np.all(np.diff(study) > 0):
        raise ReadError(path, "lists a study_id twice; download it again", code="metadata")
    return _Studies(study, table["subject_id"].to_numpy(), table["ecg_time"].to_numpy())


def _read_patients(path: Path) -> _Patients:
    numbers = dict.fromkeys(("subject_id", "anchor_age", "anchor_year"), pa.int64())
    table = _read_table(path, {**numbers, "gender": pa.string()}).drop_null().sort_by("subject_id")
    columns = (table[name].to_numpy() for name in ("subject_id", "gender", "anchor_age", "anchor_year"))
    subject, sex, age, year = columns
    return _Patients(subject, sex.astype(np.str_), age, year)


def _read_table(path: Path, types: dict[str, Any]) -> pa.Table:
    options = pc_csv.ConvertOptions(column_types=types, include_columns=list(types))
    try:
        return pc_csv.read_csv(path, convert_options=options)
    except (OSError, pa.ArrowException) as error:
        reason = f"is not the table of MIMIC with {', '.join(types)} ({str(error).splitlines()[0]}); download it again"
        raise ReadError(path, reason, code="metadata") from error


def _find(ascending: NDArray[np.int64], text: str) -> int | None:
    """The place of a number in an ascending array, or None where it is not there, or none at all."""
    if not (text.isascii() and text.isdecimal() and len(text) < 18):
        return None
    place = int(np.searchsorted(ascending, int(text)))
    return place if place < len(ascending) and ascending[place] == int(text) else None


def _find_age(patients: _Patients, place: int, acquired_at: str | None) -> tuple[float | None, tuple[str, ...]]:
    """Age at the ECG: MIMIC gives that in an anchor year, and moves all years of a patient alike."""
    if acquired_at is None:
        return None, ()
    anchor = int(patients.anchor_age[place])
    age = float(anchor + int(acquired_at[:4]) - int(patients.anchor_year[place]))
    if not 0 <= age <= OLDEST_YEARS:
        return None, (f"age {age:g} is not plausible: taken as unknown",)
    over = anchor == _CODE_OF_OVER_89
    return age, ("age over 89 (coded 91 in MIMIC-IV): counted from 91",) if over else ()
