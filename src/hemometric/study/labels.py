"""Which labels a budget shows: nested over budgets, the same for all objectives, and nobody's but the budget's."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from hemometric.labels import measured_labels
from hemometric.store import LINKS_SCHEMA, Store
from hemometric.study.settings import LabelSource

VALIDATION_SHARE = 3
"""With n labeled training patients go n / 3 of the validation split to choose by, and n / 3 to calibrate with."""

_ROLES = ("train", "validation", "calibration")
_PATIENTS, _VISITS = 0, 1


@dataclass(frozen=True, slots=True, eq=False)
class KnownLabels:
    """Every label of one target that a store has from one source.

    Attributes:
        rows: (n,) rows of the store, ascending.
        values: (n,) in the target's unit.
        patients: (n,) patient ids.
        visits: (n,) when the ECG was recorded; empty where that is not known.
        splits: (n,) split of the patient.
        source: Where they come from.
    """

    rows: NDArray[np.int64]
    values: NDArray[np.float64]
    patients: NDArray[np.str_]
    visits: NDArray[np.str_]
    splits: NDArray[np.str_]
    source: LabelSource

    @classmethod
    def read(cls, store: Store, target: str, source: LabelSource) -> Self:
        """Read them from a store.

        Raises:
            LabelError: The store has none.
        """
        found = measured_labels(store, target, source=source)
        table = store.ecgs.select(["patient_id", "acquired_at"]).take(found.rows)
        patients = np.array(table["patient_id"].to_pylist(), dtype=np.str_)
        visits = np.array([at or "" for at in table["acquired_at"].to_pylist()], dtype=np.str_)
        return cls(found.rows, found.values, patients, visits, store.splits()[found.rows], source)

    def n_patients(self, split: str) -> int:
        """Labeled patients of a split."""
        return int(np.unique(self.patients[self.splits == split]).size)

    def of_split(self, split: str) -> "KnownLabels":
        """Those of one split."""
        return self.at(np.flatnonzero(self.splits == split))

    def of_budget(self, n_patients: int, *, seed: int) -> "KnownLabels":
        """The labels of a budget: of `n_patients` training patients, and of a third as many to choose and to calibrate.

        A larger budget of the same seed holds a smaller one. From "truth" a patient gives one visit, drawn at random
        with all of its ECGs; from "links" all that was linked.

        Args:
            n_patients: Labeled training patients; all of them where there are not so many.
            seed: Of the choice.
        """
        shown = [self._of_role(role, n_patients, seed) for role in range(len(_ROLES))]
        return self.at(np.sort(np.concatenate(shown)))

    def at(self, places: NDArray[np.intp]) -> "KnownLabels":
        """Some of the labels."""
        return KnownLabels(
            self.rows[places],
            self.values[places],
            self.patients[places],
            self.visits[places],
            self.splits[places],
            self.source,
        )

    @property
    def fingerprint(self) -> str:
        """SHA-256 of rows and values."""
        return hashlib.sha256(self.rows.tobytes() + self.values.tobytes()).hexdigest()

    def _of_role(self, role: int, n_patients: int, seed: int) -> NDArray[np.intp]:
        inside = np.flatnonzero(self.splits == _ROLES[role])
        names, patients = np.unique(self.patients[inside], return_inverse=True)
        wanted = n_patients if role == 0 else -(-n_patients // VALIDATION_SHARE)
        order = np.random.default_rng([seed, role, _PATIENTS]).permutation(names.size)
        kept = np.isin(patients, order[:wanted])
        if self.source == "truth":
            kept &= self._in_drawn_visit(inside, patients, names.size, np.random.default_rng([seed, role, _VISITS]))
        return inside[kept]

    def _in_drawn_visit(
        self, inside: NDArray[np.intp], patients: NDArray[np.intp], n_patients: int, rng: np.random.Generator
    ) -> NDArray[np.bool_]:
        """Whether an ECG is of the visit drawn for its patient; every patient draws, so that no draw moves another."""
        shares = rng.random(n_patients)
        _, visits = np.unique(self.visits[inside], return_inverse=True)
        pairs = np.unique(np.stack([patients, visits], axis=1), axis=0)
        counts = np.bincount(pairs[:, 0], minlength=n_patients)
        first = np.cumsum(counts) - counts
        drawn = pairs[first + (shares * counts).astype(np.intp), 1]
        in_visit: NDArray[np.bool_] = drawn[patients] == visits
        return in_visit


class LabelView(Store):
    """A store of which only chosen labels are seen, by whatever step reads it; its ECGs and splits are the store's."""

    shown: pa.Table

    @classmethod
    def show(cls, path: Path, labels: KnownLabels, *, target: str) -> Self:
        """Open a store and show some labels of one target.

        Args:
            path: Of the store.
            labels: Those that are shown.
            target: Of which they are.
        """
        view = cls.open(path)
        n = len(labels.rows)
        columns = {
            "ecg_id": view.ecgs["ecg_id"].take(pa.array(labels.rows)).combine_chunks(),
            "target": [target] * n,
            "value": labels.values,
            "measured_at": labels.visits.tolist(),
            "gap_hours": pa.nulls(n, pa.float64()),
        }
        view.shown = pa.table(columns).cast(LINKS_SCHEMA)
        return view

    def links(self) -> pa.Table:
        """The labels that are shown."""
        return self.shown

    def labels(self) -> None:
        """Nothing: no catheter value but the shown ones is seen."""
        return

    def truth(self) -> None:
        """Nothing: no catheter value but the shown ones is seen."""
        return
