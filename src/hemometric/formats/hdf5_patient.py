"""HDF5 files of one patient: `ecg/<date>/<lead>`, as the ML4H tools write them from GE MUSE XML.

Sources of the layout: `ml4h/tensorize/tensor_writer_mgb.py` of broadinstitute/ml4h (group `partners_ecg_rest`, each
dataset a block compressed by zstd) and its descendants (group `ecg`, plain datasets).
"""

import datetime
import math
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import h5py
import numpy as np

from hemometric.ecg import INDEPENDENT_LEADS, Ecg, Sex, derive_leads
from hemometric.errors import ReadError
from hemometric.formats.hdf5_contents import Contents
from hemometric.formats.hdf5_heaps import check_heaps
from hemometric.formats.hdf5_objects import find_attribute, find_dataset, find_group, find_text, read_samples
from hemometric.formats.leads import choose_channels, name_lead
from hemometric.formats.units import check_units

PREFIXES = ("ecg", "partners_ecg_rest")
"""Groups that hold the ECGs of a patient, one group each."""
_UNIT_NAMES = ("unit", "units")
_RATE_NAMES = ("sampling_rate_hz", "sampling_rate", "sampling_frequency", "sample_rate", "fs")
_SEXES: dict[str, Sex] = {"female": "female", "f": "female", "male": "male", "m": "male"}
_NO_PATIENT = {"", "0", "bad_mrn", "unknown", "anonymous", "none"}
"""File names under which ML4H and others collect the ECGs of patients that they do not know."""
_DAYS_PER_YEAR = 365.25
_OLDEST_YEARS = 120


def find_patient_ecgs(path: Path, file: h5py.File) -> Contents | None:
    """Return the ECGs of a file of this layout, or None where it has another one."""
    for prefix in PREFIXES:
        ecgs = find_group(file, prefix)
        parts = [] if ecgs is None else sorted(name for name in ecgs if find_group(ecgs, name) is not None)
        if ecgs is not None and parts and any(name_lead(name) for name in ecgs[parts[0]]):
            check_heaps(path)
            places = {part: place for place, part in enumerate(parts)}
            return Contents(parts=places, read=partial(_read_ecg, path, ecgs), is_one_patient=True)
    return None


def _read_ecg(path: Path, ecgs: h5py.Group, part: str) -> Ecg:
    group = ecgs[part]
    names = [name for name in group if name_lead(name) and find_dataset(group, name) is not None]
    leads, places = choose_channels(path, [name_lead(name) for name in names])
    datasets = [group[names[place]] for place in places]
    factors = check_units(path, leads, _find_units(path, part, group, leads, datasets))
    samples = [read_samples(path, dataset) for dataset in datasets]
    lengths = {len(lead): name for lead, name in zip(samples, leads, strict=True)}
    if len(lengths) > 1 or 0 in lengths:
        found = ", ".join(f"lead {name} has {n:,} samples" for n, name in lengths.items())
        raise ReadError(path, f"ECG {part}: {found}, expected the same number in each", code="truncated")
    with np.errstate(over="ignore"):
        waveform = np.stack([lead / factor for lead, factor in zip(samples, factors, strict=True)]).astype(np.float32)
    notes = []
    if leads == INDEPENDENT_LEADS:
        waveform = derive_leads(waveform)
        notes.append("III, aVR, aVL and aVF derived from I and II")
    acquired_at, zone = _find_time(part)
    patient_id, doubts = _find_patient(path, group)
    return Ecg(
        waveform=waveform,
        sampling_rate_hz=_find_rate(path, part, group, datasets[0]),
        ecg_id=f"{path.stem}/{part}",
        patient_id=patient_id,
        age_years=_find_age(path, group, acquired_at),
        sex=_SEXES.get((find_text(path, group, ("gender", "sex")) or "").casefold()),
        acquired_at=acquired_at,
        notes=(*notes, *zone, *doubts),
    )


def _find_units(
    path: Path, part: str, group: h5py.Group, leads: Sequence[str], datasets: Sequence[h5py.Dataset]
) -> list[str]:
    """Return the unit of each lead: its own, else that of the ECG."""
    shared = find_text(path, group, ("voltageunits", *_UNIT_NAMES))
    units = [find_attribute(dataset, _UNIT_NAMES) or shared for dataset in datasets]
    without = [lead for lead, unit in zip(leads, units, strict=True) if unit is None]
    if without:
        reason = (
            f"ECG {part} does not say in which unit lead {without[0]} is: write it beside the leads, as "
            "`voltageunits` (ML4H does) or as an attribute `unit` (mV, uV)"
        )
        raise ReadError(path, reason, code="no-unit")
    return [unit or "" for unit in units]


def _find_rate(path: Path, part: str, group: h5py.Group, lead: h5py.Dataset) -> float:
    """Return the rate of the waveform; that of MUSE's measurements only where nothing else says it."""
    stated = _muse_rate(path, group, "waveform_sample", "")
    if stated is None:
        text = find_text(path, group, _RATE_NAMES) or find_attribute(lead, _RATE_NAMES)
        stated = None if text is None else _number(text)
    if stated is None:
        measured = {_muse_rate(path, group, "ecgsample", suffix) for suffix in ("_md", "_pc", "")} - {None}
        if len(measured) > 1:
            rates = " and ".join(f"{rate:g} Hz" for rate in sorted(rate for rate in measured if rate))
            raise ReadError(path, f"ECG {part} states {rates}, expected one sampling rate", code="mixed-rates")
        stated = measured.pop() if measured else None
    if stated is None:
        reason = (
            f"ECG {part} does not say its sampling rate: write it beside the leads, as `waveform_samplebase` (ML4H "
            "does) or as an attribute `sampling_rate_hz`"
        )
        raise ReadError(path, reason, code="no-rate")
    if not (math.isfinite(stated) and stated > 0):
        raise ReadError(path, f"ECG {part} states a sampling rate of {stated:g} Hz", code="corrupt")
    return stated


def _muse_rate(path: Path, group: h5py.Group, name: str, suffix: str) -> float | None:
    """MUSE writes a rate as SampleBase x 10^SampleExponent."""
    base = find_text(path, group, (f"{name}base{suffix}",))
    if base is None:
        return None
    exponent = find_text(path, group, (f"{name}exponent{suffix}",)) or "0"
    power = _number(exponent)
    return _number(base) * 10.0**power if abs(power) <= 9 else math.nan


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _find_time(part: str) -> tuple[str | None, tuple[str, ...]]:
    """Return when the ECG was acquired, by the name of its group, and what is doubtful about it."""
    try:
        time = datetime.datetime.fromisoformat(part) if re.match(r"\d{4}-\d\d-\d\d", part) else None
    except ValueError:
        time = None
    if time is None:
        return None, ()
    zone = () if time.tzinfo is None else ("time zone left out: acquired_at is the local time",)
    local = time.replace(tzinfo=None)
    return local.date().isoformat() if len(part) == len("2020-05-15") else local.isoformat(timespec="seconds"), zone


def _find_patient(path: Path, group: h5py.Group) -> tuple[str | None, tuple[str, ...]]:
    """Return the patient, whom the file is named after."""
    patient = path.stem.strip()
    if patient.casefold() in _NO_PATIENT:
        return None, (f"patient unknown: the file is named {patient}",)
    stated = find_text(path, group, ("patientid_clean",))
    if stated is not None and stated != patient:
        return patient, ("the ECG states another patient than the name of its file, which is taken",)
    return patient, ()


def _find_age(path: Path, group: h5py.Group, acquired_at: str | None) -> float | None:
    """Return the age in years: by the date of birth, or as stated where the file says that it is in years."""
    born = re.fullmatch(r"(\d\d)-(\d\d)-(\d{4})", find_text(path, group, ("dateofbirth",)) or "", re.ASCII)
    age: float | None = None
    if born and acquired_at is not None:
        month, day, year = map(int, born.groups())
        try:
            days = (datetime.date.fromisoformat(acquired_at[:10]) - datetime.date(year, month, day)).days
            age = days / _DAYS_PER_YEAR
        except ValueError:
            age = None
    if age is None and (find_text(path, group, ("ageunits",)) or "").casefold() == "years":
        age = _number(find_text(path, group, ("patientage",)) or "")
    return round(age, 2) if age is not None and 0 <= age <= _OLDEST_YEARS else None
