"""Seeded mutants of WFDB records: each is read or refused; none crashes, hangs or fills the memory.

The mutants are read in a child process, which this file is as well (see `mutants`). A record is several files: of
two mutants of three a header is damaged, mostly by other values in its fields, else the samples.
"""

import re
import shutil

import numpy as np
import pytest
import scipy.io
from mutants import N_WHOLE, read_mutants, read_or_refuse

from hemometric.formats import read_ecg

LEADS = ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"]
N_SAMPLES = 60
DIGITAL = np.cumsum(np.random.default_rng([23, 1]).integers(-9, 10, size=(12, N_SAMPLES)), axis=1)
KINDS = ("16", "212", "24", "32", "mat", "segments")
FIELDS = """
    0 1 2 12 -1 ~ - . .. 16 212 24 32 8 61 80 160 310 311 508 516 524 999 nan inf
    1e308 1e-308 -1e308 1e-5 0.001 1e9 99999999 999999999999999 -32768 2147483648
    500/1 500(7) 500/1e300 0/0 1e-300 1(0)/mV 0(0)/mV 1000(999999999999999)/uV 1e-300(5)/mV 200/mmHg /V
    16x2 16x99999 16+24 16+99999999 16:5 16:999999999 212x3:2+1 record/3 record/0 record/999999
    record_1 record.hea record_2.dat absent.dat I V1 aVR Lead_II \u00b5V \xff # #Age: 24:61:00 31/02/2020
"""
VALUES = FIELDS.split()


def pack_212(samples):
    """Two samples of 12 bits in three bytes (signal(5) of the WFDB Applications Guide)."""
    first, second = samples.reshape(-1, 2).T & 0xFFF
    return np.stack([first & 0xFF, (first >> 8) | (second >> 8 << 4), second & 0xFF], axis=1).astype(np.uint8).tobytes()


def pack(storage, digital):
    flat = digital.T.ravel()
    if storage == "212":
        return pack_212(flat)
    if storage == "24":
        return flat.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    return flat.astype({"16": "<i2", "32": "<i4"}[storage]).tobytes()


def describe(stem, file, storage, n_samples=N_SAMPLES):
    lines = [f"{stem} 12 500 {n_samples} 11:39:16 05/02/2020"]
    lines += [f"{file} {storage} 1000(0)/mV 16 0 0 0 0 {lead}" for lead in LEADS]
    return "\n".join(lines) + "\n#Age: 74\n#Sex: Female\n"


def write_whole(folder, kind):
    """Write a record of a kind; return its files, the one to be read first."""
    header = folder / "record.hea"
    if kind == "segments":
        header.write_text("record/4 12 500 130\nrecord_1 60\n~ 10\nrecord_2 60\n~ 0\n#Age: 74\n")
        for stem in ("record_1", "record_2"):
            (folder / f"{stem}.hea").write_text(describe(stem, f"{stem}.dat", "16"))
            (folder / f"{stem}.dat").write_bytes(pack("16", DIGITAL))
    elif kind == "mat":
        scipy.io.savemat(folder / "record.mat", {"val": DIGITAL.astype(np.int16)}, format="4")
        header.write_text(describe("record.mat", "record.mat", "16+24"))
    else:
        (folder / "record.dat").write_bytes(pack(kind, DIGITAL))
        header.write_text(describe("record", "record.dat", kind))
    return [header, *sorted(file for file in folder.iterdir() if file != header)]


def damage_text(text, rng):
    """Put another value into one field, or double, move or leave out a line."""
    lines = text.split("\n")
    number = int(rng.integers(len(lines)))
    if rng.random() < 0.15:
        other = lines[int(rng.integers(len(lines)))]
        lines[number : number + 1] = [[], [lines[number]] * 2, [other]][int(rng.integers(3))]
        return "\n".join(lines)
    number = 0 if rng.random() < 0.4 else number
    fields = re.split(r"([ (/)+])", lines[number])
    value = VALUES[int(rng.integers(len(VALUES)))] if rng.random() < 0.9 else fields[int(rng.integers(len(fields)))]
    fields[2 * int(rng.integers(len(fields) // 2 + 1))] = value
    lines[number] = "".join(fields)
    return "\n".join(lines)


def damage_bytes(content, rng):
    mutant = bytearray(content) or bytearray(1)
    at, size, source = (int(rng.integers(bound)) for bound in (len(mutant), 24, len(mutant)))
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
    return bytes(mutant)


def damage(file, rng):
    content = file.read_bytes()
    for _ in range(int(rng.integers(1, 4))):
        if file.suffix == ".hea" and rng.random() < 0.75:
            content = damage_text(content.decode("latin-1"), rng).encode("latin-1")
        else:
            content = damage_bytes(content, rng)
    file.write_bytes(content)


def write_mutant(folder, _, number):
    shutil.rmtree(folder)
    folder.mkdir()
    kind = "212" if number is None else KINDS[number % len(KINDS)]  # which loads what all kinds need
    record, *others = write_whole(folder, kind)
    if number is None:
        return record
    rng = np.random.default_rng([number, 23])
    headers = [file for file in (record, *others) if file.suffix == ".hea"]
    damaged = headers if rng.random() < 2 / 3 else others
    damage(record if damaged is headers and rng.random() < 0.5 else damaged[int(rng.integers(len(damaged)))], rng)
    if rng.random() < 0.01:
        others[int(rng.integers(len(others)))].unlink(missing_ok=True)
    return record


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_record_of_every_kind_is_read(tmp_path, kind):
    waveform = read_ecg(write_whole(tmp_path, kind)[0]).waveform
    assert np.array_equal(waveform[:, :N_SAMPLES], (DIGITAL / 1000).astype(np.float32))


def test_a_damaged_record_is_read_or_refused():
    found = read_or_refuse(__file__, "wfdb", ["wfdb"], 300)
    assert found["read"] > 0
    assert len(found) >= 6  # the rest is refused in several ways


@pytest.mark.slow
def test_ten_thousand_damaged_records_of_each_kind_are_read_or_refused():
    read_or_refuse(__file__, "wfdb", ["wfdb"], N_WHOLE * len(KINDS))


if __name__ == "__main__":
    read_mutants(write_mutant)
