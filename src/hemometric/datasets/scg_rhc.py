"""SCG-RHC (Chan et al. 2023, PhysioNet scg-rhc-wearable-database 1.0.0): right-heart catheterisations with their ECG.

73 patients, 83 catheterisations, 500 Hz, about an hour each: processed_data/TRM107-RHC1.{hea,dat,json}. Lead order: by
name (ECG_lead_I to III, aVR, aVL, aVF, ECG_lead_V1 to V6) among other channels (patch_ECG, RHC_pressure, ...); a record
that lacks one is refused by name ("wrong-leads"), and so are its values. Units: as the header says, no gain is
repaired. Patients: "scg-rhc:TRM107", the part of the name before "-". Labels: mpcwp (PCWM), mpap (PAM), rap (RAM) in
mmHg, co in L/min or mL/min, from the JSON (`hemometric.datasets.scg_rhc_json`); mpcwp and mpap under a vasodilator from
meta_information (`hemometric.datasets.scg_rhc_phases`). Splits: none is published.
"""

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from hemometric.datasets.facts import CatheterValue, Dataset, Facts
from hemometric.datasets.headers import explain_headers
from hemometric.datasets.scg_rhc_json import find_start, find_values, read_catheterization
from hemometric.datasets.scg_rhc_phases import Phase, find_phase_values, list_tables, read_phases
from hemometric.errors import ReadError

NAME = "scg-rhc"
FOLDER = "processed_data"
EXPECTED = f"{FOLDER}/TRM###-RHC#.hea, with .dat and .json of the same name beside it"

_RECORD = re.compile(r"(TRM\d{3,4})-RHC\d{1,2}")
_REMARK = (
    "scg-rhc measured pressures once, and some again after a vasodilator; an ECG is joined to the nearest value in its "
    "window, so choose --window-hours of link well below an hour (docs/datasets/scg-rhc.md)"
)


def find_root(source: Path) -> Path | None:
    """Return the folder of the SCG-RHC that `source` is or lies in, or None."""
    folder = source.absolute() if source.is_dir() else source.absolute().parent
    if _holds_records(folder / FOLDER):
        return folder
    if _holds_records(folder):
        return folder.parent if folder.name == FOLDER else folder
    return None


def explain(source: Path) -> str:
    """Say which headers at `source` keep it from being SCG-RHC, or ""."""
    folder = source.absolute() if source.is_dir() else source.absolute().parent
    return explain_headers((folder / FOLDER, folder), _RECORD)


def open_at(root: Path) -> Dataset:
    """Open the SCG-RHC at `root`, with the tables of meta_information where they are there.

    Raises:
        ReadError: One of them is damaged ("metadata").
    """
    labels = partial(find_labels, phases=read_phases(root))
    return Dataset(name=NAME, root=root, lookup=find_facts, tables=list_tables(root), labels=labels, remark=_REMARK)


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


def find_labels(record: Path, *, phases: Mapping[str, tuple[Phase, ...]] | None = None) -> tuple[CatheterValue, ...]:
    """Return the values of `record`, as they are written, the baseline first; none for another record.

    Args:
        record: Path of the header.
        phases: Phases after the baseline, by the name of the record.

    Raises:
        ReadError: The JSON is missing ("missing") or damaged ("metadata").
    """
    if _RECORD.fullmatch(record.stem) is None:
        return ()
    baseline = find_values(record)
    later = (phases or {}).get(record.stem, ())
    if not later:
        return baseline
    started_at = find_start(record, read_catheterization(record.with_suffix(".json")))
    return (*baseline, *find_phase_values(later, started_at=started_at))


def _holds_records(folder: Path) -> bool:
    """Say whether a folder has headers and all are named as those of SCG-RHC."""
    names = [header.stem for header in folder.glob("*.hea")]
    return bool(names) and all(map(_RECORD.fullmatch, names))
