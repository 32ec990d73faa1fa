"""What recorded ECGs are asked about: age, sex, and the five diagnostic classes of PTB-XL."""

import ast
import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hemometric.evaluation.baselines import read_demographics
from hemometric.store import Store

Floats = NDArray[np.float64]

CLASSES = ("NORM", "MI", "STTC", "CD", "HYP")
"""Normal, infarction, ST or T changes, conduction disturbance, hypertrophy (Wagner et al. 2020)."""


class Question(NamedTuple):
    """One question to every ECG.

    Attributes:
        name: "age", "female" or a diagnostic class.
        values: Shape (n,): years, or 1 with and 0 without; NaN for ECGs of which the answer is not known.
        is_event: Whether it is answered by yes or no.
    """

    name: str
    values: Floats
    is_event: bool

    @property
    def known(self) -> NDArray[np.bool_]:
        """Of which ECGs the answer is known, shape (n,)."""
        return np.isfinite(self.values)


class Statement(NamedTuple):
    """What PTB-XL says of a record.

    Attributes:
        classes: Those of all its diagnostic statements, whatever likelihood was given, as in the benchmark of
            Strodthoff et al. (IEEE J Biomed Health Inform 2021); empty where it has no diagnostic statement.
        odd: Whether it is of an odd fold, to which the simulator's beats were not fitted.
    """

    classes: frozenset[str]
    odd: bool


def read_table(ptb_xl: Path) -> dict[str, Statement]:
    """Read PTB-XL 1.0.3: name of the record, such as "00001_hr", -> what is said of it.

    Args:
        ptb_xl: The folder with `ptbxl_database.csv` and `scp_statements.csv`.
    """
    with (ptb_xl / "scp_statements.csv").open(newline="", encoding="utf-8") as stream:
        class_of = {row[""]: row["diagnostic_class"] for row in csv.DictReader(stream) if row["diagnostic"]}
    with (ptb_xl / "ptbxl_database.csv").open(newline="", encoding="utf-8") as stream:
        return {
            row["filename_hr"].rpartition("/")[2]: Statement(
                classes=frozenset(class_of[code] for code in ast.literal_eval(row["scp_codes"]) if code in class_of),
                odd=int(row["strat_fold"]) % 2 == 1,
            )
            for row in csv.DictReader(stream)
        }


def statements_of(store: Store, table: dict[str, Statement]) -> list[Statement]:
    """What is said of each ECG of a store that was ingested from PTB-XL, in its order."""
    sources = store.ecgs["source"].to_pylist()
    return [table[source.rpartition("/")[2].partition("#")[0]] for source in sources]


def ask(store: Store, statements: list[Statement]) -> list[Question]:
    """All questions to the ECGs of a store; ECGs without a diagnostic statement are not asked about the classes."""
    age, sex = read_demographics(store, np.arange(len(store)))
    female = np.where(sex == "", np.nan, sex == "female")
    diagnosed = np.array([bool(one.classes) for one in statements])
    with_class = {name: np.array([name in one.classes for one in statements], dtype=np.float64) for name in CLASSES}
    return [
        Question("age", age, is_event=False),
        Question("female", female, is_event=True),
        *(Question(name, np.where(diagnosed, held, np.nan), is_event=True) for name, held in with_class.items()),
    ]
