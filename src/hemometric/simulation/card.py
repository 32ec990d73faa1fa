"""`card.md` of a simulated store: what it is and how hard it is, for the person who finds it later."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hemometric.simulation.morphology import Morphology
from hemometric.simulation.population import SIMULATOR_VERSION, People
from hemometric.simulation.settings import PATIENTS_PER_CHUNK, CohortSettings

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
    wedge = np.concatenate([chunk.visits.hemodynamics.mpcwp_mmhg for chunk in people])
    artery = np.concatenate([chunk.visits.hemodynamics.mpap_mmhg for chunk in people])
    right = np.concatenate([chunk.visits.hemodynamics.rap_mmhg for chunk in people])
    output = np.concatenate([chunk.visits.hemodynamics.co_l_per_min for chunk in people])
    labelled = np.concatenate([chunk.labelled for chunk in people])
    lines = [
        "# Simulated cohort",
        "",
        "**Simulated, not clinical.** Every patient, pressure and ECG in this store was computed. What a model reaches",
        "here says nothing about what it would reach in people.",
        "",
        f"- simulator version {SIMULATOR_VERSION}, seed {settings.seed}, coupling {settings.coupling:g}",
        f"- {settings.n_patients:,} patients, {len(wedge):,} visits, {n_ecgs:,} ECGs of {settings.duration_s:g} s at "
        f"{settings.sampling_rate_hz:g} Hz",
        f"- {labelled.sum():,} visits ({_percent(labelled)}) have a catheter label in labels.parquet, chosen not at "
        f"random: their mean mPCWP is {_mean_of(wedge[labelled])} mmHg; truth.parquet has every visit",
        f"- mPCWP {_moments(wedge)} mmHg (> 15 in {_percent(wedge > 15.0)}, > 18 in {_percent(wedge > 18.0)}), "
        f"mPAP {_moments(artery)} mmHg, RAP {_moments(right)} mmHg, CO {_moments(output)} L/min",
    ]
    if settings.with_ceiling:
        lines.append(_ceiling_line(people[:_MOST_CHUNKS]))
    return "\n".join(lines) + "\n"


def _ceiling_line(people: Sequence[People]) -> str:
    n_visits = sum(len(chunk.labelled) for chunk in people)
    if n_visits < _TOO_FEW_VISITS:
        return f"- ceiling: not estimated, {n_visits} visits are fewer than {_TOO_FEW_VISITS}"
    from hemometric.simulation.difficulty import ceiling

    found = ceiling(
        Morphology._make(np.concatenate(columns) for columns in zip(*(p.morphology for p in people), strict=True)),
        age_years=np.concatenate([p.patients.age_years[p.visits.patient] for p in people]),
        female=np.concatenate([p.patients.female[p.visits.patient] for p in people]),
        mpcwp_mmhg=np.concatenate([p.measured[:, 0] for p in people]),
        patient=np.concatenate([p.number * PATIENTS_PER_CHUNK + p.visits.patient for p in people]),
    )
    return (
        f"- ceiling, from the ECGs' true parameters with age and sex ({found.n_visits:,} visits, linear models, "
        f"cross-validated by patient): measured mPCWP > 15 AUROC {found.auroc_above_15:.3f}, > 18 "
        f"{found.auroc_above_18:.3f}, r {found.pearson_r:.2f}, RMSE {found.rmse_mmhg:.1f} mmHg; "
        f"age and sex alone: > 15 AUROC {found.demographics_auroc_above_15:.3f}"
    )


def _percent(event: NDArray[np.bool_]) -> str:
    return f"{100.0 * np.mean(event):.0f} %"


def _mean_of(values: NDArray[np.float64]) -> str:
    return f"{np.mean(values):.1f}" if len(values) else "undefined"


def _moments(values: NDArray[np.float64]) -> str:
    return f"{np.mean(values):.1f} ± {np.std(values):.1f}"
