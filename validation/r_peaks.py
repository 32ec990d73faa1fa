"""R peaks of recorded ECGs against two programs of others: `python -m validation.r_peaks [DATA] [--plots FOLDER]`.

neurokit2 and XQRS of wfdb each look at one lead. A beat on which they agree is one that both mark within 75 ms in the
same lead. They read leads II, V2 and V5 at 250 Hz (at 1000 Hz XQRS finds nothing in two of the three PTBDB records).
"In two leads" are the beats on which they agree in at least two of the three, so that a single lead with small
complexes or tall T waves does not decide what a beat is. Beats within 0.3 s of the ends of a record are left out, since
single-lead programs mark few of them; other margins and references are printed beside it.
"""

import argparse
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import neurokit2
import numpy as np
import wfdb.processing
from numpy.typing import NDArray

from hemometric.ecg import LEADS, Ecg, Waveform
from hemometric.formats import find_records, read_ecg
from hemometric.waveform import assess, find_r_peaks, plot_ecg, resample

Seconds = NDArray[np.float64]

TOLERANCE_S = 0.075
MARGIN_S = 0.3
_FOLDERS = ("ptbxl", "ptbdb", "challenge2021")
_REFERENCE_HZ = 250.0
REFERENCE_LEADS = ("II", "V2", "V5")


@dataclass(frozen=True, slots=True, eq=False)
class Marked:
    """The beats of one record, in seconds.

    Attributes:
        ecg: The record.
        found: Those that `find_r_peaks` finds.
        agreed: Those on which both programs agree in at least one lead.
        n_leads: Shape of `agreed`: in how many leads.
        agreed_in_ii: Those on which they agree in lead II.
        marks: Lead -> all that neurokit2 and that XQRS mark in it.
    """

    ecg: Ecg
    found: Seconds
    agreed: Seconds
    n_leads: NDArray[np.int64]
    agreed_in_ii: Seconds
    marks: dict[str, tuple[Seconds, Seconds]]

    def beats(self, reference: str) -> Seconds:
        """The beats of a reference: "in lead II", "in any lead" or "in two leads"."""
        if reference == "in lead II":
            return self.agreed_in_ii
        return self.agreed[self.n_leads >= (2 if reference == "in two leads" else 1)]


REFERENCES = ("in two leads", "in any lead", "in lead II")


@dataclass(frozen=True, slots=True)
class Score:
    """How often the two sides agree.

    Attributes:
        n_reference: Beats of the reference.
        n_found: Beats of `find_r_peaks`.
        sensitivity: Part of the reference's beats that are found.
        predictivity: Part of the found beats that the reference has.
    """

    n_reference: int
    n_found: int
    sensitivity: float
    predictivity: float


def mark(data: Path) -> Iterator[Marked]:
    """Mark the beats of every record below `data` that passes quality."""
    for path in (path for folder in _FOLDERS for path in find_records(data / folder)):
        ecg = read_ecg(path)
        if not any(finding.refuse for finding in assess(ecg.waveform, sampling_rate_hz=ecg.sampling_rate_hz)):
            yield mark_one(ecg)


def mark_one(ecg: Ecg) -> Marked:
    """Mark the beats of one record."""
    rate = ecg.sampling_rate_hz
    found = find_r_peaks(ecg.waveform, sampling_rate_hz=rate) / rate
    waveform = resample(ecg.waveform, from_hz=rate, to_hz=_REFERENCE_HZ)
    marks = {lead: _ask_others(waveform[LEADS.index(lead)]) for lead in REFERENCE_LEADS}
    in_leads = [_agree(*marks[lead]) for lead in REFERENCE_LEADS]
    agreed, n_leads = _merge(in_leads)
    return Marked(ecg, found, agreed, n_leads, in_leads[0], marks)


def score(marked: list[Marked], *, reference: str, margin_s: float = MARGIN_S) -> Score:
    """Compare over all records, beats nearer than `margin_s` to the ends left out."""
    counts = np.zeros(4)
    for record in marked:
        beats = record.beats(reference)
        in_reference, in_found = _inside(beats, record, margin_s), _inside(record.found, record, margin_s)
        hit, confirmed = _matched(beats, record.found), _matched(record.found, beats)
        counts += (hit & in_reference).sum(), in_reference.sum(), (confirmed & in_found).sum(), in_found.sum()
    return Score(int(counts[1]), int(counts[3]), float(counts[0] / counts[1]), float(counts[2] / counts[3]))


class Disagreements(NamedTuple):
    """Beats of one record on which not everybody agrees, in seconds.

    Attributes:
        missed: Those on which both programs agree in a lead or more and that are not found.
        in_one_lead: Found, and agreed in one lead only.
        alone: Found, and agreed in none.
    """

    missed: Seconds
    in_one_lead: Seconds
    alone: Seconds


def disagreements(record: Marked, *, margin_s: float = MARGIN_S) -> Disagreements:
    """List the beats of a record that are not both found and agreed in two leads, without those near its ends."""
    agreed, found = record.agreed, record.found
    missed = agreed[~_matched(agreed, found) & _inside(agreed, record, margin_s)]
    in_any, in_two = _matched(found, agreed), _matched(found, record.beats("in two leads"))
    inside = _inside(found, record, margin_s)
    return Disagreements(missed, found[in_any & ~in_two & inside], found[~in_any & inside])


def main() -> None:
    """Print the scores and the worst disagreements, and draw these."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?", default=os.environ.get("HEMOMETRIC_REAL_DATA"))
    parser.add_argument("--plots", type=Path, help="where to draw the records with disagreements")
    options = parser.parse_args()
    if options.data is None:
        parser.error("name a folder, or set HEMOMETRIC_REAL_DATA")
    marked = list(mark(Path(options.data)))
    print(f"{len(marked)} records, within {1000 * TOLERANCE_S:g} ms")
    for margin_s in (0.0, MARGIN_S, 0.5):
        for reference in REFERENCES:
            got = score(marked, reference=reference, margin_s=margin_s)
            print(
                f"margin {margin_s:g} s, agreed {reference:12s}: sensitivity {got.sensitivity:.4f} "
                f"of {got.n_reference:,}, positive predictivity {got.predictivity:.4f} of {got.n_found:,}"
            )
    near_ends = sum(len(disagreements(record, margin_s=0.0).alone) for record in marked)
    near_ends -= sum(len(disagreements(record).alone) for record in marked)
    print(f"nearer to the ends than {MARGIN_S:g} s: {near_ends} found alone")
    for record in sorted(marked, key=_n_disagreements, reverse=True):
        if _n_disagreements(record) == 0:
            break
        note = ", ".join(
            f"{kind.replace('_', ' ')} at {times.round(2).tolist()} s"
            for kind, times in disagreements(record)._asdict().items()
            if len(times)
        )
        print(f"{record.ecg.ecg_id}: {note}")
        if options.plots is not None:
            options.plots.mkdir(parents=True, exist_ok=True)
            plot_ecg(replace(record.ecg, notes=(note,)), options.plots / f"{record.ecg.ecg_id}.png")


def _ask_others(lead: Waveform) -> tuple[Seconds, Seconds]:
    """The beats that neurokit2 and that XQRS mark in one lead (n,) at 250 Hz."""
    signal, rate = lead.astype(np.float64), round(_REFERENCE_HZ)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clean = neurokit2.ecg_clean(signal, sampling_rate=rate)
        one = np.asarray(neurokit2.ecg_peaks(clean, sampling_rate=rate)[1]["ECG_R_Peaks"], dtype=np.float64)
        xqrs = wfdb.processing.XQRS(sig=signal, fs=rate)
        xqrs.detect(verbose=False)
    return one / rate, np.asarray(xqrs.qrs_inds, dtype=np.float64) / rate


def _agree(one: Seconds, other: Seconds) -> Seconds:
    """The beats that both have, halfway between their marks."""
    pairs = _pair(one, other)
    both: Seconds = 0.5 * (one[pairs[:, 0]] + other[pairs[:, 1]])
    return both


def _merge(in_leads: list[Seconds]) -> tuple[Seconds, NDArray[np.int64]]:
    """Put the beats of several leads together: median times, and in how many leads each was."""
    groups: list[list[tuple[float, int]]] = []
    for time_s, lead in sorted((float(t), lead) for lead, times in enumerate(in_leads) for t in times):
        last = groups[-1] if groups else []
        is_same = bool(last) and time_s - float(np.mean([t for t, _ in last])) <= TOLERANCE_S
        if is_same and lead not in [known for _, known in last]:
            last.append((time_s, lead))
        else:
            groups.append([(time_s, lead)])
    times = np.array([np.median([t for t, _ in group]) for group in groups], dtype=np.float64)
    return times, np.array([len(group) for group in groups], dtype=np.int64)


def _pair(one: Seconds, other: Seconds) -> NDArray[np.intp]:
    """Return rows (k, 2) of beats that are each other's nearest, and within the tolerance."""
    if len(one) == 0 or len(other) == 0:
        return np.empty((0, 2), dtype=np.intp)
    distance = np.abs(one[:, None] - other)
    rows, nearest = np.arange(len(one)), distance.argmin(axis=1)
    mutual = (distance[rows, nearest] <= TOLERANCE_S) & (distance.argmin(axis=0)[nearest] == rows)
    pairs: NDArray[np.intp] = np.column_stack([rows, nearest])[mutual]
    return pairs


def _matched(beats: Seconds, others: Seconds) -> NDArray[np.bool_]:
    matched = np.zeros(len(beats), dtype=np.bool_)
    matched[_pair(beats, others)[:, 0]] = True
    return matched


def _inside(beats: Seconds, record: Marked, margin_s: float) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_] = (beats >= margin_s) & (beats <= record.ecg.duration_s - margin_s)
    return inside


def _n_disagreements(record: Marked) -> int:
    return sum(len(times) for times in disagreements(record))


if __name__ == "__main__":
    main()
