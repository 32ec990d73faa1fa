"""Simulated normals: their intervals against published limits, and whether others' software finds what was drawn."""

import contextlib
import warnings
from typing import NamedTuple

import neurokit2
import numpy as np

from hemometric.ecg import INDEPENDENT_ROWS, Waveform
from validation.drawing import Bools, Drawn, Floats, Ints, render_one_each
from validation.leads import check_leads
from validation.sections import Check, Section, Task, as_table, checks_table

_MOST_OUTSIDE = 0.06
_N_DELINEATED = 400
_MASON = "Mason 2007, n=46,129 (J Electrocardiol 2007;40:228)"
_WHI = "women, n=36,299 (PMC3825808, table 2)"
_P_DURATION = "CoLaus, n=3,459, 62 ± 10 years (PMC7678386)"


class _Limits(NamedTuple):
    """Published 2nd and 98th percentile of a quantity, for both sexes or for women."""

    what: str
    column: str
    low: float
    high: float
    women_only: bool
    source: str


_LIMITS = (
    _Limits("heart rate, /min", "heart_rate_bpm", 48, 98, False, _MASON),
    _Limits("P duration, ms", "p_duration_ms", 84.6, 139.4, False, _P_DURATION),
    _Limits("PR, ms", "pr_ms", 113, 212, False, _MASON),
    _Limits("QRS, ms", "qrs_ms", 69, 109, False, _MASON),
    _Limits("QTc (Fridericia), ms", "qtc_ms", 359, 445, False, _MASON),
    _Limits("frontal axis, deg", "axis_deg", -40, 91, False, _MASON),
    _Limits("heart rate of women, /min", "heart_rate_bpm", 49, 88, True, _WHI),
    _Limits("PR of women, ms", "pr_ms", 118, 212, True, _WHI),
    _Limits("QRS of women, ms", "qrs_ms", 70, 104, True, _WHI),
)


class _Delineated(NamedTuple):
    """An interval as drawn and as found by other software; vectors of shape (n,), ms, NaN where nothing was found."""

    what: str
    drawn: Floats
    found: Floats
    least_r: float


def report(task: Task) -> Section:
    """Compare simulated normals with published limits and delineate some of them."""
    drawn = task.drawn
    normal, women = drawn.is_normal, drawn.trait("female")
    outside = [_check_limits(drawn, limits, normal & women if limits.women_only else normal) for limits in _LIMITS]
    rows = _choose_to_delineate(drawn)
    intervals = _delineate(drawn, rows, render_one_each(drawn, rows, quiet=True))
    checks = list(outside)
    checks += [_check_interval(interval) for interval in intervals]
    checks += check_leads(drawn.settings.seed)
    body = "\n\n".join(
        [
            f"{normal.sum():,} visits of patients without heart failure, in sinus rhythm, without block, pacing, "
            "premature beats or drugs; true parameters. The published limits are the 2nd and 98th percentile, so 4 % "
            "outside would be expected. They are patients of a catheterisation laboratory, 58 years old in the mean. "
            "For the P wave the source gives median and quartiles (112, 102 to 120 ms); the limits follow from them "
            "for a normal distribution.",
            _limits_table(drawn, normal, women),
            f"Delineation by neurokit2 {neurokit2.__version__} (`prominence`), median over the eight independent "
            f"leads, of {len(rows)} ECGs in sinus rhythm without pacing or premature beats, with and without block, "
            "healthy or not, rendered without noise:",
            as_table(
                ("interval", "found in", "median error, ms", "median size of the error, ms", "r"),
                [_interval_row(interval) for interval in intervals],
            ),
            "Software differs in where it sets the ends of a wave that rises without an edge, so a constant offset "
            "is expected; r is what is checked. No source says what to ask of it: the bounds hold for this version "
            "with some room, and warn of a change.",
            checks_table(checks),
        ]
    )
    return Section("Normals", body, tuple(checks))


def _values(drawn: Drawn, limits: _Limits, rows: Bools) -> Floats:
    values: Floats = getattr(drawn.morphology, limits.column)[rows]
    return values


def _outside(values: Floats, limits: _Limits) -> float:
    return float(np.mean((values < limits.low) | (values > limits.high)))


def _check_limits(drawn: Drawn, limits: _Limits, rows: Bools) -> Check:
    found = _outside(_values(drawn, limits, rows), limits)
    bound = f"less than {_MOST_OUTSIDE:.0%} outside {limits.low:g} to {limits.high:g}"
    return Check(f"normals: {limits.what}", bound, f"{found:.1%}", found < _MOST_OUTSIDE)


def _limits_table(drawn: Drawn, normal: Bools, women: Bools) -> str:
    rows = []
    for limits in _LIMITS:
        values = _values(drawn, limits, normal & women if limits.women_only else normal)
        low, middle, high = np.percentile(values, [2, 50, 98])
        rows.append(
            (
                limits.what,
                f"{limits.low:g} to {limits.high:g}",
                f"{low:.0f} to {high:.0f}",
                f"{middle:.0f}",
                f"{_outside(values, limits):.1%}",
                limits.source,
            )
        )
    header = ("quantity", "published 2nd to 98th", "simulated 2nd to 98th", "median", "outside", "source")
    return as_table(header, rows)


def _choose_to_delineate(drawn: Drawn) -> Ints:
    """Choose visits in sinus rhythm at random, of all phenotypes, so that each interval has its whole range."""
    able = np.flatnonzero(drawn.in_sinus_rhythm & (drawn.morphology.pvc == 0))
    rng = np.random.default_rng(9)
    return np.sort(rng.choice(able, min(_N_DELINEATED, len(able)), replace=False))


def _delineate(drawn: Drawn, rows: Ints, waveforms: Waveform) -> list[_Delineated]:
    rate = drawn.settings.sampling_rate_hz
    independent = waveforms[:, list(INDEPENDENT_ROWS)]
    by_lead = np.array([[_intervals_ms(strip, rate) for strip in leads] for leads in independent])
    found = np.nanmedian(by_lead, axis=1)
    morphology = drawn.morphology
    rr_s = 60.0 / morphology.heart_rate_bpm[rows]
    return [
        _Delineated("P-R", morphology.pr_ms[rows], found[:, 0], 0.75),
        _Delineated("QRS", morphology.qrs_ms[rows], found[:, 1], 0.5),
        _Delineated("Q-T", morphology.qtc_ms[rows] * rr_s ** (1.0 / 3.0), found[:, 2], 0.8),
    ]


def _intervals_ms(strip: Waveform, rate: float) -> tuple[float, float, float]:
    """Measure the median P-R, QRS and Q-T of one lead, NaN where the software finds none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clean = neurokit2.ecg_clean(strip, sampling_rate=rate)
        peaks = neurokit2.ecg_peaks(clean, sampling_rate=rate)[1]["ECG_R_Peaks"]
        waves: dict[str, list[float]] = {}
        with contextlib.suppress(ValueError, IndexError, ZeroDivisionError):
            waves = neurokit2.ecg_delineate(clean, peaks, sampling_rate=rate, method="prominence")[1]
        if not waves:
            return (np.nan, np.nan, np.nan)
        marks = ("ECG_P_Onsets", "ECG_R_Onsets", "ECG_R_Offsets", "ECG_T_Offsets")
        p_on, r_on, r_off, t_off = (np.asarray(waves[name], dtype=np.float64) for name in marks)
        if len({len(p_on), len(r_on), len(r_off), len(t_off)}) > 1:  # it has lost count of the beats
            return (np.nan, np.nan, np.nan)
        to_ms = 1000.0 / rate
        pairs = ((p_on, r_on), (r_on, r_off), (r_on, t_off))
        pr, qrs, qt = (float(np.nanmedian(end - start)) * to_ms for start, end in pairs)
        return pr, qrs, qt


def _r_of(interval: _Delineated) -> float:
    known = np.isfinite(interval.found)
    return float(np.corrcoef(interval.drawn[known], interval.found[known])[0, 1])


def _check_interval(interval: _Delineated) -> Check:
    r = _r_of(interval)
    return Check(
        f"delineation finds the true {interval.what}",
        f"r at least {interval.least_r}",
        f"{r:.2f}",
        r >= interval.least_r,
    )


def _interval_row(interval: _Delineated) -> tuple[str, ...]:
    known = np.isfinite(interval.found)
    error = (interval.found - interval.drawn)[known]
    return (
        interval.what,
        f"{known.sum()} of {len(known)}",
        f"{np.median(error):+.0f}",
        f"{np.median(np.abs(error)):.0f}",
        f"{_r_of(interval):.2f}",
    )
