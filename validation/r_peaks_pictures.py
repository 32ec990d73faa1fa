"""Pictures and counts of docs/r-peaks.md: `python -m validation.r_peaks_pictures DATA --out docs/images/r-peaks`.

Draws the disagreements that the page shows, with the marks of `find_r_peaks` and of the two other programs, and the
paced records of PTB-XL (SCP statement PACE) with their typical beats. Prints how many R peaks of the paced records stay
where they are at other rates, and when the pacing spikes are made larger.
"""

import argparse
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, median_filter

from hemometric.ecg import LEADS, Ecg, Waveform
from hemometric.formats import find_records, read_ecg
from hemometric.waveform import find_r_peaks, median_beat, resample
from hemometric.waveform.beats import beat_window
from validation.near_ecgs import read_statements
from validation.near_figures import MARK, OTHER, QUERY, draw_leads, label_axes, new_figure, rooms, save_small, title
from validation.r_peaks import REFERENCE_LEADS, Marked, mark_one
from validation.sections import as_table


class _Shown(NamedTuple):
    """A disagreement: of which record, around which second, and what is to be seen."""

    record: str
    at_s: float
    text: str


OUR_ERRORS = (
    _Shown("00304_hr", 1.13, "304: electrodes of V4 and V5 disturbed"),
    _Shown("Q0010", 11.3, "Q0010: electrodes lose contact"),
    _Shown("00077_hr", 0.14, "77: T wave, its QRS before the record"),
    _Shown("00473_hr", 0.18, "473: T wave, its QRS before the record"),
    _Shown("00423_hr", 0.11, "423: late, QRS cut off by the start"),
    _Shown("00038_hr", 9.84, "38: early, QRS cut off by the end"),
)
OTHERS_ERRORS = (
    _Shown("00155_hr", 2.1, "155: P and T waves taken for beats in II"),
    _Shown("00446_hr", 1.5, "446: P waves taken for beats in II"),
    _Shown("00455_hr", 2.15, "455: wide QRS marked twice"),
    _Shown("00281_hr", 3.8, "281: neurokit2 misses negative QRS"),
    _Shown("00385_hr", 7.27, "385, paced: one marks spikes, one QRS"),
    _Shown("00266_hr", 4.41, "266: ectopic beat, agreed in one lead"),
)
"""Some of what docs/r-peaks.md counts, one of each cause."""

RATES_HZ = (500.0, 250.0, 100.0)
FACTORS = (1, 2, 4, 8)
PACED_LEADS = ("II", "V2")

_HALF_S = 1.1
_SAME_S = 0.04
_SPIKE_S = 0.022
_LEAST_SPIKE_MV = 0.5
_TITLE = 10


def main() -> None:
    """Draw all pictures and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?", default=os.environ.get("HEMOMETRIC_REAL_DATA"))
    parser.add_argument("--out", type=Path, required=True, help="folder for the pictures")
    options = parser.parse_args()
    if options.data is None:
        parser.error("name a folder, or set HEMOMETRIC_REAL_DATA")
    data = Path(options.data)
    draw_disagreements(data, OUR_ERRORS, options.out / "ours.png", "Where find_r_peaks is wrong")
    draw_disagreements(
        data, OTHERS_ERRORS, options.out / "others.png", "Where the other programs are wrong, or do not agree"
    )
    paced = {number: read_ecg(row.path) for number, row in read_statements(data).items() if "PACE" in row.codes}
    for name, numbers in (("paced-1", (143, 190, 382)), ("paced-2", (385, 498))):
        draw_paced({number: paced[number] for number in numbers}, options.out / f"{name}.png")
    print(count_with_larger_spikes(paced))


def draw_disagreements(data: Path, shown: tuple[_Shown, ...], path: Path, heading: str) -> None:
    """Draw stretches of 2.2 s with all marks, three in a row.

    Args:
        data: Folder that holds ptbxl/ and challenge2021/.
        shown: What.
        path: The PNG file.
        heading: Above all.
    """
    records = {record.stem: record for folder in ("ptbxl", "challenge2021") for record in find_records(data / folder)}
    figure = new_figure(10.0, 0.6 + 3.1 * -(-len(shown) // 3))
    figure.suptitle(
        f"{heading}\nred lines: find_r_peaks; in each lead above it: neurokit2 (triangles), XQRS (circles)",
        fontsize=_TITLE,
        weight="bold",
    )
    panels = figure.subplots(-(-len(shown) // 3), 3, squeeze=False)
    for number, (one, axes) in enumerate(zip(shown, panels.flat, strict=True)):
        _draw_marked(axes, mark_one(read_ecg(records[one.record])), one)
        label_axes(axes, seconds=True, millivolts=number % 3 == 0)
    save_small(figure, path)


def _draw_marked(axes: Axes, record: Marked, shown: _Shown) -> None:
    ecg = record.ecg
    first_s = max(0.0, min(shown.at_s - _HALF_S, ecg.duration_s - 2 * _HALF_S))
    first = round(first_s * ecg.sampling_rate_hz)
    stretch = ecg.waveform[:, first : first + round(2 * _HALF_S * ecg.sampling_rate_hz)]
    room = {
        lead: one._replace(above=min(one.above, 1.5) + 0.5, below=min(one.below, 1.5))
        for lead, one in zip(REFERENCE_LEADS, rooms([stretch], REFERENCE_LEADS), strict=True)
    }
    places = draw_leads(axes, stretch, sampling_rate_hz=ecg.sampling_rate_hz, leads=room, n_marks=16)
    for lead, place in zip(REFERENCE_LEADS, places, strict=True):
        for times, symbol, up in zip(record.marks[lead], "vo", (0.12, 0.34), strict=True):
            seen = times[(times >= first_s) & (times <= first_s + 2 * _HALF_S)] - first_s
            heights = np.full(len(seen), place + room[lead].above - up)
            axes.plot(
                seen, heights, symbol, color=OTHER, markersize=4, markerfacecolor="none" if symbol == "o" else None
            )
    for peak in record.found[(record.found >= first_s) & (record.found <= first_s + 2 * _HALF_S)] - first_s:
        axes.axvline(peak, color=MARK, linewidth=1.0)
    axes.set(xlim=(0.0, 2 * _HALF_S))
    ticks = np.arange(np.ceil(2 * first_s) / 2, first_s + 2 * _HALF_S, 0.5)
    axes.set_xticks(ticks - first_s, labels=[f"{tick:.1f}" for tick in ticks])
    title(axes, shown.text)


def draw_paced(ecgs: dict[int, Ecg], path: Path) -> None:
    """Draw each record with its R peaks, and below its typical beat at three rates.

    Args:
        ecgs: ecg_id -> record.
        path: The PNG file.
    """
    figure = new_figure(10.0, 0.4 + 4.2 * len(ecgs))
    figure.suptitle(
        "Paced records of PTB-XL: R peaks (red) at 500 Hz; below, typical beats", fontsize=_TITLE, weight="bold"
    )
    for place, (number, ecg) in zip(figure.subfigures(len(ecgs), 1, squeeze=False).flat, ecgs.items(), strict=True):
        above, below = place.subfigures(2, 1, squeeze=False, height_ratios=(5, 4)).flat
        _draw_strip(above, number, ecg)
        _draw_beats(below, ecg)
    save_small(figure, path)


def _draw_strip(place: SubFigure, number: int, ecg: Ecg) -> None:
    axes = place.subplots()
    shown = ecg.waveform[:, : round(10.0 * ecg.sampling_rate_hz)]
    room = dict(zip(PACED_LEADS, rooms([shown], PACED_LEADS), strict=True))
    draw_leads(axes, shown, sampling_rate_hz=ecg.sampling_rate_hz, leads=room, n_marks=12)
    peaks = find_r_peaks(ecg.waveform, sampling_rate_hz=ecg.sampling_rate_hz)
    for peak in peaks / ecg.sampling_rate_hz:
        axes.axvline(peak, color=MARK, linewidth=0.9)
    axes.set(xlim=(-0.03, 10.0), xticks=range(11))
    title(axes, f"ecg_id {number}: {len(peaks)} beats", bold=True)
    label_axes(axes, seconds=True, millivolts=True)


def _draw_beats(place: SubFigure, ecg: Ecg) -> None:
    panels = place.subplots(1, len(RATES_HZ), sharex=True, sharey=True)
    for axes, rate_hz in zip(panels, RATES_HZ, strict=True):
        waveform = resample(ecg.waveform, from_hz=ecg.sampling_rate_hz, to_hz=rate_hz)
        beat = median_beat(waveform, sampling_rate_hz=rate_hz)
        times_s = (np.arange(beat.shape[1]) - beat_window(rate_hz)[0]) / rate_hz
        for lead, colour in zip(PACED_LEADS, (QUERY, OTHER), strict=True):
            axes.plot(times_s, beat[LEADS.index(lead)], color=colour, linewidth=0.9)
        axes.axvline(0.0, color=MARK, linewidth=0.9)
        axes.grid(color="0.92", linewidth=0.6)
        axes.tick_params(labelsize=7, length=2)
        title(axes, f"{rate_hz:g} Hz: {PACED_LEADS[0]} black, {PACED_LEADS[1]} blue")
        label_axes(axes, seconds=True, millivolts=axes is panels[0])


def count_with_larger_spikes(paced: dict[int, Ecg]) -> str:
    """Count the R peaks that are, to 40 ms, where they are at 500 Hz with the spikes as recorded.

    The spikes of these records lie at least 55 ms before the R peaks.

    Returns:
        A table in Markdown; "11 of 12, 1 more" are eleven such peaks and another one elsewhere.
    """
    rows = []
    for number, ecg in paced.items():
        rate = ecg.sampling_rate_hz
        usual_s = find_r_peaks(ecg.waveform, sampling_rate_hz=rate) / rate
        for rate_hz in RATES_HZ:
            cells = []
            for factor in FACTORS:
                waveform = resample(enlarge_spikes(ecg.waveform, rate, factor), from_hz=rate, to_hz=rate_hz)
                found_s = find_r_peaks(waveform, sampling_rate_hz=rate_hz) / rate_hz
                kept = sum(bool(np.abs(found_s - peak).min(initial=np.inf) <= _SAME_S) for peak in usual_s)
                more = f", {len(found_s) - kept} more" if len(found_s) > kept else ""
                cells.append(f"{kept} of {len(usual_s)}{more}")
            rows.append((str(number), f"{rate_hz:g}", *cells))
    return as_table(("ecg_id", "Hz", "spikes as recorded", *(f"{factor} times" for factor in FACTORS[1:])), rows)


def enlarge_spikes(waveform: Waveform, sampling_rate_hz: float, factor: float) -> Waveform:
    """Make pacing spikes larger: what a median filter over 22 ms takes away, where that is more than 0.5 mV.

    Args:
        waveform: Shape (n_leads, n_samples), mV, at 500 Hz or more.
        sampling_rate_hz: Samples per second.
        factor: How many times larger.
    """
    width = round(_SPIKE_S * sampling_rate_hz) | 1
    sharp = waveform - median_filter(waveform, size=(1, width), mode="nearest")
    is_spike: NDArray[np.bool_] = binary_dilation(np.abs(sharp).max(axis=0) > _LEAST_SPIKE_MV, iterations=width // 5)
    return (waveform + np.float32(factor - 1.0) * np.where(is_spike, sharp, 0.0)).astype(np.float32)


if __name__ == "__main__":
    main()
