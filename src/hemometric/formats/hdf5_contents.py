"""What an HDF5 file of a known layout holds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hemometric.ecg import Ecg


@dataclass(frozen=True, slots=True)
class Contents:
    """The ECGs of one open file.

    Attributes:
        parts: Their names, and the place of each in the file.
        read: From the name of one to the ECG.
        is_one_patient: Whether all are of the patient whom the file is named after.
    """

    parts: Mapping[str, int]
    read: Callable[[str], Ecg]
    is_one_patient: bool = False
