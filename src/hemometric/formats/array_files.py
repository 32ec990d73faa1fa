"""How arrays of ECGs, and the sidecar that describes them, are recognised and found beside each other."""

import re
from pathlib import Path

from hemometric.formats.leads import name_lead

SIDECAR_SUFFIX = ".ecg.json"
NPY_MAGIC = b"\x93NUMPY"
ZIP_MAGIC = b"PK\x03\x04"
_KEYS = ("file", "sampling_rate_hz", "leads", "axes", "ids")
"""One of these stands among the first keys of a sidecar."""


def is_array(head: bytes) -> bool:
    """Say whether a file is NPY, NPZ, a CSV whose first line names leads, or the sidecar of one of these."""
    return head.startswith(NPY_MAGIC) or _is_npz(head) or _is_sidecar(head) or _is_csv(head)


def find_sidecar(file: Path) -> Path | None:
    """Return the sidecar beside a file of samples ("x.ecg.json" beside "x.npy"), or None."""
    sidecar = sidecar_of(file)
    return sidecar if sidecar != file and sidecar.is_file() else None


def sidecar_of(file: Path) -> Path:
    """Return where the sidecar of a file of samples lies; a sidecar itself is returned as it is."""
    name = file.name
    return file if name.casefold().endswith(SIDECAR_SUFFIX) else file.with_name(file.stem + SIDECAR_SUFFIX)


def _is_npz(head: bytes) -> bool:
    """The first member of a zip archive is an array; its name stands from byte 30 on."""
    n_bytes = int.from_bytes(head[26:28], "little")
    return head.startswith(ZIP_MAGIC) and head[30 : 30 + n_bytes].endswith(b".npy")


def _is_sidecar(head: bytes) -> bool:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return text.startswith(b"{") and any(re.search(rb'"' + key.encode() + rb'"\s*:', text) for key in _KEYS)


def _is_csv(head: bytes) -> bool:
    if b"\x00" in head:
        return False
    line = head.decode("utf-8-sig", errors="replace").lstrip().partition("\n")[0]
    return sum(name_lead(name.strip().strip('"')) is not None for name in re.split(r"[,;\t]", line)) >= 2
