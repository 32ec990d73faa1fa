"""A folder of GE MUSE XML exports: patient and time stand in each file, which `hemometric.formats.muse` reads."""

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from hemometric.datasets.facts import Dataset, Facts
from hemometric.formats.known import FORMATS, HEAD_BYTES, find_suffix

NAME = "muse-directory"
EXPECTED = "GE MUSE XML (root element RestingECG): the first 20 ECG files in the folder and below it must all be that"

_LOOKED_AT = 20


def find_root(source: Path) -> Path | None:
    """Return `source` where it is a folder of MUSE files or one of them, or None."""
    found = source.absolute()
    files = list(islice(_list_ecgs(found), _LOOKED_AT)) if found.is_dir() else [found]
    if not files or not all(map(_is_muse, files)):
        return None
    return found if found.is_dir() else found.parent


def explain(source: Path) -> str:
    """Say which file at `source` keeps it from being a folder of MUSE files, or ""."""
    if not source.is_dir():
        return ""
    files = list(islice(_list_ecgs(source.absolute()), _LOOKED_AT))
    other = next((file for file in files if not _is_muse(file)), None)
    return "" if other is None else f"of {len(files):,} files {other.relative_to(source.absolute())} is not"


def open_at(root: Path) -> Dataset:
    """Open the folder at `root`.

    The patient is the PatientID of the file as it stands there, leading zeros included, so that a catheter table of the
    same hospital finds it; no prefix is put before it.
    """
    return Dataset(name=NAME, root=root, lookup=find_facts)


def find_facts(_: Path) -> Facts:
    """Return nothing: the file itself says who, when, how old and which sex."""
    return Facts()


def _list_ecgs(folder: Path) -> Iterator[Path]:
    """Yield the files in and below a folder that are called as ECGs, in order; hidden ones are left out."""
    for place, subfolders, names in os.walk(folder):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        yield from (Path(place, name) for name in sorted(names) if find_suffix(name) is not None and name[0] != ".")


def _is_muse(file: Path) -> bool:
    try:
        if not file.is_file():
            return False  # opening a pipe would wait for its other end
        with file.open("rb") as stream:
            return FORMATS["muse-xml"].matches(stream.read(HEAD_BYTES))
    except OSError:
        return False
