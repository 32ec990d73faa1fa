"""Read the header of EDF (Kemp et al. 1992), EDF+ (Kemp and Olivan 2003) and BDF, which has samples of 24 bits."""

import datetime
import math
import re
from dataclasses import dataclass
from pathlib import Path

from hemometric.ecg import Sex
from hemometric.errors import ReadError
from hemometric.formats.patients import find_age_on, keep_patient

_FIXED_BYTES = 256
_SIGNAL_BYTES = 256
_MARKS = {b"0       ": ("EDF", 2), b"\xffBIOSEMI": ("BDF", 3)}
_SIGNAL_WIDTHS = (16, 80, 8, 8, 8, 8, 8, 80, 8, 32)
"""Label, transducer, unit, physical and digital least and most, filters, samples in a record, reserved."""
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?", re.ASCII)
_WHOLE = re.compile(r"[-+]?\d{1,8}", re.ASCII)
_DAY = re.compile(r"(\d\d)[./:-](\d\d)[./:-](\d\d)", re.ASCII)
_PATIENT = re.compile(r"(?P<code>\S+) (?P<sex>[MFX]) (?P<born>\d\d-[A-Z]{3}-\d{4}|X)(?: .*)?", re.ASCII)
_RECORDING = re.compile(r"Startdate (?P<day>\d\d-[A-Z]{3}-\d{4}|X)(?: .*)?", re.ASCII)
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_SEXES: dict[str, Sex] = {"F": "female", "M": "male"}
_CLIPPING_YEAR = 85
"""Of the two digits of a year, 85 to 99 are 1985 to 1999 (EDF+, 2.1.3)."""
_BLANK_STARTS = {b"01.01.8500.00.00", b"00.00.0000.00.00"}
"""What software writes that leaves out the start."""


@dataclass(frozen=True, slots=True)
class EdfSignal:
    """What the header says of one signal.

    Attributes:
        label: As written, stripped.
        unit: As written, stripped.
        ranges: Physical least and most, digital least and most, as written; `find_scale` makes numbers of them.
        per_record: Samples in each record.
    """

    label: str
    unit: str
    ranges: tuple[bytes, ...]
    per_record: int

    @property
    def is_annotations(self) -> bool:
        """Whether its bytes are annotations and no samples."""
        return self.label in {"EDF Annotations", "BDF Annotations"}


@dataclass(frozen=True, slots=True)
class EdfHeader:
    """The header of a file.

    Attributes:
        title: "EDF" or "BDF".
        sample_bytes: 2 or 3.
        n_bytes: Of the header.
        n_records: Of data, or None where the file says that it does not know (-1).
        record_s: Seconds of each record.
        discontinuous: Whether there may be gaps between records (EDF+D, BDF+D).
        signals: In the order of the file.
        patient_id: As `Ecg` has it.
        age_years: As `Ecg` has it.
        sex: As `Ecg` has it.
        acquired_at: As `Ecg` has it.
        notes: What had to be assumed.
    """

    title: str
    sample_bytes: int
    n_bytes: int
    n_records: int | None
    record_s: float
    discontinuous: bool
    signals: tuple[EdfSignal, ...]
    patient_id: str | None
    age_years: float | None
    sex: Sex | None
    acquired_at: str | None
    notes: tuple[str, ...]

    @property
    def record_bytes(self) -> int:
        """Bytes of each record."""
        return self.sample_bytes * sum(signal.per_record for signal in self.signals)


def is_edf(head: bytes) -> bool:
    """Say whether a file is EDF or EDF+, whose version is "0" in eight characters."""
    return head.startswith(b"0       ")


def is_bdf(head: bytes) -> bool:
    """Say whether a file is BDF or BDF+."""
    return head.startswith(b"\xffBIOSEMI")


def damaged(path: Path, title: str, what: str) -> ReadError:
    """Return the error for a file that contradicts itself."""
    return ReadError(path, f"damaged {title} file, export it again: {what}", code="corrupt")


def read_edf_header(path: Path) -> EdfHeader:
    """Read the header of an EDF or BDF file.

    Raises:
        ReadError: It ends before it should ("truncated"), or a number in it is none or out of range ("corrupt").
    """
    with path.open("rb") as stream:
        fixed = stream.read(_FIXED_BYTES)
        title, sample_bytes = _MARKS.get(fixed[:8], ("EDF", 2))
        if len(fixed) < _FIXED_BYTES:
            raise _cut(path, title, len(fixed), _FIXED_BYTES)
        n_signals = _whole(path, title, "number of signals", fixed[252:256])
        n_bytes = _whole(path, title, "number of header bytes", fixed[184:192])
        if n_signals < 1 or n_bytes != _FIXED_BYTES + n_signals * _SIGNAL_BYTES:
            raise damaged(path, title, f"a header of {n_bytes:,} bytes cannot describe {n_signals:,} signals")
        described = stream.read(n_signals * _SIGNAL_BYTES)
    if len(described) < n_signals * _SIGNAL_BYTES:
        raise _cut(path, title, _FIXED_BYTES + len(described), n_bytes)
    n_records = _whole(path, title, "number of records", fixed[236:244])
    record_s = _number(path, title, "duration of a record", fixed[244:252])
    if n_records < -1 or record_s < 0:
        raise damaged(path, title, f"{n_records} records of {record_s:g} s")
    day, acquired_at, doubts = _find_start(fixed)
    patient = _PATIENT.fullmatch(_text(fixed[8:88]))
    if patient is None and _text(fixed[8:88]):
        doubts.append("the patient field is free text and no EDF+ patient field: id, age and sex taken as unknown")
    return EdfHeader(
        title=title,
        sample_bytes=sample_bytes,
        n_bytes=n_bytes,
        n_records=None if n_records == -1 else n_records,
        record_s=record_s,
        discontinuous=fixed[192:197] in {b"EDF+D", b"BDF+D"},
        signals=_read_signals(path, title, described, n_signals),
        patient_id=keep_patient(patient["code"]) if patient else None,
        age_years=find_age_on(day, born=_find_day(patient["born"])) if patient else None,
        sex=_SEXES.get(patient["sex"]) if patient else None,
        acquired_at=acquired_at,
        notes=tuple(doubts),
    )


def _cut(path: Path, title: str, found: int, expected: int) -> ReadError:
    reason = f"the {title} header ends at byte {found:,}, expected {expected:,} bytes; copy it again"
    return ReadError(path, reason, code="truncated")


def _text(field: bytes) -> str:
    return field.decode("latin-1").strip(" \x00")


def _whole(path: Path, title: str, what: str, field: bytes) -> int:
    text = _text(field)
    if _WHOLE.fullmatch(text) is None:
        raise damaged(path, title, f"the {what} is {text!r}, expected a whole number")
    return int(text)


def _number(path: Path, title: str, what: str, field: bytes) -> float:
    text = _text(field)
    number = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(number):
        raise damaged(path, title, f"the {what} is {text!r}, expected a number")
    return number


def _read_signals(path: Path, title: str, described: bytes, n_signals: int) -> tuple[EdfSignal, ...]:
    """Read what the header says of the signals: all labels, then all transducers, and so on."""
    fields, at = [], 0
    for width in _SIGNAL_WIDTHS:
        fields.append([described[at + width * place : at + width * (place + 1)] for place in range(n_signals)])
        at += width * n_signals
    return tuple(_read_signal(path, title, [field[place] for field in fields]) for place in range(n_signals))


def _read_signal(path: Path, title: str, fields: list[bytes]) -> EdfSignal:
    label, unit = _text(fields[0]), _text(fields[2])
    per_record = _whole(path, title, f"number of samples of {label!r}", fields[8])
    if per_record < 0:
        raise damaged(path, title, f"a record holds {per_record} samples of {label!r}")
    return EdfSignal(label, unit, tuple(fields[3:7]), per_record)


def find_scale(path: Path, title: str, signal: EdfSignal) -> tuple[float, float]:
    """Return the physical units of one step, and those at 0 steps.

    Raises:
        ReadError: The ranges of the signal are no numbers, or empty ("corrupt").
    """
    low, high = (_number(path, title, f"physical range of {signal.label!r}", field) for field in signal.ranges[:2])
    least, most = (_whole(path, title, f"digital range of {signal.label!r}", field) for field in signal.ranges[2:])
    gain = (high - low) / (most - least) if least < most else 0.0
    if gain == 0 or not math.isfinite(gain):
        what = f"{signal.label!r} has the digital range {least} to {most}, the physical range {low:g} to {high:g}"
        raise damaged(path, title, what)
    return gain, low - gain * least


def _find_day(text: str) -> datetime.date | None:
    """Return a day such as "02-MAR-1951"; None for "X", and for a day that no calendar has."""
    day, _, rest = text.partition("-")
    month, _, year = rest.partition("-")
    try:
        return datetime.date(int(year), _MONTHS.index(month) + 1, int(day))
    except ValueError:
        return None


def _find_start(fixed: bytes) -> tuple[datetime.date | None, str | None, list[str]]:
    """Return the day of the start, ISO 8601 of the start, and notes."""
    plus = _RECORDING.fullmatch(_text(fixed[88:168]))
    plain, clock = (_DAY.fullmatch(_text(fixed[at : at + 8])) for at in (168, 176))
    if (plus and plus["day"] == "X") or fixed[168:184] in _BLANK_STARTS:
        return None, None, []
    stated = _find_day(plus["day"]) if plus else None
    short = None if plain is None else _find_short_day(*map(int, plain.groups()))
    day = stated or short
    if day is None:
        return None, None, ["the day of the recording is no day of the calendar, taken as unknown"]
    notes = []
    if stated and short and (stated.day, stated.month, stated.year % 100) != (short.day, short.month, short.year % 100):
        notes.append("the start in the recording field differs from the start date, the former taken")
    return day, _join(day, clock), notes


def _join(day: datetime.date, clock: re.Match[str] | None) -> str:
    """Return ISO 8601 of a day and a time such as "10.59.19", of the day alone where the time is none."""
    try:
        hour, minute, second = map(int, clock.groups() if clock else ())
        return f"{day.isoformat()}T{datetime.time(hour, minute, second).isoformat()}"
    except ValueError:
        return day.isoformat()


def _find_short_day(day: int, month: int, year: int) -> datetime.date | None:
    try:
        return datetime.date(year + (1900 if year >= _CLIPPING_YEAR else 2000), month, day)
    except ValueError:
        return None
