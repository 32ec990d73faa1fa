"""The circulation once more, one heart at a time in plain Python, from the equations in the simulator's docstrings.

Slow and obvious: it records the last beat, which the fast kernel does not, and it is what the kernel is checked with.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hemometric.simulation import Circulation
from hemometric.simulation.steady_state import BAROREFLEX_GAIN, N_BEATS, N_STEPS

Floats = NDArray[np.float64]
Parameters = dict[str, float]

CHAMBERS = ("lv", "la", "rv", "ra")
BEDS = ("sa", "sv", "pa", "pv")


class Beat(NamedTuple):
    """The last beat of one heart; vectors of shape (n_steps,).

    Attributes:
        time_s: From the onset of the atria.
        volume_ml: Volume of each chamber and bed, by its short name ("lv", "sa").
        pressure_mmhg: Pressure in it.
        aortic_ml_per_s: Flow through the aortic valve.
    """

    time_s: Floats
    volume_ml: dict[str, Floats]
    pressure_mmhg: dict[str, Floats]
    aortic_ml_per_s: Floats


def run(heart: Circulation, row: int, *, n_beats: int = N_BEATS, n_steps: int = N_STEPS) -> Beat:
    """Run one heart by explicit Euler steps and return its last beat.

    Args:
        heart: Parameters of some hearts.
        row: Which of them.
        n_beats: Beats.
        n_steps: Steps in a beat.
    """
    p = {name: float(values[row]) for name, values in heart._asdict().items()}
    step_s = 60.0 / p["heart_rate_bpm"] / n_steps
    state = _start(p)
    history: list[tuple[dict[str, float], dict[str, float], float]] = []
    for beat in range(n_beats):
        history.clear()
        for step in range(n_steps):
            pressure = _pressures(p, state, phase=step / n_steps)
            change, aortic = _changes(p, pressure)
            state = {name: volume + step_s * change[name] for name, volume in state.items()}
            history.append((dict(state), pressure, aortic))
        if beat < n_beats - 6:
            _defend_pressure(p, float(np.mean([after["sa"] for after, _, _ in history])))
    return Beat(
        time_s=np.arange(n_steps, dtype=np.float64) * step_s,
        volume_ml={name: np.array([after[name] for after, _, _ in history]) for name in state},
        pressure_mmhg={name: np.array([pressure[name] for _, pressure, _ in history]) for name in state},
        aortic_ml_per_s=np.array([aortic for _, _, aortic in history]),
    )


def _start(p: Parameters) -> dict[str, float]:
    state = {"lv": 120.0, "la": 70.0, "rv": 120.0, "ra": 60.0}
    state["sa"] = 85.0 * p["systemic_arterial_compliance"]
    state["pa"] = 15.0 * p["pulmonary_arterial_compliance"]
    state["pv"] = 9.0 * p["pulmonary_venous_compliance"]
    state["sv"] = p["stressed_volume_ml"] - sum(state.values())
    return state


def _pressures(p: Parameters, state: dict[str, float], *, phase: float) -> dict[str, float]:
    rr_s = 60.0 / p["heart_rate_bpm"]
    root = math.sqrt(rr_s)
    ventricle = _activation(phase * rr_s - 0.16, rr_s, rise_s=0.216 * root, fall_s=0.165 * root)
    atrium = p["atrial_kick"] * _activation(phase * rr_s, rr_s, rise_s=0.10, fall_s=0.09)
    filled = sum(state[name] for name in CHAMBERS)
    pericardium = math.exp(min((filled - p["pericardial_volume_ml"]) / p["pericardial_scale_ml"], 3.2))
    pressure = {}
    for side in ("l", "r"):
        stretch = state[f"{side}v"] - p[f"{side}v_unstressed_ml"]
        stiffness = p[f"{side}v_stiffness_mmhg"] * (math.exp(min(p[f"{side}v_stiffness_per_ml"] * stretch, 6.0)) - 1.0)
        active = ventricle * p[f"{side}v_elastance"] * stretch
        pressure[f"{side}v"] = pericardium + active + (1.0 - ventricle) * stiffness
        stretch = state[f"{side}a"] - p[f"{side}a_unstressed_ml"]
        stiffness = 0.6 * (math.exp(min(p[f"{side}a_stiffness_per_ml"] * stretch, 6.0)) - 1.0)
        pressure[f"{side}a"] = pericardium + atrium * p[f"{side}a_elastance"] * stretch + stiffness
    pressure["sa"] = state["sa"] / p["systemic_arterial_compliance"]
    pressure["sv"] = state["sv"] / p["systemic_venous_compliance"]
    pressure["pa"] = state["pa"] / p["pulmonary_arterial_compliance"]
    pressure["pv"] = state["pv"] / p["pulmonary_venous_compliance"]
    return pressure


def _activation(since_onset_s: float, rr_s: float, *, rise_s: float, fall_s: float) -> float:
    t = since_onset_s % rr_s
    if t < rise_s:
        return 0.5 * (1.0 - math.cos(math.pi * t / rise_s))
    if t < rise_s + fall_s:
        return 0.5 * (1.0 + math.cos(math.pi * (t - rise_s) / fall_s))
    return 0.0


def _changes(p: Parameters, pressure: dict[str, float]) -> tuple[dict[str, float], float]:
    """Return mL/s of each volume, and the aortic flow."""
    over_mitral = pressure["la"] - pressure["lv"]
    mitral = max(over_mitral, 0.0) / p["mitral_resistance"] + min(over_mitral, 0.0) * p["mitral_leak_ml_per_s_mmhg"]
    aortic = max(pressure["lv"] - pressure["sa"], 0.0) / p["aortic_resistance"]
    tricuspid = max(pressure["ra"] - pressure["rv"], 0.0) / 0.008
    pulmonary = max(pressure["rv"] - pressure["pa"], 0.0) / 0.008
    systemic = (pressure["sa"] - pressure["sv"]) / p["systemic_resistance"]
    to_heart = (pressure["sv"] - pressure["ra"]) / p["systemic_venous_resistance"]
    to_lungs = (pressure["pa"] - pressure["pv"]) / p["pulmonary_resistance"]
    from_lungs = (pressure["pv"] - pressure["la"]) / p["pulmonary_venous_resistance"]
    change = {
        "lv": mitral - aortic,
        "la": from_lungs - mitral,
        "rv": tricuspid - pulmonary,
        "ra": to_heart - tricuspid,
        "sa": aortic - systemic,
        "sv": systemic - to_heart,
        "pa": pulmonary - to_lungs,
        "pv": to_lungs - from_lungs,
    }
    return change, aortic


def _defend_pressure(p: Parameters, mean_arterial_ml: float) -> None:
    """Baroreflex, once a beat."""
    found_mmhg = mean_arterial_ml / p["systemic_arterial_compliance"]
    resistance = p["systemic_resistance"] * (p["wanted_map_mmhg"] / found_mmhg) ** BAROREFLEX_GAIN
    p["systemic_resistance"] = min(max(resistance, 0.45), 1.8)
