"""Find the calibration of `hemometric.simulation.morphology` that puts the ceiling of mPCWP > 15 mmHg at 0.84.

Run once, whenever the physiology or the correlates change, with `python -m validation.bisect`; what it prints is then
written into the source and frozen. No waveform is made, since the ceiling reads the generator's parameters.
"""

import numpy as np

from hemometric.simulation import CohortSettings, Morphology, People, draw_morphology, draw_people
from hemometric.simulation.difficulty import KnownEcgs, Reading, find_ceiling
from hemometric.simulation.morphology import CALIBRATION
from hemometric.simulation.settings import PATIENTS_PER_CHUNK

WANTED_AUROC = 0.84
N_PATIENTS = 32_000
SEED = 1_000
"""Not one of the small seeds that cohorts are made with."""


def draw(n_patients: int = N_PATIENTS, *, seed: int = SEED) -> list[People]:
    """Draw a cohort without ECGs."""
    settings = CohortSettings(n_patients=n_patients, seed=seed)
    return [draw_people(settings, chunk) for chunk in range(settings.n_chunks)]


def read(people: list[People], coupling: float, *, targets: tuple[str, ...], seed: int = SEED) -> list[Reading]:
    """Estimate the ceiling of the same patients and visits at another coupling."""
    drawn = [
        draw_morphology(
            chunk.patients, chunk.visits, coupling=coupling, rng=np.random.default_rng([seed, 100, chunk.number])
        )
        for chunk in people
    ]
    ecgs = KnownEcgs(
        Morphology._make(np.concatenate(columns) for columns in zip(*drawn, strict=True)),
        age_years=np.concatenate([chunk.patients.age_years[chunk.visits.patient] for chunk in people]),
        female=np.concatenate([chunk.patients.female[chunk.visits.patient] for chunk in people]),
        patient=np.concatenate([chunk.number * PATIENTS_PER_CHUNK + chunk.visits.patient for chunk in people]),
        measured=np.concatenate([chunk.measured for chunk in people]),
    )
    return find_ceiling(ecgs, targets=targets)


def main() -> None:
    """Bisect, and print the calibration that would make coupling 1 the wanted difficulty."""
    people = draw()
    low, high = 0.5, 2.0
    while high - low > 0.005:
        middle = (low + high) / 2.0
        event = next(found for found in read(people, middle, targets=("mpcwp",)) if found.measure == "mpcwp>15")
        print(f"coupling {middle:.4f}: AUROC {event.ceiling.value:.4f}")
        low, high = (low, middle) if event.ceiling.value > WANTED_AUROC else (middle, high)
    print(f"CALIBRATION = {CALIBRATION * (low + high) / 2.0:.3f}  # was {CALIBRATION:g}; {N_PATIENTS:,} patients")


if __name__ == "__main__":
    main()
