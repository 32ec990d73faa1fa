"""Small records and DICOM files that the tests of this room share."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset

from hemometric.formats.wfdb_samples import load_wfdb

load_wfdb()  # here, since the warnings of its import would stop every test module that imports it

sys.path.append(str(Path(__file__).parent))  # where the writers of files lie, beside the tests that use them

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")


@pytest.fixture
def digital() -> np.ndarray:
    """Twelve leads of 100 samples, ADC units within the range of every storage format, shape (12, 100)."""
    return np.random.default_rng([7, 12]).integers(-500, 500, size=(12, 100))


@pytest.fixture
def write_record(tmp_path: Path) -> Callable[..., Path]:
    """Write a record of storage format 16 by hand, independent of the package and of wfdb."""

    def write(
        samples: np.ndarray,
        *,
        names: Sequence[str] = LEADS,
        gain: str = "1000(0)/mV",
        record_line: str | None = None,
        comments: str = "",
        stem: str = "record",
    ) -> Path:
        n_signals, n_samples = samples.shape
        samples.T.astype("<i2").tofile(tmp_path / f"{stem}.dat")
        lines = [f"{stem} {n_signals} 500 {n_samples}" if record_line is None else record_line]
        lines += [f"{stem}.dat 16 {gain} 16 0 0 0 0 {name}" for name in names]
        header = tmp_path / f"{stem}.hea"
        header.write_text("\n".join(lines) + "\n" + comments, encoding="utf-8")
        return header

    return write


@pytest.fixture(scope="session")
def dicom_example() -> Path:
    """The real 12-lead ECG inside pydicom: 10 s at 1,000 Hz, and a median beat."""
    return Path(str(get_testdata_file("waveform_ecg.dcm")))


@pytest.fixture
def change_dicom(tmp_path: Path, dicom_example: Path) -> Callable[[Callable[[Dataset], None]], Path]:
    """Write a changed copy of the example."""

    def change(edit: Callable[[Dataset], None]) -> Path:
        dataset = pydicom.dcmread(dicom_example)
        edit(dataset)
        path = tmp_path / "changed.dcm"
        dataset.save_as(path)
        return path

    return change
