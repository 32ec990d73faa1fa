"""SCG-RHC (Chan et al. 2023, PhysioNet scg-rhc-wearable-database 1.0.0): right-heart catheterisations with their ECG.

73 patients, 83 catheterisations, 500 Hz, about an hour each: processed_data/TRM107-RHC1.{hea,dat,json}. Lead order: by
name (ECG_lead_I to III, aVR, aVL, aVF, ECG_lead_V1 to V6) among other channels (patch_ECG, RHC_pressure, ...); a record
that lacks one is refused by name ("wrong-leads"), and so are its values. Units: as the header says, no gain is
repaired. Patients: "scg-rhc:TRM107", the part of the name before "-". Labels: mpcwp (PCWM), mpap (PAM), rap (RAM) in
mmHg, co in L/min or mL/min, from the JSON (`hemometric.datasets.scg_rhc_json`). Splits: none is published.
"""

import re
from pathlib import Path

from hemometric.datasets.facts import CatheterValue, Dataset, Facts
from hemometric.datasets.scg_rhc_json import find_values, read_catheterization
from hemometric.errors import ReadError

NAME = "scg-rhc"
FOLDER = "processed_data"
EXPECTED = f"{FOLDER}/TRM###-RHC#.hea, with .dat and .json of the same name beside it"

_RECORD = re.compile(r"(TRM\d{3,4})-RHC\d{1,2}")
_REMARK = (
    "scg-rhc gives one value of each pressure per catheterisation; ECGs after a vasodilator was given are joined to "
    "it, too (docs/datasets/scg-rhc.md)"
)


def find_root(source: Path) -> Path | None:
    """Return the folder of the SCG-RHC that `source` is or lies in, or None."""
    folder = source.absolute() if source.is_dir() else source.absolute().parent
    if _holds_records(folder / FOLDER):
        return folder
    if _holds_records(folder):
        return folder.parent if folder.name == FOLDER else folder
    return None


def open_at(root: Path) -> Dataset:
    """Open the SCG-RHC at `root`."""
    return Dataset(name=NAME, root=root, lookup=find_facts, labels=find_labels, remark=_REMARK)


def find_facts(record: Path) -> Facts:
    """Return what the name and the JSON of `record` say; a damaged JSON says nothing (`find_labels` tells of it)."""
    match = _RECORD.fullmatch(record.stem)
    if match is None:
        return Facts()
    patient = f"{NAME}:{match[1]}"
    try:
        said = read_catheterization(record.with_suffix(".json"))
    except (ReadError, OSError):
        return Facts(patient_id=patient)
    return Facts(patient_id=patient, age_years=said.age_years, sex=said.sex, acquired_at=said.started_at)


def find_labels(record: Path) -> tuple[CatheterValue, ...]:
    """Return the values that the JSON of `record` holds, as they are written; none for another record.

    Raises:
        ReadError: The JSON is missing ("missing") or damaged ("metadata").
    """
    return find_values(record) if _RECORD.fullmatch(record.stem) else ()


def _holds_records(folder: Path) -> bool:
    """Say whether a folder has headers and all are named as those of SCG-RHC."""
    names = [header.stem for header in folder.glob("*.hea")]
    return bool(names) and all(map(_RECORD.fullmatch, names))
