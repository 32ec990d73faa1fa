"""Read a 12-lead ECG from SCP-ECG (EN 1064, ISO 11073-91064)."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hemometric.ecg import INDEPENDENT_LEADS, Ecg, derive_leads
from hemometric.errors import ReadError
from hemometric.formats.leads import choose_channels
from hemometric.formats.scp_beats import Beats, add_reference, count_thinned, read_beats, restore_thinned
from hemometric.formats.scp_huffman import HuffmanTable, read_tables
from hemometric.formats.scp_leads import Lead, PackedLeads, read_layout, read_packed
from hemometric.formats.scp_patient import read_header
from hemometric.formats.scp_sections import MOST_BYTES, Section, damaged, open_sections

_NANOVOLTS_PER_MILLIVOLT = 1e6
_MOST_SAMPLES = 2**22
"""A lead cannot hold more: each sample takes a bit at least of 64 KiB at most, or stands for 8 at most."""
_MOST_THINNED = 8
_PATIENT, _TABLES, _LAYOUT, _BEATS, _REFERENCE, _RHYTHM = range(1, 7)


@dataclass(frozen=True, slots=True)
class _Rhythm:
    """Section 6 and what it takes to unpack it.

    Attributes:
        packed: Section 6.
        tables: Huffman tables.
        interval_us: Microseconds from sample to sample when it is unpacked.
        factor: How many samples became one outside protected areas.
        beats: Section 4 where it is needed.
        reference: Section 5 where reference beats were taken away.
    """

    packed: PackedLeads
    tables: tuple[HuffmanTable, ...]
    interval_us: int
    factor: int
    beats: Beats | None
    reference: PackedLeads | None


def read_scp(path: Path) -> Ecg:
    """Read the rhythm (section 6) of the SCP-ECG file `path`.

    Raises:
        ReadError: See `hemometric.formats.read_ecg`.
    """
    sections = open_sections(path, _read(path))
    header = read_header(sections.get(_PATIENT))
    layout = read_layout(_need(path, sections, _LAYOUT))
    if _RHYTHM not in sections:
        raise ReadError(path, "holds no rhythm (section 6), only what was measured in one", code="not-an-ecg")
    names, places = choose_channels(path, [lead.name for lead in layout.leads])
    rhythm = _open_rhythm(path, sections, layout.leads, subtracted=layout.beats_subtracted)
    chosen = [layout.leads[place] for place in places]
    first, last = min(lead.first for lead in chosen), max(lead.last for lead in chosen)
    if last - first >= _MOST_SAMPLES:
        reason = f"its leads lie {last - first:,} samples apart, expected {_MOST_SAMPLES:,} at most"
        raise ReadError(path, reason, code="too-long")
    waveform = np.full((len(chosen), last - first + 1), np.nan, dtype=np.float32)
    for row, (lead, place) in enumerate(zip(chosen, places, strict=True)):
        waveform[row, lead.first - first : lead.last - first + 1] = _unpack(rhythm, lead, place)
    notes = _describe(rhythm, chosen, all_simultaneous=layout.all_simultaneous)
    if names == INDEPENDENT_LEADS:
        waveform = derive_leads(waveform)
        notes.append("III, aVR, aVL and aVF derived from I and II")
    return Ecg(
        waveform=waveform,
        sampling_rate_hz=1e6 / rhythm.interval_us,
        ecg_id=path.stem if path.suffix.casefold() == ".scp" else path.name,
        patient_id=header.patient_id,
        age_years=header.age_years,
        sex=header.sex,
        acquired_at=header.acquired_at,
        notes=(*notes, *header.notes),
    )


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MOST_BYTES:
            reason = f"is larger than {MOST_BYTES >> 20} MiB, which no SCP-ECG file of short leads is"
            raise ReadError(path, reason, code="too-long")
        return path.read_bytes()
    except OSError as error:
        raise ReadError(path, f"cannot be read: {error.strerror}", code="unreadable") from error


def _need(path: Path, sections: dict[int, Section], number: int) -> Section:
    if number not in sections:
        raise damaged(path, f"section {number} is absent, without which section {_RHYTHM} means nothing")
    return sections[number]


def _open_rhythm(path: Path, sections: dict[int, Section], leads: tuple[Lead, ...], *, subtracted: bool) -> _Rhythm:
    packed = read_packed(sections[_RHYTHM], leads)
    _check_scale(path, packed)
    tables = read_tables(sections.get(_TABLES))
    if not (subtracted or packed.bimodal):
        return _Rhythm(packed, tables, packed.interval_us, factor=1, beats=None, reference=None)
    beats = read_beats(_need(path, sections, _BEATS))
    reference = read_packed(_need(path, sections, _REFERENCE), leads)
    _check_scale(path, reference)
    factor, rest = divmod(packed.interval_us, reference.interval_us)
    if rest or not 1 <= factor <= (_MOST_THINNED if packed.bimodal else 1):
        reason = (
            f"its rhythm has a sample each {packed.interval_us} us, its reference beat one each "
            f"{reference.interval_us} us; expected the same, or a small multiple where bimodal compression is used"
        )
        raise ReadError(path, reason, code="unsupported-format")
    if factor > 1 and not beats.protected:
        raise damaged(path, "bimodal compression is used and no protected area is named")
    return _Rhythm(packed, tables, reference.interval_us, factor, beats, reference if subtracted else None)


def _check_scale(path: Path, packed: PackedLeads) -> None:
    if packed.nanovolts == 0:
        reason = f"section {packed.section.number} gives 0 nV a step, so that its samples are no voltage"
        raise ReadError(path, reason, code="no-unit")
    if packed.interval_us == 0:
        reason = f"section {packed.section.number} gives 0 us from sample to sample, expected a positive number"
        raise ReadError(path, reason, code="no-rate")


def _unpack(rhythm: _Rhythm, lead: Lead, place: int) -> NDArray[np.float64]:
    """Unpack one lead, shape (lead.n_samples,), mV."""
    if rhythm.beats is None or rhythm.factor == 1:
        samples = rhythm.packed.unpack(place, lead.n_samples, rhythm.tables).astype(np.float64)
    else:
        protected = rhythm.beats.protected
        n_stored = count_thinned(lead, protected, factor=rhythm.factor)
        stored = rhythm.packed.unpack(place, n_stored, rhythm.tables)
        samples = restore_thinned(stored, lead, protected, factor=rhythm.factor)
    samples *= rhythm.packed.nanovolts / _NANOVOLTS_PER_MILLIVOLT
    if rhythm.beats is not None and rhythm.reference is not None:
        n_beat = round(1000 * rhythm.beats.reference_ms / rhythm.reference.interval_us)
        beat = rhythm.reference.unpack(place, n_beat, rhythm.tables).astype(np.float64)
        beat *= rhythm.reference.nanovolts / _NANOVOLTS_PER_MILLIVOLT
        add_reference(samples, lead, beat, rhythm.beats)
    return samples


def _describe(rhythm: _Rhythm, leads: list[Lead], *, all_simultaneous: bool) -> list[str]:
    """Say what had to be assumed."""
    notes = []
    if rhythm.factor > 1:
        notes.append(
            f"one of {rhythm.factor} samples was kept between beats, straight lines drawn (bimodal compression)"
        )
    ranges = {(lead.first, lead.last) for lead in leads}
    if len(ranges) > 1:
        notes.append("leads begin or end at different times, NaN where one was not recorded")
    elif not all_simultaneous:
        notes.append(
            "leads are not marked as simultaneous, taken as such since they have the same first and last sample"
        )
    return notes
