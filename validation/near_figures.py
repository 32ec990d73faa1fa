"""What the pictures of ECGs in docs/ share: leads above one another with mV and s on the axes, and small files."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from hemometric.ecg import LEADS, Waveform

DPI = 100
"""At ten inches a picture is about as wide as GitHub shows it."""

QUERY, OTHER, MARK, SAME = "#111111", "#1f5fa8", "#c8102e", "#0b7a33"

_N_COLOURS = 48
_SMALL = 8
_GAP_SHARE = 0.06


def new_figure(width_in: float, height_in: float) -> Figure:
    """Return an empty figure that lays itself out."""
    figure = Figure(figsize=(width_in, height_in), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save_small(figure: Figure, path: Path) -> None:
    """Save a figure as a PNG of few colours."""
    path.parent.mkdir(parents=True, exist_ok=True)
    drawn = BytesIO()
    figure.savefig(drawn, format="png")
    with Image.open(drawn) as large:
        large.convert("RGB").quantize(_N_COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
            path, optimize=True
        )


class Room(NamedTuple):
    """How far a lead reaches from its median in mV, both >= 0."""

    below: float
    above: float


def rooms(waveforms: Sequence[Waveform], leads: tuple[str, ...]) -> list[Room]:
    """Return the room that each lead needs in the ECGs (12, n), but for the farthest two samples in a thousand."""
    found = []
    for lead in leads:
        ends = [
            np.quantile(row - np.median(row), (0.001, 0.999)) for row in (ecg[LEADS.index(lead)] for ecg in waveforms)
        ]
        low, high = np.min(ends), np.max(ends)
        found.append(Room(max(0.25, -float(low)), max(0.25, float(high))))
    return found


def draw_leads(
    axes: Axes,
    waveform: Waveform,
    *,
    sampling_rate_hz: float,
    leads: Mapping[str, Room],
    colour: str = QUERY,
    n_marks: int = 7,
) -> list[float]:
    """Draw some leads above one another, each about its median.

    The mV axis has 0 at the median of each lead, and one more mark where there is room.

    Args:
        axes: Where.
        waveform: Shape (12, n_samples), mV, in the order of `LEADS`.
        sampling_rate_hz: Samples per second.
        leads: Which, from the top down, and the room of each; what reaches farther is cut off.
        colour: Of the lines.
        n_marks: For how many marks the axis has room.

    Returns:
        Where the medians stand on the axis.
    """
    times_s = np.arange(waveform.shape[1]) / sampling_rate_hz
    whole_mv = sum(room.below + room.above for room in leads.values()) * (1 + _GAP_SHARE * (len(leads) - 1))
    mark_mv = next((mark for mark in (0.5, 1.0, 2.0) if mark > whole_mv / n_marks), 5.0)
    places: list[float] = []
    edge = 0.0
    for lead, room in leads.items():
        places.append(edge - room.above)
        edge = places[-1] - room.below - _GAP_SHARE * whole_mv
        values = waveform[LEADS.index(lead)]
        axes.plot(
            times_s,
            np.clip(values - np.median(values), -room.below, room.above) + places[-1],
            color=colour,
            linewidth=0.8,
        )
    marks: list[tuple[float, float]] = []
    for place, room in zip(places, leads.values(), strict=True):
        # Above zero if it fits there, else below if it fits there.
        fits = [(place, mark) for mark, side in ((mark_mv, room.above), (-mark_mv, room.below)) if mark_mv <= side]
        marks += fits[:1]
    axes.set_yticks(
        [*places, *(place + mark for place, mark in marks)],
        labels=[*(f"{lead}  0" for lead in leads), *(f"{mark:g}" for _, mark in marks)],
    )
    axes.set(ylim=(edge, _GAP_SHARE * whole_mv))
    axes.tick_params(labelsize=_SMALL - 1, length=2)
    axes.grid(axis="x", color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    return places


def label_axes(axes: Axes, *, seconds: bool, millivolts: bool) -> None:
    """Name the axes of a panel, where it stands at the edge of the picture."""
    if seconds:
        axes.set_xlabel("s", fontsize=_SMALL, labelpad=1)
    if millivolts:
        axes.set_ylabel("mV", fontsize=_SMALL, labelpad=1)


def title(axes: Axes, text: str, *, bold: bool = False, colour: str = "black") -> None:
    """Put a line above a panel."""
    weight = "bold" if bold else "normal"
    axes.set_title(text, fontsize=_SMALL, loc="left", pad=3, weight=weight, color=colour, parse_math=False)
