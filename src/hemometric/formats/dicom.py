"""Read a 12-lead ECG from DICOM waveform storage (PS3.3 A.34 and C.10.9)."""

import datetime
import math
import re
import struct
import warnings
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.uid import DeflatedExplicitVRLittleEndian

from hemometric.ecg import INDEPENDENT_LEADS, Ecg, Sex, derive_leads
from hemometric.errors import ReadError
from hemometric.formats.leads import choose_channels, name_coded_lead, name_lead
from hemometric.formats.patients import keep_age, keep_patient
from hemometric.formats.units import check_units

MOST_BYTES = 2**28
"""A deflated file may unpack to so many bytes."""
_HEAD_BYTES = 4096
_META_AT = 144
"""Where the file meta information begins: a preamble of 128 bytes, "DICM", and the 12 bytes that state its length."""
_PIECE_BYTES = 2**20
_SAMPLE_TYPES = {
    (8, "SB"): "i1",
    (8, "UB"): "u1",
    (16, "SS"): "i2",
    (16, "US"): "u2",
    (32, "SL"): "i4",
    (32, "UL"): "u4",
}
"""WaveformBitsAllocated and WaveformSampleInterpretation (PS3.3 C.10.9.1.4), without the companded audio ones."""
_SEXES: dict[str, Sex] = {"F": "female", "M": "male"}
_DAYS_PER_UNIT = {"Y": 365.25, "M": 365.25 / 12, "W": 7.0, "D": 1.0}
_UNREADABLE = (
    InvalidDicomError,
    BytesLengthException,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    NotImplementedError,
    ArithmeticError,
    zlib.error,
    MemoryError,
    RecursionError,
)
"""What pydicom raises on a file that is damaged."""


@dataclass(frozen=True, slots=True)
class _Channel:
    """What turns the samples of one channel into a voltage.

    Attributes:
        lead: One of `LEADS`, or None for any other channel.
        unit: UCUM unit, or None where the file does not say.
        sensitivity: Units per step, correction included; NaN where the file does not say.
        baseline: Units at sample value 0.
        skewed: Whether the channel is sampled later than the others.
    """

    lead: str | None
    unit: str | None
    sensitivity: float
    baseline: float
    skewed: bool


def read_dicom(path: Path) -> Ecg:
    """Read the rhythm of the DICOM file `path`, not its median beat.

    Raises:
        ReadError: See `hemometric.formats.read_ecg`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # pydicom warns of an id that is written wrongly, which does not matter here
            return _read(path)
    except _UNREADABLE as error:
        reason = f"damaged DICOM file, export it again ({type(error).__name__}: {_first_line(error)})"
        raise ReadError(path, reason, code="corrupt") from error


def _read(path: Path) -> Ecg:
    _check_unpacked_size(path)
    dataset = pydicom.dcmread(path)
    group, channels = _choose_group(path, dataset)
    leads, places = choose_channels(path, [channel.lead for channel in channels])
    chosen = [channels[place] for place in places]
    factors = _check_voltage(path, leads, chosen)
    samples = _decode(path, dataset, group)[:, places].T
    waveform = np.empty(samples.shape, dtype=np.float32)
    for row, (channel, factor) in enumerate(zip(chosen, factors, strict=True)):
        waveform[row] = (samples[row] * channel.sensitivity + channel.baseline) / factor
    padding = _padding(group, samples.dtype)
    if padding is not None:
        waveform[samples == padding] = np.nan
    notes = ["leads are sampled one after the other (skew), taken as simultaneous"] if _any_skew(chosen) else []
    if leads == INDEPENDENT_LEADS:
        waveform = derive_leads(waveform)
        notes.append("III, aVR, aVL and aVF derived from I and II")
    acquired_at, doubts = _find_time(dataset)
    return Ecg(
        waveform=waveform,
        sampling_rate_hz=_find_rate(path, group),
        ecg_id=path.stem if path.suffix.casefold() in {".dcm", ".dicom"} else path.name,
        patient_id=_find_patient(dataset),
        age_years=_find_age(dataset, acquired_at),
        sex=_SEXES.get(str(dataset.get("PatientSex", "")).strip().upper()),
        acquired_at=acquired_at,
        notes=(*notes, *doubts),
    )


def _check_unpacked_size(path: Path) -> None:
    """Refuse a deflated file (PS3.5 A.5) that unpacks to more than `MOST_BYTES`; pydicom unpacks without bound.

    The dataset begins behind the file meta information, whose length its first element states (PS3.10 7.1).
    """
    with path.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
        if str(DeflatedExplicitVRLittleEndian).encode() not in head:
            return
        stream.seek(_META_AT + struct.unpack_from("<I", head, _META_AT - 4)[0])
        unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
        n_bytes = 0
        for packed in iter(partial(stream.read, _PIECE_BYTES), b""):
            while packed and n_bytes <= MOST_BYTES:
                n_bytes += len(unpacker.decompress(packed, _PIECE_BYTES))
                packed = unpacker.unconsumed_tail
    if n_bytes > MOST_BYTES:
        reason = f"unpacks to more than {MOST_BYTES >> 20} MiB, which no ECG takes; export it again"
        raise ReadError(path, reason, code="too-long")


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0][:120]


def _choose_group(path: Path, dataset: Dataset) -> tuple[Dataset, list[_Channel]]:
    """Choose the longest group of original samples that holds the leads; a derived group is a median beat."""
    groups = list(dataset.get("WaveformSequence") or [])
    if not groups:
        kind = str(getattr(dataset.get("SOPClassUID"), "name", None) or "something else")
        shown = "".join(letter for letter in kind if letter.isprintable())[:80]  # a damaged one is what the file says
        raise ReadError(path, f"this DICOM file holds no waveforms, it is {shown}", code="not-an-ecg")
    originals = [group for group in groups if str(group.get("WaveformOriginality", "ORIGINAL")).upper() == "ORIGINAL"]
    rhythms = [group for group in originals if "MEDIAN" not in str(group.get("MultiplexGroupLabel", "")).upper()]
    if not rhythms:
        reason = "this DICOM file holds only derived waveforms such as median beats, expected the recorded rhythm"
        raise ReadError(path, reason, code="not-an-ecg")
    described = [
        (group, [_describe(channel) for channel in group.get("ChannelDefinitionSequence") or []]) for group in rhythms
    ]
    return max(described, key=lambda pair: (len({channel.lead for channel in pair[1]}), _duration_s(pair[0])))


def _duration_s(group: Dataset) -> float:
    return float(group.NumberOfWaveformSamples) / float(group.SamplingFrequency)


def _describe(channel: Dataset) -> _Channel:
    units = channel.get("ChannelSensitivityUnitsSequence") or []
    sensitivity = channel.get("ChannelSensitivity")
    correction = channel.get("ChannelSensitivityCorrectionFactor")
    skews = (channel.get("ChannelTimeSkew"), channel.get("ChannelSampleSkew"))
    return _Channel(
        lead=_find_lead(channel),
        unit=str(units[0].get("CodeValue") or "") or None if units else None,
        sensitivity=math.nan
        if sensitivity is None
        else float(sensitivity) * (1.0 if correction is None else float(correction)),
        baseline=float(channel.get("ChannelBaseline") or 0.0),
        skewed=any(skew is not None and float(skew) != 0 for skew in skews),
    )


def _find_lead(channel: Dataset) -> str | None:
    """Return the lead by code where the code is one that we know, else by its meaning or label."""
    for source in channel.get("ChannelSourceSequence") or []:
        code, meaning = str(source.get("CodeValue", "")), str(source.get("CodeMeaning", ""))
        if str(source.get("CodingSchemeDesignator", "")).upper() in {"SCPECG", "MDC"}:
            lead = name_coded_lead(code)
            if lead is not None or re.fullmatch(r"5\.6\.3-9-\d+|2:\d+", code):
                return lead
        if (lead := name_lead(meaning)) is not None:
            return lead
    return name_lead(str(channel.get("ChannelLabel", "")))


def _check_voltage(path: Path, leads: Sequence[str], channels: Sequence[_Channel]) -> list[float]:
    for lead, channel in zip(leads, channels, strict=True):
        if channel.unit is None or math.isnan(channel.sensitivity):
            what = "unit" if channel.unit is None else "sensitivity"
            reason = f"lead {lead} has no {what}, so that its samples are no voltage; export the file again with units"
            raise ReadError(path, reason, code="no-unit")
    return check_units(path, leads, [channel.unit or "" for channel in channels])


def _decode(path: Path, dataset: Dataset, group: Dataset) -> NDArray[np.integer]:
    """Decode a group, shape (n_samples, n_channels)."""
    kind = (int(group.WaveformBitsAllocated), str(group.WaveformSampleInterpretation))
    if kind not in _SAMPLE_TYPES:
        reason = f"samples of {kind[0]} bits as {kind[1][:20]!r} are not read; expected 8, 16 or 32 bits, linear"
        raise ReadError(path, reason, code="unsupported-format")
    little = dataset.file_meta.TransferSyntaxUID.is_little_endian
    sample_type = np.dtype(("<" if little else ">") + _SAMPLE_TYPES[kind])
    n_channels, n_samples = int(group.NumberOfWaveformChannels), int(group.NumberOfWaveformSamples)
    listed = len(group.ChannelDefinitionSequence)
    if listed != n_channels or n_samples <= 0:
        reason = f"a group announces {n_channels} channels of {n_samples} samples and describes {listed} channels"
        raise ReadError(path, reason, code="corrupt")
    content = bytes(group.WaveformData)
    expected = n_channels * n_samples * sample_type.itemsize
    if len(content) < expected:
        held = len(content) // (n_channels * sample_type.itemsize)
        reason = (
            f"holds {len(content):,} bytes of samples ({held:,} a lead), announced are {expected:,} ({n_samples:,}); "
            "export the file again"
        )
        raise ReadError(path, reason, code="truncated")
    flat = np.frombuffer(content, dtype=sample_type, count=n_channels * n_samples)
    return flat.reshape(n_samples, n_channels)


def _padding(group: Dataset, sample_type: np.dtype[np.integer]) -> int | None:
    """Return the sample value that marks the absence of a sample, or None.

    Only the ends of the range count: real files name 0 as padding, which is also what a lead at rest gives.
    """
    value = group.get("WaveformPaddingValue")
    if not isinstance(value, bytes) or len(value) < sample_type.itemsize:
        return None
    padding = int(np.frombuffer(value, dtype=sample_type, count=1)[0])
    bounds = np.iinfo(sample_type)
    return padding if padding in {bounds.min, bounds.max} and padding != 0 else None


def _any_skew(channels: Sequence[_Channel]) -> bool:
    return any(channel.skewed for channel in channels)


def _find_rate(path: Path, group: Dataset) -> float:
    rate = float(group.SamplingFrequency)
    if not (math.isfinite(rate) and rate > 0):
        raise ReadError(path, f"sampling rate is {rate}, expected a positive number of Hz", code="corrupt")
    return rate


def _find_patient(dataset: Dataset) -> str | None:
    return keep_patient(str(dataset.get("PatientID") or ""))


def _find_time(dataset: Dataset) -> tuple[str | None, tuple[str, ...]]:
    """Return when the ECG was acquired, ISO 8601, by the clock of the place, and what is doubtful about it."""
    stated = str(dataset.get("AcquisitionDateTime") or "").strip()
    local = re.split(r"[+-]", stated, maxsplit=1)[0]
    zone = stated[len(local) :]
    notes = (f"time zone {zone} left out: acquired_at is the local time",) if zone else ()
    if (found := _iso(local[:8], local[8:])) is not None:
        return found, notes
    for kind in ("Acquisition", "Content"):
        day, clock = (str(dataset.get(kind + part) or "").strip() for part in ("Date", "Time"))
        if (found := _iso(day, clock)) is not None:
            return found, (f"acquisition time absent: {kind.lower()} time taken",)
    return None, ()


def _iso(day: str, clock: str) -> str | None:
    """Return "20130125" and "105919.5" as "2013-01-25T10:59:19", or None where the day is incomplete."""
    try:
        date = datetime.datetime.strptime(day, "%Y%m%d").date()
    except ValueError:
        return None
    parts = re.match(r"(\d\d)(\d\d)(\d\d)?", clock, re.ASCII)
    if parts is None:
        return date.isoformat()
    hour, minute, second = (int(part or 0) for part in parts.groups())
    try:
        return f"{date.isoformat()}T{datetime.time(hour, minute, second).isoformat()}"
    except ValueError:
        return date.isoformat()


def _find_age(dataset: Dataset, acquired_at: str | None) -> float | None:
    """Return the stated age, or that on the day of the ECG by the date of birth."""
    stated = re.fullmatch(r"(\d{1,3})([YMWD])", str(dataset.get("PatientAge") or "").strip().upper(), re.ASCII)
    born = _iso(str(dataset.get("PatientBirthDate") or "").strip(), "")
    if stated:
        days = float(stated.group(1)) * _DAYS_PER_UNIT[stated.group(2)]
    elif born is not None and acquired_at is not None:
        days = float((datetime.date.fromisoformat(acquired_at[:10]) - datetime.date.fromisoformat(born)).days)
    else:
        return None
    return keep_age(days)
