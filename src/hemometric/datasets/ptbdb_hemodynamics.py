"""What the headers of PTBDB say of a catheterisation: every hemodynamic field, exactly as it is written.

A header has a line per field, such as "Cardiac output (at rest): 4,91 l/min". "n/a" is missing; decimal comma and point
both occur; the keys of the measurements under load are spelled "(load)" and "(laod)". The catheterisation date stands
there twice, as "16-Oct-90" or "16/10/1990".
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from hemometric.datasets.facts import CatheterValue
from hemometric.formats.wfdb_header import parse_day, read_header


@dataclass(frozen=True, slots=True)
class Quantity:
    """One measured number.

    Attributes:
        value: The number that is written; nothing is converted.
        unit: As written, "" where none is.
        text: The whole field as written.
    """

    value: float
    unit: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hemodynamics:
    """The hemodynamic fields of a header; None where a field is missing, "n/a" or not understood.

    Attributes:
        catheterized_on: ISO date: that of the hemodynamic section, else that of the therapy.
        peripheral_systolic: Cuff pressure.
        peripheral_diastolic: Cuff pressure.
        pa_systolic_rest: Pulmonary artery pressure at rest.
        pa_diastolic_rest: Pulmonary artery pressure at rest.
        pa_mean_rest: Pulmonary artery pressure at rest.
        wedge_rest: Pulmonary capillary wedge pressure at rest.
        cardiac_output_rest: At rest.
        cardiac_index_rest: At rest.
        stroke_volume_index_rest: At rest.
        pa_systolic_load: Pulmonary artery pressure under load.
        pa_diastolic_load: Pulmonary artery pressure under load.
        pa_mean_load: Pulmonary artery pressure under load.
        wedge_load: Pulmonary capillary wedge pressure under load.
        cardiac_output_load: Under load.
        cardiac_index_load: Under load.
        stroke_volume_index_load: Under load.
        aorta_systolic_rest: At rest.
        aorta_diastolic_rest: At rest.
        aorta_mean_rest: At rest.
        lv_enddiastolic: Left ventricular enddiastolic pressure.
        not_understood: Fields that hold something that is no such number or date: name -> text.
    """

    catheterized_on: str | None = None
    peripheral_systolic: Quantity | None = None
    peripheral_diastolic: Quantity | None = None
    pa_systolic_rest: Quantity | None = None
    pa_diastolic_rest: Quantity | None = None
    pa_mean_rest: Quantity | None = None
    wedge_rest: Quantity | None = None
    cardiac_output_rest: Quantity | None = None
    cardiac_index_rest: Quantity | None = None
    stroke_volume_index_rest: Quantity | None = None
    pa_systolic_load: Quantity | None = None
    pa_diastolic_load: Quantity | None = None
    pa_mean_load: Quantity | None = None
    wedge_load: Quantity | None = None
    cardiac_output_load: Quantity | None = None
    cardiac_index_load: Quantity | None = None
    stroke_volume_index_load: Quantity | None = None
    aorta_systolic_rest: Quantity | None = None
    aorta_diastolic_rest: Quantity | None = None
    aorta_mean_rest: Quantity | None = None
    lv_enddiastolic: Quantity | None = None
    not_understood: Mapping[str, str] = field(default_factory=dict)


_FIELDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "peripheral blood pressure (syst/diast)": ("peripheral_systolic", "peripheral_diastolic"),
        "pulmonary artery pressure (at rest) (syst/diast)": ("pa_systolic_rest", "pa_diastolic_rest"),
        "pulmonary artery pressure (at rest) (mean)": ("pa_mean_rest",),
        "pulmonary capillary wedge pressure (at rest)": ("wedge_rest",),
        "cardiac output (at rest)": ("cardiac_output_rest",),
        "cardiac index (at rest)": ("cardiac_index_rest",),
        "stroke volume index (at rest)": ("stroke_volume_index_rest",),
        "pulmonary artery pressure (load) (syst/diast)": ("pa_systolic_load", "pa_diastolic_load"),
        "pulmonary artery pressure (load) (mean)": ("pa_mean_load",),
        "pulmonary capillary wedge pressure (load)": ("wedge_load",),
        "cardiac output (load)": ("cardiac_output_load",),
        "cardiac index (load)": ("cardiac_index_load",),
        "stroke volume index (load)": ("stroke_volume_index_load",),
        "aorta (at rest) (syst/diast)": ("aorta_systolic_rest", "aorta_diastolic_rest"),
        "aorta (at rest) mean": ("aorta_mean_rest",),
        "left ventricular enddiastolic pressure": ("lv_enddiastolic",),
    }
)
"""Key of the header, small and with "laod" spelled "load" -> attributes, one for each number."""

_TARGETS: Mapping[str, str] = MappingProxyType(
    {
        "pulmonary capillary wedge pressure (at rest)": "mpcwp",
        "pulmonary artery pressure (at rest) (mean)": "mpap",
        "cardiac output (at rest)": "co",
    }
)
_DATE_KEY = "catheterization date"
_MISSING = frozenset({"", "n/a", "-"})
_NUMBER = r"\d+(?:[.,]\d+)?"
_ONE = re.compile(rf"(-?{_NUMBER})\s*([^\W\d_].*)?")
_TWO = re.compile(rf"({_NUMBER})\s*/\s*({_NUMBER})\s*([^\W\d_].*)?")
_SHORT_DAY = re.compile(r"(\d{1,2}[/-](?:\d{1,2}|[A-Za-z]{3})[/-])(\d{2})")


def read_hemodynamics(header: Path) -> Hemodynamics:
    """Read every hemodynamic field of a header of PTBDB.

    Args:
        header: The .hea file.

    Raises:
        ReadError: It is no WFDB header ("not-an-ecg", "corrupt").
        OSError: It cannot be read.
    """
    written = _pair(read_header(header).comments)
    found: dict[str, Quantity] = {}
    not_understood: dict[str, str] = {}
    for key, names in _FIELDS.items():
        for text in written.get(key, ()):
            quantities = _parse(text, n_numbers=len(names))
            if quantities is None:
                not_understood[key] = text
            found |= zip(names, quantities or (), strict=False)
    days = [(text, _parse_day(text)) for text in written.get(_DATE_KEY, ())]
    for text, day in days:
        if day is None:
            not_understood[_DATE_KEY] = text
    return Hemodynamics(
        catheterized_on=next((day for _, day in days if day is not None), None),
        not_understood=MappingProxyType(not_understood),
        **found,
    )


def find_values(record: Path) -> tuple[CatheterValue, ...]:
    """Return the values at rest of targets that we know, as they are written.

    Args:
        record: Path of the header.

    Raises:
        ReadError: It is no WFDB header.
        OSError: It cannot be read.
    """
    read = read_hemodynamics(record.with_suffix(".hea"))
    values = []
    for key, target in _TARGETS.items():
        (name,) = _FIELDS[key]
        quantity: Quantity | None = getattr(read, name)
        text = read.not_understood.get(key) if quantity is None else quantity.text
        if text is None:
            continue
        values.append(
            CatheterValue(
                target=target,
                text=text,
                value=None if quantity is None else quantity.value,
                unit="" if quantity is None else quantity.unit,
                measured_at=read.catheterized_on,
                method=f"right-heart catheter: {key}",
            )
        )
    return tuple(values)


def _pair(comments: Iterable[str]) -> dict[str, list[str]]:
    """The fields that hold something, by key; a key may stand there more than once."""
    fields: dict[str, list[str]] = {}
    for comment in comments:
        key, colon, text = comment.partition(":")
        plain = " ".join(key.casefold().replace("(laod)", "(load)").split())
        if colon and text.strip().casefold() not in _MISSING:
            fields.setdefault(plain, []).append(" ".join(text.split()))
    return fields


def _parse(text: str, *, n_numbers: int) -> Sequence[Quantity] | None:
    match = (_ONE if n_numbers == 1 else _TWO).fullmatch(text)
    if match is None:
        return None
    *numbers, unit = match.groups(default="")
    return [Quantity(float(number.replace(",", ".")), unit, text) for number in numbers]


def _parse_day(text: str) -> str | None:
    """Return the ISO date of "16-Oct-90" or "16/10/1990" (day first); two digits are of the 20th century.

    PTBDB was published in 1995, so that 90 cannot be 2090.
    """
    short = _SHORT_DAY.fullmatch(text)
    return parse_day(f"{short[1]}19{short[2]}" if short else text)
