"""Which catheter value belongs to which ECG, slowly: every value of a patient is tried for every ECG of the patient.

It is what `hemometric.labels.join` was before it was made fast, and decides what that must find.

The rule: same patient, same target, not further apart than the window and, where a side is asked for, certainly on that
side of the catheterisation; of several values the nearest. Where both times are known, their distance counts. Where one
is only a date, the calendar days count, and a pair is joined only if it is certainly within the window: d days apart
means less than (d + 1) x 24 h, so 24 h joins the same day, 48 h the next too, and less than 24 h none; which of the two
came first is known only if the days differ. A value with a known distance goes before one without; of equally near ones
the later is taken, and of several at the same time the last row.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from hemometric.errors import LabelError
from hemometric.labels.attrition import EcgStep, TargetCount
from hemometric.labels.linking import Joined, Side
from hemometric.labels.moments import Moment, parse_moment
from hemometric.store import LINKS_SCHEMA

_DAY_HOURS = 24.0
_EPOCH = datetime(1970, 1, 1)


def join_slowly(ecgs: pa.Table, labels: pa.Table, *, window_hours: float, side: Side) -> Joined:
    """Find for each ECG and target the catheter value that belongs to it, by the rule of this module.

    Args:
        ecgs: `ECGS_SCHEMA`.
        labels: `LABELS_SCHEMA`.
        window_hours: Largest distance.
        side: On which side of the catheterisation an ECG may lie.

    Raises:
        LabelError: A time is not ISO 8601 without a zone.
    """
    values = _group(labels, patients=pc.unique(ecgs["patient_id"]))
    labelled = ecgs.filter(pc.is_in(ecgs["patient_id"], value_set=pc.unique(labels["patient_id"])))
    timed = labelled.filter(pc.is_valid(labelled["acquired_at"]))
    links: list[dict[str, Any]] = []
    patients: list[str] = []
    used: list[_Value] = []
    near: list[dict[str, str]] = []
    unsure: set[str] = set()
    for ecg_id, patient, acquired_at in _rows(timed, "ecg_id", "patient_id", "acquired_at"):
        at = _parse(acquired_at, where=f"ECG {ecg_id}")
        inside = {target: _within(at, found, window_hours) for target, found in values[patient].items()}
        near += [{"ecg_id": ecg_id, "patient_id": patient}] if any(inside.values()) else []
        for target, candidates in inside.items():
            value = _find_nearest(at, [one for one in candidates if _is_on(side, at, one.at)])
            if value is None:
                unsure.update(ecg_id for one in candidates if _order(at, one.at) is None)
                continue
            used.append(value)
            patients.append(patient)
            links.append(
                {
                    "ecg_id": ecg_id,
                    "target": target,
                    "value": value.value,
                    "measured_at": value.at.text(),
                    "gap_hours": _gap(at, value.at),
                }
            )
    table = pa.Table.from_pylist(links, schema=LINKS_SCHEMA)
    with_patient = table.append_column("patient_id", pa.array(patients, pa.string()))
    within = pa.Table.from_pylist(near, schema=pa.schema([("ecg_id", pa.string()), ("patient_id", pa.string())]))
    steps = [
        _count("in the store", ecgs),
        _count("of a patient with a catheter value", labelled),
        _count("of these, with a known time", timed),
        _count(f"of these, within {window_hours:g} h of a value", within),
    ]
    if side != "both":
        steps.append(_count(f"of these, certainly {side} the catheterisation", with_patient))
    return Joined(
        links=table,
        n_labels_linked=len({value.row for value in used}),
        n_patients_linked=len(set(patients)),
        n_order_unknown=len(unsure - {link["ecg_id"] for link in links}),
        steps=tuple(steps),
        targets=tuple(
            _count_target(target, labels, with_patient, used) for target in pc.unique(labels["target"]).to_pylist()
        ),
    )


@dataclass(frozen=True, slots=True)
class _Value:
    row: int
    at: Moment
    target: str
    value: float = field(compare=False)


_Values = Mapping[str, Mapping[str, Sequence[_Value]]]


def _group(labels: pa.Table, *, patients: pa.Array) -> _Values:
    """Catheter values of some patients by patient and target: a hospital has far more than those with an ECG."""
    grouped: defaultdict[str, defaultdict[str, list[_Value]]] = defaultdict(lambda: defaultdict(list))
    rows = pc.indices_nonzero(pc.is_in(labels["patient_id"], value_set=patients))
    mine = _rows(labels.take(rows), "patient_id", "target", "measured_at", "value")
    for row, (patient, target, measured_at, value) in zip(rows.to_pylist(), mine, strict=True):
        at = _parse(measured_at, where=f"catheter value {row} of patient {patient}")
        grouped[patient][target].append(_Value(row, at, target, value))
    return grouped


def _within(at: Moment, values: Sequence[_Value], window_hours: float) -> list[_Value]:
    return [value for value in values if _largest_distance(at, value.at) <= window_hours]


def _find_nearest(at: Moment, candidates: Sequence[_Value]) -> _Value | None:
    """The value that belongs to an ECG taken at `at`, of those within the window and on the right side."""

    def rank(value: _Value) -> tuple[bool, float, float, int]:
        later_first = (_EPOCH - value.at.at).total_seconds()
        return _gap(at, value.at) is None, _largest_distance(at, value.at), later_first, -value.row

    return min(candidates, key=rank, default=None)


def _is_on(side: Side, ecg: Moment, value: Moment) -> bool:
    order = _order(ecg, value)
    return side == "both" or (order is not None and (order <= 0 if side == "before" else order >= 0))


def _order(ecg: Moment, value: Moment) -> int | None:
    """-1 where the ECG came before the value, 0 at the same moment, 1 after it; None where nobody knows."""
    if ecg.time_known and value.time_known:
        return (ecg.at > value.at) - (ecg.at < value.at)
    days = (ecg.at.date() - value.at.date()).days
    return None if days == 0 else (1 if days > 0 else -1)


def _gap(ecg: Moment, value: Moment) -> float | None:
    """Hours from the catheter value to the ECG, or None where one of the two is only a date."""
    if not (ecg.time_known and value.time_known):
        return None
    return (ecg.at - value.at).total_seconds() / 3600


def _largest_distance(ecg: Moment, value: Moment) -> float:
    """Hours between two moments; where one is only a date, those that they may be apart at most."""
    gap_hours = _gap(ecg, value)
    return abs(gap_hours) if gap_hours is not None else (abs((ecg.at.date() - value.at.date()).days) + 1) * _DAY_HOURS


def _rows(table: pa.Table, *names: str) -> Iterator[tuple[Any, ...]]:
    return zip(*(table[name].to_pylist() for name in names), strict=True)


def _parse(text: str, *, where: str) -> Moment:
    try:
        return parse_moment(text)
    except ValueError as error:
        raise LabelError(f"{where}: time {text!r} is not ISO 8601 without a zone ({error})") from None


def _count(title: str, ecgs: pa.Table) -> EcgStep:
    n_patients, n_ecgs = (pc.count_distinct(ecgs[name]).as_py() for name in ("patient_id", "ecg_id"))
    return EcgStep(title=title, n_patients=n_patients, n_ecgs=n_ecgs)


def _count_target(target: str, labels: pa.Table, links: pa.Table, used: Sequence[_Value]) -> TargetCount:
    mine = links.filter(pc.equal(links["target"], target))
    return TargetCount(
        target=target,
        n_values=pc.sum(pc.equal(labels["target"], target)).as_py() or 0,
        n_linked=len({value.row for value in used if value.target == target}),
        n_ecgs=mine.num_rows,
        n_patients=pc.count_distinct(mine["patient_id"]).as_py(),
        median_gap_hours=pc.quantile(pc.abs(mine["gap_hours"]), 0.5)[0].as_py(),
        n_dates_only=mine["gap_hours"].null_count,
    )
