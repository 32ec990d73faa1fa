"""XLI, in which Philips cardiographs pack leads: LZW over second differences.

Philips published no description; this follows what the Sierra ECG Tools (C. A. Watford, MIT) found out and read.
"""

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hemometric.errors import ReadError

_HEADER = struct.Struct("<ihh")
"""Bytes that follow; unknown; the correction of the first second difference."""
_CODE_BITS = 10
_N_BYTES = 256
_END = 2**_CODE_BITS - 1
_BIAS = 64
_LIMB_LEADS = ("I", "II", "III", "aVR", "aVL", "aVF")


def unpack_xli(path: Path, content: bytes, *, n_leads: int, n_samples: int) -> NDArray[np.int64]:
    """Unpack the first leads; cardiographs write 16, the last of them empty.

    Args:
        path: The file, for the error.
        content: The chunks of all leads, one after the other.
        n_leads: How many are wanted.
        n_samples: How many samples the file announces for each; a chunk may hold up to twice as many.

    Returns:
        Steps, shape (n_leads, n_samples).

    Raises:
        ReadError: A chunk is cut or holds fewer samples ("truncated"), is no LZW, or holds far more ("corrupt").
    """
    rows: list[NDArray[np.int64]] = []
    at = 0
    for row in range(n_leads):
        if len(content) - at < _HEADER.size:
            reason = f"its packed rhythm ends behind {row} of {n_leads} leads; export the file again"
            raise ReadError(path, reason, code="truncated")
        size, _, correction = _HEADER.unpack_from(content, at)
        at += _HEADER.size
        if not 0 < size <= len(content) - at:
            reason = f"packed lead {row + 1} announces {size:,} bytes, {len(content) - at:,} are left"
            raise ReadError(path, reason, code="truncated" if size > 0 else "corrupt")
        unpacked = _unpack_lzw(path, content[at : at + size], row=row, most_bytes=4 * n_samples)
        at += size
        if len(unpacked) < 2 * n_samples:
            reason = f"packed lead {row + 1} holds {len(unpacked) // 2:,} samples, announced are {n_samples:,}"
            raise ReadError(path, reason, code="truncated")
        rows.append(_undo_differences(unpacked, correction)[:n_samples])
    samples = np.stack(rows)
    if np.abs(samples).max(initial=0) > 2**15:
        raise ReadError(path, "its packed samples leave the range of 16 bits; export the file again", code="corrupt")
    return samples


def restore_limb_leads(samples: NDArray[np.int64], labels: tuple[str, ...]) -> bool:
    """Turn the differences that are stored for III, aVR, aVL and aVF into these leads, in place.

    Args:
        samples: Steps, shape (n_leads, n_samples), as `unpack_xli` returns them.
        labels: Of the leads.

    Returns:
        Whether the leads are there to do so.
    """
    if labels[: len(_LIMB_LEADS)] != _LIMB_LEADS:
        return False
    first, second, third, right, left, foot = samples[: len(_LIMB_LEADS)]
    third[:] = second - first - third
    right[:] = -right - (first + second) // 2
    left[:] = (first - third) // 2 - left
    foot[:] = (second + third) // 2 - foot
    return True


def _unpack_lzw(path: Path, packed: bytes, *, row: int, most_bytes: int) -> bytes:
    """Unpack codes of 10 bits, highest bit first; the table of 1,023 strings is filled once and then stays."""
    strings = [bytes((value,)) for value in range(_N_BYTES)]
    unpacked = bytearray()
    previous = b""
    window, n_bits = 0, 0
    for value in packed:
        window, n_bits = (window << 8 | value) & 0x3FFFF, n_bits + 8
        if n_bits < _CODE_BITS:
            continue
        n_bits -= _CODE_BITS
        code = window >> n_bits & _END
        if code == _END:
            break
        if code < len(strings):
            string = strings[code]
        elif code == len(strings) and previous:
            string = previous + previous[:1]
        else:
            raise ReadError(path, f"packed lead {row + 1} has a code of no string: damaged", code="corrupt")
        if previous and len(strings) < _END:
            strings.append(previous + string[:1])
        unpacked += string
        previous = string
        if len(unpacked) > most_bytes:
            reason = f"packed lead {row + 1} holds more than twice the samples that are announced: damaged"
            raise ReadError(path, reason, code="corrupt")
    return bytes(unpacked)


def _undo_differences(unpacked: bytes, correction: int) -> NDArray[np.int64]:
    """Return samples from bytes: the high bytes of all, then the low ones; two samples, then second differences."""
    half = (len(unpacked) + 1) // 2
    high = np.frombuffer(unpacked[:half], dtype=np.uint8)
    low = np.frombuffer(unpacked[half:].ljust(half, b"\x00"), dtype=np.uint8)
    codes = (high.astype(np.uint16) << 8 | low).view(np.int16).astype(np.int64)
    if len(codes) < 2:
        return codes
    # Sample i is 2 x sample (i - 1) - sample (i - 2) - e(i - 1), where e(1) is in the header and e(j) = code j - 64.
    errors = np.concatenate([[correction], codes[2:-1] - _BIAS]) if len(codes) > 2 else np.empty(0, dtype=np.int64)
    slopes = np.concatenate([[0], np.cumsum(errors)])
    slopes = codes[1] - codes[0] - slopes
    return np.concatenate([codes[:1], codes[0] + np.cumsum(slopes)])
