"""Seeded mutants of DICOM files: each is read or refused; none crashes, hangs or fills the memory.

The mutants are read in a child process, which this file is as well (see `mutants`). Most mutants of the explicit
form keep their structure: an element gets another value, is doubled, moved or left out, or another tag or
representation. They are then also packed (deflate), so that damage lies behind the packing. The others are damaged as
bytes.
"""

import io
import struct
import tracemalloc
import zlib

import numpy as np
import pydicom
import pytest
from mutants import N_WHOLE, read_mutants, read_or_refuse
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from hemometric.errors import ReadError
from hemometric.formats import dicom, read_ecg

N_SAMPLES = 60
SYNTAXES = {
    "explicit": ExplicitVRLittleEndian,
    "deflated": DeflatedExplicitVRLittleEndian,
    "implicit": ImplicitVRLittleEndian,
    "big": ExplicitVRBigEndian,
}
KINDS = ("explicit", "deflated", "explicit", "implicit", "deflated", "big")
FIELDS = """
    0 1 -1 12 13 1e308 -1e308 1e-308 nan inf 99999999 4294967295 0.0 500 uV mV mm[Hg] V 2.5 ORIGINAL DERIVED MEDIAN
    SS US SL UL SB MB AB 8 16 32 7 64 5.6.3-9-1 5.6.3-9-63 2:3 MDC MDC_ECG_LEAD_V1 SCPECG 20240230 0000 199Y 042Y
    20130125105919+0100 \xe4 1\\2 1\\2\\3
"""
VALUES = [b"", b"\x00\x80", b"\xff" * 4, bytes(8), b"x" * 70, *(text.encode("latin-1") for text in FIELDS.split())]
REPRESENTATIONS = [
    b"DS",
    b"IS",
    b"US",
    b"SS",
    b"UL",
    b"FD",
    b"LO",
    b"SH",
    b"SQ",
    b"UN",
    b"OW",
    b"OB",
    b"UI",
    b"AT",
    b"??",
]
LONG = {b"OB", b"OW", b"OF", b"SQ", b"UN", b"UT", b"UC", b"OD", b"OL"}
"""Representations whose length has four bytes (PS3.5 7.1.2)."""
UNDEFINED = 0xFFFFFFFF


def make_dicom(syntax):
    """The example inside pydicom, its first 60 samples; sequences end with a mark, so that elements may grow."""
    whole = pydicom.dcmread(get_testdata_file("waveform_ecg.dcm"))
    small = Dataset({element.tag: element for element in whole if not element.tag.is_private})
    small.file_meta = whole.file_meta
    small.file_meta.TransferSyntaxUID = syntax
    for group in small.WaveformSequence:
        group.NumberOfWaveformSamples = N_SAMPLES
        group.WaveformData = group.WaveformData[: N_SAMPLES * 24]
        if not syntax.is_little_endian:
            group.WaveformData = np.frombuffer(group.WaveformData, "<i2").astype(">i2").tobytes()
    del small.WaveformAnnotationSequence
    small.walk(_end_by_mark)
    stream = io.BytesIO()
    small.save_as(
        stream, implicit_vr=syntax.is_implicit_VR, little_endian=syntax.is_little_endian, enforce_file_format=True
    )
    return stream.getvalue()


def _end_by_mark(dataset, element):
    dataset.is_undefined_length_sequence_item = True
    if element.VR == "SQ":
        element.is_undefined_length = True


def find_elements(content, at):
    """Spans (start, value, end) of the elements of an explicit, little-endian dataset that are no sequences."""
    found = []
    while at + 8 <= len(content):
        tag, representation = content[at : at + 4], content[at + 4 : at + 6]
        if tag[:2] == b"\xfe\xff":  # an item or a mark of an end
            at += 8
            continue
        long = representation in LONG
        start = at + (12 if long else 8)
        length = struct.unpack_from("<I" if long else "<H", content, start - (4 if long else 2))[0]
        if length == UNDEFINED:
            at = start
            continue
        found.append((at, start, start + length))
        at = start + length
    return found


WHOLE = {name: make_dicom(syntax) for name, syntax in SYNTAXES.items()}
HEAD, DEFLATED_HEAD = (144 + struct.unpack_from("<I", WHOLE[kind], 140)[0] for kind in ("explicit", "deflated"))
"""Where the dataset begins: behind preamble, mark, and a group of elements whose length its first element says."""
ELEMENTS = find_elements(WHOLE["explicit"], HEAD)
RHYTHM = tuple(WHOLE["explicit"].index(tag) for tag in (b"\x00\x54\x00\x01", b"\x00\x54\x10\x10"))
"""Where the description of the first waveform begins and ends; elsewhere little is read."""


def damage_element(content, spans, rng):
    """Change one element; the others behind it move."""
    near = [one for one in spans if RHYTHM[0] <= one[0] < RHYTHM[1]]
    chosen = near if near and rng.random() < 0.7 else spans
    span = at, start, end = chosen[int(rng.integers(len(chosen)))]
    element = content[at:end]
    how = rng.choice(
        ["value", "leave", "double", "other", "tag", "kind", "damage"], p=[0.5, 0.1, 0.08, 0.1, 0.05, 0.05, 0.12]
    )
    other = spans[int(rng.integers(len(spans)))]
    if how == "value":
        new = VALUES[int(rng.integers(len(VALUES)))] if rng.random() < 0.8 else content[other[1] : other[2]]
        element = pack(element[: start - at], new)
    elif how == "leave":
        element = b""
    elif how == "double":
        element *= 2
    elif how == "other":
        element = content[other[0] : other[2]]
    elif how == "tag":
        element = content[other[0] : other[0] + 4] + element[4:]
    elif how == "kind":
        element = element[:4] + REPRESENTATIONS[int(rng.integers(len(REPRESENTATIONS)))] + element[6:]
    else:
        element = pack(element[: start - at], damage_bytes(element[start - at :], 0, rng))
    grown = len(element) - (end - at)
    moved = [tuple(place + (grown if place >= end else 0) for place in one) for one in spans if one != span]
    return content[:at] + element + content[end:], moved


def pack(head, value):
    """An element with this value, of even length."""
    value += b" " * (len(value) % 2)
    if len(head) == 12:
        return head[:8] + struct.pack("<I", len(value)) + value
    return head[:6] + struct.pack("<H", min(len(value), 2**16 - 1)) + value


def damage_bytes(content, first, rng):
    """Change bytes at one place from `first` on."""
    mutant = bytearray(content) or bytearray(1)
    first = min(first, len(mutant) - 1)
    at, size, source = (int(rng.integers(low, high)) for low, high in ((first, len(mutant)), (1, 24), (0, len(mutant))))
    how = rng.choice(
        ["bit", "byte", "number", "copy", "cut", "insert", "end"], p=[0.3, 0.25, 0.15, 0.15, 0.07, 0.05, 0.03]
    )
    if how == "bit":
        mutant[at] ^= 1 << int(rng.integers(8))
    elif how == "byte":
        mutant[at] = int(rng.integers(256))
    elif how == "number":
        mutant[at : at + 4] = struct.pack("<I", int(rng.choice([0, 1, 2**16, 2**31, 2**32 - 1])))
    elif how == "copy":
        mutant[at : at + size] = mutant[source : source + size]
    elif how == "cut":
        del mutant[at : at + size]
    elif how == "insert":
        mutant[at:at] = mutant[source : source + size]
    else:
        del mutant[at:]
    return bytes(mutant)


def deflate(dataset):
    """A file that holds an explicit, little-endian dataset, packed."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return WHOLE["deflated"][:DEFLATED_HEAD] + packer.compress(dataset) + packer.flush()


def damage(kind, rng):
    n_places = int(rng.integers(1, 4))
    if kind in ("implicit", "big") or rng.random() < 0.2:
        content = WHOLE[kind]
        for _ in range(n_places):
            content = damage_bytes(content, 132, rng)
        return content
    content, spans = WHOLE["explicit"], ELEMENTS
    for _ in range(n_places):
        if rng.random() < 0.85:
            content, spans = damage_element(content, spans, rng)
        else:
            content = damage_bytes(content, HEAD, rng)
    if kind == "explicit":
        return content
    return deflate(content[HEAD:])


def write_mutant(folder, _, number):
    path = folder / "mutant.dcm"
    kind = KINDS[(number or 0) % len(KINDS)]
    path.write_bytes(WHOLE[kind] if number is None else damage(kind, np.random.default_rng([number, 29])))
    return path


@pytest.mark.parametrize("kind", SYNTAXES)
def test_the_whole_file_in_every_syntax_is_read(tmp_path, dicom_example, kind):
    path = tmp_path / "whole.dcm"
    path.write_bytes(WHOLE[kind])
    assert np.array_equal(read_ecg(path).waveform, read_ecg(dicom_example).waveform[:, :N_SAMPLES])


def test_a_small_file_that_unpacks_to_a_large_one_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(dicom, "MOST_BYTES", 2**22)
    path = tmp_path / "bomb.dcm"
    path.write_bytes(deflate(struct.pack("<HH2sHI", 0x0009, 0x1001, b"OB", 0, 2**26) + bytes(2**26)))
    assert path.stat().st_size < 2**17
    tracemalloc.start()
    with pytest.raises(ReadError, match="unpacks to more than 4 MiB") as caught:
        read_ecg(path)
    assert caught.value.code == "too-long"
    assert tracemalloc.get_traced_memory()[1] < 2**23
    tracemalloc.stop()


def test_a_damaged_file_is_read_or_refused():
    found = read_or_refuse(__file__, "dicom", ["dicom"], 300)
    assert found["read"] > 0
    assert len(found) >= 6  # the rest is refused in several ways


@pytest.mark.slow
def test_ten_thousand_damaged_files_of_each_kind_are_read_or_refused():
    read_or_refuse(__file__, "dicom", ["dicom"], N_WHOLE * len(KINDS))


if __name__ == "__main__":
    read_mutants(write_mutant)
