"""The nearest catheter value of each ECG, of one target, found by bisection instead of by trying all pairs.

The rule stands in `hemometric.labels.linking`. Here values are sorted by patient and time, of each time only the one
that counts, so that the nearest is the last before an ECG or the first after it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hemometric.labels.moments import Moments

_Numbers = NDArray[np.int64]
_Flags = NDArray[np.bool_]

_US_PER_SECOND, _SECONDS_PER_HOUR, _DAY_HOURS = 1e6, 3600, 24.0


@dataclass(frozen=True, slots=True)
class Timed:
    """ECGs, or catheter values of one target, of numbered patients.

    Attributes:
        patients: (n,) number of the patient, from 0.
        moments: Of each.
    """

    patients: _Numbers
    moments: Moments

    def at(self, chosen: _Flags | _Numbers) -> "Timed":
        """Some of them."""
        return Timed(self.patients[chosen], self.moments.at(chosen))


@dataclass(frozen=True, slots=True)
class Nearest:
    """What belongs to each ECG.

    Attributes:
        values: (n,) place of the value, -1 where there is none.
        near: (n,) whether any value lies within the window, on whatever side.
        unsure: (n,) whether there is no value since dates do not tell on which side of it the ECG lies.
    """

    values: _Numbers
    near: _Flags
    unsure: _Flags


def find_nearest(ecgs: Timed, values: Timed, *, window_hours: float, side: str) -> Nearest:
    """Find the value that belongs to each ECG.

    Args:
        ecgs: n of them, in any order.
        values: Of one target; of several at one time the last counts.
        window_hours: Largest distance.
        side: "before", "after" or "both": where an ECG may lie.
    """
    found = Nearest(
        values=np.full(len(ecgs.patients), -1, dtype=np.int64),
        near=np.zeros(len(ecgs.patients), dtype=np.bool_),
        unsure=np.zeros(len(ecgs.patients), dtype=np.bool_),
    )
    known = values.moments.time_known
    timed, dated, either = _sort_timed(values, known), _sort_dated(values, ~known), _sort_dated(values, None)
    for with_time in (True, False):
        mine = np.flatnonzero(ecgs.moments.time_known == with_time)
        some = ecgs.at(mine)
        days = some.moments.days
        by_day = dated if with_time else either
        on_any_side, distance = by_day.nearest(some.patients, days, side="both")
        near = (on_any_side >= 0) & (distance <= window_hours)
        same_day = near & (distance == _DAY_HOURS)
        value = by_day.within(some.patients, days, window_hours=window_hours, side=side)
        if with_time:  # a value with a known distance goes before one without
            at = some.moments.at_us
            value_in_time = timed.within(some.patients, at, window_hours=window_hours, side=side)
            near |= timed.within(some.patients, at, window_hours=window_hours, side="both") >= 0
            value = np.where(value_in_time >= 0, value_in_time, value)
        found.values[mine], found.near[mine] = value, near
        found.unsure[mine] = same_day & (value < 0)
    return found


def gap_hours(ecg_us: _Numbers, value_us: _Numbers) -> NDArray[np.float64]:
    """Hours from catheter values to ECGs; the same numbers as `timedelta.total_seconds() / 3600`, up to 140 years."""
    hours: NDArray[np.float64] = (ecg_us - value_us) / _US_PER_SECOND / _SECONDS_PER_HOUR
    return hours


@dataclass(frozen=True, slots=True)
class _Sorted:
    """Values by patient and time.

    Attributes:
        times: (t,) the distinct times that occur, rising: microseconds, or days.
        keys: (k,) patient x (t + 1) + rank of the time, rising, each once.
        places: (k,) which value each is.
        in_days: Whether times are days, of which the distance is only known to be less than one more.
    """

    times: _Numbers
    keys: _Numbers
    places: _Numbers
    in_days: bool

    def within(self, patients: _Numbers, times: _Numbers, *, window_hours: float, side: str) -> _Numbers:
        """The place of the nearest value within a window; -1 where there is none."""
        places, distance = self.nearest(patients, times, side=side)
        return np.where(distance <= window_hours, places, -1)

    def nearest(self, patients: _Numbers, times: _Numbers, *, side: str) -> tuple[_Numbers, NDArray[np.float64]]:
        """The place of the nearest value of the same patient, and the hours up to it; -1 and infinity without one.

        Args:
            patients: (n,).
            times: (n,) of the ECGs.
            side: Where the ECGs may lie. The same moment is on both sides, the same day on neither.
        """
        if side == "before":
            return self._measure(
                self._first_from(patients, times, "right" if self.in_days else "left"), patients, times
            )
        if side == "after":
            return self._measure(
                self._first_from(patients, times, "left" if self.in_days else "right") - 1, patients, times
            )
        later = self._first_from(patients, times, "right")
        place_after, hours_after = self._measure(later, patients, times)
        place_before, hours_before = self._measure(later - 1, patients, times)
        take_later = hours_after <= hours_before
        return np.where(take_later, place_after, place_before), np.where(take_later, hours_after, hours_before)

    def _first_from(self, patients: _Numbers, times: _Numbers, edge: str) -> _Numbers:
        """Which key is the first of a patient at or after ("left"), or after ("right"), a time."""
        ranks = np.searchsorted(self.times, times, side=edge)  # type: ignore[call-overload]  # one of its two words
        found: _Numbers = np.searchsorted(self.keys, patients * (len(self.times) + 1) + ranks)
        return found

    def _measure(self, keys: _Numbers, patients: _Numbers, times: _Numbers) -> tuple[_Numbers, NDArray[np.float64]]:
        """Place and distance of the values with some keys, where those are of the same patients."""
        if not len(self.keys):
            return np.full(len(keys), -1, dtype=np.int64), np.full(len(keys), np.inf)
        inside = np.clip(keys, 0, len(self.keys) - 1)
        owners, ranks = np.divmod(self.keys[inside], len(self.times) + 1)
        there = (inside == keys) & (owners == patients)
        apart = times - self.times[ranks]
        hours = (np.abs(apart) + 1) * _DAY_HOURS if self.in_days else np.abs(gap_hours(apart, np.zeros_like(apart)))
        return np.where(there, self.places[inside], -1), np.where(there, hours, np.inf)


def _sort_timed(values: Timed, chosen: _Flags) -> _Sorted:
    """Some values by the microsecond."""
    places = np.flatnonzero(chosen)
    return _sort(values.patients[places], values.moments.at_us[places], places, in_days=False)


def _sort_dated(values: Timed, chosen: _Flags | None) -> _Sorted:
    """Some values, or all, by the day; of a day the latest counts."""
    places = np.arange(len(values.patients)) if chosen is None else np.flatnonzero(chosen)
    places = places[np.argsort(values.moments.at_us[places], kind="stable")]
    return _sort(values.patients[places], values.moments.days[places], places, in_days=True)


def _sort(patients: _Numbers, times: _Numbers, places: _Numbers, *, in_days: bool) -> _Sorted:
    """Sort by patient and time; of equal ones the last counts."""
    distinct, ranks = np.unique(times, return_inverse=True)
    keys = patients * (len(distinct) + 1) + ranks
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    last = np.flatnonzero(np.append(keys[1:] != keys[:-1], True)[: len(keys)])
    return _Sorted(distinct, keys[last], places[order[last]], in_days)
