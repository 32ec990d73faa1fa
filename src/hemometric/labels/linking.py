"""Which catheter value belongs to which ECG.

The rule: same patient, same target, not further apart than the window and, where a side is asked for, certainly on that
side of the catheterisation; of several values the nearest. Where both times are known, their distance counts. Where one
is only a date, the calendar days count, and a pair is joined only if it is certainly within the window: d days apart
means less than (d + 1) x 24 h, so 24 h joins the same day, 48 h the next too, and less than 24 h none; which of the two
came first is known only if the days differ. A value with a known distance goes before one without; of equally near ones
the later is taken, and of several at the same time the last row.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from hemometric.errors import LabelError
from hemometric.labels.attrition import EcgStep, TargetCount
from hemometric.labels.moments import Moments, parse_moment, parse_moments
from hemometric.labels.nearest import Timed, find_nearest, gap_hours
from hemometric.progress import track
from hemometric.store import LINKS_SCHEMA

WINDOW_HOURS = 24.0
Side = Literal["before", "after", "both"]
"""Where the ECG lies: before the catheterisation, after it, or either side; the same moment is both."""

_Numbers = NDArray[np.int64]
_SHOWN_FROM = 1_000_000
"""ECGs and values together from which progress is shown: fewer are joined in about a second."""


@dataclass(frozen=True, slots=True)
class Joined:
    """What `join` found.

    Attributes:
        links: `LINKS_SCHEMA`, in the order of the ECGs.
        n_labels_linked: Values that were joined to at least one ECG.
        n_patients_linked: Patients of whom at least one was.
        n_order_unknown: ECGs without a value since only dates are known and those do not tell which came first.
        steps: From all ECGs to those with a value.
        targets: For each target, what there was and what was joined.
    """

    links: pa.Table
    n_labels_linked: int
    n_patients_linked: int
    n_order_unknown: int
    steps: tuple[EcgStep, ...]
    targets: tuple[TargetCount, ...]


def join(ecgs: pa.Table, labels: pa.Table, *, window_hours: float, side: Side = "both") -> Joined:
    """Find for each ECG and target the catheter value that belongs to it, by the rule of this module.

    Args:
        ecgs: `ECGS_SCHEMA`.
        labels: `LABELS_SCHEMA`.
        window_hours: Largest distance.
        side: On which side of the catheterisation an ECG may lie.

    Raises:
        LabelError: A time is not ISO 8601 without a zone.
    """
    ecgs = ecgs.select(["ecg_id", "patient_id", "acquired_at"])
    labelled = ecgs.filter(pc.is_in(ecgs["patient_id"], value_set=pc.unique(labels["patient_id"])))
    timed = labelled.filter(pc.is_valid(labelled["acquired_at"]))
    patients, target_names = pc.unique(labelled["patient_id"]), pc.unique(labels["target"])
    values = _read_values(labels, patients, target_names)
    of_ecgs = Timed(
        _number(timed["patient_id"], patients),
        _parse(timed["acquired_at"], where=lambda row: f"ECG {timed['ecg_id'][row]}"),
    )
    targets: list[str] = target_names.to_pylist()
    near, unsure = np.zeros((2, timed.num_rows), dtype=np.bool_)
    pairs: list[_Pairs] = []
    for number in _show(range(len(targets)), n_rows=ecgs.num_rows + labels.num_rows):
        mine = _pair(of_ecgs, values, number, window_hours=window_hours, side=side)
        pairs.append(mine)
        near[mine.near] = True
        unsure[mine.unsure] = True
    links = _to_links(timed, of_ecgs, values, targets, pairs)
    linked = links.select(["ecg_id", "patient_id"])
    steps = [
        _count("in the store", ecgs),
        _count("of a patient with a catheter value", labelled),
        _count("of these, with a known time", timed),
        _count(f"of these, within {window_hours:g} h of a value", timed.filter(pa.array(near))),
    ]
    if side != "both":
        steps.append(_count(f"of these, certainly {side} the catheterisation", linked))
    not_sure = pc.unique(timed["ecg_id"].filter(pa.array(unsure)))
    return Joined(
        links=links.select(LINKS_SCHEMA.names),
        n_labels_linked=len(np.unique(np.concatenate([_NONE, *(mine.values for mine in pairs)]))),
        n_patients_linked=pc.count_distinct(linked["patient_id"]).as_py(),
        n_order_unknown=len(not_sure) - (pc.sum(pc.is_in(not_sure, value_set=pc.unique(links["ecg_id"]))).as_py() or 0),
        steps=tuple(steps),
        targets=tuple(_count_target(target, labels, links, mine) for target, mine in zip(targets, pairs, strict=True)),
    )


@dataclass(frozen=True, slots=True)
class _Values:
    """Catheter values of patients with an ECG: a hospital has far more than those.

    Attributes:
        times: (n,) whose they are, and when.
        targets: (n,) number of the target.
        values: (n,) in the target's unit.
    """

    times: Timed
    targets: _Numbers
    values: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Pairs:
    """What was found for one target.

    Attributes:
        ecgs: (k,) places of the ECGs that have a value, rising.
        values: (k,) places of those values.
        turns: (k,) place of the first value of that patient and target: it decides which target of an ECG comes first.
        near: Places of the ECGs that are within the window of any value.
        unsure: Places of those without a value since dates do not tell on which side of it they lie.
    """

    ecgs: _Numbers
    values: _Numbers
    turns: _Numbers
    near: _Numbers
    unsure: _Numbers


_NONE = np.zeros(0, dtype=np.int64)


def _read_values(labels: pa.Table, patients: pa.Array, targets: pa.Array) -> _Values:
    rows = pc.indices_nonzero(pc.is_in(labels["patient_id"], value_set=patients))
    mine = labels.select(["patient_id", "target", "measured_at", "value"]).take(rows)
    moments = _parse(
        mine["measured_at"], where=lambda at: f"catheter value {rows[at]} of patient {mine['patient_id'][at]}"
    )
    return _Values(
        times=Timed(_number(mine["patient_id"], patients), moments),
        targets=_number(mine["target"], targets),
        values=mine["value"].to_numpy(),
    )


def _pair(ecgs: Timed, values: _Values, target: int, *, window_hours: float, side: Side) -> _Pairs:
    """Find the value of one target for each ECG."""
    of_target = np.flatnonzero(values.targets == target)
    times = values.times.at(of_target)
    patients, first = np.unique(times.patients, return_index=True)
    asked = np.flatnonzero(np.isin(ecgs.patients, patients))
    found = find_nearest(ecgs.at(asked), times, window_hours=window_hours, side=side)
    has_value = found.values >= 0
    of_patient = np.searchsorted(patients, ecgs.patients[asked[has_value]])
    return _Pairs(
        ecgs=asked[has_value],
        values=of_target[found.values[has_value]],
        turns=of_target[first[of_patient]],
        near=asked[found.near],
        unsure=asked[found.unsure],
    )


def _to_links(
    timed: pa.Table, ecgs: Timed, values: _Values, targets: Sequence[str], pairs: Sequence[_Pairs]
) -> pa.Table:
    """`LINKS_SCHEMA` and the patient, in the order of the ECGs."""
    of_ecg, of_value, turns = (
        np.concatenate([_NONE, *(getattr(mine, name) for mine in pairs)]) for name in ("ecgs", "values", "turns")
    )
    order = np.lexsort((turns, of_ecg))
    of_ecg, of_value = of_ecg[order], of_value[order]
    ecg_at, value_at = ecgs.moments.at(of_ecg), values.times.moments.at(of_value)
    known = ecg_at.time_known & value_at.time_known
    columns = {
        "ecg_id": timed["ecg_id"].take(pa.array(of_ecg)),
        "target": pa.array(targets, pa.string()).take(pa.array(values.targets[of_value])),
        "value": values.values[of_value],
        "measured_at": value_at.texts(),
        "gap_hours": pa.array(gap_hours(ecg_at.at_us, value_at.at_us), mask=~known),
        "patient_id": timed["patient_id"].take(pa.array(of_ecg)),
    }
    return pa.table(columns, schema=LINKS_SCHEMA.append(pa.field("patient_id", pa.string()))).combine_chunks()


def _number(texts: pa.ChunkedArray, known: pa.Array) -> _Numbers:
    """The place of each text among those that are known."""
    places: _Numbers = pc.index_in(texts, value_set=known).to_numpy().astype(np.int64)
    return places


def _parse(texts: pa.ChunkedArray, *, where: Callable[[int], str]) -> Moments:
    try:
        return parse_moments(texts)
    except ValueError:
        for row, text in enumerate(texts.to_pylist()):
            try:
                parse_moment(text)
            except ValueError as error:
                raise LabelError(f"{where(row)}: time {text!r} is not ISO 8601 without a zone ({error})") from None
        raise


def _show(targets: Sequence[int], *, n_rows: int) -> Iterable[int]:
    """The targets, with progress where it takes long."""
    if n_rows < _SHOWN_FROM:
        return targets
    return track(targets, total=len(targets), unit="targets", title="join")


def _count(title: str, ecgs: pa.Table) -> EcgStep:
    n_patients, n_ecgs = (pc.count_distinct(ecgs[name]).as_py() for name in ("patient_id", "ecg_id"))
    return EcgStep(title=title, n_patients=n_patients, n_ecgs=n_ecgs)


def _count_target(target: str, labels: pa.Table, links: pa.Table, pairs: _Pairs) -> TargetCount:
    mine = links.filter(pc.equal(links["target"], target))
    return TargetCount(
        target=target,
        n_values=pc.sum(pc.equal(labels["target"], target)).as_py() or 0,
        n_linked=len(np.unique(pairs.values)),
        n_ecgs=mine.num_rows,
        n_patients=pc.count_distinct(mine["patient_id"]).as_py(),
        median_gap_hours=pc.quantile(pc.abs(mine["gap_hours"]), 0.5)[0].as_py(),
        n_dates_only=mine["gap_hours"].null_count,
    )
