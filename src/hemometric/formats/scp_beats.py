"""Where the beats of an SCP-ECG record are, and how that packs its rhythm (EN 1064, 5.7 and annex C)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hemometric.formats.scp_huffman import Samples
from hemometric.formats.scp_leads import Lead
from hemometric.formats.scp_sections import Section

_REFERENCE_TYPE = 0
"""Only the beats of this type have the reference beat taken away."""

_MOST_BEATS = 10_000
"""A lead of 64 KiB holds half an hour."""

Area = tuple[int, int]
"""Numbers of the first and the last sample, counted from 1 at the start of the recording."""


@dataclass(frozen=True, slots=True)
class Beats:
    """Section 4.

    Attributes:
        reference_ms: Length of the reference beat.
        reference_fiducial: Number of the sample of the reference beat that is laid on that of each beat.
        subtracted: Area from which the reference beat was taken away, and number of the fiducial sample, of each beat.
        protected: Areas in which bimodal compression keeps every sample.
    """

    reference_ms: int
    reference_fiducial: int
    subtracted: tuple[tuple[Area, int], ...]
    protected: tuple[Area, ...]


def read_beats(section: Section) -> Beats:
    """Read section 4.

    Raises:
        ReadError: It is too short, or areas overlap or end before they start ("corrupt").
    """
    reference_ms, reference_fiducial, n_beats = section.unpack("3H", 0)
    if n_beats > _MOST_BEATS:
        raise section.damaged(f"announces {n_beats:,} beats, expected {_MOST_BEATS:,} at most")
    subtracted, protected = [], []
    for place in range(n_beats):
        kind, first, fiducial, last = section.unpack("HIII", 6 + 14 * place)
        if kind == _REFERENCE_TYPE:
            subtracted.append(((first, last), fiducial))
    at = 6 + 14 * n_beats
    if len(section.body) >= at + 8 * n_beats:  # writers without bimodal compression leave them out
        for place in range(n_beats):
            first, last = section.unpack("II", at + 8 * place)
            if (first, last) != (0, 0):
                protected.append((first, last))
    _check_areas(section, [area for area, _ in subtracted])
    _check_areas(section, protected)
    return Beats(reference_ms, reference_fiducial, tuple(subtracted), tuple(protected))


def _check_areas(section: Section, areas: Sequence[Area]) -> None:
    end = 0
    for first, last in areas:
        if not end < first <= last:
            raise section.damaged(f"gives a beat the samples {first:,} to {last:,}, behind one that ends at {end:,}")
        end = last


def add_reference(rhythm: NDArray[np.float64], lead: Lead, reference: NDArray[np.float64], beats: Beats) -> None:
    """Add the reference beat to each beat from which it was taken away.

    Args:
        rhythm: What was left of a lead, shape (n_samples,), mV; changed in place.
        lead: Which samples these are.
        reference: The reference beat of this lead at the same rate, shape (n_beat_samples,), mV.
        beats: Where the beats are.
    """
    for (first, last), fiducial in beats.subtracted:
        shift = fiducial - beats.reference_fiducial  # its first sample lies on sample 1 + shift
        start, end = max(first, lead.first, 1 + shift), min(last, lead.last, reference.size + shift)
        if start <= end:
            rhythm[start - lead.first : end - lead.first + 1] += reference[start - 1 - shift : end - shift]


def _split(lead: Lead, protected: Sequence[Area]) -> list[tuple[int, bool]]:
    """Split a lead into runs: how many samples each has, and whether it is thinned out."""
    runs, at = [], lead.first
    for first, last in protected:
        start, end = max(first, at), min(last, lead.last)
        if start <= end:
            runs += [(start - at, True), (end - start + 1, False)]
            at = end + 1
    return [*runs, (lead.last + 1 - at, True)]


def count_thinned(lead: Lead, protected: Sequence[Area], *, factor: int) -> int:
    """Count the samples that bimodal compression stores of a lead.

    Outside the protected areas each `factor` samples became one, and the rest of a run was kept as it was.
    """
    return sum(size // factor + size % factor if thinned else size for size, thinned in _split(lead, protected))


def restore_thinned(stored: Samples, lead: Lead, protected: Sequence[Area], *, factor: int) -> NDArray[np.float64]:
    """Undo bimodal compression by straight lines between the middles of what became one sample.

    Args:
        stored: As many samples as `count_thinned` says.
        lead: Which samples these stand for.
        protected: In ascending order, apart from each other.
        factor: How many samples became one.

    Returns:
        Shape (lead.n_samples,), in the unit of `stored`.
    """
    restored, taken, at = np.empty(lead.n_samples), 0, 0
    for size, thinned in _split(lead, protected):
        n_blocks = size // factor if thinned else 0
        blocks = stored[taken : taken + n_blocks]
        if n_blocks:
            middles = (factor - 1) / 2 + factor * np.arange(n_blocks)
            restored[at : at + n_blocks * factor] = np.interp(np.arange(n_blocks * factor), middles, blocks)
        n_kept = size - n_blocks * factor
        restored[at + size - n_kept : at + size] = stored[taken + n_blocks : taken + n_blocks + n_kept]
        taken, at = taken + n_blocks + n_kept, at + size
    return restored
