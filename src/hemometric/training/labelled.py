"""Which labelled ECGs a fine-tuning reads, and for what."""

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hemometric.errors import TrainingError
from hemometric.labels import LinkedLabels, linked_labels
from hemometric.progress import say
from hemometric.store import Store
from hemometric.training.randomness import Purpose, numpy_rng

Role = Literal["train", "validation", "calibration"]
ROLES: tuple[Role, ...] = ("train", "validation", "calibration")
FOLDS = 5
_MIN_TRAIN, _MIN_VALIDATION = 8, 2


@dataclass(frozen=True, slots=True)
class LabelledEcgs:
    """Labelled ECGs of one role and one target.

    Attributes:
        rows: (n,) rows of the store.
        values: (n,) in the target's unit.
        patients: (n,) patient ids.
    """

    rows: NDArray[np.int64]
    values: NDArray[np.float64]
    patients: NDArray[np.str_]

    @property
    def counts(self) -> tuple[int, int]:
        """ECGs and patients."""
        return len(self.rows), len(np.unique(self.patients))


@dataclass(frozen=True, slots=True)
class LabelGrid:
    """ECGs of one role that have a label of at least one target.

    Attributes:
        rows: (n,) rows of the store.
        values: (n, n_targets), each in its target's unit; NaN where an ECG has no label of a target.
        patients: (n,) patient ids.
    """

    rows: NDArray[np.int64]
    values: NDArray[np.float64]
    patients: NDArray[np.str_]

    @property
    def counts(self) -> tuple[int, int]:
        """ECGs and patients."""
        return len(self.rows), len(np.unique(self.patients))

    def known(self, column: int) -> NDArray[np.intp]:
        """Places of the ECGs that have a label of a target, rising."""
        return np.flatnonzero(~np.isnan(self.values[:, column]))

    def of(self, column: int) -> LabelledEcgs:
        """The ECGs that have a label of a target."""
        at = self.known(column)
        return LabelledEcgs(self.rows[at], self.values[at, column], self.patients[at])


def choose_labels(store: Store, *, target: str, n_labels: int | None, seed: int) -> dict[Role, LabelledEcgs]:
    """As `choose_label_grids`, of one target."""
    grids = choose_label_grids(store, targets=(target,), n_labels=n_labels, seed=seed)
    return {role: grid.of(0) for role, grid in grids.items()}


def choose_label_grids(
    store: Store, *, targets: Sequence[str], n_labels: int | None, seed: int
) -> dict[Role, LabelGrid]:
    """Take the labels of the training, validation and calibration splits; test labels are dropped at once.

    `n_labels` keeps so many training *patients* who have a label of at least one target, with all their labelled ECGs;
    the patients of a smaller number are among those of a larger one of the same seed. The other splits stay whole.

    Args:
        store: With linked labels.
        targets: Names of the targets, at least one.
        n_labels: Training patients, or None for all; all of them, too, where there are not so many.
        seed: Of the choice.

    Raises:
        TrainingError: Too few labels of a target to train on or to choose by, or all its training labels are equal.
        LabelError: The store has no labels of a target.
    """
    rows, values = _join([linked_labels(store, target) for target in targets])
    ids = np.array(store.ecgs["patient_id"].to_pylist(), dtype=np.str_)[rows]
    splits = store.splits()[rows]
    kept = {role: np.flatnonzero(splits == role) for role in ROLES}
    kept["train"] = _of_some_patients(kept["train"], ids, n_labels=n_labels, seed=seed)
    chosen = {role: LabelGrid(rows[at], values[at], ids[at]) for role, at in kept.items()}
    for column, target in enumerate(targets):
        remedy = (
            "link more catheter values" if len(targets) == 1 else "leave this target out, link more catheter values"
        )
        _check_enough({role: grid.of(column) for role, grid in chosen.items()}, store, target=target, remedy=remedy)
    return chosen


def _join(linked: Sequence[LinkedLabels]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Rows (n,) with a label of any target, rising, and the labels (n, n_targets), NaN where there is none."""
    rows = np.unique(np.concatenate([labels.rows for labels in linked]))
    values = np.full((len(rows), len(linked)), np.nan)
    for column, labels in enumerate(linked):
        values[np.searchsorted(rows, labels.rows), column] = labels.values
    return rows, values


def _of_some_patients(
    at: NDArray[np.intp], ids: NDArray[np.str_], *, n_labels: int | None, seed: int
) -> NDArray[np.intp]:
    if n_labels is None:
        return at
    patients = np.unique(ids[at])
    if n_labels > len(patients):
        say(f"only {len(patients):,} training patients have a label: all of them are used, not {n_labels:,}")
    order = numpy_rng(seed, Purpose.LABELS).permutation(len(patients))
    return at[np.isin(ids[at], patients[order[:n_labels]])]


def _check_enough(chosen: Mapping[Role, LabelledEcgs], store: Store, *, target: str, remedy: str) -> None:
    for role, least in (("train", _MIN_TRAIN), ("validation", _MIN_VALIDATION)):
        found = len(chosen[role].rows)  # type: ignore[index]  # mypy widens the literal
        if found < least:
            raise TrainingError(
                f"{store.path}: {found} labelled ECGs of {target} in the {role} split, at least {least} are needed: "
                f"{remedy}, or bring a splits.csv of your own"
            )
    if np.ptp(chosen["train"].values) == 0:
        raise TrainingError(f"{store.path}: all training labels of {target} are {chosen['train'].values[0]:g}")


def assign_folds(patient_ids: NDArray[np.str_], *, seed: int) -> NDArray[np.intp]:
    """The fold of each ECG, shape (n,), from 0; a patient is in one fold, whatever the order of the ECGs."""
    names, patients = np.unique(patient_ids, return_inverse=True)
    order = np.random.default_rng([seed, names.size]).permutation(names.size)
    return (order % min(FOLDS, names.size))[patients]


def label_table(store: Store, chosen: Mapping[Role, LabelledEcgs], *, target: str) -> pa.Table:
    """The content of `label_subset.parquet`: ecg_id, patient_id, role, target, value."""
    rows = np.concatenate([chosen[role].rows for role in ROLES])
    roles = [role for role in ROLES for _ in chosen[role].rows]
    return pa.table(
        {
            "ecg_id": store.ecgs["ecg_id"].take(pa.array(rows)).combine_chunks(),
            "patient_id": np.concatenate([chosen[role].patients for role in ROLES]).tolist(),
            "role": roles,
            "target": [target] * len(rows),
            "value": np.concatenate([chosen[role].values for role in ROLES]),
        }
    )


def grid_table(store: Store, chosen: Mapping[Role, LabelGrid], *, targets: Sequence[str]) -> pa.Table:
    """The same of several targets, one after the other; an ECG has a line for each of its labels."""
    one_each = [{role: grid.of(column) for role, grid in chosen.items()} for column in range(len(targets))]
    return pa.concat_tables(
        [label_table(store, one, target=target) for one, target in zip(one_each, targets, strict=True)]
    )


def table_bytes(table: pa.Table) -> bytes:
    """The table as a parquet file."""
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def table_fingerprint(table: pa.Table) -> str:
    """SHA-256 of the rows of a table, whatever file they came from."""
    text = "\n".join("\t".join(map(repr, row.values())) for row in table.to_pylist())
    return hashlib.sha256(text.encode()).hexdigest()
