"""Our circulation against a published one: Regazzoni 2020 in the package `circulation` (MIT, not part of the wheel).

Both loops are disturbed in the same way from their own healthy state, and the changes of mean pulmonary venous pressure
(the wedge), mean pulmonary artery pressure and cardiac output are compared. The published loop has linear filling, no
pericardium and no baroreflex, systemic veins six times stiffer than ours, and at rest a wedge pressure of 16 mmHg with
a PVR of 0.8 Wood units (ours: 9 mmHg and 1.3). So our baroreflex is switched off for the comparison, changes are
compared in mmHg and L/min (percents of so different a rest are shown only), and sizes are asked to agree within a
factor of three. Its left ventricle is also stiffer in systole (4.5 against 2.6 mmHg/mL), where another 20 % move little
blood: LV elastance is therefore disturbed twice, from its own value and from ours.
"""

import copy
import logging
import tempfile
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from hemometric.simulation import healthy, run_to_steady_state
from hemometric.simulation.steady_state import BAROREFLEX_GAIN

OUTPUTS = ("mPCWP", "mPAP", "CO")

UNITS = ("mmHg", "mmHg", "L/min")

LARGEST_FACTOR = 3.0
"""Changes of comparable size differ by this factor at most."""

SMALL = 0.2
"""Changes of less than this (mmHg or L/min) in both loops agree, whatever their signs."""

_STEP_S = 1e-3
_N_BEATS = 20
_PUBLISHED_UNSTRESSED_ML = 66.0
_PUBLISHED_ACTIVE, _PUBLISHED_PASSIVE = 4.482, 0.170  # LV elastances: EA is added to EB, mmHg/mL
_OUR_LV_ELASTANCE = 2.6


@dataclass(frozen=True)
class Response:
    """One output before and after a disturbance, in mmHg or L/min."""

    rest: float
    disturbed: float

    @property
    def change(self) -> float:
        """In mmHg or L/min."""
        return self.disturbed - self.rest

    @property
    def percent(self) -> float:
        """Of the value at rest."""
        return 100.0 * self.change / self.rest


@dataclass(frozen=True)
class Row:
    """What one disturbance does to one output.

    Attributes:
        disturbance: What was changed, and by how much.
        output: One of `OUTPUTS`.
        unit: Of the output.
        published: In Regazzoni 2020.
        ours: In our loop without baroreflex.
        ours_with_reflex: In our loop as it is used.
    """

    disturbance: str
    output: str
    unit: str
    published: Response
    ours: Response
    ours_with_reflex: Response

    @property
    def same_direction(self) -> bool:
        """Both rise or both fall, or neither moves."""
        return self.published.change * self.ours.change > 0.0 or self._is_small

    @property
    def agrees(self) -> bool:
        """Same direction and comparable size, without baroreflex."""
        small, large = sorted((abs(self.published.change), abs(self.ours.change)))
        return self.same_direction and (large <= LARGEST_FACTOR * small or self._is_small)

    @property
    def _is_small(self) -> bool:
        return max(abs(self.published.change), abs(self.ours.change)) < SMALL


@dataclass(frozen=True)
class _Disturbance:
    """Added stressed volume as a part of the loop's own or in mL, and factors on two parameters."""

    name: str
    volume_part: float = 0.0
    volume_ml: float = 0.0
    lv_elastance: float = 1.0
    pulmonary_resistance: float = 1.0
    at_our_elastance: bool = False


_DISTURBANCES = (
    _Disturbance("stressed volume -20 %", volume_part=-0.2),
    _Disturbance("stressed volume +20 %", volume_part=0.2),
    _Disturbance("stressed volume -200 mL", volume_ml=-200.0),
    _Disturbance("stressed volume +200 mL", volume_ml=200.0),
    _Disturbance("LV elastance -20 %", lv_elastance=0.8),
    _Disturbance("LV elastance +20 %", lv_elastance=1.2),
    _Disturbance("LV elastance -20 % of 2.6 mmHg/mL", lv_elastance=0.8, at_our_elastance=True),
    _Disturbance("LV elastance +20 % of 2.6 mmHg/mL", lv_elastance=1.2, at_our_elastance=True),
    _Disturbance("pulmonary resistance -20 %", pulmonary_resistance=0.8),
    _Disturbance("pulmonary resistance +20 %", pulmonary_resistance=1.2),
    _Disturbance("pulmonary resistance x 2", pulmonary_resistance=2.0),
)


def compare() -> list[Row]:
    """Return a row for every disturbance and output; takes about half a minute.

    "Stressed volume" is what stretches vessels and chambers, about a quarter of all blood (here 1.0 L of ours, 1.6 L of
    the published loop), so 20 % of it is about 5 % of the blood volume.
    """
    rows = []
    for disturbance in _DISTURBANCES:
        rest = _Disturbance("rest", at_our_elastance=disturbance.at_our_elastance)
        loops = (_published, partial(_ours, gain=0.0), _ours)
        found = [(loop(rest), loop(disturbance)) for loop in loops]
        for k, (output, unit) in enumerate(zip(OUTPUTS, UNITS, strict=True)):
            responses = (Response(float(before[k]), float(after[k])) for before, after in found)
            rows.append(Row(disturbance.name, output, unit, *responses))
    return rows


def _ours(disturbance: _Disturbance, *, gain: float = BAROREFLEX_GAIN) -> np.ndarray:
    """Outputs of our loop."""
    heart = healthy(1)
    heart = heart._replace(
        stressed_volume_ml=heart.stressed_volume_ml * (1.0 + disturbance.volume_part) + disturbance.volume_ml,
        lv_elastance=heart.lv_elastance * disturbance.lv_elastance,
        pulmonary_resistance=heart.pulmonary_resistance * disturbance.pulmonary_resistance,
    )
    found = run_to_steady_state(heart, baroreflex_gain=gain)
    return np.array([found.mpcwp_mmhg[0], found.mpap_mmhg[0], found.co_l_per_min[0]])


@cache
def _published(disturbance: _Disturbance) -> np.ndarray:
    """Outputs of the published loop; volume is put into or taken from its systemic veins at the start."""
    from circulation.regazzoni2020 import Regazzoni2020

    parameters: dict[str, Any] = copy.deepcopy(Regazzoni2020.default_parameters())
    ventricle = parameters["chambers"]["LV"]
    if disturbance.at_our_elastance:
        ventricle["EA"] *= (_OUR_LV_ELASTANCE - _PUBLISHED_PASSIVE) / _PUBLISHED_ACTIVE
    ventricle["EA"] *= disturbance.lv_elastance
    parameters["circulation"]["PUL"]["R_AR"] *= disturbance.pulmonary_resistance
    state = {name: float(value.magnitude) for name, value in Regazzoni2020.default_initial_conditions().items()}
    compliance = {
        f"p_{vessel}_{side}": float(parameters["circulation"][side][f"C_{vessel}"].magnitude)
        for side in ("SYS", "PUL")
        for vessel in ("AR", "VEN")
    }
    stressed = sum(state[name] for name in state if name.startswith("V_")) - _PUBLISHED_UNSTRESSED_ML
    stressed += sum(state[name] * value for name, value in compliance.items())
    added = disturbance.volume_part * stressed + disturbance.volume_ml
    state["p_VEN_SYS"] += added / compliance["p_VEN_SYS"]
    history = _solve(Regazzoni2020, parameters, state)
    beat = slice(-round(1.0 / (float(parameters["HR"].magnitude) * _STEP_S)), None)
    litres_per_minute = 60.0 / 1000.0
    return np.array(
        [
            history["p_VEN_PUL"][beat].mean(),
            history["p_AR_PUL"][beat].mean(),
            history["Q_AV"][beat].mean() * litres_per_minute,
        ]
    )


def _solve(model: type, parameters: dict[str, Any], state: dict[str, float]) -> dict[str, np.ndarray]:
    """Run the published loop quietly; it insists on writing its parameters into a folder."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with tempfile.TemporaryDirectory() as folder:
            loop = model(parameters=parameters, initial_state=state, outdir=Path(folder))
            history: dict[str, np.ndarray] = loop.solve(num_beats=_N_BEATS, dt=_STEP_S)
    finally:
        logging.disable(before)
    return history
