"""Who is in the cohort: its hemodynamics against published catheterisation cohorts."""

from typing import NamedTuple

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from hemometric.simulation import PHENOTYPES
from validation.drawing import Bools, Drawn, Floats
from validation.sections import Check, Section, Task, as_table, checks_table, picture, within

_VA = "VA, n=21,727 and 40,082 (PMC4811678, PMC8219057)"
_ESCAPE = "ESCAPE and 367 with acute failure: median RAP/PCWP .58 [.43, .75]"
_COLOURS = ("#4c72b0", "#c44e52", "#dd8452", "#8172b3", "#55a868")


class _Bounded(NamedTuple):
    """A moment of the cohort with the range it must lie in."""

    what: str
    value: float
    low: float
    high: float
    unit: str
    source: str


def report(task: Task) -> Section:
    """Measure the cohort."""
    drawn = task.drawn
    moments = _measure(drawn)
    checks = tuple(
        within(m.what, m.value, low=m.low, high=m.high, digits=2 if abs(m.high) < 2 else 1, unit=m.unit)
        for m in moments
    )
    _plot(drawn, task)
    body = "\n\n".join(
        [
            f"{drawn.settings.n_patients:,} patients with {len(drawn.patient):,} visits; every number is over visits, "
            "with the true values, unless it says otherwise. Where the last column says *chosen*, no source gives "
            "the number: it lies between those of published cohorts, which differ from one another.",
            _with_sources(checks, moments),
            "By phenotype (mean ± SD over visits):",
            _by_phenotype(drawn),
            picture(task, "cohort.png", "Distributions and joint distributions of the cohort's pressures"),
        ]
    )
    return Section("The cohort", body, checks)


def _measure(drawn: Drawn) -> list[_Bounded]:
    found = drawn.found
    wedge, artery, right, output = found.mpcwp_mmhg, found.mpap_mmhg, found.rap_mmhg, found.co_l_per_min
    failing = drawn.trait("heart_failure")
    labelled = wedge[drawn.labelled]
    fibrillating = drawn.morphology.atrial_fibrillation > 0
    chosen = "*chosen*: 16 ± 8 for all comers"
    return [
        _Bounded("mPCWP, mean", float(wedge.mean()), 15, 17, "mmHg", chosen),
        _Bounded("mPCWP, SD", float(wedge.std()), 7.3, 8.7, "mmHg", chosen),
        _Bounded("mPCWP > 15 mmHg", _percent(wedge > 15), 40, 48, "%", "Erasmus n=853: >= 12 in 49 %; *chosen*"),
        _Bounded("mPCWP > 18 mmHg", _percent(wedge > 18), 28, 35, "%", "*chosen*"),
        _Bounded("mPCWP, 99.9th percentile", float(np.quantile(wedge, 0.999)), 30, 42, "mmHg", "*chosen*"),
        _Bounded("mPCWP in heart failure, mean", float(wedge[failing].mean()), 18, 22, "mmHg", "*chosen*: 20 ± 8"),
        _Bounded("mPAP, mean", float(artery.mean()), 25, 29, "mmHg", _VA + "; *chosen*"),
        _Bounded("mPAP, SD", float(artery.std()), 9, 13, "mmHg", "*chosen*: 11"),
        _Bounded("mPAP >= 25 mmHg", _percent(artery >= 25), 45, 65, "%", "VA 57 %, Vanderbilt 60 %"),
        _Bounded("RAP, mean", float(right.mean()), 7, 9, "mmHg", "*chosen*: 8 ± 5"),
        _Bounded("RAP, SD", float(right.std()), 4, 6, "mmHg", "*chosen*: 8 ± 5"),
        _Bounded("CO, mean", float(output.mean()), 4.4, 5.0, "L/min", "*chosen*: 4.7 ± 1.4; PAH registry 4.7"),
        _Bounded("CO, SD", float(output.std()), 1.1, 1.6, "L/min", "*chosen*"),
        _Bounded("RAP/PCWP, median", float(np.median(right / wedge)), 0.45, 0.65, "", _ESCAPE),
        _Bounded("r(mPCWP, RAP)", _r(wedge, right), 0.45, 0.65, "", "ESCAPE, about .6"),
        _Bounded("r(mPCWP, RAP) in heart failure", _r(wedge[failing], right[failing]), 0.35, 0.7, "", "ESCAPE"),
        _Bounded("r(mPCWP, mPAP)", _r(wedge, artery), 0.70, 0.80, "", "*chosen*: .75"),
        _Bounded("mPCWP within a patient, SD", _within_patient(drawn), 3, 4, "mmHg", "*chosen*"),
        _Bounded("atrial fibrillation", _percent(fibrillating), 12, 25, "%", "HFpEF 12 to 46 % (anec.12710)"),
        _Bounded("labelled visits", _percent(drawn.labelled), 8, 12, "%", "*chosen*"),
        _Bounded("mPCWP of labelled visits, mean", float(labelled.mean()), 17, 19.5, "mmHg", "*chosen*: 18 ± 9"),
        _Bounded("mPCWP of labelled visits, SD", float(labelled.std()), 7.5, 10, "mmHg", "*chosen*: 18 ± 9"),
    ]


def _with_sources(checks: tuple[Check, ...], moments: list[_Bounded]) -> str:
    plain = checks_table(checks).splitlines()
    sources = ["source", "---", *(moment.source for moment in moments)]
    return "\n".join(f"{line} {source} |" for line, source in zip(plain, sources, strict=True))


def _within_patient(drawn: Drawn) -> float:
    """Pooled SD over the visits of those with at least two."""
    _, row, n = np.unique(drawn.patient, return_inverse=True, return_counts=True)
    wedge = drawn.found.mpcwp_mmhg
    deviation = wedge - (np.bincount(row, wedge) / n)[row]
    several = n > 1
    squares = np.bincount(row, deviation**2)[several].sum()
    return float(np.sqrt(squares / (n[several] - 1).sum()))


def _by_phenotype(drawn: Drawn) -> str:
    found = drawn.found
    columns = (found.mpcwp_mmhg, found.mpap_mmhg, found.rap_mmhg, found.co_l_per_min)
    rows = []
    for name in PHENOTYPES:
        chosen = drawn.is_phenotype(name)
        values = [f"{column[chosen].mean():.1f} ± {column[chosen].std():.1f}" for column in columns]
        ejection = f"{100 * found.lv_ejection_fraction[chosen].mean():.0f}"
        rows.append((name, f"{chosen.sum():,}", *values, ejection, f"{_percent(drawn.labelled[chosen]):.0f}"))
    header = ("phenotype", "visits", "mPCWP, mmHg", "mPAP, mmHg", "RAP, mmHg", "CO, L/min", "EF, %", "labelled, %")
    return as_table(header, rows)


def _plot(drawn: Drawn, task: Task) -> None:
    found = drawn.found
    figure = Figure(figsize=(10, 6.2), dpi=90, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, 3).ravel()
    histograms = (
        ("mPCWP, mmHg", found.mpcwp_mmhg),
        ("mPAP, mmHg", found.mpap_mmhg),
        ("RAP, mmHg", found.rap_mmhg),
        ("CO, L/min", found.co_l_per_min),
    )
    for axis, (label, values) in zip(axes, histograms, strict=False):
        axis.hist(values, bins=60, color="#4c72b0")
        axis.set(xlabel=label, ylabel="visits")
    shown = np.random.default_rng(0).permutation(len(drawn.patient))[:2500]
    for axis, label, values in ((axes[4], "mPAP, mmHg", found.mpap_mmhg), (axes[5], "RAP, mmHg", found.rap_mmhg)):
        for name, colour in zip(PHENOTYPES, _COLOURS, strict=True):
            rows = shown[drawn.is_phenotype(name)[shown]]
            axis.scatter(found.mpcwp_mmhg[rows], values[rows], s=3, color=colour, alpha=0.5, label=name, linewidths=0)
        axis.set(xlabel="mPCWP, mmHg", ylabel=label)
    axes[4].legend(markerscale=4, fontsize=7, frameon=False)
    figure.savefig(task.images / "cohort.png")


def _percent(event: Bools) -> float:
    return 100.0 * float(np.mean(event))


def _r(x: Floats, y: Floats) -> float:
    return float(np.corrcoef(x, y)[0, 1])
