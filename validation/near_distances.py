"""What the distances do, in numbers: what they cost, what they overlook, and what the nearest ECGs have in common."""

import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hemometric.distances import DISTANCES, pairwise
from hemometric.distances.dtw import radius_of_band
from hemometric.distances.representations import to_strips
from hemometric.ecg import LEADS, Waveform
from hemometric.neighbors.study import STRIPS_HZ
from hemometric.progress import track
from hemometric.waveform import resample
from validation.near_ecgs import Collection, heart_rates

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

N_NEAREST = 5

_CROP_S = 9.5
_LATER_S = 0.3
_FASTER = 1.05
_LARGER = 1.2
_NOISE_MV = 0.05
_REPEATS = 5


class Cost(NamedTuple):
    """What one distance costs, in seconds of processor time.

    Attributes:
        prepared_per_s: ECGs that are filtered, resampled and turned into what is compared, each once.
        pairs_per_s: Pairs of prepared ECGs that are compared.
    """

    prepared_per_s: float
    pairs_per_s: float


class Company(NamedTuple):
    """What the five nearest ECGs of other patients have in common with an ECG, on average.

    Attributes:
        same_kind: Share that has the same `Collection.kinds`.
        rate_apart: Difference of the heart rates, per minute.
        value_apart: Difference of `Collection.values`: mmHg of simulated ECGs, years of recorded ones.
        most_often: How many of the ECGs have one and the same ECG among their five nearest; None for chance.
        flat_nearer: To how many of them zeros are nearer than the nearest ECG; None for chance, and for features, where
            zeros are no flat line.
    """

    same_kind: float
    rate_apart: float
    value_apart: float
    most_often: int | None = None
    flat_nearer: int | None = None


def as_compared(waveforms: Waveform, *, sampling_rate_hz: float, distance: str) -> tuple[Waveform, float]:
    """Filter and resample strips to the rate at which a distance compares them; others are left as they are.

    Returns:
        The ECGs, shape (n, 12, n_samples), and their rate.
    """
    if distance not in STRIPS_HZ:
        return waveforms, sampling_rate_hz
    wanted_hz = min(STRIPS_HZ[distance], sampling_rate_hz)
    return to_strips(waveforms, sampling_rate_hz, to_hz=wanted_hz), wanted_hz


def to_everybody(collection: Collection, rows: Rows, *, distance: str) -> Floats:
    """Distances of some ECGs to all, shape (len(rows), n); infinite to ECGs of the same patient."""
    ecgs, rate = as_compared(collection.waveforms, sampling_rate_hz=collection.sampling_rate_hz, distance=distance)
    found = pairwise(ecgs[rows], ecgs, distance=distance, sampling_rate_hz=rate, n_threads=1).astype(np.float64)
    found[collection.patients[rows][:, None] == collection.patients] = np.inf
    return found


def nearest(distances: Floats) -> Rows:
    """Return the rows of the five nearest, nearest first, shape (n, 5), from distances (n, m)."""
    return np.argsort(distances, axis=1, kind="stable")[:, :N_NEAREST]


def costs(collection: Collection, *, n_ecgs: int = 64) -> dict[str, Cost]:
    """Measure each distance on one thread, on the first ECGs of a collection: the best of five, all compiled before."""
    ecgs, rate = collection.waveforms[:n_ecgs], collection.sampling_rate_hz
    found = {}
    for name in DISTANCES:
        _prepare(ecgs[:2], rate, name)
        preparing = [_seconds(partial(_prepare, ecgs, rate, name)) for _ in range(_REPEATS)]
        prepared, prepared_hz = _prepare(ecgs, rate, name)
        radius = radius_of_band(None, n_samples=prepared.shape[2], sampling_rate_hz=prepared_hz)
        compare = DISTANCES[name].compare
        anchors = prepared[:4] if name == "soft-dtw" else prepared
        compare(anchors[:2], prepared[:2], radius, 1)
        comparing = [_seconds(partial(compare, anchors, prepared, radius, 1)) for _ in range(_REPEATS)]
        found[name] = Cost(len(ecgs) / min(preparing), len(anchors) * len(prepared) / min(comparing))
    return found


CHANGES = (
    "begins 0.3 s later",
    "5 % faster",
    "20 % larger",
    "noise, 0.05 mV",
    "V6 missing (zeros)",
    "arm electrodes swapped",
)


def overlooked(collection: Collection, *, every: int, seed: int = 0) -> dict[str, list[float]]:
    """Measure how far a changed copy of an ECG is from it, by each distance.

    Args:
        collection: Of ECGs of 10 s.
        every: Which ECGs are changed: every so many.
        seed: Of the noise.

    Returns:
        For each distance and each of `CHANGES` the median over ECGs of the distance to the changed copy, as a share of
        the ECG's median distance to those of other patients.
    """
    rate, chosen = collection.sampling_rate_hz, np.arange(0, len(collection.waveforms), every)
    n, late = round(_CROP_S * rate), round(_LATER_S * rate)
    whole = collection.waveforms[chosen]
    ecgs = np.ascontiguousarray(whole[:, :, :n])
    faster = resample(whole, from_hz=rate * _FASTER, to_hz=rate)[:, :, :n]
    if faster.shape[2] < n:
        raise ValueError(f"expected ECGs of 10 s, got {whole.shape[2] / rate:g} s")
    noise = np.random.default_rng(seed).normal(0.0, _NOISE_MV, ecgs.shape).astype(np.float32)
    lead = LEADS.index("V6")
    without = np.where(np.arange(len(LEADS))[:, None] == lead, np.float32(0.0), ecgs)
    changed = (
        whole[:, :, late : late + n],
        faster,
        ecgs * np.float32(_LARGER),
        ecgs + noise,
        without,
        _swap_arms(ecgs),
    )
    found = {}
    for name in track(DISTANCES, total=len(DISTANCES), unit="distances", title="changed copies"):
        prepared, prepared_hz = as_compared(ecgs, sampling_rate_hz=rate, distance=name)
        among = pairwise(prepared, distance=name, sampling_rate_hz=prepared_hz, n_threads=1).astype(np.float64)
        among[collection.patients[chosen][:, None] == collection.patients[chosen]] = np.nan
        usual, shares = np.nanmedian(among, axis=1), []
        for copies in changed:
            copied, _ = as_compared(np.ascontiguousarray(copies), sampling_rate_hz=rate, distance=name)
            own = [
                pairwise(a[None], b[None], distance=name, sampling_rate_hz=prepared_hz, n_threads=1)[0, 0]
                for a, b in zip(prepared, copied, strict=True)
            ]
            shares.append(float(np.median(np.array(own) / usual)))
        found[name] = shares
    return found


def company(collection: Collection, *, n_ecgs: int) -> dict[str, Company]:
    """Look at the five nearest of some ECGs, evenly spread, by each distance; "chance" is everybody else."""
    rows = np.linspace(0, len(collection.waveforms), n_ecgs, endpoint=False).astype(np.intp)
    rates = heart_rates(collection)
    found = {}
    for name in track(DISTANCES, total=len(DISTANCES), unit="distances", title="five nearest"):
        distances = to_everybody(collection, rows, distance=name)
        near = nearest(distances)
        found[name] = _company(collection, rates, zip(rows, near, strict=True))._replace(
            most_often=int(np.bincount(near.ravel()).max()),
            flat_nearer=None if name == "features" else _count_flat_nearer(collection, rows, distances, name),
        )
    strangers = ((row, np.flatnonzero(collection.patients != collection.patients[row])) for row in rows)
    return found | {"chance": _company(collection, rates, strangers)}


def alike(collection: Collection, is_it: NDArray[np.bool_]) -> dict[str, float]:
    """Share of such ECGs among the five nearest of such an ECG, on average, by each distance.

    Args:
        collection: Where they are.
        is_it: Shape (n,), which ECGs are such.
    """
    rows = np.flatnonzero(is_it)
    found = {name: nearest(to_everybody(collection, rows, distance=name)) for name in DISTANCES}
    return {name: float(np.mean(is_it[near])) for name, near in found.items()}


def _company(collection: Collection, rates: Floats, pairs: Iterable[tuple[np.intp, Rows]]) -> Company:
    same: list[float] = []
    apart: list[Floats] = []
    for row, others in pairs:
        same.append(float(np.mean(collection.kinds[others] == collection.kinds[row])))
        differences = [np.abs(values[others] - values[row]) for values in (rates, collection.values)]
        apart.append(np.array([np.mean(known) if len(known := d[np.isfinite(d)]) else np.nan for d in differences]))
    rate_apart, value_apart = np.nanmean(apart, axis=0)
    return Company(float(np.mean(same)), float(rate_apart), float(value_apart))


def _count_flat_nearer(collection: Collection, rows: Rows, distances: Floats, name: str) -> int:
    prepared, prepared_hz = _prepare(collection.waveforms[rows], collection.sampling_rate_hz, name)
    radius = radius_of_band(None, n_samples=prepared.shape[2], sampling_rate_hz=prepared_hz)
    to_flat = DISTANCES[name].compare(prepared, np.zeros_like(prepared[:1]), radius, 1)[:, 0]
    return int(np.count_nonzero(to_flat < distances.min(axis=1)))


def _seconds(call: Callable[[], object]) -> float:
    """Processor time, which other work on the machine disturbs less."""
    start = time.process_time()
    call()
    return time.process_time() - start


def _prepare(ecgs: Waveform, rate: float, name: str) -> tuple[Waveform, float]:
    ecgs, rate = as_compared(ecgs, sampling_rate_hz=rate, distance=name)
    prepare = DISTANCES[name].prepare
    return (ecgs if prepare is None else prepare(ecgs, rate)), DISTANCES[name].prepared_hz or rate


def _swap_arms(ecgs: Waveform) -> Waveform:
    """Exchange the electrodes of both arms: I and aVL with aVR change sign or place, the chest leads stay."""
    swapped = ecgs.copy()
    places = {lead: LEADS.index(lead) for lead in LEADS}
    swapped[:, places["I"]] = -ecgs[:, places["I"]]
    for one, other in (("II", "III"), ("aVR", "aVL")):
        swapped[:, places[one]], swapped[:, places[other]] = ecgs[:, places[other]], ecgs[:, places[one]]
    return swapped
