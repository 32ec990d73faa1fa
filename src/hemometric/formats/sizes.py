"""How much a reader may have to go through for one ECG, and how long that may take."""

from pathlib import Path

from hemometric.errors import ReadError
from hemometric.formats.array_files import SIDECAR_SUFFIX
from hemometric.formats.wfdb_header import decode_header, is_header, parse_header

SECONDS_PER_MB = 2.0
"""Half a megabyte a second: half an hour of WFDB at 500 Hz was read, cut and checked at 3.8 MB/s by one core of a busy
machine, and a slow disk gives no less."""
_MOST_SECONDS_TO_LIST = 600.0
_MOST_UNPACKED_BYTES = 2**28
"""Of a compressed array, which must be unpacked as a whole to read one ECG of it."""


def seconds_to_read(path: Path, *, n_parts: int = 1) -> float:
    """How long reading an ECG may take by the size of what it is read from; 0 where that is not to be found.

    Args:
        path: A file, as `find_records` lists it.
        n_parts: ECGs in the file, which are read one at a time.
    """
    return count_bytes(path, n_parts=n_parts) / 1e6 * SECONDS_PER_MB


def seconds_to_list(path: Path) -> float:
    """How long naming the ECGs of a file may take, of which less is read than of the ECGs themselves."""
    return min(seconds_to_read(path), _MOST_SECONDS_TO_LIST)


def count_bytes(path: Path, *, n_parts: int = 1) -> int:
    """The bytes of an ECG: of its file, of the samples beside a header, or its share of a file that holds several.

    Args:
        path: A file, as `find_records` lists it.
        n_parts: ECGs in the file.
    """
    if path.name.casefold().endswith(SIDECAR_SUFFIX):
        stem = path.name[: -len(SIDECAR_SUFFIX)]
        n_bytes = _sum_sizes([path.with_name(stem + suffix) for suffix in (".npy", ".npz", ".csv")])
        return n_bytes // n_parts + min(n_bytes, _MOST_UNPACKED_BYTES)
    if path.suffix.casefold() == ".hea":
        return _sum_sizes([path]) + _count_samples(path)
    return _sum_sizes([path]) // n_parts


def _count_samples(header: Path) -> int:
    """The bytes of the samples of a WFDB record; the header is opened only where they have another name than it."""
    beside = _sum_sizes([header.with_suffix(".dat"), header.with_suffix(".mat")])
    return beside or _sum_sizes([header.with_name(name) for name in _name_samples(header)])


def _name_samples(header: Path) -> set[str]:
    try:
        if not header.is_file():
            return set()  # opening a pipe would wait for its other end
        text = decode_header(header.read_bytes())
        if not is_header(text):
            return set()
        parsed = parse_header(header, text)
    except (OSError, ReadError):
        return set()  # reading it says what is wrong
    segments = {f"{segment}{suffix}" for segment, _ in parsed.segments for suffix in (".dat", ".mat")}
    return segments | {signal.file_name for signal in parsed.signals}


def _sum_sizes(files: list[Path]) -> int:
    total = 0
    for file in files:
        try:
            total += file.stat().st_size
        except (OSError, ValueError):
            continue  # reading it says what is wrong
    return total
