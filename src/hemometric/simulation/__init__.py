"""A virtual cohort with known hemodynamics: circulation -> morphology of the ECG -> ECGs -> an ordinary store.

Simulated, never clinical. `simulate` writes the store; the other names are its steps, for those who study them.
"""

from hemometric.simulation.circulation import Circulation, Hemodynamics, healthy
from hemometric.simulation.cohort import simulate
from hemometric.simulation.morphology import Morphology, draw_morphology
from hemometric.simulation.patients import PHENOTYPES, Patients, Phenotype, Visits, draw_patients, draw_visits
from hemometric.simulation.population import SIMULATOR_VERSION, CohortSettings, People, draw_people, render_people
from hemometric.simulation.steady_state import run_to_steady_state

__all__ = [
    "PHENOTYPES",
    "SIMULATOR_VERSION",
    "Circulation",
    "CohortSettings",
    "Hemodynamics",
    "Morphology",
    "Patients",
    "People",
    "Phenotype",
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
