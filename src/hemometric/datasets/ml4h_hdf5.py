"""HDF5 files of one patient each, `ecg/<date>/<lead>`, as ML4H writes them (`hemometric.formats.hdf5_patient`)."""

from contextlib import closing
from itertools import islice
from pathlib import Path

from hemometric.datasets.facts import Dataset, Facts
from hemometric.errors import ReadError
from hemometric.formats.find import find_format
from hemometric.formats.hdf5 import holds_patient_ecgs
from hemometric.formats.known import FORMATS
from hemometric.workers import Limits, map_guarded

NAME = "ml4h-hdf5"
EXPECTED = (
    "files *.hd5, *.h5 or *.hdf5 in the folder, each named after its patient, of which one of the first 20 holds "
    "ecg/<date>/<lead> (or partners_ecg_rest/<date>/<lead>)"
)

_LOOKED_AT = 20
_LIMITS = Limits(seconds=60.0, memory_bytes=2**32)


def find_root(source: Path) -> Path | None:
    """Return `source` where it is a folder of such files, or the folder of one, or None.

    The files are opened by another process, since a damaged HDF5 file can end the one that reads it.
    """
    found = source.absolute()
    if found.is_dir():
        named = sorted(file for file in found.iterdir() if file.suffix.casefold() in FORMATS["hdf5"].suffixes)
        files = list(islice((file for file in named if file.is_file() and file.name[0] != "."), _LOOKED_AT))
    else:
        files = [found] if find_format(found) == "hdf5" else []
    if not files:
        return None
    with closing(map_guarded(_is_patient_file, files, n_workers=1, limits=_LIMITS, silent=True)) as answers:
        is_there = any(answer is True for answer in answers)
    return (found if found.is_dir() else found.parent) if is_there else None


def open_at(root: Path) -> Dataset:
    """Open the folder at `root`.

    The patient is the name of the file, and no prefix is put before it, so that a catheter table of the same hospital
    finds it.
    """
    return Dataset(name=NAME, root=root, lookup=find_facts)


def find_facts(_: Path) -> Facts:
    """Return nothing: the file and its name say who, when, how old and which sex."""
    return Facts()


def _is_patient_file(file: Path) -> bool:
    try:
        return holds_patient_ecgs(file)
    except (ReadError, OSError):
        return False
