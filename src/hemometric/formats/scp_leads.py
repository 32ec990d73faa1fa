"""The leads of an SCP-ECG record and how their samples are packed (EN 1064, 5.6, 5.8 and 5.9)."""

from collections.abc import Sequence
from dataclasses import dataclass

from hemometric.formats.leads import SCP_LEADS
from hemometric.formats.scp_huffman import HuffmanTable, Samples, decode, undo_differences
from hemometric.formats.scp_sections import Section

_BEATS_SUBTRACTED, _ALL_SIMULTANEOUS = 0x01, 0x04


@dataclass(frozen=True, slots=True)
class Lead:
    """One lead of section 3.

    Attributes:
        name: One of `LEADS`, or None for any other lead.
        first: Number of its first sample, counted from 1 at the start of the recording.
        last: Number of its last sample.
    """

    name: str | None
    first: int
    last: int

    @property
    def n_samples(self) -> int:
        """How many samples it has."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Layout:
    """Section 3.

    Attributes:
        leads: In the order of the file.
        beats_subtracted: Whether section 6 holds what is left after a reference beat was taken away from the beats.
        all_simultaneous: Whether the file marks all leads as recorded at the same time.
    """

    leads: tuple[Lead, ...]
    beats_subtracted: bool
    all_simultaneous: bool


def read_layout(section: Section) -> Layout:
    """Read section 3.

    Raises:
        ReadError: It is too short, or a lead ends before it starts ("corrupt").
    """
    n_leads, flags = section.unpack("BB", 0)
    leads = []
    for place in range(n_leads):
        first, last, number = section.unpack("IIB", 2 + 9 * place)
        if not 1 <= first <= last:
            raise section.damaged(f"gives lead {place + 1} the samples {first:,} to {last:,}")
        leads.append(Lead(SCP_LEADS.get(number), first, last))
    return Layout(tuple(leads), bool(flags & _BEATS_SUBTRACTED), bool(flags & _ALL_SIMULTANEOUS))


@dataclass(frozen=True, slots=True)
class PackedLeads:
    """Section 5 or 6, whose samples are not unpacked yet.

    Attributes:
        section: The section itself, for errors.
        nanovolts: Of one step.
        interval_us: Microseconds from sample to sample.
        order: Of the differences that are stored: 0 for the samples themselves, 1 or 2.
        bimodal: Whether samples outside protected areas are thinned out; in section 5 without meaning.
        contents: The bytes of each lead.
    """

    section: Section
    nanovolts: int
    interval_us: int
    order: int
    bimodal: bool
    contents: tuple[bytes, ...]

    def unpack(self, place: int, n_samples: int, tables: tuple[HuffmanTable, ...]) -> Samples:
        """Return the samples of one lead in steps, shape (n_samples,).

        Raises:
            ReadError: As `decode`.
        """
        return undo_differences(decode(self.section, self.contents[place], n_samples, tables), self.order)


def read_packed(section: Section, leads: Sequence[Lead]) -> PackedLeads:
    """Read section 5 or 6, which holds every lead of section 3.

    Raises:
        ReadError: It is too short, or its differences are of no known order ("corrupt").
    """
    nanovolts, interval_us, order, bimodal = section.unpack("HHBB", 0)
    if order > 2:
        raise section.damaged(f"holds differences of order {order}, expected 0, 1 or 2")
    sizes = section.unpack(f"{len(leads)}H", 6)
    at = 6 + 2 * len(leads)
    section.unpack(f"{sum(sizes)}x", at)
    contents = []
    for size in sizes:
        contents.append(section.body[at : at + size])
        at += size
    is_flag = section.protocol < 30  # from version 3.0 the byte is reserved
    return PackedLeads(section, nanovolts, interval_us, order, bool(bimodal and is_flag), tuple(contents))
