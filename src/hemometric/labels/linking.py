"""Which catheter value belongs to which ECG.

The rule: same patient, same target, not further apart than the window; of several values the nearest. Where both times
are known, their distance counts. Where one is only a date, the calendar days count, and a pair is joined only if it is
certainly within the window: d days apart means less than (d + 1) x 24 h, so 24 h joins the same day, 48 h the next too,
and less than 24 h none. A value with a known distance goes before one without; of equally near ones the later is taken,
and of several at the same time the last row.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from hemometric.errors import LabelError
from hemometric.labels.catheter_csv import read_catheter_csv
from hemometric.labels.moments import Moment, parse_moment
from hemometric.store import LINKS_SCHEMA, Store, write_store_table

WINDOW_HOURS = 24.0
_DAY_HOURS = 24.0
_EPOCH = datetime(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Step:
    """How many are left after a step of the selection.

    Attributes:
        title: Who is left.
        n_patients: Patients.
        n_ecgs: ECGs.
    """

    title: str
    n_patients: int
    n_ecgs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSummary:
    """How catheter values and ECGs came together, and what was lost on the way.

    Attributes:
        window_hours: Largest distance.
        n_labels_read: Rows of the table.
        dropped: Rows that were left out, by reason.
        n_labels_unknown_patient: Usable values of patients who have no ECG in the store.
        n_labels_linked: Values that were joined to at least one ECG.
        steps: From all ECGs to those with a value.
        targets: For each target: patients and ECGs with a value.
    """

    window_hours: float
    n_labels_read: int
    dropped: Mapping[str, int]
    n_labels_unknown_patient: int
    n_labels_linked: int
    steps: tuple[Step, ...]
    targets: tuple[Step, ...]

    def text(self) -> str:
        """The account in lines, for people."""
        dropped = "".join(f", {reason} {count:,}" for reason, count in sorted(self.dropped.items()))
        lines = [
            f"catheter values: {self.n_labels_read:,} read, {self.n_labels_linked:,} linked within "
            f"{self.window_hours:g} h; left out: patient not in the store {self.n_labels_unknown_patient:,}{dropped}"
        ]
        lines += [f"{step.title}: {step.n_ecgs:,} ECGs of {step.n_patients:,} patients" for step in self.steps]
        lines += [f"  {step.title}: {step.n_ecgs:,} ECGs of {step.n_patients:,} patients" for step in self.targets]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Joined:
    """What `join` found.

    Attributes:
        links: `LINKS_SCHEMA`, in the order of the ECGs.
        n_labels_linked: Values that were joined to at least one ECG.
        steps: From all ECGs to those with a value.
        targets: For each target: patients and ECGs with a value.
    """

    links: pa.Table
    n_labels_linked: int
    steps: tuple[Step, ...]
    targets: tuple[Step, ...]


def link(store: Store, *, labels_csv: str | Path | None = None, window_hours: float = WINDOW_HOURS) -> LinkSummary:
    """Join catheter values to the ECGs of the same patient, and write `links.parquet`.

    Args:
        store: The store; its `links.parquet` is replaced, and with `labels_csv` its `labels.parquet` too.
        labels_csv: A table as `read_catheter_csv` takes it; None: what is in `labels.parquet`.
        window_hours: Largest distance between ECG and catheter value, >= 0.

    Raises:
        LabelError: There are no values, the table is not usable, or no ECG lies within the window of any value (then
            nothing is written).
        ValueError: The window is negative or not a number.
    """
    if not window_hours >= 0:
        raise ValueError(f"window_hours must be at least 0, got {window_hours}")
    dropped: Mapping[str, int] = {}
    if labels_csv is not None:
        table = read_catheter_csv(Path(labels_csv))
        labels, n_read, dropped = table.labels, table.n_read, table.dropped
    else:
        labels = _stored_labels(store)
        n_read = labels.num_rows
    found = join(store.ecgs, labels, window_hours=window_hours)
    summary = LinkSummary(
        window_hours=window_hours,
        n_labels_read=n_read,
        dropped=dropped,
        n_labels_unknown_patient=_count_strangers(store.ecgs, labels),
        n_labels_linked=found.n_labels_linked,
        steps=found.steps,
        targets=found.targets,
    )
    if not found.links.num_rows:
        raise LabelError(f"{store.path}: no ECG can be linked. {summary.text()}".replace("\n", ". "))
    if labels_csv is not None:
        write_store_table(store.path, "labels.parquet", labels)
    write_store_table(store.path, "links.parquet", found.links)
    return summary


def join(ecgs: pa.Table, labels: pa.Table, *, window_hours: float) -> Joined:
    """Find for each ECG and target the catheter value that belongs to it, by the rule of this module.

    Args:
        ecgs: `ECGS_SCHEMA`.
        labels: `LABELS_SCHEMA`.
        window_hours: Largest distance.

    Raises:
        LabelError: A time is not ISO 8601 without a zone.
    """
    values = _group(labels)
    labelled = ecgs.filter(pc.is_in(ecgs["patient_id"], value_set=pc.unique(labels["patient_id"])))
    timed = labelled.filter(pc.is_valid(labelled["acquired_at"]))
    links: list[dict[str, Any]] = []
    patients: list[str] = []
    used: set[int] = set()
    for ecg_id, patient, acquired_at in _rows(timed, "ecg_id", "patient_id", "acquired_at"):
        at = _parse(acquired_at, where=f"ECG {ecg_id}")
        for target, candidates in values[patient].items():
            best = _find_nearest(at, candidates, window_hours=window_hours)
            if best is None:
                continue
            value, gap_hours = best
            used.add(value.row)
            patients.append(patient)
            links.append(
                {
                    "ecg_id": ecg_id,
                    "target": target,
                    "value": value.value,
                    "measured_at": value.at.text(),
                    "gap_hours": gap_hours,
                }
            )
    table = pa.Table.from_pylist(links, schema=LINKS_SCHEMA)
    with_patient = table.append_column("patient_id", pa.array(patients, pa.string()))
    steps = (
        _count("in the store", ecgs),
        _count("of a patient with a catheter value", labelled),
        _count("of these, with a known time", timed),
        _count(f"of these, within {window_hours:g} h of a value", with_patient),
    )
    targets = tuple(
        _count(target, with_patient.filter(pc.equal(with_patient["target"], target)))
        for target in pc.unique(labels["target"]).to_pylist()
    )
    return Joined(links=table, n_labels_linked=len(used), steps=steps, targets=targets)


@dataclass(frozen=True, slots=True)
class _Value:
    row: int
    at: Moment
    value: float = field(compare=False)


_Values = Mapping[str, Mapping[str, Sequence[_Value]]]


def _group(labels: pa.Table) -> _Values:
    """Catheter values by patient and target."""
    grouped: defaultdict[str, defaultdict[str, list[_Value]]] = defaultdict(lambda: defaultdict(list))
    for row, (patient, target, measured_at, value) in enumerate(
        _rows(labels, "patient_id", "target", "measured_at", "value")
    ):
        at = _parse(measured_at, where=f"catheter value {row} of patient {patient}")
        grouped[patient][target].append(_Value(row, at, value))
    return grouped


def _find_nearest(
    at: Moment, candidates: Sequence[_Value], *, window_hours: float
) -> tuple[_Value, float | None] | None:
    """The value that belongs to an ECG taken at `at`, and the gap in hours or None where only dates are known."""
    best: tuple[_Value, float | None] | None = None
    best_rank: tuple[float, float, float, int] | None = None
    for value in candidates:
        gap_hours = _gap(at, value.at)
        largest_hours = _largest_distance(at, value.at) if gap_hours is None else abs(gap_hours)
        rank = (float(gap_hours is None), largest_hours, (_EPOCH - value.at.at).total_seconds(), -value.row)
        if largest_hours <= window_hours and (best_rank is None or rank < best_rank):
            best, best_rank = (value, gap_hours), rank
    return best


def _gap(ecg: Moment, value: Moment) -> float | None:
    """Hours from the catheter value to the ECG, or None where one of the two is only a date."""
    if not (ecg.time_known and value.time_known):
        return None
    return (ecg.at - value.at).total_seconds() / 3600


def _largest_distance(ecg: Moment, value: Moment) -> float:
    """Hours that two moments may be apart at most, going by their dates."""
    return (abs((ecg.at.date() - value.at.date()).days) + 1) * _DAY_HOURS


def _stored_labels(store: Store) -> pa.Table:
    labels = store.labels()
    if labels is None:
        raise LabelError(f"{store.path}: has no catheter values yet; give them with --labels CSV")
    return labels


def _rows(table: pa.Table, *names: str) -> "zip[tuple[Any, ...]]":
    return zip(*(table[name].to_pylist() for name in names), strict=True)


def _parse(text: str, *, where: str) -> Moment:
    try:
        return parse_moment(text)
    except ValueError as error:
        raise LabelError(f"{where}: time {text!r} is not ISO 8601 without a zone ({error})") from None


def _count(title: str, ecgs: pa.Table) -> Step:
    n_patients, n_ecgs = (pc.count_distinct(ecgs[name]).as_py() for name in ("patient_id", "ecg_id"))
    return Step(title=title, n_patients=n_patients, n_ecgs=n_ecgs)


def _count_strangers(ecgs: pa.Table, labels: pa.Table) -> int:
    known = pc.is_in(labels["patient_id"], value_set=pc.unique(ecgs["patient_id"]))
    return int(Counter(known.to_pylist())[False])
