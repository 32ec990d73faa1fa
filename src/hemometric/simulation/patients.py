"""Virtual patients of a catheterisation laboratory and their visits.

A patient has a phenotype, a severity (disease of both ventricles) and a congestion (venous tone and volume, shared by
both sides of the heart); from them follow the parameters of the circulation. Kidneys and diuretics then correct the
stressed volume. A visit changes volume, contractility, stiffness, heart rate and wanted arterial pressure.

Drugs move the heart rate around its phenotype's mean, which holds for the usual mix of takers: beta-blockers by -9,
amiodarone by -5, digoxin in atrial fibrillation by -8 beats a minute (chosen). A pacemaker keeps the rate above 60 to
70; the share of paced patients (about 6 % in systolic failure, 2 to 4 % else) is chosen.

Sources of the distributions: catheterisation cohorts of the VA (PMC4811678, PMC8219057), ESCAPE (RAP/PCWP and PVR by
tertile, MEDAMACS mismatch), PAH registries; the compliance of the pulmonary arteries follows from their resistance,
C = 0.564 / (0.047 + R) (PMC3264431). What no source gives was chosen so that the cohort's moments come out near
those cohorts'; a store's card.md says what was reached.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hemometric.simulation.adaptation import draw_volume_changes, fibrillate, pace, settle_volume
from hemometric.simulation.circulation import Circulation, FloatVector, Hemodynamics, healthy
from hemometric.simulation.settings import PHENOTYPES, PeopleSettings, VisitSettings
from hemometric.simulation.steady_state import run_to_steady_state

IntVector = NDArray[np.int64]
BoolVector = NDArray[np.bool_]

NO_HF, HFREF, HFPEF, PRECAPILLARY, VALVE = range(len(PHENOTYPES))


class Patients(NamedTuple):
    """n patients; vectors of shape (n,).

    Attributes:
        phenotype: Index into `PHENOTYPES`.
        heart_failure: Whether the phenotype counts as heart failure.
        age_years: At the first visit.
        female: True for women.
        body_surface_m2: Body surface.
        atrial_fibrillation: Permanent or persistent.
        paced: Paced in the right ventricle.
        beta_blocker: Takes a beta-blocker.
        amiodarone: Takes amiodarone.
        digoxin: Takes digoxin.
        lowest_rate_bpm: Heart rate below which the pacemaker, or an escape rhythm, does not let the heart fall.
        circulation: After the kidneys' correction.
        baseline: Steady state of `circulation`: the patient's chronic load.
    """

    phenotype: IntVector
    heart_failure: BoolVector
    age_years: FloatVector
    female: BoolVector
    body_surface_m2: FloatVector
    atrial_fibrillation: BoolVector
    paced: BoolVector
    beta_blocker: BoolVector
    amiodarone: BoolVector
    digoxin: BoolVector
    lowest_rate_bpm: FloatVector
    circulation: Circulation
    baseline: Hemodynamics


class Visits(NamedTuple):
    """m visits, those of a patient next to each other and in the order of time; vectors of shape (m,).

    Attributes:
        patient: Row of the patient.
        number: 0 for a patient's first visit.
        at: When, datetime64[m].
        heart_rate_bpm: Heart rate.
        volume_change: Relative change of the stressed volume against the baseline.
        hemodynamics: Steady state at the visit.
    """

    patient: IntVector
    number: IntVector
    at: NDArray[np.datetime64]
    heart_rate_bpm: FloatVector
    volume_change: FloatVector
    hemodynamics: Hemodynamics


_DAYS_PER_YEAR = 365
_MINUTES_PER_DAY = 24 * 60
_RV_FAILURE_SLOPE = 0.6
_CONGESTION_VOLUME = 0.26
_CONGESTION_TONE = 0.30
_BETA_BLOCKER_BPM = -9.0
_AMIODARONE_BPM = -5.0
_DIGOXIN_BPM = -8.0
_PACED_RATE_BPM = (60.0, 70.0)
_LOWEST_RATE_BPM = 48.0


class _Traits(NamedTuple):
    """What a patient is before there is a circulation; vectors of shape (n,).

    `drug_rate_bpm` is what the drugs change in the heart rate, against the usual mix of takers and others.
    """

    people: PeopleSettings
    phenotype: IntVector
    severity: FloatVector
    congestion: FloatVector
    age_years: FloatVector
    female: BoolVector
    body_surface_m2: FloatVector
    la_dilatation_ml: FloatVector
    atrial_fibrillation: BoolVector
    paced: BoolVector
    beta_blocker: BoolVector
    amiodarone: BoolVector
    digoxin: BoolVector
    drug_rate_bpm: FloatVector
    lowest_rate_bpm: FloatVector

    def is_(self, *kinds: int) -> BoolVector:
        """Where the phenotype is one of `kinds`."""
        return np.isin(self.phenotype, kinds)

    def mean(self, column: str) -> FloatVector:
        """The phenotype's mean, for each patient."""
        return _of(column, self.phenotype, self.people)


def draw_patients(n: int, rng: np.random.Generator, *, people: PeopleSettings | None = None) -> Patients:
    """Draw n patients and run each to its baseline.

    Args:
        n: How many, >= 1.
        rng: Source of randomness.
        people: Who comes; None: as at the reference site.
    """
    traits = _draw_traits(n, people or PeopleSettings(), rng)
    heart = healthy(n)._replace(**_left_heart(traits, rng))
    heart = heart._replace(**_lungs_and_right_heart(traits, rng))
    heart = heart._replace(**_rate_and_volume(traits, rng))
    wanted_co = _wanted_output(traits, rng)
    heart = heart._replace(systemic_resistance=heart.wanted_map_mmhg / wanted_co * 60.0 / 1000.0 * 0.95)
    heart = fibrillate(pace(heart, traits.paced), traits.atrial_fibrillation)
    heart = settle_volume(heart, wanted_co)
    return Patients(
        phenotype=traits.phenotype,
        heart_failure=traits.mean("heart_failure") > 0,
        age_years=traits.age_years,
        female=traits.female,
        body_surface_m2=traits.body_surface_m2,
        atrial_fibrillation=traits.atrial_fibrillation,
        paced=traits.paced,
        beta_blocker=traits.beta_blocker,
        amiodarone=traits.amiodarone,
        digoxin=traits.digoxin,
        lowest_rate_bpm=traits.lowest_rate_bpm,
        circulation=heart,
        baseline=run_to_steady_state(heart),
    )


def draw_visits(patients: Patients, rng: np.random.Generator, *, settings: VisitSettings | None = None) -> Visits:
    """Draw the visits of each patient and run each to its steady state.

    Args:
        patients: n patients.
        rng: Source of randomness.
        settings: How often they come; None: 1 to 8 visits, mean 2.4.
    """
    settings = settings or VisitSettings()
    n_visits = np.minimum(rng.geometric(1.0 - settings.another, len(patients.phenotype)), settings.most)
    patient = np.repeat(np.arange(len(n_visits)), n_visits)
    number = np.arange(len(patient)) - np.repeat(np.cumsum(n_visits) - n_visits, n_visits)
    m = len(patient)
    change = draw_volume_changes(patients.baseline, patients.heart_failure, patient=patient, rng=rng)
    chronic = Circulation(*(values[patient] for values in patients.circulation))
    rate = chronic.heart_rate_bpm * (1.0 + rng.normal(0.0, 0.08, m) + 0.5 * np.clip(change, 0.0, 0.3))
    contractility = np.exp(rng.normal(0.0, 0.09, m))
    visit = chronic._replace(
        heart_rate_bpm=np.clip(rate, patients.lowest_rate_bpm[patient], 130.0),
        stressed_volume_ml=chronic.stressed_volume_ml * (1.0 + change),
        lv_elastance=chronic.lv_elastance * contractility,
        rv_elastance=chronic.rv_elastance * contractility,
        lv_stiffness_per_ml=chronic.lv_stiffness_per_ml * np.exp(rng.normal(0.0, 0.06, m)),
        wanted_map_mmhg=np.clip(chronic.wanted_map_mmhg + rng.normal(0.0, 8.0, m), 62.0, 130.0),
    )
    return Visits(
        patient=patient,
        number=number,
        at=_visit_times(number, settings=settings, rng=rng),
        heart_rate_bpm=visit.heart_rate_bpm,
        volume_change=change,
        hemodynamics=run_to_steady_state(visit),
    )


def _of(column: str, phenotype: IntVector, people: PeopleSettings) -> FloatVector:
    """A number of the phenotype for each patient."""
    return np.array([float(getattr(kind, column)) for kind in people.phenotypes])[phenotype]


def _probability(log_odds: FloatVector) -> FloatVector:
    probability: FloatVector = 1.0 / (1.0 + np.exp(-log_odds))
    return probability


def _spread(mean: float | FloatVector, sd: float, n: int, rng: np.random.Generator) -> FloatVector:
    """Log-normal with that median and SD of the logarithm."""
    values: FloatVector = mean * np.exp(rng.normal(0.0, sd, n))
    return values


def _draw_traits(n: int, people: PeopleSettings, rng: np.random.Generator) -> _Traits:
    phenotype = rng.choice(len(PHENOTYPES), n, p=[kind.share for kind in people.phenotypes]).astype(np.int64)
    age = np.clip(_of("age_years", phenotype, people) + rng.normal(0.0, people.age_sd_years, n), 22.0, 92.0)
    female = rng.random(n) < _of("female", phenotype, people)
    dilated = np.isin(phenotype, (HFREF, HFPEF, VALVE))
    dilatation = np.where(dilated, np.clip(rng.normal(22.0, 10.0, n), -3.0, 52.0), 0.0)
    log_odds = -3.6 + 0.045 * (age - 60.0) + dilatation / 20.0 + _of("af_log_odds", phenotype, people)
    fibrillating = rng.random(n) < _probability(log_odds)
    failing = _of("heart_failure", phenotype, people) > 0
    paced = rng.random(n) < _probability(-3.9 + 0.03 * (age - 60.0) + 0.9 * (phenotype == HFREF) + 0.5 * fibrillating)
    usual_beta_blocker = np.where(failing | fibrillating, 0.75, 0.25)
    usual_amiodarone = np.where(fibrillating, 0.20, 0.02)
    usual_digoxin = np.where(fibrillating, 0.20, 0.0) + np.where(phenotype == HFREF, 0.10, 0.0)
    beta_blocker, amiodarone, digoxin = (
        rng.random(n) < usual for usual in (usual_beta_blocker, usual_amiodarone, usual_digoxin)
    )
    drug_rate = (
        _BETA_BLOCKER_BPM * (beta_blocker - usual_beta_blocker)
        + _AMIODARONE_BPM * (amiodarone - usual_amiodarone)
        + _DIGOXIN_BPM * (digoxin - usual_digoxin) * fibrillating
    )
    return _Traits(
        people=people,
        phenotype=phenotype,
        severity=np.clip(rng.standard_normal(n), -2.2, 2.4),
        congestion=np.clip(rng.standard_normal(n), -2.2, 2.4),
        age_years=age,
        female=female,
        body_surface_m2=np.clip(np.where(female, 1.80, 2.03) + rng.normal(0.0, 0.2, n), 1.3, 2.8),
        la_dilatation_ml=dilatation,
        atrial_fibrillation=fibrillating,
        paced=paced,
        beta_blocker=beta_blocker,
        amiodarone=amiodarone,
        digoxin=digoxin,
        drug_rate_bpm=drug_rate,
        lowest_rate_bpm=np.where(paced, rng.uniform(*_PACED_RATE_BPM, n), _LOWEST_RATE_BPM),
    )


def _left_heart(traits: _Traits, rng: np.random.Generator) -> dict[str, FloatVector]:
    n = len(traits.severity)
    systolic, diastolic, valve = traits.is_(HFREF), traits.is_(HFPEF), traits.is_(VALVE)
    weak = np.clip(0.76 - 0.08 * traits.severity + rng.normal(0.0, 0.04, n), 0.40, 1.5)
    strong = np.where(diastolic, _spread(3.0, 0.2, n, rng), _spread(3.0, 0.18, n, rng))
    stiffness = np.where(systolic, _spread(0.0185, 0.07, n, rng), _spread(0.0270, 0.10, n, rng))
    stiff = _spread(0.036 * np.exp(0.10 * traits.severity), 0.05, n, rng)
    secondary_leak = np.where(systolic & (rng.random(n) < 0.5), _spread(0.5, 0.5, n, rng), 0.0)
    return {
        "lv_elastance": np.where(systolic, weak, strong),
        "lv_unstressed_ml": np.where(systolic, 35.0 + 5.0 * traits.severity, 10.0) + rng.normal(0.0, 4.0, n),
        "lv_stiffness_mmhg": _spread(0.55, 0.15, n, rng),
        "lv_stiffness_per_ml": np.where(diastolic, stiff, stiffness),
        "la_unstressed_ml": 8.0 + traits.la_dilatation_ml,
        "la_stiffness_per_ml": _spread(0.042, 0.12, n, rng),
        "mitral_leak_ml_per_s_mmhg": np.where(valve, np.clip(_spread(2.3, 0.35, n, rng), 0.6, 4.0), secondary_leak),
    }


def _lungs_and_right_heart(traits: _Traits, rng: np.random.Generator) -> dict[str, FloatVector]:
    """Left heart failure raises the pulmonary resistance, and both weaken the right ventricle."""
    n = len(traits.severity)
    left = traits.is_(HFREF, HFPEF, VALVE)
    resistance_wu = np.where(
        left, _spread(2.4 * np.exp(0.20 * traits.severity), 0.35, n, rng), _spread(1.5, 0.30, n, rng)
    )
    resistance_wu = np.where(traits.is_(PRECAPILLARY), np.clip(_spread(5.0, 0.36, n, rng), 2.0, 14.0), resistance_wu)
    resistance = resistance_wu * 0.06
    odds = traits.mean("rv_failure")
    log_odds = np.log(odds / (1.0 - odds)) + _RV_FAILURE_SLOPE * (traits.severity + traits.congestion)
    failing = rng.random(n) < _probability(log_odds)
    adapted = _spread(0.70, 0.08, n, rng) * np.clip((resistance_wu / 1.6) ** np.where(left, 0.15, 0.30), 0.8, 2.2)
    weakened = np.where(failing, np.where(left, 0.88, 0.65), 1.0) * np.exp(-0.08 * traits.severity * left)
    stiffening = np.where(failing, 1.15, 1.0) * np.where(left, 1.15 * np.exp(0.04 * traits.severity), 1.05)
    return {
        "pulmonary_resistance": 0.9 * resistance,
        "pulmonary_venous_resistance": 0.1 * resistance,
        "pulmonary_arterial_compliance": np.clip(_spread(0.564, 0.15, n, rng) / (0.047 + 0.9 * resistance), 0.6, 9.0),
        "rv_elastance": weakened * adapted,
        "rv_stiffness_mmhg": _spread(0.65, 0.15, n, rng),
        "rv_stiffness_per_ml": _spread(0.0215, 0.06, n, rng) * stiffening,
    }


def _rate_and_volume(traits: _Traits, rng: np.random.Generator) -> dict[str, FloatVector]:
    n = len(traits.severity)
    sick = traits.severity * (traits.phenotype != NO_HF)
    congestion = traits.congestion * np.where(traits.mean("heart_failure") > 0, 1.0, 0.5)
    rate = traits.mean("heart_rate_bpm") + 3.0 * sick + rng.normal(0.0, 7.5, n) + traits.drug_rate_bpm
    volume = traits.mean("stressed_volume_ml") + 120.0 * sick + rng.normal(0.0, 60.0, n)
    pressure = 92.0 + rng.normal(0.0, 9.0, n) - traits.is_(HFREF) * (6.0 + 2.0 * traits.severity)
    return {
        "heart_rate_bpm": np.clip(rate, traits.lowest_rate_bpm, 120.0),
        "stressed_volume_ml": volume * (traits.body_surface_m2 / 1.9) ** 0.7 * np.exp(_CONGESTION_VOLUME * congestion),
        "systemic_venous_compliance": 73.0 * np.exp(-_CONGESTION_TONE * congestion),
        "wanted_map_mmhg": np.clip(pressure, 68.0, 118.0),
        "pericardial_volume_ml": traits.mean("pericardial_volume_ml") + rng.normal(0.0, 25.0, n),
    }


def _wanted_output(traits: _Traits, rng: np.random.Generator) -> FloatVector:
    """L/min that the tissues ask for."""
    sick = traits.severity * (traits.phenotype != NO_HF)
    index = traits.mean("cardiac_index") - 0.17 * sick + rng.normal(0.0, 0.30, len(sick))
    wanted: FloatVector = np.clip(index, 1.3, 4.6) * traits.body_surface_m2
    return wanted


def _visit_times(number: IntVector, *, settings: VisitSettings, rng: np.random.Generator) -> NDArray[np.datetime64]:
    """First visits spread over years, then gaps, at office hours of any day."""
    is_first = np.flatnonzero(number == 0)
    first_days = rng.random(len(is_first)) * settings.n_years * _DAYS_PER_YEAR
    gap_days = settings.min_gap_days + rng.exponential(settings.mean_gap_days, len(number))
    gap_days[is_first] = 0.0
    so_far = np.cumsum(gap_days)
    since_first = so_far - np.repeat(so_far[is_first], np.diff(np.append(is_first, len(number))))
    patient = np.cumsum(number == 0) - 1
    days = np.floor(first_days[patient] + since_first)
    minutes = days * _MINUTES_PER_DAY + rng.integers(7 * 60, 19 * 60, len(number))
    first_day = np.datetime64(f"{settings.first_year}-01-01T00:00", "m")
    at: NDArray[np.datetime64] = first_day + minutes.astype("timedelta64[m]")
    return at
