"""The file formats that are read: how each is called, recognised, found in a folder and opened."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from hemometric.ecg import Ecg
from hemometric.formats.array_files import SIDECAR_SUFFIX, is_array
from hemometric.formats.edf_header import is_bdf, is_edf
from hemometric.formats.scp_sections import is_scp
from hemometric.formats.wfdb_header import decode_header, is_header

HEAD_BYTES = 4096
"""A format is recognised by so many bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFormat:
    """One file format.

    Attributes:
        title: What a person calls it.
        suffixes: Of the files that `find_records` takes for records; lower case, with the point.
        matches: Whether a file is of this format, by its first `HEAD_BYTES` bytes.
        read: From a file, and the part of it that is meant, to the ECG.
        list_parts: The names of the ECGs in a file that can hold several, or (None,) where this one does not; None
            where no file of the format does.
    """

    title: str
    suffixes: tuple[str, ...]
    matches: Callable[[bytes], bool]
    read: Callable[[Path, str | None], Ecg]
    list_parts: Callable[[Path], tuple[str | None, ...]] | None = None


def is_dicom(head: bytes) -> bool:
    """Say whether a file starts as DICOM part 10 does: a preamble of 128 bytes, then "DICM"."""
    return head[128:132] == b"DICM"


def is_hdf5(head: bytes) -> bool:
    """Say whether a file is HDF5, whose mark stands at its start or behind a block of the user's own."""
    return any(head[at : at + 8] == b"\x89HDF\r\n\x1a\n" for at in (0, 512, 1024, 2048))


def _is_wfdb(head: bytes) -> bool:
    return is_header(decode_header(head))


def has_root(head: bytes, *names: str) -> bool:
    """Say whether a file is XML whose root element, or its document type, has one of `names`; case is ignored.

    Args:
        head: The first bytes of the file, in UTF-8, UTF-16 or any encoding that extends ASCII.
        names: Without prefix.
    """
    text = head.replace(b"\x00", b"").lower()  # UTF-16 becomes ASCII where it matters
    return any(re.search(rb"<(?:[a-z][\w.-]*:)?" + name.lower().encode() + rb"[\s>/]", text) for name in names)


# Each reader is imported when its first file is read: pydicom alone takes 0.2 s.


def _read_wfdb(path: Path, _: str | None) -> Ecg:
    from hemometric.formats.wfdb_record import read_wfdb

    return read_wfdb(path)


def _read_dicom(path: Path, _: str | None) -> Ecg:
    from hemometric.formats.dicom import read_dicom

    return read_dicom(path)


def _read_hdf5(path: Path, part: str | None) -> Ecg:
    from hemometric.formats.hdf5 import read_hdf5

    return read_hdf5(path, part)


def _list_hdf5(path: Path) -> tuple[str, ...]:
    from hemometric.formats.hdf5 import list_hdf5

    return list_hdf5(path)


def _read_array(path: Path, part: str | None) -> Ecg:
    from hemometric.formats.arrays import read_array

    return read_array(path, part)


def _list_array(path: Path) -> tuple[str | None, ...]:
    from hemometric.formats.arrays import list_array

    return list_array(path)


def _read_scp(path: Path, _: str | None) -> Ecg:
    from hemometric.formats.scp import read_scp

    return read_scp(path)


def _read_edf(path: Path, _: str | None) -> Ecg:
    from hemometric.formats.edf import read_edf

    return read_edf(path)


def _is_muse(head: bytes) -> bool:
    return has_root(head, "RestingECG")


def _read_muse(path: Path, _: str | None) -> Ecg:
    from hemometric.formats.muse import read_muse

    return read_muse(path)


def _is_aecg(head: bytes) -> bool:
    return has_root(head, "AnnotatedECG")


def _read_aecg(path: Path, _: str | None) -> Ecg:
    from hemometric.formats.aecg import read_aecg

    return read_aecg(path)


def _is_sierra(head: bytes) -> bool:
    return has_root(head, "restingecgdata")


def _read_sierra(path: Path, _: str | None) -> Ecg:
    from hemometric.formats.sierra import read_sierra

    return read_sierra(path)


FORMATS: Mapping[str, FileFormat] = MappingProxyType(
    {
        "dicom": FileFormat(title="DICOM", suffixes=(".dcm", ".dicom"), matches=is_dicom, read=_read_dicom),
        "hdf5": FileFormat(
            title="HDF5",
            suffixes=(".hdf5", ".h5", ".hd5"),
            matches=is_hdf5,
            read=_read_hdf5,
            list_parts=_list_hdf5,
        ),
        "arrays": FileFormat(
            title="arrays with a sidecar (NPY, NPZ, CSV)",
            suffixes=(SIDECAR_SUFFIX,),
            matches=is_array,
            read=_read_array,
            list_parts=_list_array,
        ),
        "scp": FileFormat(title="SCP-ECG", suffixes=(".scp",), matches=is_scp, read=_read_scp),
        "edf": FileFormat(title="EDF", suffixes=(".edf",), matches=is_edf, read=_read_edf),
        "bdf": FileFormat(title="BDF", suffixes=(".bdf",), matches=is_bdf, read=_read_edf),
        "muse-xml": FileFormat(title="GE MUSE XML", suffixes=(".xml",), matches=_is_muse, read=_read_muse),
        "aecg": FileFormat(title="HL7 aECG", suffixes=(".xml",), matches=_is_aecg, read=_read_aecg),
        "sierra-xml": FileFormat(title="Philips Sierra XML", suffixes=(".xml",), matches=_is_sierra, read=_read_sierra),
        "wfdb": FileFormat(title="WFDB", suffixes=(".hea",), matches=_is_wfdb, read=_read_wfdb),
    }
)
"""Name on the command line -> format; they are tried in this order, so that WFDB, whose mark is weakest, comes last."""

_SUFFIXES = sorted({suffix for known in FORMATS.values() for suffix in known.suffixes}, key=len, reverse=True)


def name_supported() -> str:
    """Return the titles of `FORMATS` in a sentence, for people: "DICOM, HDF5, ..., Philips Sierra XML and WFDB"."""
    *others, last = (known.title for known in FORMATS.values())
    return f"{', '.join(others)} and {last}"


def find_suffix(name: str) -> str | None:
    """Return the known suffix with which a file name ends, as it is written there, or None.

    >>> find_suffix("00001_hr.HEA"), find_suffix("1.2.840.7")
    ('.HEA', None)
    """
    folded = name.casefold()
    longest = next((len(suffix) for suffix in _SUFFIXES if folded.endswith(suffix)), 0)
    return name[-longest:] if 0 < longest < len(name) else None


def find_by_suffix(name: str) -> tuple[str, ...]:
    """Return the formats of which files of this name are expected to be, several for ".xml".

    >>> find_by_suffix("00001_hr.hea"), find_by_suffix("notes.txt")
    (('wfdb',), ())
    """
    suffix = find_suffix(name)
    return tuple(key for key, known in FORMATS.items() if suffix and suffix.casefold() in known.suffixes)
