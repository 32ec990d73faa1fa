"""The picture of how far ECGs and catheter values are apart, `gaps.png` in the store."""

import io
import math
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from hemometric.targets import Target

_COLOUR, _GREY = "#0072b2", "#555555"
_N_BINS = 48
_COLUMNS = 2


def draw_gaps(links: pa.Table, *, targets: Mapping[str, Target], window_hours: float, simulated: bool) -> bytes:
    """Draw for each target how many ECGs lie how many hours before or after their catheter value.

    Args:
        links: `LINKS_SCHEMA`, at least one row.
        targets: All that occur, by name; a panel each, in this order.
        window_hours: The axis reaches as far, or as far as the known gaps where those are less.
        simulated: Whether the ECGs are simulated; then the picture says so.

    Returns:
        A PNG; the same links give the same bytes.
    """
    there = set(pc.unique(links["target"]).to_pylist())
    names = [name for name in targets if name in there]
    gaps = {name: _gaps_of(links, name) for name in names}
    known = np.concatenate([found[np.isfinite(found)] for found in gaps.values()])
    reach = max(float(np.abs(known).max(initial=0.0)), min(window_hours, 1.0), 1e-3)
    n_rows = math.ceil(len(names) / _COLUMNS)
    n_columns = min(len(names), _COLUMNS)
    figure = Figure(figsize=(4.8 * n_columns + 0.6, 2.9 * n_rows + 0.5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for axes, name in zip(panels, names, strict=False):
        _draw_panel(axes, gaps[name], title=targets[name].title, reach=reach)
    for axes in panels[len(names) :]:
        axes.set_axis_off()
    title = "From catheter value to ECG"
    figure.suptitle(f"{title} (SIMULATED, never clinical)" if simulated else title, fontsize=11, fontweight="bold")
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()


def _gaps_of(links: pa.Table, target: str) -> np.ndarray:
    """Hours of each linked ECG of a target, NaN where only dates are known."""
    mine = links.filter(pc.equal(links["target"], target))
    gaps: np.ndarray = mine["gap_hours"].to_numpy()  # null becomes NaN
    return gaps


def _draw_panel(axes: Axes, gaps: np.ndarray, *, title: str, reach: float) -> None:
    timed = gaps[np.isfinite(gaps)]
    axes.set_title(title, fontsize=10, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    says = f"{len(gaps):,} ECGs"
    if len(timed) < len(gaps):
        says += f"\n{len(gaps) - len(timed):,} by date only, not drawn"
    if len(timed):
        axes.hist(timed, bins=np.linspace(-reach, reach, _N_BINS + 1).tolist(), color=_COLOUR)
        says += f"\nmedian |gap| {np.median(np.abs(timed)):.1f} h"
    axes.axvline(0.0, color=_GREY, linewidth=1.0, linestyle=(0, (4, 3)))
    axes.text(0.02, 0.97, says, transform=axes.transAxes, va="top", fontsize=8, color=_GREY)
    axes.set(xlim=(-reach, reach), xlabel="ECG minus catheter value, hours (below 0: ECG first)", ylabel="ECGs")
    axes.margins(y=0.25)
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
