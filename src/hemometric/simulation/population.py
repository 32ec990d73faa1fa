"""A chunk of the virtual cohort: patients, visits, what the catheter would measure, and their ECGs.

Every random number comes from (seed, stream, chunk), so a chunk is the same whoever draws it, the first patients of a
large cohort are those of a small one, and neither coupling nor sampling rate changes anybody's hemodynamics.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from hemometric.simulation.anatomy import Sources, draw_anatomy, draw_recordings
from hemometric.simulation.circulation import Hemodynamics
from hemometric.simulation.dipoles import build_waves
from hemometric.simulation.morphology import Morphology, draw_morphology
from hemometric.simulation.noise import NoiseBank, noise_bank
from hemometric.simulation.patients import (
    BoolVector,
    IntVector,
    Patients,
    Visits,
    draw_patients,
    draw_visits,
)
from hemometric.simulation.rendering import Microvolts, Scene, render
from hemometric.simulation.rhythm import draw_beats
from hemometric.simulation.settings import PATIENTS_PER_CHUNK, CatheterSettings, CohortSettings
from hemometric.store import ECGS_SCHEMA, LABELS_SCHEMA, TRUTH_SCHEMA, content_hashes
from hemometric.targets import TARGETS

Floats = NDArray[np.float64]

SIMULATOR_VERSION = 2
"""Goes up whenever the same settings would give other bytes."""

_STREAM_PATIENTS, _STREAM_VISITS, _STREAM_CATHETER, _STREAM_MORPHOLOGY, _STREAM_ECGS, _STREAM_NOISE = range(1, 7)
_REFERENCE_WEDGE_MMHG = 12.0
_MINUTES_PER_HOUR = 60
_DAYS_PER_YEAR = 365.25
_FIELDS = {"mpcwp": "mpcwp_mmhg", "mpap": "mpap_mmhg", "rap": "rap_mmhg", "co": "co_l_per_min"}


class People(NamedTuple):
    """A chunk without its ECGs; m visits.

    Attributes:
        number: Of the chunk.
        patients: All patients of the chunk, also those beyond the end of the cohort.
        visits: Visits of the patients that belong to the cohort.
        morphology: Of those visits.
        measured: Shape (m, 4): what the catheter would show, in the order of `TARGETS`.
        labelled: Shape (m,): whether there was a catheterisation.
    """

    number: int
    patients: Patients
    visits: Visits
    morphology: Morphology
    measured: Floats
    labelled: BoolVector


def draw_people(settings: CohortSettings, chunk: int) -> People:
    """Draw the patients of a chunk, their visits and measurements.

    Args:
        settings: Of the cohort.
        chunk: 0..n_chunks - 1.
    """
    patients = draw_patients(PATIENTS_PER_CHUNK, _rng(settings, _STREAM_PATIENTS, chunk), people=settings.people)
    visits = draw_visits(patients, _rng(settings, _STREAM_VISITS, chunk), settings=settings.visits)
    rng = _rng(settings, _STREAM_CATHETER, chunk)
    measured = _measure(visits, settings.catheter, rng)
    labelled = _choose_catheterised(patients, visits, settings.catheter, rng)
    morphology = draw_morphology(
        patients, visits, coupling=settings.coupling, rng=_rng(settings, _STREAM_MORPHOLOGY, chunk)
    )
    n = int(np.sum(chunk * PATIENTS_PER_CHUNK + visits.patient < settings.n_patients))
    return People(
        number=chunk,
        patients=patients,
        visits=Visits(
            patient=visits.patient[:n],
            number=visits.number[:n],
            at=visits.at[:n],
            heart_rate_bpm=visits.heart_rate_bpm[:n],
            volume_change=visits.volume_change[:n],
            hemodynamics=Hemodynamics._make(values[:n] for values in visits.hemodynamics),
        ),
        morphology=Morphology._make(values[:n] for values in morphology),
        measured=measured[:n],
        labelled=labelled[:n],
    )


def render_people(
    settings: CohortSettings, people: People, *, out: Microvolts | None = None
) -> tuple[Microvolts, pa.Table]:
    """Render the ECGs of a chunk.

    Args:
        settings: Of the cohort.
        people: `draw_people(settings, chunk)`.
        out: Where to write: C-contiguous int16 of shape (at least n, 8 or 12, n_samples), see `render`; by default a
            new array of the eight independent leads.

    Returns:
        The first n rows of `out`, microvolts, and n rows of `ECGS_SCHEMA`.

    Raises:
        ValueError: `out` is too small or of another shape.
    """
    rng = _rng(settings, _STREAM_ECGS, people.number)
    morphology, patients = people.morphology, people.patients
    anatomy = draw_anatomy(
        patients.age_years,
        patients.female,
        axis_deg=_usual(morphology.axis_deg, people.visits.patient),
        qrs_t_angle_deg=_usual(morphology.qrs_t_angle_deg, people.visits.patient),
        rng=rng,
    )
    n_ecgs = 1 + rng.choice(len(settings.visits.ecgs), len(people.visits.patient), p=settings.visits.ecgs)
    visit = np.repeat(np.arange(len(n_ecgs)), n_ecgs)
    patient = people.visits.patient[visit]
    waves = build_waves(morphology, anatomy.own_stretch[people.visits.patient])
    sources = Sources(visit, patient, morphology, waves, anatomy)
    recordings = draw_recordings(sources, device=settings.device, rng=rng)
    beats = draw_beats(
        morphology, visit, breathing_hz=anatomy.breathing_hz[patient], duration_s=settings.duration_s, rng=rng
    )
    bank = _noise_bank(settings.seed, settings.device.low_pass_hz, settings.sampling_rate_hz)
    microvolts = render(
        recordings,
        beats,
        scene=Scene(morphology, waves, anatomy, settings.device, settings.sampling_rate_hz, bank),
        n_samples=settings.n_samples,
        rng=rng,
        out=None if out is None else out[: len(visit)],
    )
    number = np.arange(len(visit)) - np.repeat(np.cumsum(n_ecgs) - n_ecgs, n_ecgs)
    return microvolts, _ecg_table(settings, people, visit=visit, number=number, microvolts=microvolts)


def truth_table(people: People) -> pa.Table:
    """Every visit's values, `TRUTH_SCHEMA`."""
    ids, at = _patient_ids(people), _iso(people.visits.at)
    names, true = list(TARGETS), _true_values(people.visits)
    m = len(ids)
    columns = {
        "patient_id": np.repeat(ids, len(names)),
        "visit_at": np.repeat(at, len(names)),
        "target": np.tile(names, m),
        "value": true.ravel(),
        "measured": people.measured.ravel(),
    }
    return pa.table(columns).cast(TRUTH_SCHEMA)


def labels_table(settings: CohortSettings, people: People) -> pa.Table:
    """The catheterised visits' measurements, `LABELS_SCHEMA`; within hours of the visit's ECGs."""
    rng = np.random.default_rng([settings.seed, _STREAM_CATHETER, people.number, 1])
    furthest = round(_MINUTES_PER_HOUR * settings.catheter.within_hours)
    minutes = rng.integers(-furthest, furthest + 1, len(people.labelled))
    at = _iso(people.visits.at + minutes.astype("timedelta64[m]"))[people.labelled]
    ids, names = _patient_ids(people)[people.labelled], list(TARGETS)
    values = people.measured[people.labelled].ravel()
    n = len(ids)
    columns = {
        "patient_id": np.repeat(ids, len(names)),
        "measured_at": np.repeat(at, len(names)),
        "time_known": np.ones(n * len(names), dtype=np.bool_),
        "target": np.tile(names, n),
        "value": values,
        "value_original": values,
        "unit_original": np.tile([target.unit for target in TARGETS.values()], n),
        "method": np.repeat(np.array(["simulated right-heart catheter"]), n * len(names)),
    }
    return pa.table(columns).cast(LABELS_SCHEMA)


def _rng(settings: CohortSettings, stream: int, chunk: int) -> np.random.Generator:
    return np.random.default_rng([settings.seed, stream, chunk])


@lru_cache(maxsize=1)
def _noise_bank(seed: int, low_pass_hz: tuple[float, ...], sampling_rate_hz: float) -> NoiseBank:
    rng = np.random.default_rng([seed, _STREAM_NOISE])
    return noise_bank(low_pass_hz=low_pass_hz, sampling_rate_hz=sampling_rate_hz, rng=rng)


def _usual(values: Floats, patient: IntVector) -> Floats:
    """Mean over a patient's visits, shape (PATIENTS_PER_CHUNK,); 0 for patients beyond the end of the cohort."""
    n_visits = np.bincount(patient, minlength=PATIENTS_PER_CHUNK)
    return np.bincount(patient, values, minlength=PATIENTS_PER_CHUNK) / np.maximum(n_visits, 1)


def _true_values(visits: Visits) -> Floats:
    return np.column_stack([getattr(visits.hemodynamics, _FIELDS[name]) for name in TARGETS])


def _measure(visits: Visits, catheter: CatheterSettings, rng: np.random.Generator) -> Floats:
    """What the catheter shows, kept within what is plausible (readers differ by an SD of 2 to 2.5 mmHg)."""
    true = _true_values(visits)
    noise = rng.standard_normal(true.shape)
    sd = np.column_stack(
        [
            catheter.co_relative_sd * true[:, k] if name == "co" else np.full(len(true), catheter.pressure_sd_mmhg)
            for k, name in enumerate(TARGETS)
        ]
    )
    limits = np.array([(target.low, target.high) for target in TARGETS.values()])
    measured: Floats = np.clip(true + sd * noise, limits[:, 0], limits[:, 1])
    return measured


def _choose_catheterised(
    patients: Patients, visits: Visits, catheter: CatheterSettings, rng: np.random.Generator
) -> BoolVector:
    """Not at random: heart failure and a high wedge pressure bring a visit to the catheterisation laboratory."""
    failing = patients.heart_failure[visits.patient]
    log_odds = (
        catheter.log_odds
        + catheter.log_odds_heart_failure * failing
        + catheter.log_odds_per_mmhg * (visits.hemodynamics.mpcwp_mmhg - _REFERENCE_WEDGE_MMHG)
    )
    chosen: BoolVector = rng.random(len(log_odds)) < 1.0 / (1.0 + np.exp(-log_odds))
    return chosen


def _patient_ids(people: People) -> NDArray[np.str_]:
    first = people.number * PATIENTS_PER_CHUNK
    return np.array([f"sim-{first + row:06d}" for row in people.visits.patient], dtype=np.str_)


def _iso(at: NDArray[np.datetime64]) -> NDArray[np.str_]:
    return np.datetime_as_string(at, unit="s")


def _ecg_table(
    settings: CohortSettings, people: People, *, visit: IntVector, number: IntVector, microvolts: Microvolts
) -> pa.Table:
    patient = people.visits.patient
    ids = _patient_ids(people)
    first_at = people.visits.at[np.searchsorted(patient, patient)]
    years = (people.visits.at - first_at).astype(np.float64) / (24 * 60 * _DAYS_PER_YEAR)
    ages = np.round(people.patients.age_years[patient] + years, 1)
    sexes = np.where(people.patients.female[patient], "female", "male")
    sources = [
        f"simulated/{ids[row]}/visit-{people.visits.number[row]}/ecg-{k}#0"
        for row, k in zip(visit, number, strict=True)
    ]
    n = len(visit)
    columns = {
        "ecg_id": sources,
        "patient_id": ids[visit],
        "patient_id_known": np.ones(n, dtype=np.bool_),
        "acquired_at": _iso(people.visits.at)[visit],
        "age_years": ages[visit].astype(np.float32),
        "sex": sexes[visit],
        "source": sources,
        "n_samples_original": np.full(n, settings.n_samples, dtype=np.int32),
        "sampling_rate_hz_original": np.full(n, float(settings.sampling_rate_hz)),
        "content_hash": content_hashes(microvolts),
    }
    return pa.table(columns).cast(ECGS_SCHEMA)
