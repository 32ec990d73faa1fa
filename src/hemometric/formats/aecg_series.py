"""The rhythm series of an aECG file: their leads, times and voltages."""

import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from hemometric.ecg import INDEPENDENT_LEADS
from hemometric.errors import ReadError
from hemometric.formats.leads import name_coded_lead, name_lead
from hemometric.formats.units import check_units
from hemometric.formats.xml_tree import find_attribute, find_text
from hemometric.formats.xml_values import check_step, parse_number, read_numbers

_PER_SECOND = {"s": 1.0, "ms": 1e3, "us": 1e6, "\u00b5s": 1e6, "\u03bcs": 1e6}
_DERIVED = "REPRESENTATIVE_BEAT"
_TIMESTAMP = re.compile(r"(\d{4})(\d\d)(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(\.\d+)?)?)?)?([+-]\d{4})?", re.ASCII)
_FIRST_DAY = datetime.date(2000, 1, 1)


@dataclass(frozen=True, slots=True)
class Channel:
    """One sequence of a series.

    Attributes:
        lead: One of `LEADS`, or None for any other.
        rate_hz: Of the sequence set that it is in, None where that does not say.
        start_s: Of that set: seconds since 2000 or since an event, None where that does not say.
        value: The element with scale and origin.
        digits: Shape (n_samples,), steps; empty for what is no lead of `LEADS`.
    """

    lead: str | None
    rate_hz: float | None
    start_s: float | None
    value: Element
    digits: NDArray[np.float64]

    @property
    def n_samples(self) -> int:
        """How many digits."""
        return len(self.digits)

    def read_millivolts(self, path: Path, lead: str) -> NDArray[np.float64]:
        """Return origin + scale x digits, shape (n_samples,), mV.

        Args:
            path: The file, for the error.
            lead: What to call it, for the error.

        Raises:
            ReadError: No scale or no unit ("no-unit"), no unit of voltage ("unknown-unit"), no number ("corrupt").
        """
        scale = self._read_quantity(path, lead, "scale")
        origin = self._read_quantity(path, lead, "origin")
        return self.digits * scale + origin

    def _read_quantity(self, path: Path, lead: str, tag: str) -> float:
        """Return scale or origin, mV; an origin that is absent or 0 needs no unit."""
        stated, unit = find_attribute(self.value, tag, "value"), find_attribute(self.value, tag, "unit")
        number = parse_number(stated or ("0" if tag == "origin" else ""))
        if stated and number is None:
            raise ReadError(path, f"{tag} of lead {lead} is {stated[:40]!r}, expected a number", code="corrupt")
        if tag == "origin" and number == 0:
            return 0.0
        if number is None or number == 0 or not unit:
            missing = "no unit" if number else f"no {tag} other than 0"
            reason = f"lead {lead} has {missing}, so that its samples are no voltage; export the file again with units"
            raise ReadError(path, reason, code="no-unit")
        return check_step(path, number / check_units(path, [lead], [unit])[0], f"{tag} of lead {lead}")


@dataclass(frozen=True, slots=True)
class Series:
    """Leads that were recorded together.

    Attributes:
        element: The `series` element.
        channels: Its sequences of voltages: of one sequence set, or of all.
    """

    element: Element
    channels: tuple[Channel, ...]

    @property
    def leads(self) -> frozenset[str]:
        """Which leads of a 12-lead ECG it has."""
        return frozenset(channel.lead for channel in self.channels if channel.lead is not None)

    @property
    def n_samples(self) -> int:
        """Of the shortest lead."""
        return min((channel.n_samples for channel in self.channels if channel.lead is not None), default=0)


def find_series(path: Path, root: Element) -> list[Series]:
    """List the rhythms of a file: each sequence set that has all leads, else all sets of a series together.

    Args:
        path: The file, for the error.
        root: Its root element.

    Returns:
        Those with at least one lead.

    Raises:
        ReadError: The digits of a lead are no numbers ("corrupt").
    """
    found = []
    for series in root.findall("component/series"):
        if find_attribute(series, "code", "code").upper() == _DERIVED:
            continue
        sets = [
            Series(series, tuple(_list_channels(path, sequences)))
            for sequences in series.findall("component/sequenceset")
        ]
        whole = [each for each in sets if each.leads >= set(INDEPENDENT_LEADS)]
        joined = Series(series, tuple(channel for each in sets for channel in each.channels))
        found += whole or [joined]
    return [each for each in found if each.leads]


def name_sequence(code: str) -> str | None:
    """Return the lead of `LEADS` that a code of a sequence means, or None.

    >>> name_sequence("MDC_ECG_LEAD_AVR"), name_sequence("MDC_ECG_LEAD_dI"), name_sequence("2:3")
    ('aVR', None, 'V1')
    """
    _, prefix, lead = code.partition("ECG_LEAD_")
    if prefix:  # d is a lead that is derived from others, as in dI, which elsewhere is a spelling of I
        return None if lead.startswith("d") else name_lead(lead)
    return name_coded_lead(code)


def _list_channels(path: Path, sequences: Element) -> list[Channel]:
    elements = sequences.findall("component/sequence")
    codes = [find_attribute(element, "code", "code") for element in elements]
    times = [element for element, code in zip(elements, codes, strict=True) if code.upper().startswith("TIME_")]
    rate_hz, start_s = _find_time(times)
    channels = []
    for element, code in zip(elements, codes, strict=True):
        value = element.find("value")
        if code.upper().startswith("TIME_") or value is None:
            continue
        lead = name_sequence(code)
        digits = read_numbers(path, find_text(value, "digits"), f"lead {lead}") if lead else np.empty(0)
        channels.append(Channel(lead, rate_hz, start_s, value, digits))
    return channels


def _find_time(times: Sequence[Element]) -> tuple[float | None, float | None]:
    """Return rate (Hz) and start (s) by the first sequence of times that has an increment."""
    for element in times:
        increment = parse_number(find_attribute(element, "value/increment", "value"))
        per_second = _PER_SECOND.get(find_attribute(element, "value/increment", "unit"))
        if increment is not None and increment > 0 and per_second is not None:
            return per_second / increment, _find_start(element)
    return None, None


def _find_start(time: Element) -> float | None:
    """Return the first of the times in seconds: since 2000 by the clock of the place, or since an event."""
    stated, unit = find_attribute(time, "value/head", "value"), find_attribute(time, "value/head", "unit")
    if unit:
        number, per_second = parse_number(stated), _PER_SECOND.get(unit)
        return None if number is None or per_second is None else number / per_second
    match = _TIMESTAMP.fullmatch(stated)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    try:
        days = (datetime.date(year, month, day) - _FIRST_DAY).days
    except ValueError:
        return None
    return days * 86400.0 + hour * 3600 + minute * 60 + second + float(match.group(7) or 0)
