"""The cohort that the report measures: everybody of it in one table, and ECGs of chosen visits."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemometric.ecg import LEADS, Waveform, derive_leads
from hemometric.simulation import (
    PHENOTYPES,
    CohortSettings,
    Hemodynamics,
    Morphology,
    Patients,
    People,
    draw_people,
    render_people,
)
from hemometric.simulation.settings import PATIENTS_PER_CHUNK

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

_PER_PATIENT = tuple(name for name in Patients._fields if name not in ("circulation", "baseline"))


@dataclass(frozen=True)
class Drawn:
    """A cohort without ECGs: its m visits, one after another.

    Attributes:
        settings: Of the cohort.
        people: Its chunks.
    """

    settings: CohortSettings
    people: tuple[People, ...]

    @cached_property
    def patient(self) -> Ints:
        """Patient of each visit, shape (m,)."""
        return np.concatenate([chunk.number * PATIENTS_PER_CHUNK + chunk.visits.patient for chunk in self.people])

    @cached_property
    def found(self) -> Hemodynamics:
        """True hemodynamics, vectors of shape (m,)."""
        columns = zip(*(chunk.visits.hemodynamics for chunk in self.people), strict=True)
        return Hemodynamics._make(np.concatenate(column) for column in columns)

    @cached_property
    def morphology(self) -> Morphology:
        """True parameters of the ECGs, vectors of shape (m,)."""
        columns = zip(*(chunk.morphology for chunk in self.people), strict=True)
        return Morphology._make(np.concatenate(column) for column in columns)

    @cached_property
    def labelled(self) -> Bools:
        """Whether the visit has a catheter label, shape (m,)."""
        return np.concatenate([chunk.labelled for chunk in self.people])

    @cached_property
    def measured(self) -> Floats:
        """What the catheter shows, shape (m, 4)."""
        return np.concatenate([chunk.measured for chunk in self.people])

    @cached_property
    def volume_change(self) -> Floats:
        """Relative change of stressed volume against the patient's baseline, shape (m,)."""
        return np.concatenate([chunk.visits.volume_change for chunk in self.people])

    def trait(self, name: str) -> NDArray[Any]:
        """Return a field of `Patients` for each visit, shape (m,)."""
        if name not in _PER_PATIENT:
            raise ValueError(f"expected one of {', '.join(_PER_PATIENT)}, got {name!r}")
        return np.concatenate([getattr(chunk.patients, name)[chunk.visits.patient] for chunk in self.people])

    def is_phenotype(self, *names: str) -> Bools:
        """Whether the patient has one of these phenotypes, shape (m,)."""
        chosen: Bools = np.isin(self.trait("phenotype"), [PHENOTYPES.index(name) for name in names])
        return chosen

    @cached_property
    def in_sinus_rhythm(self) -> Bools:
        """Whether there is a P wave and nothing paces the ventricle, shape (m,)."""
        sinus: Bools = (self.morphology.atrial_fibrillation == 0) & (self.morphology.paced == 0)
        return sinus

    @cached_property
    def is_normal(self) -> Bools:
        """Whether an electrocardiographer would expect a normal ECG, shape (m,).

        No heart failure, sinus rhythm, no block, pacing, premature beats or drugs.
        """
        found = self.morphology
        quiet = (found.lbbb == 0) & (found.rbbb == 0) & (found.pvc == 0)
        drugs = self.trait("beta_blocker") | self.trait("amiodarone") | self.trait("digoxin")
        normal: Bools = self.is_phenotype("no_hf") & self.in_sinus_rhythm & quiet & ~drugs
        return normal


def draw(n_patients: int, *, seed: int) -> Drawn:
    """Draw a cohort at the default settings, without its ECGs."""
    settings = CohortSettings(n_patients=n_patients, seed=seed, sampling_rate_hz=500.0)
    return Drawn(settings, tuple(draw_people(settings, chunk) for chunk in range(settings.n_chunks)))


def render_one_each(drawn: Drawn, visits: Ints, *, quiet: bool = False) -> Waveform:
    """Render one ECG of each chosen visit.

    Args:
        drawn: A cohort.
        visits: Rows, ascending.
        quiet: Without the noise of electrodes and mains.

    Returns:
        Shape (n, 12, n_samples), mV.
    """
    wanted = {"ecgs": (1.0,)}
    device = {"noise": 0.0, "mains": 0.0} if quiet else {}
    settings = CohortSettings.model_validate(
        drawn.settings.model_dump() | {"visits": wanted, "device": device}  # nothing else of them plays a part here
    )
    waveforms, first = [], 0
    for chunk in drawn.people:
        last = first + len(chunk.labelled)
        rows = visits[(visits >= first) & (visits < last)] - first
        first = last
        if len(rows):
            waveforms.append(to_millivolts(render_people(settings, chosen(chunk, rows))[0]))
    return np.concatenate(waveforms)


def chosen(people: People, rows: Ints) -> People:
    """Keep some visits of a chunk."""
    visits = people.visits
    return people._replace(
        visits=visits._replace(
            patient=visits.patient[rows],
            number=visits.number[rows],
            at=visits.at[rows],
            heart_rate_bpm=visits.heart_rate_bpm[rows],
            volume_change=visits.volume_change[rows],
            hemodynamics=Hemodynamics._make(values[rows] for values in visits.hemodynamics),
        ),
        morphology=Morphology._make(values[rows] for values in people.morphology),
        measured=people.measured[rows],
        labelled=people.labelled[rows],
    )


def to_millivolts(microvolts: NDArray[np.int16]) -> Waveform:
    """Turn rendered ECGs of eight or twelve leads into twelve leads in mV."""
    millivolts: Waveform = microvolts.astype(np.float32) / np.float32(1000.0)
    return millivolts if millivolts.shape[1] == len(LEADS) else derive_leads(millivolts)
