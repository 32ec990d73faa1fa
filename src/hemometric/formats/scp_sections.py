"""The container of SCP-ECG (EN 1064, ISO 11073-91064): a record of sections, each with a checksum and its number."""

import binascii
import struct
from dataclasses import dataclass
from pathlib import Path

from hemometric.errors import ReadError

MOST_BYTES = 256 * 2**20
"""A record of 255 leads holds less than 17 MB, since a lead holds less than 64 KiB."""

_RECORD_BYTES = 6
_HEADER_BYTES = 16
_POINTER_BYTES = 10
_LAST_STANDARD_SECTION = 11


@dataclass(frozen=True, slots=True)
class Section:
    """One section.

    Attributes:
        path: The file, for errors.
        number: 0 to 11.
        protocol: Version of the protocol times ten, as 13 or 20.
        body: What follows its header.
    """

    path: Path
    number: int
    protocol: int
    body: bytes

    def unpack(self, layout: str, at: int) -> tuple[int, ...]:
        """Read little-endian numbers.

        Args:
            layout: As `struct` has it, without byte order; "3H" is three unsigned numbers of 16 bits.
            at: Place in the body.

        Raises:
            ReadError: The section ends before ("corrupt").
        """
        end = at + struct.calcsize(f"<{layout}")
        if end > len(self.body):
            raise self.damaged(f"ends at byte {len(self.body):,}, expected {end:,} bytes at least")
        return struct.unpack_from(f"<{layout}", self.body, at)

    def damaged(self, what: str) -> ReadError:
        """Return the error for a section that contradicts itself or others."""
        return damaged(self.path, f"section {self.number} {what}")


def damaged(path: Path, what: str) -> ReadError:
    """Return the error for a record that contradicts itself."""
    return ReadError(path, f"damaged SCP-ECG file, export it again: {what}", code="corrupt")


def is_scp(head: bytes) -> bool:
    """Say whether a file is an SCP-ECG record: its section 0 is marked since version 1.0 of the protocol."""
    return head[16:22] == b"SCPECG"


def open_sections(path: Path, content: bytes) -> dict[int, Section]:
    """Split a record into its sections.

    Args:
        path: The file, for errors.
        content: All of it.

    Returns:
        Number -> section, for the sections of the standard that are not empty.

    Raises:
        ReadError: Fewer bytes than announced ("truncated"), or a checksum, pointer or header is wrong ("corrupt").
    """
    if len(content) < _RECORD_BYTES + _HEADER_BYTES:
        raise ReadError(path, f"holds {len(content)} bytes, too few for an SCP-ECG file", code="truncated")
    checksum, announced = struct.unpack_from("<HI", content)
    if len(content) < announced:
        reason = f"holds {len(content):,} bytes, announced are {announced:,}; copy it again"
        raise ReadError(path, reason, code="truncated")
    if announced < _RECORD_BYTES + _HEADER_BYTES:
        raise damaged(path, f"it announces {announced} bytes")
    record = content[:announced]
    _check_sum(path, "of the file", checksum, record[2:])
    pointers = _open(path, record, number=0, at=_RECORD_BYTES, length=None)
    sections = {0: pointers}
    for at in range(0, len(pointers.body) - _POINTER_BYTES + 1, _POINTER_BYTES):
        number, length, index = pointers.unpack("HII", at)
        if length == 0 or not 0 < number <= _LAST_STANDARD_SECTION:
            continue  # absent, this section itself, or a maker's own
        if number in sections:
            raise damaged(path, f"section {number} occurs twice")
        sections[number] = _open(path, record, number=number, at=index - 1, length=length)
    return sections


def _open(path: Path, record: bytes, *, number: int, at: int, length: int | None) -> Section:
    """Open a section; `length` is what its pointer says, None for the first section, which has no other pointer."""
    if not _RECORD_BYTES <= at <= len(record) - _HEADER_BYTES:
        raise damaged(path, f"section {number} should start at byte {at:,} of {len(record):,}")
    checksum, found, own_length, _, protocol = struct.unpack_from("<HHIBB", record, at)
    if found != number:
        raise damaged(path, f"section {found} stands where section {number} should")
    if length not in (None, own_length) or own_length < _HEADER_BYTES or at + own_length > len(record):
        announced = "" if length is None else f", by its pointer {length:,}"
        raise damaged(path, f"section {number} has {own_length:,} bytes at byte {at:,} of {len(record):,}{announced}")
    section = record[at : at + own_length]
    _check_sum(path, f"of section {number}", checksum, section[2:])
    return Section(path, number, protocol, section[_HEADER_BYTES:])


def _check_sum(path: Path, what: str, expected: int, content: bytes) -> None:
    """Check a CRC-CCITT: polynomial 0x1021, all ones at the start."""
    found = binascii.crc_hqx(content, 0xFFFF)
    if found != expected:
        raise damaged(path, f"the checksum {what} is {found:#06x}, written is {expected:#06x}")
