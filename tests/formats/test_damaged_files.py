"""Seeded mutants of HDF5 files and arrays: each is read or refused, none ends the process, hangs or fills the memory.

The mutants are read in a child process, which this file is as well (see `mutants`).
"""

import io
import json
import zipfile

import h5py
import numpy as np
import pyarrow as pa
import pytest
from mutants import N_WHOLE, read_apart, read_mutants, read_or_refuse

LEADS = ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"]
KINDS = ("code15", "patient", "blocks", "npy", "npz", "packed", "csv", "sidecar")
VALUES = [
    None,
    True,
    0,
    -1,
    1,
    2,
    12,
    1e308,
    1e-300,
    2**63,
    float("nan"),
    float("inf"),
    250,
    "",
    "x",
    "mV",
    "uV",
    "mmHg",
]
VALUES += [
    "I",
    "V1",
    "aVR",
    "ms",
    "s",
    "lead",
    "sample",
    "ecg",
    "t",
    "ids",
    "ecgs",
    [],
    [1],
    ["I"] * 12,
    {},
    "\u00e4",
    "\ud800",
]


def write_code15(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("exam_id", data=[11, 12, 0])
        tracings = np.zeros((3, 4096, 12), dtype=np.float32)
        tracings[:2, 48:-48] = np.arange(12) + 1
        file.create_dataset("tracings", data=tracings, chunks=(1, 512, 12), compression="gzip")


def write_patient(path):
    with h5py.File(path, "w") as file:
        ecg = file.create_group("ecg/2001-02-03T04:05:06")
        for number, lead in enumerate(LEADS):
            ecg.create_dataset(lead, data=np.full(200, number, dtype=np.int16), compression="gzip" if number else None)
        for name, value in {"voltageunits": "MICROVOLTS", "waveform_samplebase": "500", "gender": "MALE"}.items():
            ecg.create_dataset(name, data=value)


def write_blocks(path):
    with h5py.File(path, "w") as file:
        ecg = file.create_group("partners_ecg_rest/2001-02-03T04:05:06")
        texts = {"voltageunits": b"MICROVOLTS", "waveform_samplebase": b"500"}
        leads = {lead: np.full(300, number, dtype="<i2").tobytes() for number, lead in enumerate(LEADS)}
        for name, content in {**texts, **leads}.items():
            block = ecg.create_dataset(name, data=np.void(pa.compress(content, codec="zstd", asbytes=True)))
            block.attrs.update({"method": "zstd", "dtype": "int16" if name in leads else "str"})
            block.attrs.update({"uncompressed_length": len(content), "len": len(content) // 2})


def write_attributes(path):
    with h5py.File(path, "w") as file:
        ecg = file.create_group("ecg/2001-02-03T04:05:06")
        ecg.attrs["sampling_rate_hz"] = 500
        for number, lead in enumerate(LEADS):
            ecg.create_dataset(lead, data=np.full(200, number, dtype=np.int16)).attrs["unit"] = "uV"


def write_array(path, kind):
    """Write an array and its sidecar; return the file of the two that is to be damaged."""
    values = np.arange(3 * 12 * 100, dtype=np.int16).reshape(3, 12, 100)
    sidecar = {"sampling_rate_hz": 250, "unit": "uV"}
    if kind == "csv":
        path = path.with_name("x.csv")
        rows = [f"{k * 4}," + ",".join(f"{k + lead / 10:.1f}" for lead in range(12)) for k in range(50)]
        path.write_text("t," + ",".join(LEADS) + "\n" + "\n".join(rows) + "\n")
        sidecar |= {"time_column": "t", "time_unit": "ms"}
    else:
        path = path.with_name("x.npy" if kind in ("npy", "sidecar") else "x.npz")
        facts = {"ids": np.array(["a", "b", "c"]), "ages": np.array([50.0, 60.0, np.nan])}
        if path.suffix == ".npy":
            np.save(path, values)
            facts = {"ids": ["a", "b", "c"], "age_years": [50, 60, None]}
        else:
            (np.savez if kind == "npz" else np.savez_compressed)(path, ecgs=values, **facts)
            facts = {"array": "ecgs", "ids": "ids", "age_years": "ages"}
        sidecar |= {"leads": LEADS, "axes": ["ecg", "lead", "sample"], **facts}
    described = path.with_name("x.ecg.json")
    described.write_text(json.dumps({"file": path.name, **sidecar}))
    return described if kind == "sidecar" else path


def write_whole(folder, kind):
    writers = {"code15": write_code15, "patient": write_patient, "blocks": write_blocks}
    writers["attributes"] = write_attributes
    if kind not in writers:
        return write_array(folder / "x", kind)
    writers[kind](folder / "x.h5")
    return folder / "x.h5"


def damage(content, rng):
    """Change a file in one to three places, most often near its start or end, where most of its structure is."""
    mutant = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        length = len(mutant)
        near = min(length, 4096)
        places = [rng.integers(near), length - 1 - rng.integers(near), rng.integers(length)]
        at = int(rng.choice(places, p=[0.4, 0.2, 0.4]))
        source, size = int(rng.integers(length)), int(rng.integers(1, 32))
        number = int(rng.choice([0, 1, 2**7, 2**15, 2**31, 2**40, 2**63 - 1])) + int(rng.integers(-1, 2))
        kind = rng.choice(["bit", "byte", "number", "copy", "cut", "insert"], p=[0.3, 0.25, 0.2, 0.15, 0.05, 0.05])
        if kind == "bit":
            mutant[at] ^= 1 << int(rng.integers(8))
        elif kind == "byte":
            mutant[at] = int(rng.integers(256))
        elif kind == "number":
            width = int(rng.choice([2, 4, 8]))
            mutant[at : at + width] = (number % 256**width).to_bytes(width, "little")
        elif kind == "copy":
            mutant[at : at + size] = mutant[source : source + size]
        elif kind == "cut":
            del mutant[at : at + min(size, length - 1)]
        else:
            mutant[at:at] = mutant[source : source + size]
    return bytes(mutant[: int(rng.integers(len(mutant)))] if rng.random() < 0.05 else mutant)


def pick(rng, values):
    return values[int(rng.integers(len(values)))]


def damage_sidecar(content, rng):
    """Exchange, leave out or add values of the object, or of a list in it, so that it stays JSON."""
    described = json.loads(content)
    for _ in range(int(rng.integers(1, 3))):
        holder, key = described, pick(rng, [*described])
        if isinstance(described[key], list) and described[key] and rng.random() < 0.6:
            holder, key = described[key], int(rng.integers(len(described[key])))
        others = list(holder.values()) if isinstance(holder, dict) else holder
        how = rng.choice(["value", "other", "out", "add"], p=[0.5, 0.25, 0.15, 0.1])
        if how == "value":
            holder[key] = pick(rng, VALUES)
        elif how == "other":
            holder[key] = pick(rng, others)
        elif how == "add" and isinstance(holder, list):
            holder.insert(key, pick(rng, VALUES))
        elif how == "add":
            holder[pick(rng, ["patient_id", "gain", "x", "sexes", "age_years", "time_column"])] = pick(rng, VALUES)
        elif len(described) > 1:
            del holder[key]
    return json.dumps(described).encode("utf-8", "surrogatepass")


def damage_table(content, rng):
    """Exchange cells, or leave out, double and move lines, so that it stays a table."""
    lines = content.decode().splitlines()
    for _ in range(int(rng.integers(1, 3))):
        at, other = int(rng.integers(len(lines))) if rng.random() < 0.7 else 0, int(rng.integers(len(lines)))
        how = rng.choice(["cell", "swap", "out", "double", "move"], p=[0.5, 0.2, 0.1, 0.1, 0.1])
        cells = lines[at].split(",")
        if how in ("cell", "swap"):
            new = str(pick(rng, VALUES)) if how == "cell" else pick(rng, lines[other].split(","))
            cells[int(rng.integers(len(cells)))] = new
            lines[at] = ",".join(cells)
        elif how == "out" and len(lines) > 1:
            del lines[at]
        elif how == "double":
            lines.insert(other, lines[at])
        else:
            lines[at], lines[other] = lines[other], lines[at]
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def damage_packed(content, rng):
    """Damage what is packed in an archive, below its checksums."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = pick(rng, [*members])
    members[name] = damage(members[name], rng)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return packed.getvalue()


WITHIN = {"sidecar": damage_sidecar, "csv": damage_table, "packed": damage_packed, "npz": damage_packed}


def write_mutant(folder, kind, number):
    whole = write_whole(folder, kind)
    if number is not None:
        rng = np.random.default_rng([number, *kind.encode()])
        change = WITHIN[kind] if kind in WITHIN and rng.random() < 0.75 else damage
        content = whole.read_bytes()
        whole.unlink()
        whole.write_bytes(change(content, rng))
    return whole


def check_mutants(kind, n_mutants):
    found = read_or_refuse(__file__, kind, [kind], n_mutants)
    assert found.total() > found["read"]  # some are refused


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_read_or_refused(kind):
    check_mutants(kind, 25)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_ten_thousand_damaged_files_of_each_kind_are_read_or_refused(kind):
    check_mutants(kind, N_WHOLE)


@pytest.mark.slow
def test_only_damaged_texts_in_attributes_may_crash_hdf5_itself_and_seldom():
    crashed = read_apart(__file__, "attributes", N_WHOLE).crashed
    assert len(crashed) <= 10
    assert all("attrs.py" in stderr for _, _, stderr in crashed)


if __name__ == "__main__":
    read_mutants(write_mutant)
