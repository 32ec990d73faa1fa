"""Read a 12-lead ECG from Philips Sierra XML (root element `restingecgdata`; SierraECG 1.03, PhilipsECG 1.04)."""

from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from hemometric.ecg import INDEPENDENT_LEADS, LEADS, Ecg, derive_leads
from hemometric.errors import ReadError
from hemometric.formats.leads import choose_channels, name_lead
from hemometric.formats.sierra_patient import find_patient
from hemometric.formats.sierra_xli import restore_limb_leads, unpack_xli
from hemometric.formats.xml_tree import find_text, open_tree
from hemometric.formats.xml_values import (
    MOST_SAMPLES,
    check_rate,
    check_step,
    decode_base64,
    parse_number,
    read_numbers,
)

_MOST_OFFSET = 2**16
_VERSIONS = {("SierraECG", "1.03"), ("PhilipsECG", "1.04"), ("PhilipsECG", "1.04.01"), ("PhilipsECG", "1.04.02")}
_STANDARD = {"STD-12", "10-WIRE"}
"""Types of acquisition in which the first twelve channels are `LEADS`; 1.03 does not name them otherwise."""
_MICROVOLTS_PER_MILLIVOLT = 1000.0
_SHORTEST_MARK_S = 0.1
_MOST_LEADS = 64


@dataclass(frozen=True, slots=True)
class _Packing:
    """How samples are written.

    Attributes:
        text: The samples.
        encoding: "Base64" or "Plain".
        xli: Whether they are compressed.
        signed: Whether whole numbers have a sign.
        offset: What is to be subtracted from each, steps.
    """

    text: str
    encoding: str
    xli: bool
    signed: bool
    offset: float


def read_sierra(path: Path) -> Ecg:
    """Read the rhythm (`parsedwaveforms`) of the Sierra file `path`, not its representative beats.

    Raises:
        ReadError: See `hemometric.formats.read_ecg`.
    """
    root = open_tree(path, "restingecgdata")
    _check_version(path, root)
    rhythm = _find_rhythm(path, root)
    signal = root.find("dataacquisition/signalcharacteristics")
    rate_hz = check_rate(path, _find_number(rhythm, signal, "samplespersecond", "samplingrate"), "samplespersecond")
    step_mv = _find_step(path, rhythm, signal)
    labels = _find_labels(path, rhythm, signal)
    names, places = choose_channels(path, [name_lead(label) for label in labels])
    n_samples = _count_samples(path, rhythm, rate_hz)
    digital = _unpack(path, _find_packing(path, rhythm, signal), labels, n_samples)
    chosen, notes = _cut_mark(digital[list(places)], rate_hz=rate_hz, millivolt=1 / step_mv)
    waveform = (chosen * step_mv).astype(np.float32)
    if names == INDEPENDENT_LEADS:
        waveform = derive_leads(waveform)
        notes.append("III, aVR, aVL and aVF derived from I and II")
    if derived := find_text(signal, "derivedleads"):
        notes.append(f"leads that the cardiograph derived from others: {' '.join(derived.split())[:80]}")
    patient = find_patient(root)
    return Ecg(
        waveform=waveform,
        sampling_rate_hz=rate_hz,
        ecg_id=path.stem if path.suffix.casefold() == ".xml" else path.name,
        patient_id=patient.patient_id,
        age_years=patient.age_years,
        sex=patient.sex,
        acquired_at=patient.acquired_at,
        notes=tuple(notes),
    )


def _check_version(path: Path, root: Element) -> None:
    kind, version = (find_text(root, f"documentinfo/document{part}") for part in ("type", "version"))
    if (kind, version) not in _VERSIONS:
        read = ", ".join(f"{kind} {version}" for kind, version in sorted(_VERSIONS))
        reason = f"is {kind[:20]!r} {version[:20]!r}, read are {read}"
        raise ReadError(path, reason, code="unsupported-format")


def _find_rhythm(path: Path, root: Element) -> Element:
    rhythm = root.find("waveforms/parsedwaveforms")
    if rhythm is not None:
        return rhythm
    if root.find("waveforms/unparsedwaveforms") is not None:
        reason = "its rhythm lies in another file (unparsedwaveforms); export it with its waveforms"
        raise ReadError(path, reason, code="missing")
    if root.find("waveforms/leadwaveforms") is not None:
        raise ReadError(path, "its rhythm is written lead by lead (leadwaveforms)", code="unsupported-format")
    raise ReadError(path, "holds no rhythm (parsedwaveforms); export it with its waveforms", code="not-an-ecg")


def _find_word(rhythm: Element, signal: Element | None, name: str, *others: str) -> str:
    """Return what the rhythm says of itself, else what the cardiograph said when it was recorded."""
    stated = rhythm.get(name, "").strip()
    return stated or next(filter(None, (find_text(signal, other) for other in others)), "")


def _find_number(rhythm: Element, signal: Element | None, name: str, *others: str) -> float | None:
    return parse_number(_find_word(rhythm, signal, name, *others))


def _find_step(path: Path, rhythm: Element, signal: Element | None) -> float:
    """Return the millivolts of a step; the format gives microvolts."""
    stated = _find_word(rhythm, signal, "resolution", "resolution", "signalresolution")
    if not stated:
        reason = "has no resolution (microvolts of a step), so that its samples are no voltage; export it again with it"
        raise ReadError(path, reason, code="no-unit")
    step = parse_number(stated)
    if step is None or step <= 0:
        raise ReadError(path, f"its resolution is {stated[:20]!r}, expected microvolts above 0", code="corrupt")
    return check_step(path, step / _MICROVOLTS_PER_MILLIVOLT, "its resolution")


def _find_labels(path: Path, rhythm: Element, signal: Element | None) -> tuple[str, ...]:
    labels = tuple(rhythm.get("leadlabels", "").split())
    kind = find_text(signal, "acquisitiontype")
    if not labels and kind in _STANDARD:
        return LEADS
    if not labels:
        reason = f"does not name its leads, and its type of acquisition is {kind[:20]!r}, expected STD-12 or 10-WIRE"
        raise ReadError(path, reason, code="wrong-leads")
    if len(labels) > _MOST_LEADS:
        raise ReadError(path, f"names {len(labels):,} leads, expected {_MOST_LEADS} at most", code="corrupt")
    announced = parse_number(rhythm.get("numberofleads", ""))
    if announced is not None and announced != len(labels):
        reason = f"announces {announced:g} leads and names {len(labels)}"
        raise ReadError(path, reason, code="corrupt")
    return labels


def _count_samples(path: Path, rhythm: Element, rate_hz: float) -> int:
    """Return the samples of a lead by its duration, which is in milliseconds."""
    stated = rhythm.get("durationperchannel", "").strip()
    duration_ms = parse_number(stated)
    exact = 0.0 if duration_ms is None else duration_ms * rate_hz / 1000
    if exact > MOST_SAMPLES:
        reason = f"announces {exact:.4g} samples a lead, expected {MOST_SAMPLES:,} at most"
        raise ReadError(path, reason, code="too-long")
    if (n_samples := round(exact)) <= 0:
        reason = f"its durationperchannel is {stated[:20]!r}, expected milliseconds above 0"
        raise ReadError(path, reason, code="corrupt")
    return n_samples


def _find_packing(path: Path, rhythm: Element, signal: Element | None) -> _Packing:
    encoding = rhythm.get("dataencoding", "")
    method = (rhythm.get("compression") or rhythm.get("compressmethod") or "").strip()
    if rhythm.get("compressflag", "").casefold() == "false":
        method = ""
    elif rhythm.get("compressflag", "").casefold() == "true":
        method = method or "unnamed"
    packing = _Packing(
        text=rhythm.text or "",
        encoding=encoding,
        xli=method.upper() == "XLI",
        signed=_find_word(rhythm, signal, "signalsigned", "signalsigned").casefold() != "false",
        offset=_find_offset(path, rhythm, signal),
    )
    bits = rhythm.get("bitspersample") or rhythm.get("nbitspersample") or "16"
    wrong = [
        (encoding not in {"Base64", "Plain"}, f"dataencoding {encoding[:20]!r}, expected Base64 or Plain"),
        (method and not packing.xli, f"compression {method[:20]!r}, expected XLI or none"),
        (packing.xli and encoding != "Base64", f"XLI in dataencoding {encoding[:20]!r}, expected Base64"),
        (packing.xli and not packing.signed, "XLI of numbers without sign"),
        (packing.xli and packing.offset, "XLI with a signaloffset"),
        (bits.strip() != "16", f"samples of {bits[:20]!r} bits, expected 16"),
    ]
    for is_so, what in wrong:
        if is_so:
            raise ReadError(path, f"its rhythm is written as {what}", code="unsupported-format")
    return packing


def _find_offset(path: Path, rhythm: Element, signal: Element | None) -> float:
    """Return the steps that are to be subtracted from each sample of 16 bits."""
    stated = _find_word(rhythm, signal, "signaloffset", "signaloffset")
    offset = parse_number(stated or "0")
    if offset is None or abs(offset) > _MOST_OFFSET:
        reason = f"its signaloffset is {stated[:20]!r}, expected steps of samples of 16 bits; export it again"
        raise ReadError(path, reason, code="corrupt")
    return offset


def _unpack(path: Path, packing: _Packing, labels: tuple[str, ...], n_samples: int) -> NDArray[np.float64]:
    """Return steps, shape (n_leads, n_samples)."""
    n_leads = len(labels)
    if packing.xli:
        content = decode_base64(path, packing.text, "its rhythm")
        digital = unpack_xli(path, content, n_leads=n_leads, n_samples=n_samples)
        if not restore_limb_leads(digital, labels) and set(labels) & (set(LEADS) - set(INDEPENDENT_LEADS)):
            reason = f"is packed with leads in the order {' '.join(labels)[:80]}, expected I II III aVR aVL aVF first"
            raise ReadError(path, reason, code="unsupported-format")
        return digital.astype(np.float64)
    if packing.encoding == "Plain":
        samples = read_numbers(path, packing.text, "its rhythm")
    else:
        content = decode_base64(path, packing.text, "its rhythm")
        whole = content[: len(content) // 2 * 2]
        samples = np.frombuffer(whole, dtype="<i2" if packing.signed else "<u2").astype(np.float64)
    if samples.size < n_leads * n_samples:
        reason = (
            f"holds {samples.size:,} samples, announced are {n_leads} leads of {n_samples:,}; export the file again"
        )
        raise ReadError(path, reason, code="truncated")
    return samples[: n_leads * n_samples].reshape(n_leads, n_samples) - packing.offset


def _cut_mark(
    digital: NDArray[np.float64], *, rate_hz: float, millivolt: float
) -> tuple[NDArray[np.float64], list[str]]:
    """Cut off the calibration mark with which cardiographs end a recording: 0, 1 mV, 0 in all leads alike.

    Args:
        digital: Steps, shape (n_leads, n_samples).
        rate_hz: Samples per second.
        millivolt: Steps of 1 mV.
    """
    alike = (digital == digital[0]).all(axis=0) & np.isin(digital[0], (0, round(millivolt)))
    n_samples = digital.shape[1]
    start = n_samples - int(np.argmin(alike[::-1])) if not alike.all() else 0
    length_s = (n_samples - start) / rate_hz
    marked = digital[0, start:] == round(millivolt)
    if start == 0 or length_s < _SHORTEST_MARK_S or not marked.any():
        return digital, []
    return digital[:, :start], [f"calibration mark in the last {length_s:.2f} s left out"]
