"""ECG files in, `Ecg` out: one file per format, chosen by content.

`read_ecg` reads one file, `find_records` lists those of a folder. WFDB (every storage format) and DICOM 12-lead are
read; GE MUSE XML, HL7 aECG, Philips Sierra XML, SCP-ECG, HDF5 and EDF are recognised and refused by name.
"""

from hemometric.formats.find import find_records
from hemometric.formats.read import read_ecg

__all__ = ["find_records", "read_ecg"]
