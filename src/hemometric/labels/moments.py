"""Times as they stand in tables: a date, or a date with a time, by the clock on the wall; no zone is invented."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_HOURS = ("%H", "%I", "%c", "%X")
_EPOCH, _MICROSECOND = datetime(1970, 1, 1), timedelta(microseconds=1)
_US_PER_SECOND, _US_PER_DAY = 10**6, 86_400 * 10**6
_FIRST_US = (datetime.min - _EPOCH) // _MICROSECOND
_PLAIN = r"^[12]\d{3}-\d{2}-\d{2}(?:[T ](?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d)?)?$"
"""What pyarrow reads exactly as `parse_moment` does, at a tenth of its time; it takes and refuses other forms."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When something was measured.

    Attributes:
        at: The time, without a zone; midnight where only the date is known.
        time_known: Whether the time of the day is known.
    """

    at: datetime
    time_known: bool

    def text(self) -> str:
        """ISO 8601: "2020-05-15" or "2020-05-15T15:35:30"."""
        return self.at.isoformat() if self.time_known else self.at.date().isoformat()


@lru_cache(maxsize=65_536)
def parse_moment(text: str) -> Moment:
    """Read ISO 8601.

    Args:
        text: "2020-05-15", "2020-05-15T15:35", "2020-05-15 15:35:30", ...

    Raises:
        ValueError: It is none, or names a zone.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        at = datetime.fromisoformat(text)
    else:
        return Moment(datetime(day.year, day.month, day.day), time_known=False)
    if at.tzinfo is not None:
        raise ValueError("names a time zone")
    return Moment(at, time_known=True)


@lru_cache(maxsize=65_536)
def parse_moment_as(text: str, formats: tuple[str, ...]) -> Moment:
    """Read a time that is written in one of some formats; the first that fits counts.

    Args:
        text: "15.05.2020", "5/15/2020 3:35 PM", ...
        formats: As `datetime.strptime` takes them; one without hours (%H, %I, %c, %X) gives a date.

    Raises:
        ValueError: None fits, or it names a zone.

    Example:
        >>> parse_moment_as("15.05.2020", ("%d.%m.%Y %H:%M", "%d.%m.%Y")).text()
        '2020-05-15'
    """
    for one in formats:
        try:
            at = datetime.strptime(text, one)
        except ValueError:
            continue
        if at.tzinfo is not None:
            raise ValueError("names a time zone")
        return Moment(at, time_known=any(code in one for code in _HOURS))
    raise ValueError(f"is not of the form {' or '.join(formats)}")


@dataclass(frozen=True, slots=True)
class Moments:
    """Many moments, as numbers.

    Attributes:
        at_us: (n,) microseconds since 1970, of the clock on the wall; midnight where only the date is known.
        time_known: (n,) whether the time of the day is known.
    """

    at_us: NDArray[np.int64]
    time_known: NDArray[np.bool_]

    @property
    def days(self) -> NDArray[np.int64]:
        """(n,) days since 1970."""
        days: NDArray[np.int64] = self.at_us // _US_PER_DAY
        return days

    def at(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> "Moments":
        """Some of them."""
        return Moments(self.at_us[chosen], self.time_known[chosen])

    def move_back(self, days: NDArray[np.int64]) -> "Moments":
        """The same times of the day so many days before, (n,) of them.

        Raises:
            ValueError: One would lie before the year 1.
        """
        moved = self.at_us - days * _US_PER_DAY
        if (moved < _FIRST_US).any():
            raise ValueError("lies before the year 1")
        return Moments(moved, self.time_known)

    def texts(self) -> pa.Array:
        """As `Moment.text`."""
        dates = pc.cast(pa.array(self.days.astype(np.int32), pa.date32()), pa.string())
        to_the_second = pc.cast(pa.array(self.at_us // _US_PER_SECOND, pa.timestamp("s")), pa.string())
        exactly = pc.cast(pa.array(self.at_us, pa.timestamp("us")), pa.string())
        whole = pa.array(self.at_us % _US_PER_SECOND == 0)
        with_time = pc.utf8_replace_slice(pc.if_else(whole, to_the_second, exactly), 10, 11, "T")
        return pc.if_else(pa.array(self.time_known), with_time, dates)


def parse_moments(texts: pa.Array | pa.ChunkedArray) -> Moments:
    """Read many times, each as `parse_moment` does.

    Args:
        texts: (n,) strings, none of them null.

    Raises:
        ValueError: One is none, or names a zone.
    """
    plain = pc.match_substring_regex(texts, _PLAIN).to_numpy(zero_copy_only=False)
    time_known = pc.binary_length(texts).to_numpy(zero_copy_only=False) > len("2020-05-15")
    at_us = np.zeros(len(texts), dtype=np.int64)
    at_us[plain] = pc.cast(texts.filter(pa.array(plain)), pa.timestamp("us")).to_numpy().astype(np.int64)
    for place in np.flatnonzero(~plain).tolist():
        moment = parse_moment(texts[place].as_py())
        at_us[place], time_known[place] = (moment.at - _EPOCH) // _MICROSECOND, moment.time_known
    return Moments(at_us, time_known)
