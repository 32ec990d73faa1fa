"""CODE-15 % (Ribeiro et al. 2021, Zenodo 4916206): HDF5 files of many exams, and `exams.csv` that says who they are of.

The files are read by `hemometric.formats.hdf5_code15`, which takes patient, age and sex of each exam from the table.
Here it is checked that the table is there, since without it every exam would be a patient of its own.
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from hemometric.datasets.columns import explain_columns, has_columns
from hemometric.datasets.facts import Dataset, Facts
from hemometric.errors import ReadError
from hemometric.formats.hdf5_code15 import TABLE
from hemometric.progress import say

NAME = "code-15"
EXPECTED = f"{TABLE} with the columns exam_id, patient_id, age, is_male and trace_file, in the folder or the one above"

_COLUMNS = ("exam_id", "patient_id", "age", "is_male", "trace_file")


def find_root(source: Path) -> Path | None:
    """Return the folder of the CODE-15 that `source` is or lies in, or None."""
    return next((place for place in _list_places(source) if has_columns(place / TABLE, _COLUMNS)), None)


def explain(source: Path) -> str:
    """Say what an exams.csv at `source` lacks to be that of CODE-15, or ""."""
    return next(filter(None, (explain_columns(place / TABLE, _COLUMNS) for place in _list_places(source))), "")


def open_at(root: Path) -> Dataset:
    """Check the table of the CODE-15 at `root` and say how many of its files are here.

    Patient 1724173 of the table becomes "code-15:1724173"; that, age and sex of an exam are what `read_ecg` says.

    Raises:
        ReadError: The table cannot be read, gives one exam to two patients, or names no file that is here ("metadata").
    """
    path = root / TABLE
    types = {"trace_file": pa.string(), "exam_id": pa.int64(), "patient_id": pa.int64()}
    try:
        options = pyarrow.csv.ConvertOptions(include_columns=list(types), column_types=types)
        table = pyarrow.csv.read_csv(path, convert_options=options)
    except (pa.ArrowException, OSError, KeyError) as error:
        first = str(error).partition("\n")[0][:160]
        raise ReadError(path, f"cannot be read as CSV ({first}); download it again", code="metadata") from error
    twofold = table.group_by("exam_id").aggregate([("patient_id", "count_distinct")])
    twofold = twofold.filter(pc.greater(twofold["patient_id_count_distinct"], 1))
    if twofold.num_rows:
        reason = f"gives exam {twofold['exam_id'][0]} to several patients, expected one; download it again"
        raise ReadError(path, reason, code="metadata")
    named = {str(name) for name in pc.unique(table["trace_file"]).to_pylist() if name}
    here = named & {file.name for pattern in ("*", "*/*") for file in root.glob(f"{pattern}.hdf5")}
    if not here:
        reason = (
            f"names {len(named):,} HDF5 files, none of which lies beside it or one folder below; unpack "
            "exams_part0.zip and the others there, and keep their names"
        )
        raise ReadError(path, reason, code="metadata")
    if len(here) < len(named):
        say(f"{NAME}: {len(here):,} of the {len(named):,} HDF5 files that {TABLE} names are here")
    return Dataset(name=NAME, root=root, lookup=find_facts, tables=(path,))


def find_facts(_: Path) -> Facts:
    """Return nothing: a file holds many exams, and reading one says what the table knows about it."""
    return Facts()


def _list_places(source: Path) -> tuple[Path, Path]:
    folder = source.absolute() if source.is_dir() else source.absolute().parent
    return folder, folder.parent
