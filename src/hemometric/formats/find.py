"""Find the ECGs in a folder."""

import os
from pathlib import Path

from hemometric.errors import ReadError
from hemometric.formats.array_files import find_sidecar
from hemometric.formats.known import FORMATS, HEAD_BYTES, find_by_suffix, find_suffix, is_dicom
from hemometric.formats.read import find_file
from hemometric.formats.wfdb_header import decode_header, is_header, parse_header


def find_records(source: Path) -> list[Path]:
    """List the files that hold ECGs, sorted; `list_parts` says which ECGs a file holds.

    These are the files with a suffix of `FORMATS` (WFDB headers, DICOM, sidecars of arrays, ...) and files without a
    suffix (or with a number for one, as in names made of a UID) that start as DICOM does. Hidden files are left out,
    and so are the headers of the segments of a record that is listed itself. A folder that may not be searched stands
    in the list itself: reading it says why, and what it holds is not left out in silence.

    Args:
        source: A folder, which is searched with its subfolders (links to folders are not followed), or one file,
            which is returned as it is, or the sidecar beside it.

    Raises:
        ReadError: `source` does not exist ("missing") or holds no ECG ("empty").
    """
    if not source.is_dir():
        file = find_file(source, expected="file or folder")
        return [find_sidecar(file) or file]
    found: list[Path] = []

    def keep(error: OSError) -> None:
        """A folder that cannot be listed stands for what is in it, so that it is rejected by name."""
        found.append(Path(error.filename))

    for folder, subfolders, names in os.walk(source, onerror=keep):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        visible = [name for name in names if not name.startswith(".")]
        segments = _find_segments(Path(folder), visible)
        found += [Path(folder, name) for name in visible if name not in segments and _is_record(folder, name)]
    if not found:
        looked_for = ", ".join(dict.fromkeys(suffix for known in FORMATS.values() for suffix in known.suffixes))
        reason = f"holds no ECG; looked in it and its subfolders for {looked_for} and DICOM files without a suffix"
        raise ReadError(source, reason, code="empty")
    return sorted(found)


def find_format(file: Path) -> str | None:
    """Return the format that a file is expected to be of: by its suffix, by its first bytes where several share one.

    Args:
        file: As `find_records` lists it.
    """
    names = find_by_suffix(file.name)
    if len(names) <= 1:
        return next(iter(names), None)
    head = _read_head(file, HEAD_BYTES)
    return next((name for name in names if FORMATS[name].matches(head)), None)


def _is_record(folder: str, name: str) -> bool:
    if find_suffix(name) is not None:
        return True
    _, dot, suffix = name.rpartition(".")
    return (not dot or suffix.isdecimal()) and is_dicom(_read_head(Path(folder, name), 132))


def _read_head(file: Path, n_bytes: int) -> bytes:
    try:
        if not file.is_file():
            return b""  # opening a pipe would wait for its other end
        with file.open("rb") as stream:
            return stream.read(n_bytes)
    except OSError:
        return b""


def _find_segments(folder: Path, names: list[str]) -> set[str]:
    """Return the headers of segments, named by the headers of this folder that have no samples of their own.

    Only a header without samples of the same stem is opened, so that a large archive costs no reading.
    """
    with_companion = {name[:-4] for name in names if name.endswith((".dat", ".mat"))}
    segments: set[str] = set()
    for name in names:
        if not name.endswith(".hea") or name[:-4] in with_companion:
            continue
        text = decode_header(_read_head(folder / name, HEAD_BYTES))
        if is_header(text):
            segments |= _name_segments(folder / name)
    return segments


def _name_segments(header: Path) -> set[str]:
    try:
        parsed = parse_header(header, decode_header(header.read_bytes()))
    except (ReadError, OSError):
        return set()
    return {f"{segment}.hea" for segment, _ in parsed.segments}
