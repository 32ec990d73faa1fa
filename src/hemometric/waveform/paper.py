"""A 12-lead ECG as cardiologists read it: on paper with a grid of 1 and 5 mm, 25 mm/s and 10 mm/mV."""

import math
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hemometric.ecg import LEADS, Ecg
from hemometric.waveform.beats import SLOWEST_RATE_HZ, find_r_peaks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MM_PER_S = 25.0
MM_PER_MV = 10.0
PAGE_S = 10.0
"""How much of a record one page shows."""

ROWS = (("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6"), ("II",))
"""Leads of each row from left to right; a row of four shows 2.5 s of each, the last row is the rhythm strip."""

TALLEST_MM = 60.0
"""Most room that a row gives to either side of its baseline; what goes beyond 6 mV is cut off, and that is said."""

_SAID_OFFSET_MV = 1.0
"""From which offset of a lead on the page tells it; in 70 real records none is over 0.16 mV."""

_PIXELS_PER_MM = 8
_LEFT_MM, _RIGHT_MM, _BOTTOM_MM = 15.0, 10.0, 10.0
_LINE_MM, _LABEL_MM, _GAP_MM, _LEAST_MM = 5.0, 5.0, 3.0, 10.0
_PAPER, _FINE, _COARSE, _MARK, _INK = "#fffaf7", "#f8d9d2", "#eda99d", "#3b6fb5", "#111111"


@dataclass(frozen=True, slots=True)
class _Piece:
    """A stretch of one lead: seconds from the start of the page, and heights above the baseline in mm."""

    lead: str
    start_s: float
    times_s: NDArray[np.float64]
    heights_mm: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of the page: what it shows, and where its baseline and upper edge lie, in mm from the top of the page."""

    pieces: tuple[_Piece, ...]
    baseline_mm: float
    top_mm: float


def plot_ecg(ecg: Ecg, path: str | Path) -> None:
    """Draw the first 10 s of an ECG as a PNG of true scale (203.2 dpi: one millimetre is 8 pixels).

    Three rows of four leads, 2.5 s each, on a common time axis, and lead II over the whole 10 s; rows are as far apart
    as their amplitudes ask for, so that they do not run into each other. Each lead is drawn about its median; nothing
    is filtered. A shorter record leaves the rest of the paper empty; samples that are not finite leave a gap.

    Args:
        ecg: What to draw.
        path: The PNG file to write; an existing one is replaced.

    Raises:
        OSError: The file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    n_shown = min(ecg.n_samples, round(PAGE_S * ecg.sampling_rate_hz))
    pieces = _cut_pieces(_centre(ecg.waveform[:, :n_shown]) * MM_PER_MV, ecg.sampling_rate_hz)
    is_cut = any(np.nanmax(np.abs(piece.heights_mm), initial=0.0) > TALLEST_MM for row in pieces for piece in row)
    lines = _header(ecg, n_shown, is_cut)
    rows, height_mm = _lay_out(pieces, top_mm=_LINE_MM * (len(lines) + 1))
    width_mm = _LEFT_MM + PAGE_S * MM_PER_S + _RIGHT_MM
    figure = Figure(figsize=(width_mm / 25.4, height_mm / 25.4), dpi=25.4 * _PIXELS_PER_MM, facecolor=_PAPER)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set(xlim=(0.0, width_mm), ylim=(height_mm, 0.0))
    axes.set_axis_off()
    _draw_grid(axes, width_mm, height_mm)
    for number, line in enumerate(lines):
        weight = "bold" if number == 0 else "normal"
        axes.text(
            5.0, _LINE_MM * (number + 1.2), line, size=9, weight=weight, color=_INK, va="center", parse_math=False
        )
    for row in rows:
        _draw_row(axes, row)
    figure.savefig(path, format="png", metadata={"Software": None})


def _centre(waveform: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the leads about their medians, samples that are not finite as NaN."""
    values = np.where(np.isfinite(waveform), waveform, np.nan).astype(np.float64)
    has_values = np.isfinite(values).any(axis=1)
    values[has_values] -= np.nanmedian(values[has_values], axis=1, keepdims=True)
    return values


def _header(ecg: Ecg, n_shown: int, is_cut: bool) -> list[str]:
    """Return the lines above the tracing: who and when, how, and what the reader had to assume."""
    age = "age unknown" if ecg.age_years is None else f"{ecg.age_years:g} years"
    who = (ecg.ecg_id, f"patient {ecg.patient_id or 'unknown'}", age, ecg.sex or "sex unknown")
    when = ecg.acquired_at or "time unknown"
    how = [f"{MM_PER_S:g} mm/s  {MM_PER_MV:g} mm/mV", f"{ecg.sampling_rate_hz:g} Hz, not filtered"]
    rate = _heart_rate(ecg, n_shown)
    if rate is not None:
        how.append(f"rate {rate:.0f}/min")
    if n_shown < ecg.n_samples:
        how.append(f"first {PAGE_S:g} s of {ecg.duration_s:.1f} s")
    elif n_shown < math.floor(PAGE_S * ecg.sampling_rate_hz):
        how.append(f"record ends at {ecg.duration_s:.1f} s")
    how += _describe_offsets(ecg.waveform[:, :n_shown])
    if is_cut:
        how.append(f"peaks beyond {TALLEST_MM / MM_PER_MV:g} mV cut off")
    notes = [line for note in ecg.notes for line in textwrap.wrap(note, 150)]
    return ["    ".join((*who, when)), "    ".join(how), *notes]


def _describe_offsets(waveform: NDArray[np.float32]) -> list[str]:
    """Say which leads lie so far from zero, by their median in mV, that drawing them about it hides something."""
    offsets = {lead: values[np.isfinite(values)] for lead, values in zip(LEADS, waveform, strict=True)}
    medians = {lead: float(np.median(values)) for lead, values in offsets.items() if len(values)}
    far = [f"{lead} {median:+.3g}" for lead, median in medians.items() if abs(median) > _SAID_OFFSET_MV]
    return [f"offset taken away, mV: {', '.join(far[:4])}{', ...' if len(far) > 4 else ''}"] if far else []


def _heart_rate(ecg: Ecg, n_shown: int) -> float | None:
    shown = ecg.waveform[:, :n_shown]
    if ecg.sampling_rate_hz < SLOWEST_RATE_HZ or not np.isfinite(shown).all():
        return None
    peaks = find_r_peaks(shown, sampling_rate_hz=ecg.sampling_rate_hz)
    return None if len(peaks) < 2 else 60.0 * ecg.sampling_rate_hz / float(np.diff(peaks).mean())


def _cut_pieces(heights_mm: NDArray[np.float64], sampling_rate_hz: float) -> list[tuple[_Piece, ...]]:
    """Return what each row shows, from left to right on one time axis."""
    times_s = np.arange(heights_mm.shape[1]) / sampling_rate_hz
    rows = []
    for leads in ROWS:
        length_s = PAGE_S / len(leads)
        pieces = []
        for column, lead in enumerate(leads):
            start_s = column * length_s
            is_shown = (times_s >= start_s) & (times_s < start_s + length_s)
            pieces.append(_Piece(lead, start_s, times_s[is_shown], heights_mm[LEADS.index(lead), is_shown]))
        rows.append(tuple(pieces))
    return rows


def _lay_out(pieces_by_row: list[tuple[_Piece, ...]], *, top_mm: float) -> tuple[list[_Row], float]:
    """Return the rows from the top down and the height of the page, baselines on the 5 mm grid."""
    rows = []
    edge_mm = top_mm
    for pieces in pieces_by_row:
        shown = np.concatenate([piece.heights_mm for piece in pieces])
        above = min(max(float(np.nanmax(shown, initial=0.0)), _LEAST_MM), TALLEST_MM)
        below = min(max(float(-np.nanmin(shown, initial=0.0)), _LEAST_MM / 2), TALLEST_MM)
        baseline_mm = 5.0 * math.ceil((edge_mm + _LABEL_MM + above) / 5.0)
        rows.append(_Row(pieces, baseline_mm, baseline_mm - above - _LABEL_MM))
        edge_mm = baseline_mm + below + _GAP_MM
    return rows, 5.0 * math.ceil((edge_mm + _BOTTOM_MM) / 5.0)


def _draw_grid(axes: "Axes", width_mm: float, height_mm: float) -> None:
    for step_mm, colour, width in ((1, _FINE, 0.3), (5, _COARSE, 0.6)):
        x_mm = np.arange(0, width_mm + 0.5, step_mm)
        y_mm = np.arange(0, height_mm + 0.5, step_mm)
        axes.vlines(x_mm, 0, height_mm, colors=colour, linewidths=width, zorder=0)
        axes.hlines(y_mm, 0, width_mm, colors=colour, linewidths=width, zorder=0)


def _draw_row(axes: "Axes", row: _Row) -> None:
    """Draw the calibration pulse, then each piece with the name of its lead and a mark where it begins."""
    pulse_x = np.array([4.0, 5.5, 5.5, 10.5, 10.5, 12.0])
    pulse_y = np.array([0.0, 0.0, 1.0, 1.0, 0.0, 0.0]) * MM_PER_MV
    axes.plot(pulse_x, row.baseline_mm - pulse_y, color=_INK, linewidth=0.8)
    for piece in row.pieces:
        x_mm = _LEFT_MM + piece.times_s * MM_PER_S
        y_mm = row.baseline_mm - np.clip(piece.heights_mm, -TALLEST_MM, TALLEST_MM)
        axes.plot(x_mm, y_mm, color=_INK, linewidth=0.8, solid_joinstyle="round")
        start_mm = _LEFT_MM + piece.start_s * MM_PER_S
        if piece.start_s > 0:
            mark_mm = row.baseline_mm + np.array([-3.0, 3.0])
            axes.plot([start_mm, start_mm], mark_mm, color=_MARK, linewidth=1.0)
        label_mm = row.top_mm + _LABEL_MM / 2
        axes.text(start_mm + 1.5, label_mm, piece.lead, size=9, weight="bold", color=_INK, va="center")
