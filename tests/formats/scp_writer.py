"""Write SCP-ECG files by the specification (EN 1064), apart from the package: plain loops over bits and samples."""

import struct
from itertools import pairwise

import numpy as np

NUMBERS = {"I": 1, "II": 2, "V1": 3, "V2": 4, "V3": 5, "V4": 6, "V5": 7, "V6": 8, "V4R": 12}
NUMBERS |= {"X": 16, "III": 61, "aVR": 62, "aVL": 63, "aVF": 64}
LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")

# A table is a list of codes: bits of the prefix as text, bits in all, whether it stands for a value, the value.
DEFAULT = [("0", 1, 1, 0)]
for _size in range(1, 9):
    DEFAULT += [("1" * _size + "00", _size + 2, 1, _size), ("1" * _size + "01", _size + 2, 1, -_size)]
DEFAULT += [("1111111110", 18, 1, 0), ("1111111111", 26, 1, 0)]
SWITCHING = [
    [("0", 1, 1, 0), ("10", 2, 1, -3), ("110", 3, 0, 2), ("111", 19, 1, 0)],
    [("00", 2, 1, 0), ("01", 2, 1, 1), ("10", 2, 1, -1), ("110", 3, 0, 1), ("1110", 12, 1, 0), ("1111" * 4, 32, 1, 0)],
]


def crc(content):
    """CRC-CCITT bit by bit: polynomial 0x1021, all ones at the start."""
    register = 0xFFFF
    for byte in content:
        register ^= byte << 8
        for _ in range(8):
            register = (register << 1 ^ (0x1021 if register & 0x8000 else 0)) & 0xFFFF
    return register


def difference(samples, order):
    """First or second differences behind as many plain samples, in whole numbers of 16 bits that wrap."""
    found = [int(sample) for sample in samples]
    if order == 1:
        found = found[:1] + [b - a for a, b in pairwise(found)]
    elif order == 2:
        found = found[:2] + [c - 2 * b + a for a, b, c in zip(found, found[1:], found[2:], strict=False)]
    return [(value + 2**15) % 2**16 - 2**15 for value in found]


def encode(values, tables):
    """Code values: by the table in use, else by another to which it switches, else by a code with bits behind it."""
    if tables is None:
        return np.array(values, dtype="<i2").tobytes()
    bits, now = [], 0
    for value in values:
        word = None
        for place in (now, *range(len(tables))):
            switch = next((code[0] for code in tables[now] if not code[2] and code[3] == place + 1), None)
            exact = next((c[0] for c in tables[place] if c[2] and c[3] == value and c[1] == len(c[0])), None)
            if exact is not None and (place == now or switch is not None):
                word = ("" if place == now else switch) + exact
                now = place
                break
        if word is None:
            room = [(total - len(prefix), prefix) for prefix, total, is_value, _ in tables[now] if is_value]
            fits = [(n, prefix) for n, prefix in room if n > 1 and -(2 ** (n - 1)) <= value < 2 ** (n - 1)]
            n_extra, prefix = min(fits)
            word = prefix + f"{value % 2**n_extra:0{n_extra}b}"
        bits.append(word)
    text = "".join(bits)
    text += "0" * (-len(text) % 16)
    return bytes(int(text[at : at + 8], 2) for at in range(0, len(text), 8))


def tables_section(tables):
    if tables == [DEFAULT]:
        return struct.pack("<H", 19999)
    content = struct.pack("<H", len(tables))
    for table in tables:
        content += struct.pack("<H", len(table))
        for prefix, total, is_value, value in table:
            content += struct.pack("<BBBhI", len(prefix), total, is_value, value, int(prefix[::-1], 2))
    return content


def leads_section(names, ranges, *, subtracted=False, simultaneous=True):
    flags = subtracted | simultaneous << 2 | (len(names) if simultaneous else 1) << 3
    leads = [struct.pack("<IIB", *span, NUMBERS[name]) for name, span in zip(names, ranges, strict=True)]
    return struct.pack("<BB", len(names), flags) + b"".join(leads)


def packed_section(leads, *, order, tables, nanovolts, interval_us, bimodal=0):
    contents = [encode(difference(lead, order), tables) for lead in leads]
    head = struct.pack("<HHBB", nanovolts, interval_us, order, bimodal)
    return head + b"".join(struct.pack("<H", len(content)) for content in contents) + b"".join(contents)


def beats_section(*, reference_ms, reference_fiducial, beats, protected=()):
    """Beats are (type, first, fiducial, last), protected areas (first, last); samples count from 1."""
    content = struct.pack("<3H", reference_ms, reference_fiducial, len(beats))
    content += b"".join(struct.pack("<HIII", *beat) for beat in beats)
    return content + b"".join(struct.pack("<II", *area) for area in protected)


def patient_section(tags):
    content = b"".join(struct.pack("<BH", tag, len(value)) + value for tag, value in tags)
    return content + b"\xff\x00\x00"


def subtract(samples, first, reference, reference_fiducial, beats):
    """Take the reference beat away; `first` is the number of the first of `samples`."""
    rest = [int(sample) for sample in samples]
    for kind, start, fiducial, end in beats:
        for number in range(start, end + 1):
            place, at = reference_fiducial - fiducial + number - 1, number - first
            if kind == 0 and 0 <= place < len(reference) and 0 <= at < len(rest):
                rest[at] -= int(reference[place])
    return rest


def thin(samples, first, protected, factor):
    """Put the mean of `factor` samples for each so many outside the protected areas, and keep the rest."""
    thinned, block = [], []
    for number, sample in enumerate(samples, start=first):
        if any(start <= number <= end for start, end in protected):
            thinned, block = [*thinned, *block, int(sample)], []
            continue
        block.append(int(sample))
        if len(block) == factor:
            thinned, block = [*thinned, round(sum(block) / factor)], []
    return thinned + block


def seal(sections, *, protocol=20):
    """Join sections to a record: pointers, headers, checksums; each section has an even length."""
    bodies = {number: body + bytes(len(body) % 2) for number, body in sections.items()}
    at, pointers, content = 7 + 16 + 120, {}, b""
    for number, body in sorted(bodies.items()):
        length = 16 + len(body)
        rest = struct.pack("<HIBB6x", number, length, 20, protocol) + body
        content += struct.pack("<H", crc(rest)) + rest
        pointers[number] = (length, at)
        at += length
    pointers[0] = (136, 7)
    body = b"".join(struct.pack("<HII", number, *pointers.get(number, (0, 0))) for number in range(12))
    rest = struct.pack("<HIBB6s", 0, 136, 20, protocol, b"SCPECG") + body
    rest = struct.pack("<I", at - 1) + struct.pack("<H", crc(rest)) + rest + content
    return struct.pack("<H", crc(rest)) + rest


PATIENT = [(2, b"P-17\0"), (4, struct.pack("<HB", 61, 1)), (8, b"\x02")]
PATIENT += [(25, struct.pack("<HBB", 2021, 3, 4)), (26, bytes([5, 6, 7]))]


def make_sections(digital, *, names=LEADS, ranges=None, order=2, tables=(DEFAULT,), nanovolts=1000, interval_us=2000):
    """The sections of an ordinary record: digital (n_leads, n_samples), or a list of leads of their own lengths."""
    tables = None if tables is None else list(tables)
    ranges = ranges or [(1, len(lead)) for lead in digital]
    sections = {1: patient_section(PATIENT), 3: leads_section(names, ranges)}
    sections[6] = packed_section(digital, order=order, tables=tables, nanovolts=nanovolts, interval_us=interval_us)
    if tables is not None:
        sections[2] = tables_section(tables)
    return sections
