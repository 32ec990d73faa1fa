"""Times as they stand in tables: a date, or a date with a time, by the clock on the wall; no zone is invented."""

from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

_HOURS = ("%H", "%I", "%c", "%X")


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
