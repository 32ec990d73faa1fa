"""Read one ECG, whatever its format."""

import difflib
from pathlib import Path

from hemometric.ecg import Ecg
from hemometric.errors import ReadError
from hemometric.formats.array_files import find_sidecar
from hemometric.formats.known import FORMATS, HEAD_BYTES
from hemometric.formats.recognition import recognise, refuse
from hemometric.formats.wfdb_header import decode_header, is_header, parse_header


def read_ecg(path: str | Path, *, part: str | None = None) -> Ecg:
    """Read a 12-lead ECG from a file; its content decides about the format, not its suffix.

    Args:
        path: A file of any format of `FORMATS`; for WFDB the header, the header without ".hea", or a file of samples
            beside its header; for arrays likewise the sidecar, or the file of samples beside it.
        part: Which ECG of a file that holds several, as `list_parts` names it.

    Returns:
        All samples, float32 mV, leads in the order of `LEADS`; NaN where the file marks samples as missing. Where a
        file holds exactly I, II, V1-V6 the other four leads are derived. Patient, age, sex and time are None where
        the file does not say.

    Raises:
        ReadError: The file cannot be read as a 12-lead ECG. `code` is one of "missing" (the file, or one that a header
            names), "directory", "unreadable" (the system does not let us), "empty", "not-an-ecg", "unsupported-format",
            "no-header", "corrupt", "truncated", "unknown-format", "wrong-leads", "duplicate-leads", "mixed-rates",
            "no-unit", "unknown-unit", "no-rate", "several-ecgs" (say which part), "no-such-part", "no-sidecar",
            "sidecar", "no-such-array", "metadata", "duplicate-name", "too-long", "unsafe-xml".
    """
    file, name = _find_record(Path(path))
    _check_part(file, name, part)
    return FORMATS[name].read(file, part)


def list_parts(path: str | Path) -> tuple[str | None, ...]:
    """Name the ECGs of a file: (None,) where its format holds one a file, else what `read_ecg` takes for `part`.

    Args:
        path: As for `read_ecg`.

    Raises:
        ReadError: As `read_ecg`; "empty" where the file holds no ECG.
    """
    file, name = _find_record(Path(path))
    lister = FORMATS[name].list_parts
    if lister is None:
        return (None,)
    parts = lister(file)
    if not parts:
        raise ReadError(file, f"this {FORMATS[name].title} file holds no ECG", code="empty")
    return parts


def _find_record(path: Path) -> tuple[Path, str]:
    """Return the file that holds the description of a record, and its format."""
    file = find_file(path)
    try:
        with file.open("rb") as stream:
            head = stream.read(HEAD_BYTES)
    except OSError as error:
        raise ReadError(file, f"cannot be opened: {error.strerror}", code="unreadable") from error
    found = recognise(head)
    if found is not None:
        return file, found
    header = find_header_of(file)
    if header is not None:
        return header, "wfdb"
    if find_sidecar(file) is not None:
        return file, "arrays"
    raise refuse(file, head)


def _check_part(file: Path, name: str, part: str | None) -> None:
    lister = FORMATS[name].list_parts
    if lister is None:
        if part is not None:
            reason = f"{FORMATS[name].title} holds one ECG a file: leave part={part!r} out"
            raise ReadError(file, reason, code="no-such-part")
        return
    if part is not None:
        return  # the reader looks for it, which costs no list of all
    parts = lister(file)
    if len(parts) != 1:
        some = f": {', '.join(map(str, parts[:3]))}{', ...' if len(parts) > 3 else ''}" if parts else ""
        reason = f"holds {len(parts):,} ECGs{some}; name one with part=..., or ingest the file"
        raise ReadError(file, reason, code="several-ecgs" if parts else "empty")


def find_file(path: Path, *, expected: str = "file") -> Path:
    """Return the file that a user means by `path`, which may lack the suffix ".hea".

    Args:
        path: As the user wrote it.
        expected: What the caller would have taken, named where there is none.

    Raises:
        ReadError: There is none ("missing"), or it is a folder ("directory").
    """
    with_suffix = path.with_name(path.name + ".hea") if path.name else path
    if path.is_file():
        return path
    if with_suffix.is_file():
        return with_suffix
    if path.is_dir():
        reason = "is a folder, expected a file; `hemometric ingest` reads folders"
        raise ReadError(path, reason, code="directory")
    if path.exists():
        raise ReadError(path, "is not an ordinary file", code="not-an-ecg")
    reason = f"no such {expected}" + _suggest(path)
    raise ReadError(path, reason, code="missing")


def find_header_of(samples: Path) -> Path | None:
    """Return the WFDB header beside a file of samples that names this file, or None."""
    header = samples.with_suffix(".hea")
    if header == samples or not header.is_file():
        return None
    text = decode_header(header.read_bytes())
    if not is_header(text):
        return None
    named = {signal.file_name for signal in parse_header(header, text).signals}
    return header if samples.name in named else None


def _suggest(path: Path) -> str:
    """Return "; did you mean ..." where a file of a similar name lies in the same folder, else what to check."""
    folder = path.parent
    if not folder.is_dir():
        return f", and no folder {folder}"
    names = sorted(entry.name for entry in folder.iterdir())
    meant = {name.removesuffix(".hea"): name for name in names} | {name: name for name in names}
    close = difflib.get_close_matches(path.name, meant, n=1, cutoff=0.75)
    return f"; did you mean {folder / meant[close[0]]}?" if close else ""
