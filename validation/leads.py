"""Whether the twelve leads obey Einthoven's and Goldberger's laws, before and after the converter's rounding."""

import numpy as np

from hemometric.ecg import LEADS, derive_leads
from hemometric.simulation import CohortSettings, draw_people, render_people
from validation.drawing import Floats
from validation.sections import Check

_MOST_STEPS = 1.5
_ROUNDING_MV = 1e-6


def check_leads(seed: int) -> tuple[Check, ...]:
    """Check the leads of 64 patients: derived in mV, and written to a caller's buffer of twelve leads in microvolts."""
    settings = CohortSettings(n_patients=64, seed=seed, sampling_rate_hz=500.0)
    people = draw_people(settings, 0)
    most = len(people.labelled) * len(settings.visits.ecgs)
    buffer = np.empty((most, len(LEADS), settings.n_samples), dtype=np.int16)
    rounded, _ = render_people(settings, people, out=buffer)
    independent, _ = render_people(settings, people)
    before = _largest_residual(derive_leads(independent.astype(np.float32) / 1000.0).astype(np.float64))
    steps = _largest_residual(rounded.astype(np.float64)) / settings.device.lsb_uv
    return (
        Check(
            "Einthoven and Goldberger, derived from the eight leads",
            f"{_ROUNDING_MV:g} mV",
            f"{before:.1e} mV",
            before <= _ROUNDING_MV,
        ),
        Check(
            f"Einthoven and Goldberger after rounding, {len(rounded)} ECGs of twelve leads",
            f"{_MOST_STEPS:g} steps of {settings.device.lsb_uv} uV",
            f"{steps:.2f} steps",
            steps <= _MOST_STEPS,
        ),
    )


def _largest_residual(waveforms: Floats) -> float:
    lead = {name: waveforms[:, row] for row, name in enumerate(LEADS)}
    residuals = (
        lead["I"] + lead["III"] - lead["II"],
        lead["aVR"] + 0.5 * (lead["I"] + lead["II"]),
        lead["aVL"] - 0.5 * (lead["I"] - lead["III"]),
        lead["aVF"] - 0.5 * (lead["II"] + lead["III"]),
        lead["aVR"] + lead["aVL"] + lead["aVF"],
    )
    return float(max(np.abs(residual).max() for residual in residuals))
