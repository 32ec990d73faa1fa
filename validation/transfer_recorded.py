"""The recorded ECGs of the question, their folds, and for each fold an archive of the ECGs outside it."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hemometric.ingest import IngestSettings, ingest
from hemometric.store import Store
from hemometric.store.splitting import split_as_table
from hemometric.training.labelled import assign_folds
from validation.transfer_questions import Question, ask, read_table, statements_of

_FOLD_SEED = 0


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """Recorded ECGs and how they are judged.

    Attributes:
        store: All of them.
        ptb_xl: The folder that they came from.
        patients: Shape (n,).
        folds: Shape (n,), from 0; no patient is in two.
        odd: Shape (n,), those of the odd folds of PTB-XL, which the simulator's beats were not fitted to.
        questions: What is asked.
    """

    store: Store
    ptb_xl: Path
    patients: NDArray[np.str_]
    folds: NDArray[np.intp]
    odd: NDArray[np.bool_]
    questions: list[Question]

    @classmethod
    def read(cls, ptb_xl: Path, out: Path) -> "Recorded":
        """Ingest the records at 500 Hz of PTB-XL that are there, and read what is known of them.

        Args:
            ptb_xl: The folder of PTB-XL.
            out: The store to be made, or that is there.
        """
        ingest([ptb_xl / "records500"], out=out, settings=IngestSettings(dataset="ptb-xl", resume=True))
        store = Store.open(out)
        statements = statements_of(store, read_table(ptb_xl))
        patients = np.array(store.ecgs["patient_id"].to_pylist(), dtype=np.str_)
        return cls(
            store=store,
            ptb_xl=ptb_xl,
            patients=patients,
            folds=assign_folds(patients, seed=_FOLD_SEED),
            odd=np.array([one.odd for one in statements]),
            questions=ask(store, statements),
        )

    @property
    def rows(self) -> NDArray[np.int64]:
        """All rows of the store."""
        return np.arange(len(self.store), dtype=np.int64)

    @property
    def n_folds(self) -> int:
        """How many folds there are."""
        return int(self.folds.max()) + 1

    def archive_without(self, fold: int, out: Path) -> Store:
        """Ingest the ECGs outside a fold, all of them for training.

        Those of the fold are not in this store at all, so that neither pretraining nor the neighbours that it draws
        partners from can see them.

        Args:
            fold: The one that is judged.
            out: The store to be made, or that is there.
        """
        sources = np.array(self.store.ecgs["source"].to_pylist())[self.folds != fold]
        files = [self.ptb_xl / f"{source.partition('#')[0]}.hea" for source in sources.tolist()]
        ingest(files, out=out, settings=IngestSettings(dataset="ptb-xl", resume=True))
        store = Store.open(out)
        table = out.with_name(f"{out.name}-splits.csv")
        with table.open("w", newline="", encoding="utf-8") as stream:
            rows = sorted({(patient, "train") for patient in store.ecgs["patient_id"].to_pylist()})
            csv.writer(stream).writerows([("patient_id", "split"), *rows])
        split_as_table(store, table)
        return Store.open(out)
