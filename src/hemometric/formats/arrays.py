"""Read ECGs from arrays (NPY, NPZ) and from CSV, which a sidecar describes as a header describes a WFDB record."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemometric.ecg import INDEPENDENT_LEADS, Ecg, Waveform, derive_leads
from hemometric.errors import ReadError
from hemometric.formats.array_csv import read_csv
from hemometric.formats.array_files import NPY_MAGIC, ZIP_MAGIC, find_sidecar, sidecar_of
from hemometric.formats.array_npy import list_npz, open_npy, open_npz
from hemometric.formats.array_roster import Roster, find_age, find_patient, find_sex, find_time, read_roster
from hemometric.formats.array_sidecar import Axis, Sidecar, no_sidecar, read_sidecar
from hemometric.formats.leads import choose_channels, name_lead
from hemometric.formats.parts import no_such_part
from hemometric.formats.units import check_units

_MOST_SAMPLES = 2**25
"""Of one ECG, all channels together: more than an hour of 12 leads at 500 Hz."""
_MOST_FACT_BYTES = 2**28
State = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class _Array:
    """An array that was opened, and what its sidecar says.

    Attributes:
        values: Has the axes `axes`; most often mapped into memory, so that one ECG of many costs little.
        channels: Names along the axis "lead".
    """

    sidecar: Sidecar
    values: NDArray[Any]
    axes: tuple[Axis, ...]
    channels: tuple[str, ...]
    roster: Roster


def read_array(path: Path, part: str | None) -> Ecg:
    """Read one ECG of an array.

    Args:
        path: The sidecar, or the file of samples beside it.
        part: Which ECG: its id, or its number from 0 where the sidecar gives no ids; None takes the only one.

    Raises:
        ReadError: See `hemometric.formats.read_ecg`.
    """
    sidecar = _find(path)
    array = _open(sidecar)
    rows = array.roster.rows
    name = next(iter(rows), "") if part is None else part
    if name not in rows:
        raise no_such_part(path, name, rows)
    row = rows[name]
    samples = array.values
    if "ecg" in array.axes:
        samples = samples[(slice(None),) * array.axes.index("ecg") + (row,)]
    if array.axes.index("sample") < array.axes.index("lead"):  # after "ecg" went, that order is what is left
        samples = samples.T
    waveform, notes = _to_millivolts(path, array, samples)
    stem = Path(array.sidecar.file).stem
    return Ecg(
        waveform=waveform,
        sampling_rate_hz=array.sidecar.sampling_rate_hz,
        ecg_id=name if array.roster.named else f"{stem}/{name}" if "ecg" in array.axes else stem,
        patient_id=find_patient(array.roster, row),
        age_years=find_age(sidecar, array.roster, row),
        sex=find_sex(sidecar, array.roster, row),
        acquired_at=find_time(sidecar, array.roster, row),
        notes=notes,
    )


def list_array(path: Path) -> tuple[str | None, ...]:
    """Name the ECGs of an array: ids, or numbers from 0; (None,) where it has no axis "ecg".

    Raises:
        ReadError: See `hemometric.formats.read_ecg`.
    """
    array = _open(_find(path))
    return tuple(array.roster.rows) if "ecg" in array.axes else (None,)


def _to_millivolts(path: Path, array: _Array, samples: NDArray[Any]) -> tuple[Waveform, tuple[str, ...]]:
    """Turn numbers of shape (n_channels, n_samples) into the 12 leads in mV."""
    leads, places = choose_channels(path, [name_lead(name) for name in array.channels])
    factors = check_units(path, leads, [array.sidecar.unit] * len(leads))
    if samples.size > _MOST_SAMPLES:
        reason = f"an ECG of {samples.size:,} values, expected at most {_MOST_SAMPLES:,}; check the axes in the sidecar"
        raise ReadError(path, reason, code="too-long")
    if samples.shape[1] == 0:
        raise ReadError(path, "holds no samples", code="empty")
    physical = samples[list(places)].astype(np.float64)
    if array.sidecar.missing is not None:
        physical[physical == array.sidecar.missing] = np.nan
    with np.errstate(over="ignore"):
        waveform = (physical * array.sidecar.lsb / factors[0]).astype(np.float32)
    if leads == INDEPENDENT_LEADS:
        return derive_leads(waveform), ("III, aVR, aVL and aVF derived from I and II",)
    return waveform, ()


def _find(path: Path) -> Path:
    """Return the sidecar of `path`, which may be it.

    Raises:
        ReadError: There is none ("no-sidecar"), or it describes another file ("sidecar").
    """
    if sidecar_of(path) == path or _head(path).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return path
    sidecar = find_sidecar(path)
    if sidecar is None:
        head = _head(path)
        shape = (
            open_npy(path).shape if head.startswith(NPY_MAGIC) else (0, 0, 0) if head.startswith(ZIP_MAGIC) else None
        )
        raise no_sidecar(path, shape)
    described = _read_kept(sidecar, _state(sidecar)).file
    if described != path.name:
        reason = f"its sidecar {sidecar.name} describes {described}; give it the name of that file, or correct `file`"
        raise ReadError(path, reason, code="sidecar")
    return sidecar


def _head(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(16)


def _open(path: Path) -> _Array:
    """Open the array of a sidecar, once as long as neither of them nor a table changes."""
    sidecar = _read_kept(path, _state(path))
    file = path.with_name(sidecar.file)
    if not file.is_file():
        raise ReadError(path, f"its file of samples {sidecar.file} is not beside it", code="missing")
    table = None if sidecar.table is None else path.with_name(sidecar.table)
    states = (_state(path), _state(file), None if table is None or not table.is_file() else _state(table))
    return _open_kept(path, states)


def _state(path: Path) -> State:
    found = path.stat()
    return found.st_ino, found.st_mtime_ns, found.st_size


@lru_cache(maxsize=2)
def _read_kept(path: Path, _: State) -> Sidecar:
    return read_sidecar(path)


@lru_cache(maxsize=2)
def _open_kept(path: Path, states: tuple[State, State, State | None]) -> _Array:
    sidecar = _read_kept(path, states[0])
    file = path.with_name(sidecar.file)
    head = _head(file)
    if head.startswith(NPY_MAGIC):
        return _describe(path, sidecar, open_npy(file), packed=None)
    if head.startswith(ZIP_MAGIC):
        return _describe(path, sidecar, open_npz(file, _choose_array(path, sidecar, list_npz(file))), packed=file)
    named = [key for key in ("leads", "axes", "array") if getattr(sidecar, key) is not None]
    if named:
        reason = f"{named[0]}: leave it out, the first line of a CSV names its leads and the samples stand below"
        raise ReadError(path, reason, code="sidecar")
    channels, samples = read_csv(file, sidecar)
    roster = read_roster(path, sidecar, n_ecgs=1, read_array=None)
    return _Array(sidecar, samples, ("sample", "lead"), channels, roster)


def _choose_array(path: Path, sidecar: Sidecar, arrays: Sequence[str]) -> str:
    """Return which array of an NPZ holds the samples: the one that is named, else the only one."""
    if sidecar.array is not None:
        return sidecar.array
    if len(arrays) != 1:
        reason = (
            f"{sidecar.file} holds {len(arrays)} arrays ({', '.join(map(ascii, arrays[:10]))}); name that of the "
            "samples (array)"
        )
        raise ReadError(path, reason, code="sidecar")
    return arrays[0]


def _describe(path: Path, sidecar: Sidecar, values: NDArray[Any], *, packed: Path | None) -> _Array:
    """Check an array against its sidecar."""
    missing = [key for key in ("leads", "axes") if getattr(sidecar, key) is None]
    if missing or sidecar.leads is None or sidecar.axes is None:
        raise ReadError(path, f"{', '.join(missing)} missing: an array does not say it", code="sidecar")
    if values.dtype.kind not in "iuf":
        raise ReadError(path, f"{sidecar.file} holds {values.dtype}, expected numbers", code="unsupported-format")
    if values.ndim != len(sidecar.axes):
        reason = f"axes names {len(sidecar.axes)} axes, {sidecar.file} has the shape {values.shape}"
        raise ReadError(path, reason, code="sidecar")
    n_leads = values.shape[sidecar.axes.index("lead")]
    if n_leads != len(sidecar.leads):
        reason = f"leads names {len(sidecar.leads)}, {sidecar.file} of shape {values.shape} holds {n_leads} by its axes"
        raise ReadError(path, reason, code="sidecar")
    n_ecgs = values.shape[sidecar.axes.index("ecg")] if "ecg" in sidecar.axes else 1

    def read_facts(name: str) -> Sequence[object]:
        facts = open_npz(packed or path, name)
        if facts.ndim != 1 or facts.nbytes > _MOST_FACT_BYTES:
            raise ReadError(path, f"array {name!r} is {facts.shape}, expected one value an ECG", code="sidecar")
        return _to_list(path, name, facts)

    roster = read_roster(path, sidecar, n_ecgs=n_ecgs, read_array=None if packed is None else read_facts)
    return _Array(sidecar, values, sidecar.axes, sidecar.leads, roster)


def _to_list(path: Path, name: str, facts: NDArray[Any]) -> list[object]:
    if facts.dtype.kind != "U":
        return list(facts.tolist())
    try:
        texts: list[object] = [str(value) for value in facts]
        "".join(map(str, texts)).encode()
    except (SystemError, ValueError) as error:  # of NumPy where a number is no character, or it is half of one
        raise ReadError(path, f"array {name!r} holds text that is damaged", code="corrupt") from error
    return texts
