"""Say what a file is by its first bytes; the suffix decides nothing."""

import re
from pathlib import Path

from hemometric.errors import ReadError
from hemometric.formats.known import FORMATS, has_root, name_supported

_XML_ROOTS = {"cardiologyxml": "GE CardioSoft XML"}
_MAGIC = {
    b"MATLAB 5.0 MAT-file": "MATLAB 5",
    b"PAR1": "Parquet",
    b"%PDF": "PDF",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"PK\x03\x04": "a zip archive",
    b"\x1f\x8b": "a gzip file",
}


def recognise(head: bytes) -> str | None:
    """Return the key in `FORMATS` of a file that `read_ecg` reads, or None.

    Args:
        head: The first `HEAD_BYTES` bytes of the file, or all of it.
    """
    return next((name for name, known in FORMATS.items() if known.matches(head)), None)


def name_other_format(head: bytes) -> str | None:
    """Return the name of a format that is known by its first bytes but not read by this version, or None."""
    for magic, name in _MAGIC.items():
        if head.startswith(magic):
            return name
    for root, name in _XML_ROOTS.items():
        if has_root(head, root):
            return name
    text = head.replace(b"\x00", b"").lower()  # UTF-16 becomes ASCII where it matters
    return "XML" if re.match(rb"(\xef\xbb\xbf|\xff\xfe|\xfe\xff)?\s*<(\?xml|!--|[a-z])", text) else None


def refuse(path: Path, head: bytes) -> ReadError:
    """Return the error for a file of none of the formats that are read."""
    if not head:
        return ReadError(path, "the file is empty; copy it again", code="empty")
    other = name_other_format(head)
    if other is not None:
        reason = f"this is {other}, which this version does not read; supported: {name_supported()}"
        return ReadError(path, reason, code="unsupported-format")
    if path.suffix.casefold() in {".dat", ".mat", ".xyz"}:
        reason = f"holds samples without a description; a WFDB record needs its header {path.stem}.hea beside it"
        return ReadError(path, reason, code="no-header")
    return ReadError(path, f"not an ECG that we know; supported: {name_supported()}", code="not-an-ecg")
