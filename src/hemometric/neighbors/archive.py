"""What `mine` searches in: one vector for each ECG that can be measured, and what its distance compares."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from hemometric.distances import whiten_independent
from hemometric.distances.representations import (
    BEAT_RATE_HZ,
    STRIP_RATE_HZ,
    to_beats,
    to_beats_and_intervals,
    to_features,
    to_strips,
)
from hemometric.ecg import INDEPENDENT_LEADS, INDEPENDENT_ROWS
from hemometric.neighbors.sketches import Axes, sketch_beats, sketch_strips
from hemometric.progress import track
from hemometric.store import Store
from hemometric.store.durable import cannot_write

Floats = NDArray[np.float32]

_ROWS_AT_ONCE = 256
_N_FOR_AXES = 4096


@dataclass(frozen=True, slots=True)
class Minable:
    """How an archive is mined by a distance.

    Attributes:
        describe: (ECGs, rate_hz, derived: whether the leads are those of eight) -> what is compared, and its sketches
            or None where that is searched in itself.
        rate_hz: Of what is compared; 1 where that is no waveform.
        n_candidates: Compared exactly for each ECG where nothing else is asked for; 0 where the search is exact.
    """

    describe: Callable[..., tuple[Floats, Floats | None]]
    rate_hz: float
    n_candidates: int


@dataclass(frozen=True, slots=True, eq=False)
class Archive:
    """The ECGs of a store as they are compared.

    Attributes:
        rows: Shape (n,), row in the store of each ECG that can be compared.
        prepared: Shape (n, n_channels, n_values), float32, what the distance compares.
        vectors: Shape (n, d), float32, by whose Euclidean distance candidates are found.
        patients: Shape (n,), a number for each patient.
        n_without: ECGs that cannot be compared (no typical beat).
    """

    rows: NDArray[np.int64]
    prepared: Floats
    vectors: Floats
    patients: NDArray[np.int64]
    n_without: int


def _channels(leads: Floats, derived: bool) -> Floats:
    """Eight channels with the distances of all twelve leads, where the leads hold no more than that."""
    return whiten_independent(leads[:, INDEPENDENT_ROWS]) if derived else leads


def _describe_beats(ecgs: Floats, rate_hz: float, derived: bool) -> tuple[Floats, Floats]:
    beats = _channels(to_beats(ecgs, rate_hz), derived)
    return beats, sketch_beats(beats)


def _describe_beats_alone(ecgs: Floats, rate_hz: float, derived: bool) -> tuple[Floats, None]:
    return _channels(to_beats(ecgs, rate_hz), derived), None


def _describe_features(ecgs: Floats, rate_hz: float, derived: bool) -> tuple[Floats, None]:
    del derived
    return to_features(ecgs, rate_hz), None


def _describe_strips(ecgs: Floats, rate_hz: float, derived: bool) -> tuple[Floats, Floats]:
    beats, rr_s = to_beats_and_intervals(ecgs, rate_hz)
    strips = to_strips(ecgs[:, INDEPENDENT_ROWS] if derived else ecgs, rate_hz)
    strips = whiten_independent(strips) if derived else strips
    return strips, sketch_strips(strips, _channels(beats, derived), rr_s)


MINABLE: MappingProxyType[str, Minable] = MappingProxyType(
    {
        "beat-dtw": Minable(_describe_beats, BEAT_RATE_HZ, 768),
        "beat-euclidean": Minable(_describe_beats_alone, BEAT_RATE_HZ, 0),
        "features": Minable(_describe_features, 1.0, 0),
        "dtw": Minable(_describe_strips, STRIP_RATE_HZ, 768),
    }
)
"""Distances that an archive can be mined by; keys of `hemometric.distances.DISTANCES`."""


def prepare_archive(store: Store, *, distance: str, folder: Path, memory_gib: float) -> Archive:
    """Prepare every ECG of a store once.

    Args:
        store: The archive.
        distance: A key of `MINABLE`.
        folder: Where files go that hold what does not fit into memory; replaced.
        memory_gib: What is prepared is kept in memory if it needs no more than this, else in a file.

    Raises:
        StoreError: There is no room for the file.
    """
    sample = np.unique(np.linspace(0, len(store) - 1, min(_N_FOR_AXES, len(store))).astype(np.int64))
    axes: Axes | None = None
    if MINABLE[distance].n_candidates:
        sampled = _described(store, distance, sample, title="prepare a sample")
        sketches = [part.sketches for part in sampled if part.sketches is not None]
        axes = Axes.fit(np.concatenate(sketches)) if sketches else None
    known = np.zeros(0, dtype=np.int64)
    prepared: Floats | None = None
    vectors: Floats | None = None
    for part in _described(store, distance, np.arange(len(store)), title="prepare"):
        if prepared is None:
            prepared = _make_room(folder / "prepared.raw", (len(store), *part.prepared.shape[1:]), memory_gib)
            if axes is not None:
                vectors = _make_room(folder / "vectors.raw", (len(store), axes.directions.shape[1]), memory_gib)
        place = slice(len(known), len(known) + len(part.rows))
        prepared[place] = part.prepared
        if axes is not None and vectors is not None and part.sketches is not None:
            vectors[place] = axes.project(part.sketches)
        known = np.concatenate([known, part.rows])
    if prepared is None:
        prepared = np.zeros((0, 1, 1), dtype=np.float32)
    prepared = prepared[: len(known)]
    names = store.ecgs["patient_id"].to_numpy(zero_copy_only=False)[known].astype(np.str_)
    return Archive(
        rows=known,
        prepared=prepared,
        vectors=prepared.reshape(len(prepared), -1) if vectors is None else vectors[: len(known)],
        patients=np.unique(names, return_inverse=True)[1].astype(np.int64),
        n_without=len(store) - len(known),
    )


class _Part(NamedTuple):
    """Some ECGs that can be compared: their rows, what is compared, and sketches where there are any."""

    rows: NDArray[np.int64]
    prepared: Floats
    sketches: Floats | None


def _described(store: Store, distance: str, rows: NDArray[np.int64], *, title: str) -> Iterator[_Part]:
    """Yield the ECGs that have a typical beat, some at a time."""
    derived = store.manifest.stored_leads == INDEPENDENT_LEADS
    describe = partial(MINABLE[distance].describe, rate_hz=store.sampling_rate_hz, derived=derived)
    starts = range(0, len(rows), _ROWS_AT_ONCE)
    for start in track(starts, total=len(starts), unit=f"x {_ROWS_AT_ONCE} ECGs", title=title):
        some = rows[start : start + _ROWS_AT_ONCE]
        # Small matrix products: on shared cores, threads that wait for each other made them ten times slower.
        with threadpool_limits(1):
            parts = list(_describe_those_that_can(describe, some, store.take(some)))
        yield from parts


def _describe_those_that_can(
    describe: Callable[[Floats], tuple[Floats, Floats | None]], rows: NDArray[np.int64], ecgs: Floats
) -> Iterator[_Part]:
    """Describe ECGs together; where one of them cannot be, halve them until it stands alone and is left out."""
    try:
        yield _Part(rows, *describe(ecgs))
    except ValueError:
        if len(rows) > 1:
            half = len(rows) // 2
            yield from _describe_those_that_can(describe, rows[:half], ecgs[:half])
            yield from _describe_those_that_can(describe, rows[half:], ecgs[half:])


def _make_room(path: Path, shape: tuple[int, ...], memory_gib: float) -> Floats:
    """An array in memory, or where that is too small in a file whose room on the disk is taken at once."""
    n_bytes = 4 * int(np.prod(shape, dtype=np.int64))
    if n_bytes <= memory_gib * 2**30:
        return np.empty(shape, dtype=np.float32)
    try:
        with path.open("wb") as file:
            # A disk that fills up while a memory map grows would end the process with a signal.
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, n_bytes)
            else:
                file.truncate(n_bytes)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise cannot_write(path, error) from error
    return np.memmap(path, dtype=np.float32, mode="r+", shape=shape)
