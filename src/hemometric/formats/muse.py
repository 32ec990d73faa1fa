"""Read a 12-lead ECG from GE MUSE XML (root element `RestingECG`)."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from hemometric.ecg import INDEPENDENT_LEADS, Ecg, derive_leads
from hemometric.errors import ReadError
from hemometric.formats.leads import choose_channels, name_lead
from hemometric.formats.muse_patient import find_patient
from hemometric.formats.units import check_units
from hemometric.formats.xml_tree import find_text, open_tree
from hemometric.formats.xml_values import check_rate, check_step, decode_base64, parse_number, read_count

_BYTES_PER_SAMPLE = 2
_HIGHEST_EXPONENT = 9


@dataclass(frozen=True, slots=True)
class _Waveform:
    """A rhythm.

    Attributes:
        leads: Its `LeadData` elements.
        names: What each is, None where it is no lead of a 12-lead ECG.
        duration_s: By the announced number of samples, for the choice; 0 where the file does not say.
        element: The `Waveform` element.
    """

    leads: tuple[Element, ...]
    names: tuple[str | None, ...]
    duration_s: float
    element: Element


def read_muse(path: Path) -> Ecg:
    """Read the rhythm of the MUSE file `path`, not its median beat.

    Raises:
        ReadError: See `hemometric.formats.read_ecg`.
    """
    root = open_tree(path, "restingecg")
    waveform, notes = _choose_waveform(path, root)
    rate_hz = check_rate(path, _find_rate(waveform.element), "SampleBase x 10^SampleExponent")
    names, places = choose_channels(path, waveform.names)
    leads = [waveform.leads[place] for place in places]
    _check_places(path, names, leads)
    factors = check_units(path, names, _find_units(path, names, leads))
    steps_mv = [
        check_step(path, _find_step(path, name, lead) / factor, f"a step of lead {name}")
        for name, lead, factor in zip(names, leads, factors, strict=True)
    ]
    content = [_decode(path, name, lead) for name, lead in zip(names, leads, strict=True)]
    notes += _check_sums(path, names, leads, content)
    digital = np.stack([np.frombuffer(samples, dtype="<i2") for samples in content]).astype(np.float64)
    millivolts = (digital * np.array(steps_mv)[:, None]).astype(np.float32)
    if names == INDEPENDENT_LEADS:
        millivolts = derive_leads(millivolts)
        notes.append("III, aVR, aVL and aVF derived from I and II")
    patient = find_patient(root)
    return Ecg(
        waveform=millivolts,
        sampling_rate_hz=rate_hz,
        ecg_id=path.stem if path.suffix.casefold() == ".xml" else path.name,
        patient_id=patient.patient_id,
        age_years=patient.age_years,
        sex=patient.sex,
        acquired_at=patient.acquired_at,
        notes=(*notes, *patient.notes),
    )


def _choose_waveform(path: Path, root: Element) -> tuple[_Waveform, list[str]]:
    """Choose the rhythm with the most leads, the longest of these; return it and what is to be noted."""
    kinds = [(find_text(element, "waveformtype").casefold(), element) for element in root.findall("waveform")]
    rhythms = [_describe(element) for kind, element in kinds if kind == "rhythm"]
    unnamed = [_describe(element) for kind, element in kinds if not kind]
    if not (rhythms or unnamed):
        held = ", ".join(sorted({kind[:20] for kind, _ in kinds})) or "nothing"
        reason = f"holds no rhythm (WaveformType Rhythm) but {held}; export the ECG with its rhythm"
        raise ReadError(path, reason, code="not-an-ecg")
    candidates = rhythms or unnamed
    chosen = max(candidates, key=lambda rhythm: (len({*rhythm.names} - {None}), rhythm.duration_s))
    notes = [] if rhythms else ["waveform without a type, taken as rhythm"]
    if len(candidates) > 1:
        notes.append(f"{len(candidates)} rhythms, taken is the first of the longest with the most leads")
    return chosen, notes


def _describe(element: Element) -> _Waveform:
    leads = tuple(element.findall("leaddata"))
    rate_hz = _find_rate(element)
    counts = [parse_number(find_text(lead, "leadsamplecounttotal")) or 0.0 for lead in leads]
    return _Waveform(
        leads=leads,
        names=tuple(name_lead(find_text(lead, "leadid")) for lead in leads),
        duration_s=max(counts, default=0.0) / rate_hz if rate_hz else 0.0,
        element=element,
    )


def _find_rate(waveform: Element) -> float | None:
    base = parse_number(find_text(waveform, "samplebase"))
    exponent = parse_number(find_text(waveform, "sampleexponent") or "0")
    if base is None or exponent is None or abs(exponent) > _HIGHEST_EXPONENT:
        return None
    return float(base * 10.0**exponent)


def _check_places(path: Path, names: Sequence[str], leads: Sequence[Element]) -> None:
    """Refuse leads that are said to lie elsewhere in time or voltage: no public description says how, readers differ.

    Raises:
        ReadError: They do ("unsupported-format").
    """
    for name, lead in zip(names, leads, strict=True):
        for tag in ("LeadTimeOffset", "LeadOffsetFirstSample", "FirstSampleBaseline"):
            stated = find_text(lead, tag.lower()) or "0"
            if parse_number(stated) != 0:
                reason = f"lead {name} has {tag} {stated[:20]!r}, expected 0: what it does to the samples is not known"
                raise ReadError(path, reason, code="unsupported-format")


def _find_units(path: Path, names: Sequence[str], leads: Sequence[Element]) -> list[str]:
    units = [find_text(lead, "leadamplitudeunits") for lead in leads]
    for name, unit in zip(names, units, strict=True):
        if not unit:
            reason = f"lead {name} has no LeadAmplitudeUnits, so that its samples are no voltage; export it with units"
            raise ReadError(path, reason, code="no-unit")
    return units


def _find_step(path: Path, name: str, lead: Element) -> float:
    stated = find_text(lead, "leadamplitudeunitsperbit")
    if not stated:
        reason = f"lead {name} has no LeadAmplitudeUnitsPerBit, so that its samples are no voltage; export it with it"
        raise ReadError(path, reason, code="no-unit")
    step = parse_number(stated)
    if step is None or step <= 0:
        reason = f"lead {name} has {stated[:20]!r} units per bit, expected a number above 0"
        raise ReadError(path, reason, code="corrupt")
    return step


def _decode(path: Path, name: str, lead: Element) -> bytes:
    """Return the samples of a lead, whole numbers of 16 bits, little-endian."""
    size = find_text(lead, "leadsamplesize") or str(_BYTES_PER_SAMPLE)
    if size != str(_BYTES_PER_SAMPLE):
        reason = f"lead {name} has samples of {size[:20]!r} bytes, expected {_BYTES_PER_SAMPLE}"
        raise ReadError(path, reason, code="unsupported-format")
    content = decode_base64(path, find_text(lead, "waveformdata"), f"lead {name}")
    n_bytes = read_count(path, find_text(lead, "leadsamplecounttotal"), f"LeadSampleCountTotal of lead {name}")
    n_bytes *= _BYTES_PER_SAMPLE
    if len(content) != n_bytes or not content:
        reason = (
            f"lead {name} holds {len(content):,} bytes of samples, LeadSampleCountTotal announces {n_bytes:,}; "
            "export the file again"
        )
        raise ReadError(path, reason, code="truncated" if len(content) < n_bytes or not content else "corrupt")
    return content


def _check_sums(path: Path, names: Sequence[str], leads: Sequence[Element], content: Sequence[bytes]) -> list[str]:
    """Check that all leads are of one length, and their checksums where there are any; return what is to be noted.

    Raises:
        ReadError: They are not ("corrupt"), or some checksums are right and others wrong ("corrupt").
    """
    other = next((place for place, samples in enumerate(content) if len(samples) != len(content[0])), None)
    if other is not None:
        held = [f"{len(content[place]) // _BYTES_PER_SAMPLE:,}" for place in (other, 0)]
        reason = f"lead {names[other]} has {held[0]} samples, lead {names[0]} has {held[1]}"
        raise ReadError(path, reason, code="corrupt")
    stated = [find_text(lead, "leaddatacrc32") for lead in leads]
    right = {
        name: int(crc) == zlib.crc32(samples)
        for name, crc, samples in zip(names, stated, content, strict=True)
        if _is_sum(crc)
    }
    wrong = [name for name, fine in right.items() if not fine]
    if not wrong:
        return []
    if len(wrong) == len(right):  # a program that counts otherwise: damage leaves some leads whole
        return ["no checksum of a lead is right (LeadDataCRC32), taken as counted otherwise"]
    reason = f"checksum of lead {', '.join(wrong)} is wrong (LeadDataCRC32), others are right; export the file again"
    raise ReadError(path, reason, code="corrupt")


def _is_sum(text: str) -> bool:
    """Say whether a checksum is stated; programs that count none write 0."""
    return text.isascii() and text.isdecimal() and len(text) <= 10 and int(text) != 0
