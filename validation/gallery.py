"""ECGs as a cardiologist reads them: the forms that the simulator knows, each from a fixed seed."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from hemometric.ecg import Ecg, Waveform
from hemometric.simulation import CohortSettings, Morphology, draw_people, render_people
from hemometric.waveform import FEATURES, describe, plot_ecg
from validation.drawing import to_millivolts
from validation.sections import Section, Task, picture

_RATE_HZ = 500.0
_SEED = 2024
_PREMATURE_SHARE = 0.1
_REDUCTION = 1.6
_COLOURS = ("fffaf7", "fbe9e4", "f8d9d2", "f3c1b8", "eda99d", "c8b8b4", "8f8581", "555150", "111111")
"""Paper, its thin and thick lines, and ink, with blends of them."""
_USUAL: dict[str, float] = {
    "p_duration_ms": 106.0,
    "p_terminal_force_mv_s": 0.022,
    "ra_amplitude_mv": 0.11,
    "pr_ms": 158.0,
    "lbbb": 0.0,
    "rbbb": 0.0,
    "qrs_ms": 90.0,
    "qtc_ms": 412.0,
    "qrs_t_angle_deg": 32.0,
    "axis_deg": 40.0,
    "log_voltage": 0.0,
    "log_r_v1": float(np.log(0.22)),
    "strain": 0.0,
    "rv_strain": 0.0,
    "log_t_amplitude": 0.0,
    "heart_rate_bpm": 68.0,
    "log_rr_variation": -3.6,
    "atrial_fibrillation": 0.0,
    "pvc": 0.0,
    "paced": 0.0,
    "digoxin": 0.0,
}
_NO_P = dict.fromkeys(("p_duration_ms", "p_terminal_force_mv_s", "ra_amplitude_mv", "pr_ms"), float("nan"))


class _Plate(NamedTuple):
    """An ECG of the gallery.

    Attributes:
        name: Of the file.
        title: Above the picture.
        changed: What differs from a usual ECG.
        expected: What a cardiologist expects to see.
    """

    name: str
    title: str
    changed: dict[str, float]
    expected: str


PLATES = (
    _Plate("normal", "Normal", {}, "Sinus rhythm, R growing from V1 to V4 or V5, T upright in I, II and V3 to V6."),
    _Plate(
        "fibrillation",
        "Atrial fibrillation",
        {"atrial_fibrillation": 1.0, "log_rr_variation": -1.5, "heart_rate_bpm": 88.0, **_NO_P},
        "Irregular RR, no P, fine waves that are largest in V1.",
    ),
    _Plate(
        "lbbb",
        "Left bundle branch block",
        {"lbbb": 1.0, "qrs_ms": 150.0, "qtc_ms": 445.0, "qrs_t_angle_deg": 140.0, "axis_deg": 0.0},
        "Wide QRS; broad R without Q in I and V6; deep S in V1 to V3; T against the QRS.",
    ),
    _Plate(
        "rbbb",
        "Right bundle branch block",
        {"rbbb": 1.0, "qrs_ms": 136.0, "qtc_ms": 425.0},
        "rSR' in V1, a wide S in I and V6, T inverted in V1 and V2.",
    ),
    _Plate(
        "lvh",
        "Left ventricular hypertrophy with strain",
        {
            "strain": 1.1,
            "log_voltage": 0.3,
            "qrs_t_angle_deg": 130.0,
            "qrs_ms": 104.0,
            "axis_deg": 5.0,
            "p_terminal_force_mv_s": 0.05,
            "p_duration_ms": 126.0,
        },
        "High voltage, deep S in V2, ST down and T inverted in I, V5 and V6; long P, deep at its end in V1.",
    ),
    _Plate(
        "rvh",
        "Right ventricular hypertrophy with strain",
        {
            "log_r_v1": float(np.log(1.2)),
            "rv_strain": 1.0,
            "axis_deg": 115.0,
            "ra_amplitude_mv": 0.24,
            "heart_rate_bpm": 84.0,
        },
        "Axis to the right, tall R in V1, deep S in V5 and V6, T inverted in V1 to V3, peaked P in II.",
    ),
    _Plate(
        "paced",
        "Paced in the right ventricle, after each P wave",
        {
            "paced": 1.0,
            "qrs_ms": 162.0,
            "qtc_ms": 470.0,
            "qrs_t_angle_deg": 150.0,
            "axis_deg": -75.0,
            "pr_ms": 165.0,
        },
        "Spike before each QRS, which is wide, negative in II, III and aVF; T against the QRS.",
    ),
    _Plate(
        "premature",
        "Ventricular premature beats",
        {"pvc": 1.0, "heart_rate_bpm": 72.0},
        "Early wide beats without P, T against them, a compensatory pause.",
    ),
    _Plate(
        "digoxin",
        "Digoxin in atrial fibrillation",
        {
            "digoxin": 1.0,
            "atrial_fibrillation": 1.0,
            "log_rr_variation": -1.5,
            "heart_rate_bpm": 72.0,
            "qtc_ms": 395.0,
            "log_t_amplitude": -0.3,
            **_NO_P,
        },
        "Sagging ST where R is tall, low T, short QT.",
    ),
    _Plate(
        "oedema",
        "Low voltage with oedema",
        {"log_voltage": -0.75, "p_duration_ms": 124.0, "p_terminal_force_mv_s": 0.045, "heart_rate_bpm": 86.0},
        "QRS below 0.5 mV in all limb leads.",
    ),
)


def report(task: Task) -> Section:
    """Render and draw all plates."""
    parts = [
        "Rendered with half the usual noise; 25 mm/s, 10 mm/mV, thin lines 1 mm (0.04 s, 0.1 mV), thick lines 5 mm. "
        "Chosen by their parameters, not for their looks: all are the same patient of the same seed, so the chest is "
        "the same in all. Only the premature beats, which come at random, are those of the seed's first patient who "
        "has a tenth of them."
    ]
    for plate, ecg in zip(PLATES, render_plates(), strict=True):
        draw_on_paper(ecg, task.images / f"ecg-{plate.name}.png")
        image = picture(task, f"ecg-{plate.name}.png", plate.title)
        parts.append(f"### {plate.title}\n\nExpected: {plate.expected}\n\n{image}")
    return Section("ECGs on paper", "\n\n".join(parts))


def render_plates(*, patient: int = 1, seed: int = _SEED) -> list[Ecg]:
    """Render every plate in one chest, 10 s at 500 Hz.

    Args:
        patient: Whose chest, 0..63.
        seed: Of the cohort that the patient belongs to.
    """
    settings = CohortSettings.model_validate(
        {
            "n_patients": 64,
            "seed": seed,
            "sampling_rate_hz": _RATE_HZ,
            "visits": {"ecgs": (1.0,), "another": 0.0},
            "device": {"noise": 0.5, "mains": 0.0, "low_pass_hz": (150.0,)},
        }
    )
    people = draw_people(settings, 0)
    ecgs = []
    for plate in PLATES:
        values = _USUAL | plate.changed
        columns = {name: np.full(len(people.labelled), values[name]) for name in Morphology._fields}
        rendered = to_millivolts(render_people(settings, people._replace(morphology=Morphology(**columns)))[0])
        row = _first_with_premature_beats(rendered) if values["pvc"] else patient
        ecgs.append(
            Ecg(
                waveform=rendered[row],
                sampling_rate_hz=_RATE_HZ,
                ecg_id=plate.title,
                patient_id="SIMULATED",
                age_years=round(float(people.patients.age_years[row])),
                sex="female" if people.patients.female[row] else "male",
                acquired_at=str(people.visits.at[row]),
            )
        )
    return ecgs


def _first_with_premature_beats(waveforms: Waveform) -> int:
    """Find the first ECG of which a tenth of the beats are premature."""
    column = FEATURES.index("ectopic_share")
    for row, waveform in enumerate(waveforms):
        if describe(waveform, sampling_rate_hz=_RATE_HZ)[column] >= _PREMATURE_SHARE:
            return row
    raise LookupError("no patient of this seed has enough premature beats")


def draw_on_paper(ecg: Ecg, path: Path) -> None:
    """Draw an ECG at true scale, then reduce the picture to the colours of its paper and two thirds of its size.

    Args:
        ecg: What to draw.
        path: The PNG file.
    """
    plot_ecg(ecg, path)
    palette = Image.new("P", (1, 1))
    palette.putpalette([part for colour in _COLOURS for part in bytes.fromhex(colour)])
    with Image.open(path) as large:
        size = (round(large.width / _REDUCTION), round(large.height / _REDUCTION))
        reduced = large.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    reduced.quantize(palette=palette, dither=Image.Dither.NONE).save(path, optimize=True)
