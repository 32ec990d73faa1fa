"""Read the header of a WFDB record (header(5) of the WFDB Applications Guide), and the deviations seen in archives.

`wfdb` refuses a record line that begins with a file name ("E00001.mat 12 500 5000") and drops a micro sign that is not
UTF-8 (so that µV becomes V), which is why the header is parsed here; `wfdb` decodes the samples.
"""

import datetime
import math
import re
from dataclasses import dataclass
from pathlib import Path

from hemometric.ecg import Sex
from hemometric.errors import ReadError

DEFAULT_GAIN = 200.0
DEFAULT_RATE_HZ = 250.0
OLDEST_YEARS = 120.0

_FORMAT = re.compile(
    r"(?P<name>\d{1,4})(?:x(?P<per_frame>[1-9]\d{0,5}))?(?::(?P<skew>\d{1,9}))?(?:\+(?P<offset>\d{1,15}))?", re.ASCII
)
_GAIN = re.compile(
    r"(?P<gain>[-+]?[\d.]+(?:[eE][-+]?\d{1,3})?)(?:\((?P<baseline>[-+]?\d{1,15})\))?(?:/(?P<unit>.*))?", re.ASCII
)
_RATE = r"\d*\.?\d+(?:[eE][-+]?\d{1,3})?(?:[/(]\S*)?"
_RECORD = re.compile(rf"\S+[ \t]+\d{{1,6}}(?:[ \t]+{_RATE}(?:[ \t]+\d{{1,15}}(?:[ \t].*)?)?)?[ \t]*", re.ASCII)
_SEGMENTS = re.compile(r"[^/]+/(\d{1,6})", re.ASCII)
_TIME = re.compile(r"(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.\d*)?")
_DATE = re.compile(r"(\d{1,2})[/-](\d{1,2}|[A-Za-z]{3})[/-](\d{4})")
_AGE = re.compile(r"<?age>?\s*[:=]\s*(\S+)", re.IGNORECASE)
_SEX = re.compile(r"(?:^|\s)<?(?:sex|gender)>?\s*[:=]\s*(\S+)", re.IGNORECASE)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_SEXES: dict[str, Sex] = {"f": "female", "female": "female", "m": "male", "male": "male"}


@dataclass(frozen=True, slots=True)
class Signal:
    """One signal line of a header.

    Attributes:
        file_name: The file beside the header that holds the samples.
        storage: Number of the storage format, such as "16" or "212".
        per_frame: Samples of this signal in each frame.
        skew: Samples by which this signal is late.
        offset: Bytes before the first sample.
        gain: ADC units per physical unit.
        baseline: ADC units at 0 physical units.
        unit: As written, "" where it is absent.
        initial: First sample, which format 8 needs.
        description: What the signal is, "" where it is absent.
        gain_stated: Whether the header states a gain other than 0.
    """

    file_name: str
    storage: str
    per_frame: int = 1
    skew: int = 0
    offset: int = 0
    gain: float = DEFAULT_GAIN
    baseline: int = 0
    unit: str = ""
    initial: int = 0
    description: str = ""
    gain_stated: bool = False


@dataclass(frozen=True, slots=True)
class Header:
    """A parsed header.

    Attributes:
        frame_rate_hz: Frames per second.
        n_frames: Frames of each signal, or None where the header does not say.
        acquired_at: ISO 8601, or None.
        signals: In the order of the header; for a record of several segments empty.
        segments: Name and number of frames of each segment ("~" is a gap), for an ordinary record empty.
        comments: Lines after "#", stripped.
        notes: What had to be assumed.
    """

    frame_rate_hz: float
    n_frames: int | None
    acquired_at: str | None
    signals: tuple[Signal, ...]
    segments: tuple[tuple[str, int], ...]
    comments: tuple[str, ...]
    notes: tuple[str, ...]


def is_header(text: str) -> bool:
    """Say whether `text` (the beginning of a file) starts with a record line."""
    for line in text.splitlines():
        stripped = line.strip()
        if stripped and not stripped.startswith("#"):
            return stripped.isprintable() and _RECORD.fullmatch(stripped) is not None
    return False


def decode_header(content: bytes) -> str:
    """Return the text of a header: UTF-8, or Latin-1 as older tools write µ."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def parse_header(path: Path, text: str) -> Header:
    """Parse the text of the header `path`.

    Raises:
        ReadError: It is not a header ("not-an-ecg") or contradicts itself ("corrupt").
    """
    lines = [line.strip() for line in text.splitlines()]
    entries = [line for line in lines if line and not line.startswith("#")]
    comments = tuple(line.strip("# \t") for line in lines if line.startswith("#"))
    if not entries or _RECORD.fullmatch(entries[0]) is None:
        first = entries[0][:60] if entries else ""
        reason = f"not a WFDB header: expected a line 'name n_signals rate n_samples' first, got {first!r}"
        raise ReadError(path, reason, code="not-an-ecg")
    record, body = entries[0].split(), entries[1:]
    notes: list[str] = []
    split = _SEGMENTS.fullmatch(record[0])
    expected = int(split.group(1)) if split else int(record[1])
    if len(body) != expected:
        what = "segments" if split else "signals"
        reason = f"the header announces {expected} {what} and lists {len(body)}; is it cut off?"
        raise ReadError(path, reason, code="corrupt")
    return Header(
        frame_rate_hz=_frame_rate(path, record, notes),
        n_frames=int(record[3]) or None if len(record) > 3 else None,
        acquired_at=_base_time(record[4:], notes),
        signals=() if split else tuple(_parse_signal(path, line) for line in body),
        segments=tuple(_parse_segment(path, line) for line in body) if split else (),
        comments=comments,
        notes=tuple(notes),
    )


def read_header(path: Path) -> Header:
    """Read and parse the header file `path`; errors as `parse_header`."""
    if path.exists() and not path.is_file():  # opening a pipe would wait for its other end
        raise ReadError(path, "is not an ordinary file", code="not-an-ecg")
    return parse_header(path, decode_header(path.read_bytes()))


def find_age_and_sex(header: Header) -> tuple[float | None, Sex | None, tuple[str, ...]]:
    """Return age (years) and sex by the comments ("Age: 70", "Sex: Male"), None where unknown, and notes."""
    age_match = next(filter(None, map(_AGE.match, header.comments)), None)
    sex_match = next(filter(None, map(_SEX.search, header.comments)), None)
    sex = _SEXES.get(sex_match.group(1).casefold()) if sex_match else None
    try:
        age = float(age_match.group(1)) if age_match else math.nan
    except ValueError:
        age = math.nan
    if math.isnan(age):
        return None, sex, ()
    if not 0 <= age <= OLDEST_YEARS:
        return None, sex, (f"age {age:g} in the header is not plausible: taken as unknown",)
    return age, sex, ()


def parse_day(text: str) -> str | None:
    """Return the ISO date of "15/05/2020" (day first, as the format says) or "15-May-2020", or None.

    >>> parse_day("01/10/1990"), parse_day("n/a")
    ('1990-10-01', None)
    """
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    day, month, year = match.groups()
    number = int(month) if month.isdigit() else _number_of_month(month)
    try:
        return datetime.date(int(year), number, int(day)).isoformat()
    except ValueError:
        return None


def _number_of_month(name: str) -> int:
    """Return 1 to 12, or 0 where there is no such month."""
    return _MONTHS.index(name.casefold()) + 1 if name.casefold() in _MONTHS else 0


def _base_time(fields: list[str], notes: list[str]) -> str | None:
    """Return the date and time that end the record line, in either order; a time without a date says nothing."""
    day = next(filter(None, map(parse_day, fields)), None)
    clock = next(filter(None, map(_TIME.fullmatch, fields)), None)
    if fields and day is None and any(_DATE.fullmatch(field) for field in fields):
        notes.append(f"date {' '.join(fields)!r} in the header does not exist: taken as unknown")
    if day is None or clock is None:
        return day
    hour, minute, second = map(int, clock.groups())
    try:
        return f"{day}T{datetime.time(hour, minute, second).isoformat()}"
    except ValueError:
        return day


def _frame_rate(path: Path, record: list[str], notes: list[str]) -> float:
    if len(record) < 3:
        notes.append(f"sampling rate absent: {DEFAULT_RATE_HZ:g} Hz as the format says")
        return DEFAULT_RATE_HZ
    rate = float(re.split(r"[/(]", record[2])[0])
    if not (math.isfinite(rate) and rate > 0):
        raise ReadError(path, f"sampling rate is {record[2]}, expected a positive number of Hz", code="corrupt")
    return rate


def _parse_segment(path: Path, line: str) -> tuple[str, int]:
    name, _, length = line.partition(" ")
    if not length.strip().isdecimal() or len(length) > 15 or "/" in name or "\\" in name:
        raise ReadError(path, f"expected 'name n_samples' for a segment, got {line[:80]!r}", code="corrupt")
    return name, int(length)


def _parse_signal(path: Path, line: str) -> Signal:
    fields = line.split(maxsplit=8)
    storage = _FORMAT.fullmatch(fields[1]) if len(fields) > 1 else None
    if storage is None:
        raise ReadError(path, f"expected 'file format gain ...' for a signal, got {line[:80]!r}", code="corrupt")
    if fields[0].count("/") or fields[0].count("\\"):
        reason = f"signal file {fields[0]!r} lies in another folder, expected a name beside the header"
        raise ReadError(path, reason, code="corrupt")
    gain, baseline, unit = _parse_gain(path, fields[2]) if len(fields) > 2 else (0.0, None, "")
    return Signal(
        file_name=fields[0],
        storage=storage["name"],
        per_frame=int(storage["per_frame"] or 1),
        skew=int(storage["skew"] or 0),
        offset=int(storage["offset"] or 0),
        gain=gain or DEFAULT_GAIN,
        baseline=_integer(path, fields, 4) if baseline is None else baseline,
        unit=unit,
        initial=_integer(path, fields, 5),
        description=fields[8] if len(fields) > 8 else "",
        gain_stated=gain != 0,
    )


def _parse_gain(path: Path, text: str) -> tuple[float, int | None, str]:
    match = _GAIN.fullmatch(text)
    try:
        gain = float(match["gain"]) if match else math.nan
    except ValueError:
        gain = math.nan
    if match is None or not math.isfinite(gain):
        raise ReadError(path, f"expected a gain such as '1000(0)/mV', got {text!r}", code="corrupt")
    return gain, int(match["baseline"]) if match["baseline"] else None, match["unit"] or ""


def _integer(path: Path, fields: list[str], position: int) -> int:
    if len(fields) <= position:
        return 0
    try:
        return int(fields[position])
    except ValueError:
        reason = f"expected a whole number at place {position + 1} of the line of {fields[0]}, got {fields[position]!r}"
        raise ReadError(path, reason, code="corrupt") from None
