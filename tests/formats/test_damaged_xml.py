"""Seeded mutants of MUSE, aECG and Sierra files: each is read or refused; none crashes, hangs or fills the memory.

The mutants are read in a child process with limits, which this file is as well. Most mutants stay well-formed: values
are exchanged, elements doubled, moved, renamed and left out, packed samples damaged below the base64. The others are
damaged as bytes.
"""

import base64
import re

import numpy as np
import pytest
from aecg_writer import LEADS, make_aecg, rhythm_set, series
from muse_writer import make_muse, rhythm
from mutants import N_WHOLE, read_mutants, read_or_refuse
from sierra_writer import describe, make_packed, make_sierra, pack_xli, write_base64

DIGITAL = np.cumsum(np.random.default_rng([19, 1]).integers(-9, 10, size=(12, 60)), axis=1)
SEEDS = {
    "muse-twelve": make_muse(rhythm(DIGITAL[:, :20], kind="Median"), rhythm(DIGITAL)),
    "muse-utf-16": make_muse(rhythm(DIGITAL), encoding="utf-16"),
    "aecg-one-set": make_aecg(series(rhythm_set(DIGITAL))),
    "aecg-two-sets": make_aecg(series(rhythm_set(DIGITAL[:6], LEADS[:6]), rhythm_set(DIGITAL[6:], LEADS[6:]))),
    "sierra-packed": make_packed(DIGITAL),
    "sierra-base64": make_sierra(write_base64(DIGITAL), attributes=describe(60), encoding="utf-8"),
    "muse-eight": make_muse(rhythm(DIGITAL[[0, 1, *range(6, 12)]], [LEADS[0], LEADS[1], *LEADS[6:]])),
    "sierra-plain": make_sierra(" ".join(map(str, DIGITAL.ravel())), attributes=describe(60, dataencoding="Plain")),
    "sierra-1.03": make_sierra(
        base64.b64encode(pack_xli(DIGITAL)).decode(),
        version="1.03",
        attributes={
            "compressflag": "True",
            "compressmethod": "XLI",
            "dataencoding": "Base64",
            "durationperchannel": "240",
            "nbitspersample": "16",
        },
        signal="<samplingrate>250</samplingrate><signalresolution>2.5</signalresolution>"
        "<acquisitiontype>STD-12</acquisitiontype><signaloffset>0</signaloffset>",
        encoding="utf-8",
    ),
}
READERS = {name: [kind for kind in SEEDS if kind.startswith(name)] for name in ("muse", "aecg", "sierra")}
ENCODINGS = {
    kind: re.search(r'encoding="([\w-]+)"', seed.decode("utf-16" if seed[:1] == b"\xff" else "latin-1"))[1]
    for kind, seed in SEEDS.items()
}
VALUES = [
    "",
    "0",
    "-1",
    "1",
    "2",
    "1e308",
    "-1e-308",
    "nan",
    "inf",
    "99999999999",
    "1e9",
    "0.1",
    "x",
    "&b;",
    "<a>",
    "%",
    "I",
    "V1",
    "aVR",
    "MICROVOLTS",
    "uV",
    "mmHg",
    "Rhythm",
    "Median",
    "True",
    "False",
    "XLI",
    "Plain",
    "Base64",
    "TIME_ABSOLUTE",
    "MDC_ECG_LEAD_V1",
    "20250614",
    "20250615100544.5-0500",
    "99999999999999",
    "\u00e4",
    "=" * 9,
]
DOCTYPES = [
    '<!DOCTYPE a [<!ENTITY b "ha">]>',
    '<!DOCTYPE a SYSTEM "http://localhost/x">',
    "<!DOCTYPE ",
    "<?pi?>",
    "<!--",
]
VALUE = re.compile(r'(?<=[">])[^<>"]{0,40}(?=["<])')
ELEMENT = re.compile(r"<(\w+)(?: [^<>]*)?(?:/>|>[^<>]*</\1>)")
PACKED = re.compile(r">\s*([A-Za-z0-9+/\s]{60,}={0,2})\s*<")


def pick(rng, matches):
    return matches[int(rng.integers(len(matches)))]


def damage_text(text, rng):
    """Change one value, element or mark of a file, or what is packed in it."""
    how = rng.choice(["value", "element", "packed", "doctype", "nest"], p=[0.45, 0.3, 0.2, 0.04, 0.01])
    if how == "value" and (found := list(VALUE.finditer(text))):
        match = pick(rng, found)
        new = VALUES[int(rng.integers(len(VALUES)))] if rng.random() < 0.7 else pick(rng, found).group()
        return text[: match.start()] + new + text[match.end() :]
    if how == "element" and (found := list(ELEMENT.finditer(text))):
        match, other = pick(rng, found), pick(rng, found)
        new = {0: "", 1: match.group() * 2, 2: other.group(), 3: f"<x>{match.group()}</x>"}[int(rng.integers(4))]
        return text[: match.start()] + new + text[match.end() :]
    if how == "packed" and (found := list(PACKED.finditer(text))):
        match = pick(rng, found)
        letters = re.sub(r"[\s=]", "", match.group(1))
        content = base64.b64decode(letters[: len(letters) // 4 * 4])
        for _ in range(int(rng.integers(1, 4))):
            content = damage_bytes(content, rng)
        return text[: match.start(1)] + base64.b64encode(content).decode() + text[match.end(1) :]
    if how == "nest":
        return text.replace(">", ">" + "<n>" * int(rng.integers(50, 3000)), 3)
    at = text.find("<", int(rng.integers(len(text) // 4 + 1)))
    return text[:at] + DOCTYPES[int(rng.integers(len(DOCTYPES)))] + text[at:]


def damage_bytes(content, rng):
    """Change bytes at one place."""
    mutant = bytearray(content) or bytearray(1)
    at, size = int(rng.integers(len(mutant))), int(rng.integers(1, 24))
    source = int(rng.integers(len(mutant)))
    how = rng.choice(["bit", "byte", "copy", "cut", "insert", "end"], p=[0.35, 0.3, 0.15, 0.08, 0.08, 0.04])
    if how == "bit":
        mutant[at] ^= 1 << int(rng.integers(8))
    elif how == "byte":
        mutant[at] = int(rng.integers(256))
    elif how == "copy":
        mutant[at : at + size] = mutant[source : source + size]
    elif how == "cut":
        del mutant[at : at + size]
    elif how == "insert":
        mutant[at:at] = mutant[source : source + size]
    else:
        del mutant[at:]
    return mutant


def damage(kind, content, rng):
    """Change a file in one to three places: three of four files as text, so that they stay XML, else as bytes."""
    n_places = int(rng.integers(1, 4))
    if rng.random() < 0.25:
        for _ in range(n_places):
            content = damage_bytes(content, rng)
        return bytes(content)
    text = content.decode(ENCODINGS[kind])
    for _ in range(n_places):
        text = damage_text(text, rng)
    return text.encode(ENCODINGS[kind])


def write_mutant(folder, kind, number):
    path = folder / "mutant.xml"
    seed = SEEDS[kind]
    rng = np.random.default_rng([number or 0, [*SEEDS].index(kind)])
    path.write_bytes(seed if number is None else damage(kind, seed, rng))
    return path


@pytest.mark.parametrize("reader", READERS)
def test_a_damaged_file_is_read_or_refused(reader):
    found = read_or_refuse(__file__, reader, READERS[reader], 200)
    assert found["read"] > 0
    assert len(found) >= 5  # the rest is refused in several ways


@pytest.mark.slow
@pytest.mark.parametrize("kind", SEEDS)
def test_ten_thousand_damaged_files_of_each_kind_are_read_or_refused(kind):
    read_or_refuse(__file__, kind, [kind], N_WHOLE)


if __name__ == "__main__":
    read_mutants(write_mutant)
