"""An ECG with its five nearest by every distance, and how dynamic time warping matches two ECGs."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from numpy.typing import NDArray

from hemometric.distances import DISTANCES, dtw_path
from hemometric.distances.dtw import radius_of_band
from hemometric.distances.representations import BEAT_RATE_HZ, to_beats
from hemometric.ecg import LEADS, Waveform
from hemometric.neighbors.study import STRIPS_HZ
from hemometric.waveform.beats import BEAT_AFTER_S, BEAT_BEFORE_S
from validation.near_distances import N_NEAREST, as_compared
from validation.near_ecgs import QUERIES, Collection
from validation.near_figures import (
    MARK,
    OTHER,
    QUERY,
    SAME,
    Room,
    draw_leads,
    label_axes,
    new_figure,
    rooms,
    save_small,
    title,
)

STRIP_LEADS, BEAT_LEADS, WARPED_LEADS = ("II", "V2"), ("II", "V1", "V5"), ("V2",)
SHOWN_S = 5.0
"""How much of a strip of 10 s is drawn."""

ALIKE_MMHG = 4.0
"""Pressures that are no farther apart are drawn as alike; within a patient they vary by 3.6 mmHg (SD)."""

_STRIPS = tuple(name for name in DISTANCES if name in STRIPS_HZ)
_BEATS = tuple(name for name in DISTANCES if name not in STRIPS_HZ)
_UNITS = {name: "SD" if name == "features" else "mV" for name in DISTANCES}
_BEAT_STEP_S = 0.8
_ROW_IN = 0.98
_TITLE = 10


class Found(NamedTuple):
    """The nearest of an ECG.

    Attributes:
        rows: Shape (5,), nearest first.
        distances: Shape (5,).
    """

    rows: NDArray[np.intp]
    distances: NDArray[np.float64]


def draw_neighbours(collection: Collection, query: str, found: dict[str, Found], path: Path) -> None:
    """Draw an ECG and its five nearest of other patients by each distance, each as that distance sees it.

    Args:
        collection: Where they are.
        query: Key of `QUERIES`.
        found: Distance -> its five nearest.
        path: The PNG file.
    """
    figure = new_figure(10.0, 0.6 + 2 * (1 + N_NEAREST) * _ROW_IN)
    above, below = figure.subfigures(2, 1, squeeze=False).flat
    whose = "SIMULATED ECGs, never clinical" if collection.simulated else "Recorded ECGs (PTB-XL)"
    figure.suptitle(
        f"{whose}: {QUERIES[query]} (black)\n"
        f"and its five nearest of other patients; green: {_alike(collection, query)}",
        fontsize=_TITLE,
        weight="bold",
    )
    for place, names in ((above, _STRIPS), (below, _BEATS)):
        _draw_block(place, collection, collection.queries[query], {name: found[name] for name in names})
    save_small(figure, path)


def _draw_block(place: SubFigure, collection: Collection, query: int, found: dict[str, Found]) -> None:
    """Draw one column for each distance: the query above, its five nearest below."""
    panels = place.subplots(1 + N_NEAREST, len(found), sharex=True, sharey=True, squeeze=False)
    drawn = [[_as_drawn(collection, name, row) for row in (query, *near.rows)] for name, near in found.items()]
    is_strip = next(iter(found)) in STRIPS_HZ
    leads = STRIP_LEADS if is_strip else BEAT_LEADS
    room = dict(zip(leads, rooms([ecg for column in drawn for ecg, _ in column], leads), strict=True))
    for column, (name, near) in enumerate(found.items()):
        for rank, (row, axes) in enumerate(zip((query, *near.rows), panels[:, column], strict=True)):
            ecg, rate_hz = drawn[column][rank]
            colour = OTHER if rank else QUERY
            if is_strip:
                draw_leads(axes, ecg, sampling_rate_hz=rate_hz, leads=room, colour=colour)
                axes.set(xlim=(0.0, SHOWN_S))
            else:
                _draw_beat(axes, ecg, room, colour=colour)
            what = f"{rank}. {near.distances[rank - 1]:.1f} {_UNITS[name]}" if rank else f"{name}: query"
            is_alike = rank > 0 and _are_alike(collection, query, int(row))
            title(axes, f"{what} · {collection.labels[row]}", bold=rank == 0, colour=SAME if is_alike else QUERY)
            label_axes(axes, seconds=rank == N_NEAREST, millivolts=column == 0)


def _alike(collection: Collection, query: str) -> str:
    if collection.simulated:
        return f"true mPCWP within {ALIKE_MMHG:g} mmHg of the query's"
    return f"of the query's kind ({collection.kinds[collection.queries[query]]})"


def _are_alike(collection: Collection, one: int, other: int) -> bool:
    if collection.simulated:
        return bool(np.abs(np.diff(np.round(collection.values[[one, other]])))[0] <= ALIKE_MMHG)
    return bool(collection.kinds[one] == collection.kinds[other])


def _as_drawn(collection: Collection, name: str, row: int) -> tuple[Waveform, float]:
    """Return the beginning of a strip as the distance compares it, or the typical beat; shape (12, n), and its rate."""
    ecg, rate_hz = collection.waveforms[row : row + 1], collection.sampling_rate_hz
    if name not in STRIPS_HZ:
        return to_beats(ecg, rate_hz)[0], BEAT_RATE_HZ
    strip, strip_hz = as_compared(ecg, sampling_rate_hz=rate_hz, distance=name)
    return strip[0, :, : round(SHOWN_S * strip_hz)], strip_hz


def _draw_beat(axes: Axes, beat: Waveform, room: Mapping[str, Room], *, colour: str) -> None:
    """Draw the typical beat in three leads side by side."""
    times_s = np.arange(beat.shape[1]) / BEAT_RATE_HZ - BEAT_BEFORE_S
    low, high = -max(lead.below for lead in room.values()), max(lead.above for lead in room.values())
    for place, lead in enumerate(room):
        values = beat[LEADS.index(lead)]
        axes.plot(
            times_s + place * _BEAT_STEP_S, np.clip(values - np.median(values), low, high), color=colour, linewidth=1.0
        )
        axes.text(place * _BEAT_STEP_S + 0.3, high, lead, fontsize=8, va="top")
    places = _BEAT_STEP_S * np.arange(len(room))
    axes.set_xticks([*places, *(places + 0.4)], labels=["0"] * len(places) + ["0.4"] * len(places))
    axes.set(xlim=(-BEAT_BEFORE_S - 0.03, places[-1] + BEAT_AFTER_S), ylim=(low - 0.1, high + 0.15))
    axes.tick_params(labelsize=7, length=2)
    axes.grid(color="0.92", linewidth=0.6)


class _Pair(NamedTuple):
    """A query and its nearest, as they are compared: shape (12, n_samples) each, mV."""

    query: Waveform
    other: Waveform
    rate_hz: float
    path: NDArray[np.intp]


def draw_warps(collection: Collection, found: dict[str, Found], path: Path, *, beats: bool) -> None:
    """Draw queries over their nearest before and after warping along the best path, and the path beside.

    Args:
        collection: Where they are.
        found: Key of `QUERIES` -> its nearest by "dtw", or "beat-dtw".
        path: The PNG file.
        beats: Whether typical beats are warped; otherwise strips.
    """
    figure = new_figure(10.0, 0.4 + 3.3 * len(found))
    what = "typical beats (beat-dtw)" if beats else f"strips (dtw), the first {SHOWN_S:g} s of 10 s"
    figure.suptitle(f"Recorded ECGs (PTB-XL): {what} over their nearest", fontsize=_TITLE, weight="bold")
    for place, (query, near) in zip(figure.subfigures(len(found), 1, squeeze=False).flat, found.items(), strict=True):
        row, other = collection.queries[query], int(near.rows[0])
        pair = _warp(collection, row, other, beats=beats)
        place.suptitle(
            f"{collection.labels[row]} (black) and its nearest: {collection.labels[other]} (blue), "
            f"{near.distances[0]:.1f} mV",
            fontsize=8,
        )
        left, right = place.subfigures(1, 2, squeeze=False, width_ratios=(7, 3)).flat
        _draw_overlays(left, pair, beats=beats)
        _draw_path(right, pair, beats=beats)
    save_small(figure, path)


def _warp(collection: Collection, query: int, other: int, *, beats: bool) -> _Pair:
    both, rate = collection.waveforms[[query, other]], collection.sampling_rate_hz
    if beats:
        ecgs, rate = to_beats(both, rate), BEAT_RATE_HZ
    else:
        ecgs, rate = as_compared(both, sampling_rate_hz=rate, distance="dtw")
    return _Pair(ecgs[0], ecgs[1], rate, dtw_path(ecgs[0], ecgs[1], sampling_rate_hz=rate))


def warped(other: Waveform, path: NDArray[np.intp]) -> Waveform:
    """Put an ECG on the time axis of another: at each sample of that the mean of the samples it is matched with.

    Args:
        other: Shape (n_leads, n_samples).
        path: Shape (n_steps, 2), of `dtw_path`: samples of the one and of `other`.
    """
    n = other.shape[1]
    counts = np.bincount(path[:, 0], minlength=n)
    sums = [np.bincount(path[:, 0], weights=lead[path[:, 1]], minlength=n) for lead in other]
    return (np.array(sums) / counts).astype(np.float32)


def _draw_overlays(place: SubFigure, pair: _Pair, *, beats: bool) -> None:
    after = warped(pair.other, pair.path)
    if beats:
        panels = place.subplots(2, len(BEAT_LEADS), sharex=True, sharey="col")
        times_s = np.arange(pair.query.shape[1]) / pair.rate_hz - BEAT_BEFORE_S
    else:
        panels = place.subplots(2, 1, sharex=True, squeeze=False)
        times_s = np.arange(pair.query.shape[1]) / pair.rate_hz
    for line, (other, when) in enumerate(((pair.other, "before"), (after, "after warping"))):
        for column, lead in enumerate(BEAT_LEADS if beats else WARPED_LEADS):
            axes = panels[line, column]
            for ecg, colour in ((pair.query, QUERY), (other, OTHER)):
                axes.plot(times_s, ecg[LEADS.index(lead)], color=colour, linewidth=1.0)
            title(axes, f"{lead}, {when}")
            axes.tick_params(labelsize=7, length=2)
            axes.grid(color="0.92", linewidth=0.6)
            axes.set_xlim(times_s[0], times_s[-1] if beats else SHOWN_S)
            label_axes(axes, seconds=line == 1, millivolts=column == 0)


def _draw_path(place: SubFigure, pair: _Pair, *, beats: bool) -> None:
    """Draw which time of the query is matched with which of the other, and the edges of the band."""
    axes = place.subplots()
    first_s = -BEAT_BEFORE_S if beats else 0.0
    query_s, other_s = first_s + pair.path.T / pair.rate_hz
    last_s = first_s + (pair.query.shape[1] - 1) / pair.rate_hz
    radius_s = radius_of_band(None, n_samples=pair.query.shape[1], sampling_rate_hz=pair.rate_hz) / pair.rate_hz
    for shift_s in (-radius_s, radius_s):
        axes.plot([first_s, last_s], [first_s + shift_s, last_s + shift_s], color="0.6", linewidth=0.8, linestyle="--")
    axes.plot([first_s, last_s], [first_s, last_s], color="0.8", linewidth=0.8)
    axes.plot(query_s, other_s, color=MARK, linewidth=1.4)
    axes.set(xlim=(first_s, last_s), ylim=(first_s, last_s), aspect="equal")
    axes.set_xlabel("time of the query, s", fontsize=8)
    axes.set_ylabel("time of its nearest, s", fontsize=8)
    axes.tick_params(labelsize=7, length=2)
    title(axes, "path (red), band (dashed)")
