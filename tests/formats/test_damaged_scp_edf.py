"""Seeded mutants of SCP-ECG, EDF and BDF files: each is read or refused; none crashes, hangs or fills the memory.

The mutants are read in a child process with limits, which this file is as well. Nine of ten mutants of SCP-ECG get
right checksums again: without them nothing behind the checksums would be tried.
"""

import struct
from binascii import crc_hqx

import numpy as np
import pytest
from edf_writer import LEADS as EDF_LEADS
from edf_writer import annotations, make_edf
from edf_writer import signal as edf_signal
from mutants import N_WHOLE, read_mutants, read_or_refuse
from scp_writer import (
    DEFAULT,
    LEADS,
    SWITCHING,
    beats_section,
    leads_section,
    make_sections,
    packed_section,
    seal,
    thin,
)


def make_scp(kind):
    digital = np.cumsum(np.random.default_rng([13, 1]).integers(-9, 10, size=(12, 60)), axis=1)
    if kind != "beats":
        return seal(make_sections(digital, tables=SWITCHING if kind == "switching" else [DEFAULT]))
    protected = [(9, 16), (37, 44)]
    sections = make_sections(digital)
    sections[3] = leads_section(LEADS, [(1, 60)] * 12, subtracted=True)
    beats = [(0, 3, 12, 20), (0, 31, 40, 48)]
    sections[4] = beats_section(reference_ms=40, reference_fiducial=8, beats=beats, protected=protected)
    sections[5] = packed_section(digital[:, :20], order=1, tables=[DEFAULT], nanovolts=1000, interval_us=2000)
    thinned = [thin(lead, 1, protected, 4) for lead in digital]
    packing = {"order": 2, "tables": [DEFAULT], "nanovolts": 1000, "interval_us": 8000, "bimodal": 1}
    sections[6] = packed_section(thinned, **packing)
    return seal(sections)


def make_edf_or_bdf(kind):
    width = 3 if kind.startswith("bdf") else 2
    digital = np.random.default_rng([13, 2]).integers(-9, 10, size=(12, 60))
    signals = [edf_signal(name, lead, per_record=20) for name, lead in zip(EDF_LEADS, digital, strict=True)]
    if not kind.endswith("gaps"):
        return make_edf(signals, width=width)
    signals.insert(0, annotations([3.0, 3.2, 4.0], per_record=16, width=width))
    return make_edf(signals, width=width, reserved="BDF+D" if width == 3 else "EDF+D")


SEEDS = {f"scp-{kind}": make_scp(kind) for kind in ("plain", "switching", "beats")}
SEEDS |= {kind: make_edf_or_bdf(kind) for kind in ("edf-plain", "edf-gaps", "bdf-plain", "bdf-gaps")}
READERS = {"scp": [*SEEDS][:3], "edf": ["edf-plain", "edf-gaps"], "bdf": ["bdf-plain", "bdf-gaps"]}
TEXTS = [b"-1", b"0", b"1", b"2", b"99999999", b"1e308", b"-9e307", b"nan", b"inf", b"1e-300", b"", b"EDF Annotations"]
TEXTS += [b"+0\x14\x14", b"+99999\x14\x14", b"+1e9\x14\x14", b"V1", b"ECG I", b"mmHg", b"\xb5V", b"\xff\x00\xff"]
PLACES = [8, 88, 168, 176, 184, 192, 236, 244, 252]


def damage_place(mutant, at, rng):
    """Change bytes at one place."""
    length, size = len(mutant), int(rng.integers(1, 24))
    source = int(rng.integers(length))
    number = int(rng.choice([0, 1, 2**7, 2**8, 2**15, 2**16, 2**31, 2**32])) + int(rng.integers(-1, 2))
    how = rng.choice(["bit", "byte", "number", "copy", "cut", "insert"], p=[0.3, 0.25, 0.25, 0.15, 0.03, 0.02])
    if how == "bit":
        mutant[at] ^= 1 << int(rng.integers(8))
    elif how == "byte":
        mutant[at] = int(rng.integers(256))
    elif how == "number":
        width = int(rng.choice([1, 2, 4]))
        mutant[at : at + width] = (number % 256**width).to_bytes(width, "little")
    elif how == "copy":
        mutant[at : at + size] = mutant[source : source + size]
    elif how == "cut":
        del mutant[at : at + min(size, length - 1)]
    else:
        mutant[at:at] = mutant[source : source + size]


def damage_text(mutant, rng):
    """Put another text into a field of an EDF header."""
    at = int(rng.choice(PLACES)) if rng.random() < 0.5 else 256 + 8 * int(rng.integers(0, 400))
    text = TEXTS[int(rng.integers(len(TEXTS)))]
    text = text.ljust(8) if b"\x14" not in text else text
    mutant[at : at + len(text)] = text


def damage(kind, content, rng):
    """Change a file in one to three places, half of them near its start, where most of its structure is."""
    mutant = bytearray(content)
    is_scp = kind.startswith("scp")
    for _ in range(rng.integers(1, 4)):
        at = int(rng.integers(min(len(mutant), 600) if rng.random() < 0.5 else len(mutant)))
        if not is_scp and rng.random() < 0.3:
            damage_text(mutant, rng)
        else:
            damage_place(mutant, at, rng)
    if rng.random() < 0.03:
        del mutant[int(rng.integers(1, len(mutant))) :]
    if is_scp and rng.random() < 0.9:
        reseal(mutant)
    return bytes(mutant)


def reseal(mutant):
    """Make the length and the checksums right, wherever the damaged pointers lead."""
    if len(mutant) < 200:
        return
    mutant[2:6] = struct.pack("<I", len(mutant))
    mutant[16:22] = b"SCPECG"
    spans = [struct.unpack_from("<II", mutant, 22 + 10 * place + 2) for place in range(1, 12)]
    for length, index in [*spans, (struct.unpack_from("<I", mutant, 10)[0], 7)]:
        if length >= 16 and index > 0 and index - 1 + length <= len(mutant):
            mutant[index - 1 : index + 1] = struct.pack("<H", crc_hqx(mutant[index + 1 : index - 1 + length], 0xFFFF))
    mutant[:2] = struct.pack("<H", crc_hqx(mutant[2:], 0xFFFF))


def write_mutant(folder, kind, number):
    path = folder / "mutant"
    seed = SEEDS[kind]
    rng = np.random.default_rng([number or 0, [*SEEDS].index(kind)])
    path.write_bytes(seed if number is None else damage(kind, seed, rng))
    return path


@pytest.mark.parametrize("reader", sorted(READERS))
def test_a_damaged_file_is_read_or_refused(reader):
    found = read_or_refuse(__file__, reader, READERS[reader], 200)
    assert found["read"] > 0
    assert len(found) >= 4  # the rest is refused in several ways


@pytest.mark.slow
@pytest.mark.parametrize("kind", SEEDS)
def test_ten_thousand_damaged_files_of_each_kind_are_read_or_refused(kind):
    read_or_refuse(__file__, kind, [kind], N_WHOLE)


if __name__ == "__main__":
    read_mutants(write_mutant)
