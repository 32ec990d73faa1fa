"""How the XML formats write numbers, samples, days and times of day."""

import base64
import binascii
import datetime
import math
import re
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hemometric.errors import ReadError

MOST_SAMPLES = 2**22
"""Of a lead; a file of the largest size holds fewer."""
_FASTEST_HZ = 1e6
_SMALLEST_MV, _LARGEST_MV = 1e-9, 1e6
_LARGEST_NUMBER = 1e15
_NUMBER = re.compile(r"[+-]?(\d{1,20}(\.\d{0,40})?|\.\d{1,40})([eE][+-]?\d{1,3})?", re.ASCII)
_COUNT = re.compile(r"\d{1,12}", re.ASCII)
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d)(?:\.\d+)?)?", re.ASCII)


def parse_number(text: str) -> float | None:
    """Return a finite number, or None.

    >>> parse_number("4.88"), parse_number("4,88"), parse_number("nan")
    (4.88, None, None)
    """
    number = float(text) if _NUMBER.fullmatch(text) else math.nan
    return number if math.isfinite(number) else None


def read_count(path: Path, text: str, what: str) -> int:
    """Return a whole number, 0 or more.

    Raises:
        ReadError: It is none ("corrupt").
    """
    if _COUNT.fullmatch(text) is None:
        raise ReadError(path, f"{what} is {text[:40]!r}, expected a whole number", code="corrupt")
    return int(text)


def check_rate(path: Path, rate_hz: float | None, where: str) -> float:
    """Return a sampling rate.

    Args:
        path: The file, for the error.
        rate_hz: None where the file does not say.
        where: What should say it, for the error.

    Raises:
        ReadError: The file does not say, or it is no rate ("no-rate").
    """
    if rate_hz is None or not 0 < rate_hz <= _FASTEST_HZ:
        found = "nothing" if rate_hz is None else f"{rate_hz:g} Hz"
        raise ReadError(path, f"{where} says {found}, expected samples per second above 0", code="no-rate")
    return rate_hz


def check_step(path: Path, step_mv: float, what: str) -> float:
    """Return a voltage that is part of how samples are scaled, mV.

    Args:
        path: The file, for the error.
        step_mv: Either sign.
        what: What it is, for the error.

    Raises:
        ReadError: It is so small or so large that no cardiograph has it ("corrupt").
    """
    if not _SMALLEST_MV <= abs(step_mv) <= _LARGEST_MV:
        reason = f"{what} is {step_mv:g} mV, expected {_SMALLEST_MV:g} to {_LARGEST_MV:g} mV; export the file again"
        raise ReadError(path, reason, code="corrupt")
    return step_mv


def decode_base64(path: Path, text: str, what: str) -> bytes:
    """Return what base64 text with line breaks stands for.

    Raises:
        ReadError: It is none ("corrupt").
    """
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ReadError(
            path, f"the samples of {what} are no base64 ({error}); export it again", code="corrupt"
        ) from error


def read_numbers(path: Path, text: str, what: str) -> NDArray[np.float64]:
    """Return numbers separated by white space, shape (n,), n >= 1.

    Raises:
        ReadError: There are none, or something is no finite number or one that no converter gives ("corrupt").
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # so numpy says that the text goes on with something else
        try:
            numbers = np.fromstring(text, dtype=np.float64, sep=" ") if text.strip() else np.empty(0)
        except (DeprecationWarning, ValueError):
            numbers = np.empty(0)
    if not (numbers.size and (np.abs(numbers) <= _LARGEST_NUMBER).all()):  # which NaN is not either
        reason = f"the samples of {what} are not all numbers with white space between them; export it again"
        raise ReadError(path, reason, code="corrupt")
    return numbers


def parse_day(text: str, layout: str) -> datetime.date | None:
    """Return the day that is written in a layout of `strptime`, or None."""
    try:
        return datetime.datetime.strptime(text, layout).date()
    except ValueError:
        return None


def join_time(day: datetime.date | None, clock: str) -> str | None:
    """Return a day and a time of day ("9:10", "09:10:30.5") in ISO 8601, the day alone where there is no such time.

    >>> join_time(datetime.date(2002, 11, 22), "09:10")
    '2002-11-22T09:10:00'
    """
    if day is None:
        return None
    match = _CLOCK.fullmatch(clock)
    if match is None:
        return day.isoformat()
    hour, minute, second = (int(part or 0) for part in match.groups())
    try:
        return f"{day.isoformat()}T{datetime.time(hour, minute, second).isoformat()}"
    except ValueError:
        return day.isoformat()
