"""`card.md` of a simulated store: what it is and how hard it is, for the person who finds it later."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hemometric.simulation.morphology import Morphology
from hemometric.simulation.population import SIMULATOR_VERSION, People
from hemometric.simulation.settings import PATIENTS_PER_CHUNK, CohortSettings
from hemometric.targets import TARGETS

_TOO_FEW_VISITS = 500
_MOST_CHUNKS = 64
"""The ceiling is estimated on the first 4,096 patients at most."""


def write_card(settings: CohortSettings, people: Sequence[People], *, n_ecgs: int) -> str:
    """Describe a cohort.

    Args:
        settings: Of the cohort.
        people: All its chunks, in order.
        n_ecgs: How many ECGs were rendered.

    Returns:
        Markdown; the same text for the same settings.
    """
    hemodynamics = [chunk.visits.hemodynamics for chunk in people]
    wedge = np.concatenate([found.mpcwp_mmhg for found in hemodynamics])
    artery = np.concatenate([found.mpap_mmhg for found in hemodynamics])
    right = np.concatenate([found.rap_mmhg for found in hemodynamics])
    output = np.concatenate([found.co_l_per_min for found in hemodynamics])
    labelled = np.concatenate([chunk.labelled for chunk in people])
    lines = [
        "# Simulated cohort",
        "",
        "**Simulated, not clinical.** Every patient, pressure and ECG in this store was computed. What a model reaches",
        "here says nothing about what it would reach in people. How the simulator works, what it was checked against",
        "and what it lacks: docs/simulator.md of hemometric.",
        "",
        f"- simulator version {SIMULATOR_VERSION}, seed {settings.seed}, coupling {settings.coupling:g}, "
        f"site {settings.site}; every other setting is in manifest.json",
        f"- {settings.n_patients:,} patients, {len(wedge):,} visits, {n_ecgs:,} ECGs of {settings.duration_s:g} s at "
        f"{settings.sampling_rate_hz:g} Hz",
        f"- {labelled.sum():,} visits ({_percent(labelled)}) have a catheter label in labels.parquet, chosen not at "
        f"random: their mPCWP is {_moments(wedge[labelled])} mmHg; truth.parquet has every visit",
        f"- mPCWP {_moments(wedge)} mmHg (> 15 in {_percent(wedge > 15.0)}, > 18 in {_percent(wedge > 18.0)}), "
        f"mPAP {_moments(artery)} mmHg, RAP {_moments(right)} mmHg, CO {_moments(output)} L/min",
    ]
    if settings.with_ceiling:
        lines += ["", "## Ceiling", "", *_ceiling_lines(people[:_MOST_CHUNKS])]
    return "\n".join(lines) + "\n"


def _ceiling_lines(people: Sequence[People]) -> list[str]:
    n_visits = sum(len(chunk.labelled) for chunk in people)
    if n_visits < _TOO_FEW_VISITS:
        return [f"Not estimated: {n_visits} visits are fewer than {_TOO_FEW_VISITS}."]
    from hemometric.simulation.difficulty import KnownEcgs, Score, find_ceiling

    def show(score: Score) -> str:
        return "undefined" if np.isnan(score.value) else f"{score.value:.3f} [{score.low:.3f}, {score.high:.3f}]"

    readings = find_ceiling(
        KnownEcgs(
            Morphology._make(np.concatenate(columns) for columns in zip(*(p.morphology for p in people), strict=True)),
            age_years=np.concatenate([p.patients.age_years[p.visits.patient] for p in people]),
            female=np.concatenate([p.patients.female[p.visits.patient] for p in people]),
            patient=np.concatenate([p.number * PATIENTS_PER_CHUNK + p.visits.patient for p in people]),
            measured=np.concatenate([p.measured for p in people]),
        )
    )
    rows = [
        f"| {reading.target} | {_name(reading.target, reading.measure)} | {show(reading.ceiling)} "
        f"| {show(reading.linear)} | {show(reading.boosting)} | {show(reading.demographics)} |"
        for reading in readings
    ]
    return [
        "What the best possible reader would reach, who knows the true parameters of every ECG with age and sex:",
        f"estimated on {n_visits:,} visits (measured values, cross-validated by patient, 95 % patient-clustered",
        "bootstrap intervals). The ceiling is the better of a linear model and gradient-boosted trees.",
        "",
        "| target | measure | ceiling | linear | boosting | age and sex alone |",
        "|---|---|---|---|---|---|",
        *rows,
    ]


def _name(target: str, measure: str) -> str:
    if measure == "RMSE":
        return f"RMSE, {TARGETS[target].unit}"
    return measure if measure == "r" else f"AUROC of {measure}"


def _percent(event: NDArray[np.bool_]) -> str:
    return f"{100.0 * np.mean(event):.0f} %"


def _moments(values: NDArray[np.float64]) -> str:
    return f"{np.mean(values):.1f} ± {np.std(values):.1f}" if len(values) else "undefined"
