"""A virtual cohort with known hemodynamics: circulation -> morphology of the ECG -> ECGs -> an ordinary store.

Simulated, never clinical. `simulate` writes the store; the other names are its steps, for those who study them.
"""

from hemometric.simulation.circulation import Circulation, Hemodynamics, healthy
from hemometric.simulation.cohort import simulate
from hemometric.simulation.morphology import Morphology, draw_morphology
from hemometric.simulation.patients import Patients, Visits, draw_patients, draw_visits
from hemometric.simulation.population import SIMULATOR_VERSION, People, draw_people, render_people
from hemometric.simulation.settings import (
    PHENOTYPES,
    SITES,
    CatheterSettings,
    CohortSettings,
    DeviceSettings,
    PeopleSettings,
    Phenotype,
    VisitSettings,
)
from hemometric.simulation.steady_state import run_to_steady_state

__all__ = [
    "PHENOTYPES",
    "SIMULATOR_VERSION",
    "SITES",
    "CatheterSettings",
    "Circulation",
    "CohortSettings",
    "DeviceSettings",
    "Hemodynamics",
    "Morphology",
    "Patients",
    "People",
    "PeopleSettings",
    "Phenotype",
    "VisitSettings",
    "Visits",
    "draw_morphology",
    "draw_patients",
    "draw_people",
    "draw_visits",
    "healthy",
    "render_people",
    "run_to_steady_state",
    "simulate",
]
