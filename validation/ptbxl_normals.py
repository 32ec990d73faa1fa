"""Which recordings of PTB-XL are normal: one of each patient, in halves that never share a patient."""

import ast
import csv
from pathlib import Path
from typing import NamedTuple

_CODE_OF_OVER_89 = 300.0
_YOUNGEST_OVER_89 = 90.0
_ECTOPY_OR_FIBRILLATION = {"AFIB", "AFLT", "PVC", "PAC", "SVARR", "BIGU", "TRIGU"}


class NormalEcg(NamedTuple):
    """A record of PTB-XL that its readers called normal.

    Attributes:
        path: For `hemometric.read_ecg`, 500 Hz.
        age_years: More than 89 is 90.
        female: True for women.
        patient_id: As PTB-XL has it, e.g. "15709".
    """

    path: Path
    age_years: float
    female: bool
    patient_id: str


def normals(data: Path, *, odd: bool) -> list[NormalEcg]:
    """List the normal ECGs of one half of PTB-XL (Wagner et al. 2020, PhysioNet ptb-xl 1.0.3).

    Normal is a record with the statement NORM, of a patient without pacemaker, without ectopic beats or fibrillation.
    PTB-XL keeps a patient's records within one fold, so that no patient is in both halves.

    Args:
        data: Folder that holds ptbxl/, which may be a part of PTB-XL.
        odd: The odd folds, kept for judging; the even ones are for fitting.

    Returns:
        The first such record of each patient of known age and sex, in the order of the table.
    """
    root = data / "ptbxl"
    found: dict[str, NormalEcg] = {}
    with (root / "ptbxl_database.csv").open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            if int(row["strat_fold"]) % 2 == odd and _is_normal(row) and row["age"] and row["sex"]:
                age = float(row["age"])
                patient = row["patient_id"].removesuffix(".0")
                ecg = NormalEcg(
                    path=root / row["filename_hr"],
                    age_years=_YOUNGEST_OVER_89 if age == _CODE_OF_OVER_89 else age,
                    female=row["sex"] == "1",
                    patient_id=patient,
                )
                if ecg.path.with_suffix(".hea").is_file():
                    found.setdefault(patient, ecg)
    return list(found.values())


def _is_normal(row: dict[str, str]) -> bool:
    statements = set(ast.literal_eval(row["scp_codes"]))
    ectopic = bool(row["extra_beats"]) or bool(statements & _ECTOPY_OR_FIBRILLATION)
    return "NORM" in statements and not row["pacemaker"] and not ectopic
