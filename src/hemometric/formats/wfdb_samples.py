"""Decode the samples of a WFDB record: whole integers at the speed of numpy, every other format by `wfdb`."""

import math
import shutil
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from hemometric.ecg import Waveform
from hemometric.errors import ReadError
from hemometric.formats.wfdb_header import Header, Signal

BYTES_PER_SAMPLE = {"8": 1.0, "16": 2.0, "24": 3.0, "32": 4.0, "61": 2.0, "80": 1.0, "160": 2.0} | {
    "212": 3 / 2,
    "310": 4 / 3,
    "311": 4 / 3,
}
"""Formats of a fixed size (signal(5) of the WFDB Applications Guide)."""
PLAIN_TYPES = {"16": "<i2", "61": ">i2", "32": "<i4"}
"""Formats that are arrays of integers; `wfdb` itself fails on 61 when asked for ADC units."""
COMPRESSED_FORMATS = ("508", "516", "524")
INVALID_SAMPLE = {"16": -(2**15), "61": -(2**15), "160": -(2**15), "516": -(2**15)} | {
    "24": -(2**23),
    "524": -(2**23),
    "32": -(2**31),
    "80": -(2**7),
    "508": -(2**7),
    "212": -(2**11),
    "310": -(2**9),
    "311": -(2**9),
}
"""The ADC value that marks a missing sample; format 8 has none."""
UNREADABLE = (
    ValueError,
    IndexError,
    KeyError,
    TypeError,
    AttributeError,
    OSError,
    EOFError,
    OverflowError,
    MemoryError,
)
"""What a third-party reader raises on a file that is not what it claims to be."""


def decode_signals(
    path: Path, header: Header, channels: Sequence[int], *, units_per_mv: Sequence[float]
) -> tuple[Waveform, tuple[str, ...]]:
    """Decode some signals of an ordinary record.

    Args:
        path: The header.
        header: As `read_header` gives it, without segments.
        channels: Places of the wanted signals in the header; only the files that hold these are opened.
        units_per_mv: Of each wanted signal: how many of its unit are 1 mV.

    Returns:
        The samples in mV, NaN where the file marks them missing, shape (n_channels, n_samples), float32, computed in
        float64; and notes on what had to be assumed.

    Raises:
        ReadError: A file is missing ("missing"), too short ("truncated"), in a format that does not exist
            ("unknown-format") or cannot be decoded ("corrupt"), or signals differ in rate ("mixed-rates").
    """
    wanted = [header.signals[channel] for channel in channels]
    if len({signal.per_frame for signal in wanted}) > 1:
        raise ReadError(path, "the leads have different sampling rates, expected one for all", code="mixed-rates")
    files = tuple(dict.fromkeys(signal.file_name for signal in wanted))
    contents = [[signal for signal in header.signals if signal.file_name == name] for name in files]
    sizes = [_check_file(path, name, signals, header.n_frames) for name, signals in zip(files, contents, strict=True)]
    n_frames, notes = _count_frames(path, header, contents[0], sizes[0])
    decoded: list[Sequence[NDArray[np.signedinteger]]]
    if all(_is_plain(signal) for signals in contents for signal in signals):
        decoded = [list(_decode_plain(path, signals, n_frames)) for signals in contents]
    else:
        decoded = [_decode_by_wfdb(path, signals, n_frames, header.frame_rate_hz) for signals in contents]
    waveform = np.empty((len(wanted), n_frames * wanted[0].per_frame), dtype=np.float32)
    exact = np.empty(waveform.shape[1], dtype=np.float64)  # one lead at a time stays in the cache
    for row, channel, signal, per_mv in zip(waveform, channels, wanted, units_per_mv, strict=True):
        place = sum(other.file_name == signal.file_name for other in header.signals[:channel])
        samples = decoded[files.index(signal.file_name)][place]
        np.subtract(samples, float(signal.baseline), out=exact, dtype=np.float64)
        exact /= signal.gain
        if per_mv != 1.0:
            exact /= per_mv
        row[:] = exact
        marker = INVALID_SAMPLE.get(signal.storage)
        if marker is not None and samples.min() == marker:
            row[samples == marker] = np.nan
        if signal.skew:
            _align(row, late=signal.skew * signal.per_frame)
    return waveform, notes


def load_wfdb() -> ModuleType:
    """Import `wfdb`, which takes 0.7 s and warns of its own use of pandas; format 16 does without it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import wfdb
    module: ModuleType = wfdb
    return module


def n_bytes(storage: str, n_samples: int) -> int:
    """Return how many bytes `n_samples` samples of a fixed-size format take, counted over all signals of a file."""
    if storage == "310" and n_samples % 3 == 2:
        return (n_samples // 3 + 1) * 4
    return math.ceil(n_samples * BYTES_PER_SAMPLE[storage] - 1e-6)


def _check_file(path: Path, name: str, signals: list[Signal], n_frames: int | None) -> int:
    """Return the size of a signal file, having checked that it is there and long enough."""
    file = path.parent / name
    storage = signals[0].storage
    if storage not in BYTES_PER_SAMPLE and storage not in COMPRESSED_FORMATS:
        raise ReadError(
            path, f"signal format {storage} does not exist in WFDB; correct the header", code="unknown-format"
        )
    if any(signal.storage != storage or signal.offset != signals[0].offset for signal in signals):
        raise ReadError(path, f"the header gives {name} two formats or two offsets", code="corrupt")
    try:
        size = file.stat().st_size if file.is_file() else None
    except (OSError, ValueError):
        size = None
    if size is None:
        reason = f"signal file {name}, which holds {_describe(signals)}, is not beside the header"
        raise ReadError(path, reason, code="missing")
    if n_frames is not None and storage in BYTES_PER_SAMPLE:
        per_frame = sum(signal.per_frame for signal in signals)
        expected = signals[0].offset + n_bytes(storage, n_frames * per_frame)
        if size < expected:
            held = int(max(size - signals[0].offset, 0) / BYTES_PER_SAMPLE[storage]) // per_frame
            reason = (
                f"{name} holds {size:,} bytes ({held:,} samples a lead), the header announces {expected:,} "
                f"({n_frames:,}); copy it again"
            )
            raise ReadError(path, reason, code="truncated")
    return size


def _describe(signals: list[Signal]) -> str:
    names = [signal.description or "?" for signal in signals]
    return "signal " + names[0] if len(names) == 1 else f"signals {names[0]} to {names[-1]}"


def _count_frames(path: Path, header: Header, signals: list[Signal], size: int) -> tuple[int, tuple[str, ...]]:
    if header.n_frames is not None:
        return header.n_frames, ()
    storage, name = signals[0].storage, signals[0].file_name
    if storage in COMPRESSED_FORMATS:
        raise ReadError(path, "the header does not say how many samples there are", code="corrupt")
    per_frame = sum(signal.per_frame for signal in signals)
    n_frames = int(max(size - signals[0].offset, 0) / BYTES_PER_SAMPLE[storage]) // per_frame
    if n_frames == 0:
        raise ReadError(path, f"{name} holds no samples", code="truncated")
    return n_frames, (f"number of samples absent: {n_frames:,} from the size of {name}",)


def _align(samples: NDArray[np.float32], *, late: int) -> None:
    """Move a signal that is `late` samples forward, in place; its end is not in the file."""
    samples[:-late] = samples[late:].copy()
    samples[-late:] = np.nan


def _is_plain(signal: Signal) -> bool:
    return signal.storage in PLAIN_TYPES and signal.per_frame == 1


def _decode_plain(path: Path, signals: list[Signal], n_frames: int) -> NDArray[np.signedinteger]:
    """Decode a file of whole integers, shape (n_signals, n_frames)."""
    file = path.parent / signals[0].file_name
    flat = np.fromfile(
        file, dtype=PLAIN_TYPES[signals[0].storage], count=n_frames * len(signals), offset=signals[0].offset
    )
    if flat.size < n_frames * len(signals):
        raise ReadError(path, f"{file.name} became shorter while it was read", code="truncated")
    return np.ascontiguousarray(flat.reshape(n_frames, len(signals)).T)


def _decode_by_wfdb(path: Path, signals: list[Signal], n_frames: int, rate_hz: float) -> list[NDArray[np.int64]]:
    """Decode a file of any format by `wfdb`, from a header in canonical form that is written aside."""
    wfdb = load_wfdb()
    file = path.parent / signals[0].file_name
    with tempfile.TemporaryDirectory(prefix="hemometric-") as aside, file.open("rb") as opened:
        copy = Path(aside) / "signals.dat"
        # What a kill leaves of the link must not tell the file, whose name may be that of a patient.
        nameless = Path(f"/proc/self/fd/{opened.fileno()}")
        try:
            copy.symlink_to(nameless if nameless.exists() else file.absolute())
        except OSError:
            shutil.copyfile(file, copy)
        lines = [f"record {len(signals)} {rate_hz:.12g} {n_frames}"]
        lines += [
            f"{copy.name} {signal.storage}x{signal.per_frame}+{signal.offset} "
            f"200(0)/mV 0 0 {signal.initial} 0 0 signal {place}"
            for place, signal in enumerate(signals)
        ]
        (Path(aside) / "record.hea").write_text("\n".join(lines) + "\n", encoding="ascii")
        try:
            record = wfdb.rdrecord(str(Path(aside) / "record"), physical=False, smooth_frames=False)
            samples = [np.asarray(signal, dtype=np.int64) for signal in record.e_d_signal]
        except UNREADABLE as error:
            reason = f"{signals[0].file_name} cannot be decoded as format {signals[0].storage}: {error}"
            raise ReadError(path, reason, code="corrupt") from error
    for signal, decoded in zip(signals, samples, strict=True):
        if decoded.size != n_frames * signal.per_frame:
            found = decoded.size // signal.per_frame
            reason = f"{signal.file_name} holds {found:,} samples a lead, the header announces {n_frames:,}"
            raise ReadError(path, reason, code="truncated")
    return samples
