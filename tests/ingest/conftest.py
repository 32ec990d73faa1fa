"""WFDB records written byte by byte."""

import numpy as np
import pytest

from hemometric.ecg import LEADS

RATE_HZ = 500


def build_microvolts(seed, *, seconds=10.0, rate_hz=RATE_HZ):
    """Twelve leads of a plausible ECG in whole microvolts; III, aVR, aVL and aVF follow from I and II."""
    rng = np.random.default_rng([11, seed])
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    phase = (time_s % 0.8) / 0.8
    beat = np.exp(-(((phase - 0.4) / 0.012) ** 2)) + 0.25 * np.exp(-(((phase - 0.65) / 0.05) ** 2))
    independent = rng.uniform(400, 1500, (8, 1)) * beat + rng.normal(0, 8, (8, len(time_s)))
    one, two, *chest = np.rint(independent).astype(np.int64)
    augmented = [-(one + two) // 2, one - two // 2, two - one // 2]
    return np.array([one, two, two - one, *augmented, *chest]).astype(np.int16)


def write_record(path, microvolts, *, leads=LEADS, rate_hz=RATE_HZ, comments=()):
    """A WFDB record: format 16, 1000 steps per mV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = [f"{path.name} {len(leads)} {rate_hz} {microvolts.shape[1]}"]
    header += [
        f"{path.name}.dat 16 1000(0)/mV 16 0 {row[0]} 0 0 {lead}" for lead, row in zip(leads, microvolts, strict=True)
    ]
    path.with_name(path.name + ".hea").write_text("\n".join([*header, *(f"# {line}" for line in comments)]) + "\n")
    path.with_name(path.name + ".dat").write_bytes(np.ascontiguousarray(microvolts.T, dtype="<i2").tobytes())


@pytest.fixture
def microvolts_of():
    """The builder of waveforms."""
    return build_microvolts


@pytest.fixture
def write():
    """The writer of records."""
    return write_record


@pytest.fixture
def make_archive(tmp_path):
    """Return a function that writes n good records into a folder and returns the folder."""

    def make(n, *, name="archive", first=0, **options):
        for number in range(first, first + n):
            write_record(tmp_path / name / f"part{number % 2}" / f"r{number:03d}", build_microvolts(number, **options))
        return tmp_path / name

    return make


@pytest.fixture
def content():
    """Return a function that gives all files of a folder and their bytes."""

    def read(path):
        return {file.relative_to(path).as_posix(): file.read_bytes() for file in path.rglob("*") if file.is_file()}

    return read
