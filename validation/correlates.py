"""Every published correlate of the pressures in the ECG: sign and size in the simulator beside the literature."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from hemometric.simulation import Morphology
from hemometric.waveform import FEATURES, describe_batch
from validation.drawing import Bools, Drawn, Floats, render_one_each
from validation.sections import Check, Section, Task, as_table, checks_table, within

_N_RENDERED = 3_000
_LARGEST_R = 0.5


class Correlate(NamedTuple):
    """A published relation.

    Attributes:
        what: Quantity and contrast.
        measure: Its size in the cohort.
        low: Least size that still agrees with the literature.
        high: Largest.
        unit: Of the size.
        published: What was found in people, where.
    """

    what: str
    measure: Callable[[Drawn], float]
    low: float
    high: float
    unit: str
    published: str


def report(task: Task) -> Section:
    """Measure all correlates, in the generator's true parameters and in rendered ECGs."""
    drawn = task.drawn
    checks = [
        within(c.what, c.measure(drawn), low=c.low, high=c.high, digits=_digits(c), unit=c.unit) for c in CORRELATES
    ]
    strongest = _correlations_of_parameters(drawn)
    measured = _correlations_of_features(drawn)
    single = [
        _check_largest("true parameter", strongest),
        _check_largest(f"feature measured from {_N_RENDERED:,} rendered ECGs", measured),
    ]
    rows = checks_table(checks).splitlines()
    published = ["published", "---", *(correlate.published for correlate in CORRELATES)]
    body = "\n\n".join(
        [
            "True parameters of every ECG, contrasted over visits (patients in sinus rhythm without pacing where the "
            "quantity asks for it). d: difference of the means in pooled SDs. No study reports what the whole mixture "
            "of a catheterisation laboratory shows, so each bound is a judgement: it holds the published contrast, "
            "which is often of extremes, and smaller ones of the same sign.",
            "\n".join(f"{row} {source} |" for row, source in zip(rows, published, strict=True)),
            "No single quantity may give the pressure away:",
            checks_table(single),
            "The ten largest correlations with mPCWP:",
            as_table(
                ("true parameter", "r", "measured feature", "r"),
                [
                    (f"`{one}`", f"{r_one:+.2f}", f"`{other}`", f"{r_other:+.2f}")
                    for (one, r_one), (other, r_other) in zip(strongest[:10], measured[:10], strict=True)
                ],
            ),
        ]
    )
    return Section("What the ECG tells", body, (*checks, *single))


def _digits(correlate: Correlate) -> int:
    return 2 if max(abs(correlate.low), abs(correlate.high)) < 3 else 1


def _raised(drawn: Drawn) -> Bools:
    return drawn.found.mpcwp_mmhg > 15.0


def _d(drawn: Drawn, values: Floats, rows: Bools, group: Bools) -> float:
    one, other = values[rows & group], values[rows & ~group]
    return float((one.mean() - other.mean()) / np.sqrt((one.var() + other.var()) / 2.0))


def _d_raised(name: str) -> Callable[[Drawn], float]:
    """Difference between raised and normal wedge pressure in pooled SDs, in sinus rhythm without pacing."""

    def measure(drawn: Drawn) -> float:
        return _d(drawn, getattr(drawn.morphology, name), drawn.in_sinus_rhythm, _raised(drawn))

    return measure


def _difference_raised(name: str) -> Callable[[Drawn], float]:
    """Difference of means between raised and normal wedge pressure, in sinus rhythm without pacing."""

    def measure(drawn: Drawn) -> float:
        values, rows, raised = getattr(drawn.morphology, name), drawn.in_sinus_rhythm, _raised(drawn)
        return float(values[rows & raised].mean() - values[rows & ~raised].mean())

    return measure


def _share(event: Callable[[Morphology], Bools], *phenotypes: str, sinus: bool = False) -> Callable[[Drawn], float]:
    """Percent of the not paced visits of some phenotypes that show something."""

    def measure(drawn: Drawn) -> float:
        rows = drawn.is_phenotype(*phenotypes) & (drawn.morphology.paced == 0)
        rows &= drawn.in_sinus_rhythm if sinus else True
        return 100.0 * float(event(drawn.morphology)[rows].mean())

    return measure


def _fibrillation_ratio(drawn: Drawn) -> float:
    fibrillating, raised = drawn.morphology.atrial_fibrillation > 0, _raised(drawn)
    return float(fibrillating[raised].mean() / fibrillating[~raised].mean())


def _axis_of_precapillary(drawn: Drawn) -> float:
    axis, rows = drawn.morphology.axis_deg, drawn.morphology.paced == 0
    return float(
        axis[rows & drawn.is_phenotype("precapillary_ph")].mean() - axis[rows & drawn.is_phenotype("no_hf")].mean()
    )


def _angle_of_hfpef(drawn: Drawn) -> float:
    angle, rows = drawn.morphology.qrs_t_angle_deg, drawn.morphology.paced == 0
    return float(angle[rows & drawn.is_phenotype("hfpef")].mean() - angle[rows & drawn.is_phenotype("no_hf")].mean())


def _r_with_mpap(name: str) -> Callable[[Drawn], float]:
    def measure(drawn: Drawn) -> float:
        rows = (drawn.morphology.paced == 0) & (drawn.morphology.lbbb == 0)
        return float(np.corrcoef(getattr(drawn.morphology, name)[rows], drawn.found.mpap_mmhg[rows])[0, 1])

    return measure


def _tall_r_v1(drawn: Drawn) -> Bools:
    """R in V1 of 0.7 mV or more, or an axis beyond 110 degrees."""
    found = drawn.morphology
    tall: Bools = ((found.log_r_v1 > np.log(0.7)) | (found.axis_deg > 110.0)) & (found.paced == 0)
    return tall


def _sensitivity(drawn: Drawn) -> float:
    return float(_tall_r_v1(drawn)[drawn.found.mpap_mmhg >= 25.0].mean())


def _specificity(drawn: Drawn) -> float:
    return float(1.0 - _tall_r_v1(drawn)[drawn.found.mpap_mmhg < 25.0].mean())


def _voltage_with_fluid(drawn: Drawn) -> float:
    """Correlation of the changes of voltage and volume within patients whose volume changed by a tenth or more."""
    voltage, volume = _within(drawn, drawn.morphology.log_voltage), _within(drawn, drawn.volume_change)
    rows = np.abs(volume) >= 0.1
    return float(np.corrcoef(voltage[rows], volume[rows])[0, 1])


def _voltage_when_worse(drawn: Drawn) -> float:
    """Mean percent change of the voltage in visits with 15 % more volume than the patient's own mean."""
    voltage, volume = _within(drawn, drawn.morphology.log_voltage), _within(drawn, drawn.volume_change)
    rows = (volume > 0.15) & drawn.trait("heart_failure")
    return 100.0 * float(np.expm1(voltage[rows]).mean())


def _within(drawn: Drawn, values: Floats) -> Floats:
    """Deviation from the mean of the patient's other visits; 0 for a patient of one visit."""
    _, row, n = np.unique(drawn.patient, return_inverse=True, return_counts=True)
    total = np.bincount(row, values)
    others = (total[row] - values) / np.maximum(n[row] - 1, 1)
    deviation: Floats = np.where(n[row] > 1, values - others, 0.0)
    return deviation


def _r_of_variability(drawn: Drawn) -> float:
    rows = drawn.in_sinus_rhythm
    return abs(float(np.corrcoef(drawn.morphology.log_rr_variation[rows], drawn.found.mpcwp_mmhg[rows])[0, 1]))


_DIASTOLIC = "grade 2 dysfunction against controls (PMC3818461): "
_META = "HFpEF, meta-analysis (anec.12710): "

CORRELATES = (
    Correlate(
        "P duration, d, mPCWP > 15", _d_raised("p_duration_ms"), 0.2, 1.0, "",
        "advanced HFpEF against controls 175 ± 29 and 132 ± 14 ms, amplified, d 1.9 (Clin Res Cardiol 2020;109:978); "
        "none with the wedge pressure at rest in 52 men with CAD",
    ),
    Correlate(
        "P terminal force in V1, d, mPCWP > 15", _d_raised("p_terminal_force_mv_s"), 0.2, 1.0, "",
        "abnormal in 69 % of CAD and 0 % of normals; larger where echo says the atrial pressure is high",
    ),
    Correlate(
        "PR, ms, mPCWP > 15", _difference_raised("pr_ms"), 3, 25, "ms", _DIASTOLIC + "171 ± 38 and 153 ± 22 ms",
    ),
    Correlate(
        "PR > 200 ms in HFpEF, sinus", _share(lambda m: m.pr_ms > 200.0, "hfpef", sinus=True), 8, 22, "%",
        _META + "11 to 20 %",
    ),
    Correlate(
        "QTc, ms, mPCWP > 15", _difference_raised("qtc_ms"), 5, 30, "ms", _DIASTOLIC + "434 ± 32 and 409 ± 25 ms",
    ),
    Correlate(
        "QTc with mPAP, r", _r_with_mpap("qtc_ms"), 0.10, 0.45, "", "r .21 in women (Wien Klin Wochenschr 2009)",
    ),
    Correlate(
        "QTc > 440 ms in HFrEF", _share(lambda m: m.qtc_ms > 440.0, "hfref"), 35, 70, "%",
        "51 % of advanced heart failure",
    ),
    Correlate(
        "QRS >= 120 ms in HFrEF", _share(lambda m: m.qrs_ms >= 120.0, "hfref"), 22, 42, "%",
        "31 % of SwedeHF, n=25,171, more with a low EF",
    ),
    Correlate(
        "QRS >= 120 ms in HFpEF", _share(lambda m: m.qrs_ms >= 120.0, "hfpef"), 10, 21, "%",
        _META + "13 to 19 %; I-PRESERVE 16 %",
    ),
    Correlate("LBBB in HFpEF", _share(lambda m: m.lbbb > 0, "hfpef"), 0, 8, "%", _META + "0 to 8 %"),
    Correlate("RBBB in HFpEF", _share(lambda m: m.rbbb > 0, "hfpef"), 6, 16, "%", _META + "6 to 16 %"),
    Correlate(
        "QRS-T angle, d, mPCWP > 15", _d_raised("qrs_t_angle_deg"), 0.2, 1.0, "",
        "larger with BNP, mass, diastolic and RV dysfunction (PMC3872517)",
    ),
    Correlate(
        "QRS-T angle, HFpEF against no HF", _angle_of_hfpef, 5, 40, "deg",
        "a wide angle precedes HFpEF and HFrEF in MESA; 61 ± 51 deg in HFpEF (PMC3872517), but in the frontal plane",
    ),
    Correlate(
        "axis, pre-capillary PH against no HF", _axis_of_precapillary, 10, 60, "deg",
        "rightward; an axis > 110 is specific and rare",
    ),
    Correlate("R in V1 with mPAP, r", _r_with_mpap("log_r_v1"), 0.15, 0.45, "", "r .375 with systolic pressure"),
    Correlate(
        "tall R in V1 or right axis finds mPAP >= 25, sensitivity", _sensitivity, 0.05, 0.43, "",
        "conventional criteria .10 to .43",
    ),
    Correlate("... specificity", _specificity, 0.88, 1.0, "", "conventional criteria .90 to 1.0"),
    Correlate(
        "RV strain with mPAP, r", _r_with_mpap("rv_strain"), 0.1, 0.5, "",
        "strain 71 % sensitive for PAH against left-heart PH; weak over all comers",
    ),
    Correlate(
        "voltage with fluid within a patient, r", _voltage_with_fluid, -0.9, -0.5, "",
        "r -.70 and -.82 with fluid loss (limb leads)",
    ),
    Correlate(
        "voltage in a visit with 15 % more volume", _voltage_when_worse, -30, -8, "%",
        "worsening HF: -12.9 ± 10.1 % (limb leads)",
    ),
    Correlate("atrial fibrillation, mPCWP > 15 / <= 15", _fibrillation_ratio, 1.1, 3.0, "", "AF is part of H2FPEF"),
    Correlate(
        "atrial fibrillation in HFpEF", _share(lambda m: m.atrial_fibrillation > 0, "hfpef"), 12, 46, "%",
        _META + "12 to 46 %; invasive cohort 60 % (PMC7027581)",
    ),
    Correlate(
        "RR variability with mPCWP, |r|, sinus", _r_of_variability, 0.02, 0.3, "", "r .16 (Erasmus, n=853)",
    ),
)  # fmt: skip
"""Those of section "ECG correlates" of the simulator's evidence, each with its bound."""


def _correlations_of_parameters(drawn: Drawn) -> list[tuple[str, float]]:
    return _sorted_correlations(Morphology._fields, np.column_stack(drawn.morphology), drawn.found.mpcwp_mmhg)


def _correlations_of_features(drawn: Drawn) -> list[tuple[str, float]]:
    rng = np.random.default_rng(5)
    visits = np.sort(rng.choice(len(drawn.patient), min(_N_RENDERED, len(drawn.patient)), replace=False))
    waveforms = render_one_each(drawn, visits)
    features = describe_batch(waveforms, sampling_rate_hz=drawn.settings.sampling_rate_hz)
    return _sorted_correlations(FEATURES, features, drawn.found.mpcwp_mmhg[visits])


def _sorted_correlations(names: tuple[str, ...], columns: Floats, wanted: Floats) -> list[tuple[str, float]]:
    """Correlate what is known of each column, largest size first."""
    found = []
    for name, values in zip(names, columns.T, strict=True):
        known = np.isfinite(values)
        if known.sum() > 50 and np.ptp(values[known]) > 0:
            found.append((name, float(np.corrcoef(values[known], wanted[known])[0, 1])))
    return sorted(found, key=lambda pair: -abs(pair[1]))


def _check_largest(what: str, correlations: list[tuple[str, float]]) -> Check:
    name, r = correlations[0]
    bound = f"|r| with mPCWP at most {_LARGEST_R}"
    return Check(f"any {what}", bound, f"{abs(r):.2f} (`{name}`)", abs(r) <= _LARGEST_R)
