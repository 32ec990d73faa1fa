"""CODE-15 % (Ribeiro et al. 2021, Zenodo 4916206): 345,779 ECGs of telehealth in 18 HDF5 files, 400 Hz.

Each file holds `exam_id` (N,) and `tracings` (N, 4096, 12), filled up with zeros at both ends; the table `exams.csv`
beside it says who the patients are. The unit, which the files do not state, is discussed in docs/formats/hdf5.md.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.csv
from numpy.typing import NDArray

from hemometric.ecg import LEADS, Ecg
from hemometric.errors import ReadError
from hemometric.formats.hdf5_contents import Contents
from hemometric.formats.hdf5_objects import check_own, find_dataset

RATE_HZ = 400.0
N_SAMPLES = 4096
TABLE = "exams.csv"
_COLUMNS = {"exam_id": pa.int64(), "patient_id": pa.int64(), "age": pa.float64(), "is_male": pa.bool_()}
_MOST_EXAMS = 10_000_000
_NO_EXAM = 0
"""The id in the last row of each file, which holds no ECG."""
_OLDEST_YEARS = 120


@dataclass(frozen=True, slots=True, eq=False)
class _Exams:
    """Rows of `exams.csv`, sorted by exam; shape (n,) each. NaN and -1 mean that the table does not say."""

    exam: NDArray[np.int64]
    patient: NDArray[np.int64]
    age_years: NDArray[np.float64]
    is_male: NDArray[np.int8]


def find_exams(path: Path, file: h5py.File) -> Contents | None:
    """Return the ECGs of a file of this layout, or None where it has another one.

    Raises:
        ReadError: Two rows have one exam id ("duplicate-name"), or an array is stored as none of CODE-15 is.
    """
    ids, tracings = find_dataset(file, "exam_id"), find_dataset(file, "tracings")
    if ids is None or tracings is None or not _fit(ids, tracings):
        return None
    check_own(path, ids)
    check_own(path, tracings)
    exams = ids[()].tolist()
    if exams and exams[-1] == _NO_EXAM:
        exams.pop()
    rows = {str(exam): row for row, exam in enumerate(exams)}
    if len(rows) < len(exams):
        exam = Counter(exams).most_common(1)[0][0]
        raise ReadError(path, f"exam_id {exam} stands in several rows, expected each once", code="duplicate-name")
    return Contents(parts=rows, read=partial(_read_exam, path, tracings, rows))


def _fit(ids: h5py.Dataset, tracings: h5py.Dataset) -> bool:
    """Say whether shapes and types are those of CODE-15; IKEM's `tracings` are (N, 4096, 8), int16, at 500 Hz."""
    return bool(
        ids.ndim == 1
        and ids.dtype.kind in "iu"
        and ids.size <= _MOST_EXAMS
        and tracings.shape == (ids.size, N_SAMPLES, len(LEADS))
        and tracings.dtype.kind == "f"
    )


def _read_exam(path: Path, tracings: h5py.Dataset, rows: Mapping[str, int], exam: str) -> Ecg:
    samples = tracings[rows[exam]]
    recorded = np.flatnonzero((samples != 0).any(axis=1))  # NaN is no padding
    if not len(recorded):
        raise ReadError(path, f"all samples of exam {exam} are zero, which is how CODE-15 fills up", code="empty")
    start, stop = int(recorded[0]), int(recorded[-1]) + 1
    notes = ["unit absent: mV as the documentation of CODE-15 says"]
    if stop - start < len(samples):
        notes.append(f"zeros around the recording left out: {start} samples before, {len(samples) - stop} after")
    patient_id, age_years, is_male = _find_facts(path, int(exam))
    with np.errstate(over="ignore"):
        waveform = samples[start:stop].T.astype(np.float32)
    return Ecg(
        waveform=np.ascontiguousarray(waveform),
        sampling_rate_hz=RATE_HZ,
        ecg_id=exam,
        patient_id=patient_id,
        age_years=age_years,
        sex=None if is_male is None else "male" if is_male else "female",
        notes=tuple(notes),
    )


def _find_facts(path: Path, exam: int) -> tuple[str | None, float | None, bool | None]:
    """Return patient, age in years and whether male, as the table beside or above says; None where it does not.

    Above, since each file comes in a ZIP of its own, which many tools unpack into a folder of its name.
    """
    table = next((folder / TABLE for folder in path.parents[:2] if (folder / TABLE).is_file()), None)
    if table is None:
        return None, None, None
    state = table.stat()
    exams = _read_table(table, state.st_mtime_ns, state.st_size)
    place = int(np.searchsorted(exams.exam, exam))
    if place == len(exams.exam) or exams.exam[place] != exam:
        return None, None, None
    patient, age, is_male = int(exams.patient[place]), float(exams.age_years[place]), int(exams.is_male[place])
    return (
        None if patient < 0 else f"code-15:{patient}",
        age if 0 <= age <= _OLDEST_YEARS else None,
        None if is_male < 0 else bool(is_male),
    )


@lru_cache(maxsize=1)
def _read_table(path: Path, _changed_ns: int, _n_bytes: int) -> _Exams:
    """Read `exams.csv`, once per process as long as it does not change.

    Raises:
        ReadError: It lacks a column or holds another type of value ("metadata").
    """
    options = pyarrow.csv.ConvertOptions(include_columns=list(_COLUMNS), column_types=_COLUMNS)
    try:
        table = pyarrow.csv.read_csv(
            path, read_options=pyarrow.csv.ReadOptions(use_threads=False), convert_options=options
        )
    except (pa.ArrowException, OSError, KeyError) as error:
        first = str(error).partition("\n")[0][:160]
        reason = f"is not the table of CODE-15 ({first}); download it again, or move it away from the HDF5 files"
        raise ReadError(path, reason, code="metadata") from error
    table = table.filter(table["exam_id"].is_valid()).sort_by("exam_id")
    return _Exams(
        exam=table["exam_id"].to_numpy(),
        patient=table["patient_id"].fill_null(-1).to_numpy(),
        age_years=table["age"].fill_null(float("nan")).to_numpy(),
        is_male=table["is_male"].cast(pa.int8()).fill_null(-1).to_numpy(),
    )
