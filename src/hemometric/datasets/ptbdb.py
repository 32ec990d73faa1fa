"""PTB Diagnostic ECG Database (Bousseljot et al. 1995, PhysioNet ptbdb 1.0.0): a folder is a patient.

Lead order: i, ii, iii, avr, avl, avf, v1-v6 in .dat, then vx, vy, vz in .xyz, which are not read and may be missing;
leads are chosen by name. Units: 2000 steps per mV at 1000 Hz, no gain is repaired. Patients: "ptbdb:patient001".
Labels: mpcwp, mpap and co at rest, from the header (`hemometric.datasets.ptbdb_hemodynamics`); pressures are written in
cmH2O, flow in l/min (docs/decisions/0015-ptbdb-units.md). Splits: none is published.
"""

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from hemometric.datasets.facts import Dataset, Facts
from hemometric.datasets.headers import explain_headers
from hemometric.datasets.ptbdb_hemodynamics import find_values
from hemometric.errors import ReadError
from hemometric.formats.wfdb_header import parse_day, read_header

NAME = "ptbdb"
EXPECTED = "folders patient001, patient002, ..., or a RECORDS file that names them, or headers such as s0010_re.hea"

_PATIENT = re.compile(r"patient\d{3}")
_RECORD = re.compile(r"s\d{4}[a-z_]re")
_REMARK = (
    "ptbdb writes catheter pressures in cmH2O although they look like mmHg; they are converted as written, or taken "
    "for mmHg where --catheter-unit cmH2O=mmHg is given (docs/datasets/ptbdb.md)"
)
_DAY = re.compile(r"ECG date:\s*(\S+)", re.IGNORECASE)


def find_root(source: Path) -> Path | None:
    """Return the folder of the PTBDB that `source` is or lies in, or None."""
    folder = source.absolute() if source.is_dir() else source.absolute().parent
    if _PATIENT.fullmatch(folder.name) and _holds_records(folder):
        return folder.parent
    if _read_records(folder) or any(map(_holds_records, folder.glob("patient[0-9][0-9][0-9]"))):
        return folder
    return folder if _holds_records(folder) else None


def explain(source: Path) -> str:
    """Say which headers at `source` keep it from being PTBDB, or ""."""
    folder = source.absolute() if source.is_dir() else source.absolute().parent
    return explain_headers((folder, *sorted(folder.glob("patient[0-9][0-9][0-9]"))), _RECORD)


def open_at(root: Path) -> Dataset:
    """Open the PTBDB at `root`.

    The patient is "ptbdb:patient001" by the folder of the record or, where the files were moved, by the RECORDS file;
    unknown where neither is there. The day is that of the "ECG date" in the header (day first).
    """
    lookup = partial(find_facts, _read_records(root))
    return Dataset(name=NAME, root=root, lookup=lookup, labels=find_values, remark=_REMARK)


def find_facts(patients: Mapping[str, str], record: Path) -> Facts:
    """Return what the folder, the RECORDS file and the header of `record` say.

    Args:
        patients: From the name of a record to its folder, by the RECORDS file.
        record: Path of the header.
    """
    patient = patients.get(record.stem)
    if _PATIENT.fullmatch(record.absolute().parent.name):
        patient = record.absolute().parent.name
    return Facts(patient_id=patient and f"{NAME}:{patient}", acquired_at=_find_day(record.with_suffix(".hea")))


def _holds_records(folder: Path) -> bool:
    """Say whether a folder has headers and all are named as those of PTBDB."""
    names = [header.stem for header in folder.glob("*.hea")]
    return bool(names) and all(map(_RECORD.fullmatch, names))


def _read_records(root: Path) -> dict[str, str]:
    """Return the patient of each record by a RECORDS file with lines such as "patient001/s0010_re"."""
    try:
        lines = (root / "RECORDS").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    pairs = (line.strip().split("/") for line in lines)
    return {
        pair[1]: pair[0]
        for pair in pairs
        if len(pair) == 2 and _PATIENT.fullmatch(pair[0]) and _RECORD.fullmatch(pair[1])
    }


def _find_day(header: Path) -> str | None:
    try:
        comments = read_header(header).comments
    except (ReadError, OSError):
        return None
    match = next(filter(None, map(_DAY.match, comments)), None)
    return parse_day(match.group(1)) if match else None
