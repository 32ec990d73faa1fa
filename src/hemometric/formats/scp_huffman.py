"""Huffman codes and differences of SCP-ECG (EN 1064, 5.5 and annex C): packed bytes to samples."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hemometric.formats.scp_sections import Section

Samples = NDArray[np.int64]

_DEFAULT_TABLE = 19999
_MOST_TABLES = 255
_NEAR_BITS = 12
_MOST_BITS = 56
"""Of one code: a window of 64 bits that starts at a byte holds so many from any bit of that byte."""
_WINDOW = 64
_ONES = (1 << _WINDOW) - 1

Code = tuple[int, int, int, bool]
"""Bits of the prefix; bits in all; value, to which the bits behind the prefix are added, or the number of a table;
whether it switches to that table."""


@dataclass(frozen=True, slots=True)
class HuffmanTable:
    """A table of codes.

    Attributes:
        near: By the next 12 bits, the code that they start with, None where it is longer or there is none.
        far: Length -> prefix -> code, for the prefixes of more than 12 bits, shortest first.
    """

    near: tuple[Code | None, ...]
    far: dict[int, dict[int, Code]]


def _make_table(codes: list[tuple[int, Code]]) -> HuffmanTable:
    """Make a table of prefixes, first bit highest, and their codes; of two that fit the shorter counts."""
    near: list[Code | None] = [None] * (1 << _NEAR_BITS)
    far: dict[int, dict[int, Code]] = {}
    for prefix, code in sorted(codes, key=lambda pair: -pair[1][0]):
        length = code[0]
        if length > _NEAR_BITS:
            far.setdefault(length, {})[prefix] = code
            continue
        spare = _NEAR_BITS - length
        near[prefix << spare : (prefix + 1) << spare] = [code] * (1 << spare)
    return HuffmanTable(tuple(near), dict(sorted(far.items())))


def _make_default() -> HuffmanTable:
    """Make the default table (C.3.7.6): 0, 100, 101, 1100, 1101, ... for 0, 1, -1, 2, -2, ... to 8 and -8."""
    codes: list[tuple[int, Code]] = [(0, (1, 1, 0, False))]
    for size in range(1, 9):
        ones = ((1 << size) - 1) << 2
        codes += [(ones | 0, (size + 2, size + 2, size, False)), (ones | 1, (size + 2, size + 2, -size, False))]
    codes += [(0b1111111110, (10, 18, 0, False)), (0b1111111111, (10, 26, 0, False))]
    return _make_table(codes)


DEFAULT_TABLES = (_make_default(),)


def read_tables(section: Section | None) -> tuple[HuffmanTable, ...]:
    """Read section 2.

    Returns:
        The tables, of which decoding starts with the first; none where samples are whole numbers of 16 bits, since
        the section is absent or says that there are no tables.

    Raises:
        ReadError: It contradicts itself ("corrupt").
    """
    if section is None:
        return ()
    (n_tables,) = section.unpack("H", 0)
    if n_tables == _DEFAULT_TABLE:
        return DEFAULT_TABLES
    if n_tables > _MOST_TABLES:
        raise section.damaged(f"announces {n_tables:,} Huffman tables, expected {_MOST_TABLES} at most")
    tables, at = [], 2
    for _ in range(n_tables):
        (n_codes,) = section.unpack("H", at)
        at += 2
        section.unpack(f"{9 * n_codes}x", at)
        tables.append(_make_table([_read_code(section, at + 9 * place, n_tables) for place in range(n_codes)]))
        at += 9 * n_codes
    return tuple(tables)


def _read_code(section: Section, at: int, n_tables: int) -> tuple[int, Code]:
    """Read one code structure; its prefix is stored with the first bit lowest."""
    length, total, is_value, value, stored = section.unpack("BBBhI", at)
    if not (1 <= length <= 32 and length <= total <= _MOST_BITS):
        raise section.damaged(f"has a Huffman code of {total} bits with a prefix of {length}")
    if not is_value and not 1 <= value <= n_tables:
        raise section.damaged(f"switches to Huffman table {value} of {n_tables}")
    prefix = int(f"{stored & ((1 << length) - 1):0{length}b}"[::-1], 2)
    return prefix, (length, total, value, not is_value)


def decode(section: Section, content: bytes, n_samples: int, tables: tuple[HuffmanTable, ...]) -> Samples:
    """Decode one lead, shape (n_samples,); its differences are still differences.

    Args:
        section: Which it is part of, for errors.
        content: Bytes of the lead.
        n_samples: How many it must hold.
        tables: As `read_tables` gives them.

    Raises:
        ReadError: It holds fewer samples, or bits that are no code ("corrupt").
    """
    if not tables:
        if 2 * n_samples > len(content):
            raise section.damaged(f"holds {len(content) // 2:,} samples of a lead, announced are {n_samples:,}")
        return np.frombuffer(content, "<i2", n_samples).astype(np.int64)
    return _decode_codes(section, content, n_samples, tables)


def _decode_codes(section: Section, content: bytes, n_samples: int, tables: tuple[HuffmanTable, ...]) -> Samples:
    n_bits = 8 * len(content)
    windows = _find_windows(content)
    table, values, at = tables[0], list[int](), 0
    while len(values) < n_samples:
        if at >= n_bits:
            raise section.damaged(f"ends after {len(values):,} samples of a lead, announced are {n_samples:,}")
        window = windows[at >> 3] << (at & 7) & _ONES
        found = table.near[window >> (_WINDOW - _NEAR_BITS)] or _find_far(table, window)
        if found is None:
            raise section.damaged(f"holds bits that are no Huffman code after {len(values):,} samples of a lead")
        length, total, value, switches = found
        at += total
        if switches:
            table = tables[value - 1]
            continue
        if total > length:
            n_extra = total - length
            extra = (window << length & _ONES) >> (_WINDOW - n_extra)
            value += extra - (extra >> (n_extra - 1) << n_extra)  # two's complement
        values.append(value)
    if at > n_bits:
        raise section.damaged(f"ends within the last of {n_samples:,} samples of a lead")
    return np.array(values, dtype=np.int64)


def _find_windows(content: bytes) -> list[int]:
    """Return the 64 bits that start at each byte, zeros behind the end."""
    padded = np.frombuffer(content + bytes(8), np.uint8)
    windows = np.zeros(len(content), dtype=np.uint64)
    for place in range(8):
        windows <<= np.uint64(8)
        windows |= padded[place : place + len(content)]
    return windows.tolist()


def _find_far(table: HuffmanTable, window: int) -> Code | None:
    codes = (prefixes.get(window >> (_WINDOW - length)) for length, prefixes in table.far.items())
    return next((code for code in codes if code is not None), None)


def undo_differences(values: Samples, order: int) -> Samples:
    """Turn differences into samples, shape (n_samples,).

    Args:
        values: Samples (order 0), or differences behind the first sample (1) or behind the first two samples (2).
        order: 0, 1 or 2.

    Returns:
        Whole numbers of 16 bits; sums wrap as those of writers do, which compute with 16 bits.
    """
    if order == 1:
        values = np.cumsum(values)
    elif order == 2 and values.size > 2:
        steps = np.concatenate(([values[1] - values[0]], values[2:]))
        values = values[0] + np.concatenate(([0], np.cumsum(np.cumsum(steps))))
    return values.astype(np.int16).astype(np.int64)
