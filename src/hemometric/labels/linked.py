"""The labels that training and evaluation use, as rows of the store and values."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from hemometric.errors import LabelError
from hemometric.labels.linking import WINDOW_HOURS, join
from hemometric.store import Store
from hemometric.targets import find_target


@dataclass(frozen=True, slots=True)
class LinkedLabels:
    """One value each for some ECGs of a store.

    Attributes:
        rows: Shape (n,), int64: rows of the store, ascending.
        values: Shape (n,), float64, in the target's unit.
    """

    rows: NDArray[np.int64]
    values: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.rows)


def linked_labels(store: Store, target: str) -> LinkedLabels:
    """The ECGs of a store that have a catheter value, and the value.

    From `links.parquet`; where there is none, `labels.parquet` is linked in memory with a window of 24 h.

    Args:
        store: The store.
        target: Name of a target.

    Raises:
        LabelError: The store has no labels, or none of this target.
        SettingsError: There is no such target.
    """
    find_target(target)
    links = store.links()
    if links is None:
        labels = store.labels()
        if labels is None:
            raise LabelError(f"{store.path}: has no catheter values; run `hemometric link {store.path} --labels CSV`")
        links = join(store.ecgs, labels, window_hours=WINDOW_HOURS).links
    chosen = links.filter(pc.equal(links["target"], target))
    if not chosen.num_rows:
        there = ", ".join(sorted(pc.unique(links["target"]).to_pylist())) or "none"
        raise LabelError(f"{store.path}: no ECG has a linked value of {target}; targets with one: {there}")
    rows = pc.index_in(chosen["ecg_id"], value_set=store.ecgs["ecg_id"])
    if rows.null_count:
        raise LabelError(
            f"{store.path}: links.parquet names {rows.null_count:,} ECGs that are not in the store; link again"
        )
    return _sorted(rows, chosen["value"])


def measured_labels(store: Store, target: str, *, source: Literal["links", "truth"] = "truth") -> LinkedLabels:
    """The ECGs of a store that have a measured value, and the value.

    Args:
        store: The store.
        target: Name of a target.
        source: "links": as `linked_labels`. "truth": every visit of a simulated store, with the measurement noise that
            a catheter would have had, not only the visits at which the cohort was catheterised.

    Raises:
        LabelError: The store is not simulated, or has no such values.
        SettingsError: There is no such target.
    """
    if source == "links":
        return linked_labels(store, target)
    find_target(target)
    truth = store.truth()
    if truth is None:
        raise LabelError(f"{store.path}: has no truth.parquet, since only simulated stores do; use the linked labels")
    chosen = truth.filter(pc.equal(truth["target"], target))
    visits = dict(
        zip(
            zip(chosen["patient_id"].to_pylist(), chosen["visit_at"].to_pylist(), strict=True),
            chosen["measured"].to_pylist(),
            strict=True,
        )
    )
    times = zip(store.ecgs["patient_id"].to_pylist(), store.ecgs["acquired_at"].to_pylist(), strict=True)
    found = [(row, visits[visit]) for row, visit in enumerate(times) if visit in visits]
    if not found:
        raise LabelError(f"{store.path}: truth.parquet has no {target} at the time of any ECG; simulate the store anew")
    rows, values = zip(*found, strict=True)
    return LinkedLabels(rows=np.array(rows, dtype=np.int64), values=np.array(values, dtype=np.float64))


def _sorted(rows: pa.ChunkedArray, values: pa.ChunkedArray) -> LinkedLabels:
    numbers = rows.to_numpy().astype(np.int64)
    order = np.argsort(numbers, kind="stable")
    return LinkedLabels(rows=numbers[order], values=values.to_numpy().astype(np.float64)[order])
