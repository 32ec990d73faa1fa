"""Every number of a virtual cohort that its user may want to change: who comes, how often, with which device.

A site is a population with a device. Another site than "reference" changes both, as another hospital would, for studies
of external validation; any single number can be changed on top of it.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import Field, model_validator

from hemometric.settings import Count, Fraction, Frozen, NotNegative, Positive

PATIENTS_PER_CHUNK = 64
"""Patients that share their random streams; part of what a seed means."""

Number = Annotated[float, Field(allow_inf_nan=False)]


class Phenotype(Frozen):
    """Why a patient is sent to the catheterisation laboratory, with the means of what follows from it.

    Attributes:
        share: Part of the cohort; those of all phenotypes add up to 1.
        heart_failure: Whether it counts as heart failure when patients are chosen for catheterisation.
        age_years: Mean age.
        female: Part of women.
        heart_rate_bpm: Mean heart rate.
        stressed_volume_ml: Mean at 1.9 m2 body surface.
        pericardial_volume_ml: Mean chamber volume at which the pericardium begins to press.
        cardiac_index: Mean wanted cardiac index, L/min/m2.
        rv_failure: Probability of a failing right ventricle at mean severity.
        af_log_odds: Added to the log odds of atrial fibrillation.
    """

    share: Fraction
    heart_failure: bool
    age_years: Annotated[float, Field(ge=22, le=92)]
    female: Fraction
    heart_rate_bpm: Annotated[float, Field(ge=45, le=130)]
    stressed_volume_ml: Annotated[float, Field(ge=500, le=4000)]
    pericardial_volume_ml: Annotated[float, Field(ge=200, le=1000)]
    cardiac_index: Annotated[float, Field(ge=1, le=6)]
    rv_failure: Annotated[float, Field(gt=0, lt=1)]
    af_log_odds: Number


def _phenotype(*values: float) -> Phenotype:
    return Phenotype.model_validate(dict(zip(Phenotype.model_fields, values, strict=True)))


class PeopleSettings(Frozen):
    """Who comes: the mixture of phenotypes, and the spread of age.

    Attributes:
        no_hf: Patients without heart failure.
        hfref: Heart failure with reduced ejection fraction.
        hfpef: Heart failure with preserved ejection fraction.
        precapillary_ph: Pre-capillary pulmonary hypertension.
        valve_mixed: Mitral regurgitation and mixed disease.
        age_sd_years: SD of age within a phenotype.
    """

    no_hf: Phenotype = _phenotype(0.27, False, 58, 0.42, 62, 1170, 390, 3.00, 0.04, 0.0)
    hfref: Phenotype = _phenotype(0.27, True, 61, 0.30, 77, 1770, 490, 2.30, 0.45, 0.6)
    hfpef: Phenotype = _phenotype(0.27, True, 70, 0.55, 72, 1600, 400, 2.80, 0.22, 1.0)
    precapillary_ph: Phenotype = _phenotype(0.10, False, 56, 0.62, 78, 1340, 410, 2.50, 0.30, 0.2)
    valve_mixed: Phenotype = _phenotype(0.09, True, 69, 0.45, 75, 1640, 430, 2.55, 0.25, 1.2)
    age_sd_years: Annotated[float, Field(ge=0, le=25)] = 12.0

    @property
    def phenotypes(self) -> tuple[Phenotype, ...]:
        """In the order of `PHENOTYPES`."""
        return tuple(getattr(self, name) for name in PHENOTYPES)

    @model_validator(mode="after")
    def _check(self) -> "PeopleSettings":
        total = sum(kind.share for kind in self.phenotypes)
        if abs(total - 1.0) > 1e-6:
            raise ValueError(f"the shares of the phenotypes ({', '.join(PHENOTYPES)}) must add up to 1, got {total:g}")
        return self


PHENOTYPES = tuple(name for name, info in PeopleSettings.model_fields.items() if info.annotation is Phenotype)
"""Names; `Patients.phenotype` is an index into them."""


class VisitSettings(Frozen):
    """How often and when patients come, and how many ECGs are recorded.

    Attributes:
        another: Probability that a visit is followed by another one (1 + geometric).
        most: Visits of a patient at most.
        min_gap_days: Between visits.
        mean_gap_days: Added to it at random (exponential).
        first_year: Of the first visits.
        n_years: Over which the first visits are spread.
        ecgs: Probabilities of 1, 2, 3 ... ECGs in a visit; they add up to 1.
    """

    another: Annotated[float, Field(ge=0, lt=1)] = 0.6
    most: Count = 8
    min_gap_days: NotNegative = 7.0
    mean_gap_days: NotNegative = 240.0
    first_year: Annotated[int, Field(ge=1980, le=2100)] = 2010
    n_years: Annotated[int, Field(ge=1, le=60)] = 9
    ecgs: Annotated[tuple[Fraction, ...], Field(min_length=1, max_length=10)] = (0.5, 0.3, 0.2)

    @model_validator(mode="after")
    def _check(self) -> "VisitSettings":
        if abs(sum(self.ecgs) - 1.0) > 1e-6:
            raise ValueError(f"ecgs must add up to 1, got {sum(self.ecgs):g}")
        return self


class CatheterSettings(Frozen):
    """Who is catheterised, and how well it is measured.

    Attributes:
        log_odds: Of a catheterisation in a visit, without heart failure and at a mPCWP of 12 mmHg.
        log_odds_heart_failure: Added with heart failure.
        log_odds_per_mmhg: Added per mmHg of mPCWP above 12.
        within_hours: Largest distance between the visit's ECGs and the measurement.
        pressure_sd_mmhg: SD of a measured pressure around the true one.
        co_relative_sd: SD of a measured cardiac output, as a part of the true one.
    """

    log_odds: Number = -2.8
    log_odds_heart_failure: Number = 0.6
    log_odds_per_mmhg: Number = 0.02
    within_hours: Annotated[float, Field(ge=0, le=240)] = 4.0
    pressure_sd_mmhg: NotNegative = 2.5
    co_relative_sd: Fraction = 0.10


class DeviceSettings(Frozen):
    """With what the ECGs are recorded.

    Attributes:
        low_pass_hz: Upper edges (-3 dB) of the device's filter; each ECG is recorded with one of them.
        high_pass_hz: Lower edge (-3 dB) of the device's filter; 0 = direct current.
        lsb_uv: Step of the converter in whole microvolts.
        gain: Factor on every amplitude, 1 = right.
        mains_hz: Of the hum.
        mains: Part of the ECGs in which hum is heard.
        noise: Factor on wander, muscle and motion noise.
        placement: Factor on the displacement of electrodes from ECG to ECG.
    """

    low_pass_hz: Annotated[tuple[Positive, ...], Field(min_length=1)] = (150.0, 150.0, 100.0, 40.0)
    high_pass_hz: Annotated[float, Field(ge=0, le=1)] = 0.05
    lsb_uv: Annotated[int, Field(ge=1, le=100)] = 5
    gain: Annotated[float, Field(ge=0.5, le=2)] = 1.0
    mains_hz: Annotated[float, Field(ge=45, le=65)] = 50.0
    mains: Fraction = 0.15
    noise: Annotated[float, Field(ge=0, le=10)] = 1.0
    placement: Annotated[float, Field(ge=0, le=5)] = 1.0


SITES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "reference": {},
        "other": {
            "people": {
                "no_hf": {"share": 0.37, "age_years": 63, "female": 0.48},
                "hfref": {"share": 0.17, "age_years": 66, "female": 0.34},
                "hfpef": {"share": 0.29, "age_years": 74, "female": 0.60},
                "precapillary_ph": {"share": 0.06},
                "valve_mixed": {"share": 0.11, "age_years": 74},
            },
            "device": {"low_pass_hz": [100.0], "high_pass_hz": 0.5, "lsb_uv": 1, "mains_hz": 60.0, "noise": 1.4},
        },
    }
)
"""What each site changes: "other" sees older patients with less systolic failure, through another device."""


class CohortSettings(Frozen):
    """What a virtual cohort is.

    Attributes:
        n_patients: Patients; each has 1 to 8 visits (mean 2.4) with 1 to 3 ECGs (mean 1.7).
        seed: Of everything random.
        sampling_rate_hz: 100..1000.
        coupling: How much the ECG shows of the heart: 0 = nothing, 1 = as published correlates, at most 3.
        duration_s: Of each ECG.
        site: Key of `SITES`; what it changes can be changed again.
        people: Who comes.
        visits: How often.
        catheter: Who is catheterised.
        device: With what the ECGs are recorded.
        shard_size: A shard is closed after the chunk of patients with which it reaches that many ECGs.
        with_ceiling: Estimate the ceiling for the store's card.
        n_workers: Processes; the bytes do not depend on it.
    """

    n_patients: Annotated[int, Field(ge=1, le=100_000_000)]
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    sampling_rate_hz: Annotated[float, Field(ge=100, le=1000)] = 250.0
    coupling: Annotated[float, Field(ge=0, le=3)] = 1.0
    duration_s: Annotated[float, Field(ge=5, le=60)] = 10.0
    site: str = "reference"
    people: PeopleSettings = PeopleSettings()
    visits: VisitSettings = VisitSettings()
    catheter: CatheterSettings = CatheterSettings()
    device: DeviceSettings = DeviceSettings()
    shard_size: Annotated[int, Field(ge=1, le=1_000_000)] = 4096
    with_ceiling: bool = True
    n_workers: Annotated[int, Field(ge=1, le=1024)] = 1

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, values: object) -> object:
        """Put what is given over what the site changes, and that over the defaults."""
        if not isinstance(values, Mapping):
            return values
        site = values.get("site", "reference")
        if site not in SITES:
            raise ValueError(f"site must be one of {', '.join(SITES)}, got {site!r}")
        defaults = {"people": PeopleSettings().model_dump()}
        return _over(_over(defaults, SITES[site]), values)

    @property
    def n_samples(self) -> int:
        """Samples per lead."""
        return round(self.duration_s * self.sampling_rate_hz)

    @property
    def n_chunks(self) -> int:
        """Chunks of patients."""
        return -(-self.n_patients // PATIENTS_PER_CHUNK)


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Merge nested tables; what is above wins."""
    merged = dict(below)
    for key, value in above.items():
        inner = merged.get(key)
        merged[key] = _over(inner, value) if isinstance(inner, Mapping) and isinstance(value, Mapping) else value
    return merged
