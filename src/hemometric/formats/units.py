"""How files spell units of voltage."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from hemometric.errors import ReadError

UNITS_PER_MILLIVOLT = {
    "v": 1e-3,
    "volt": 1e-3,
    "volts": 1e-3,
    "mv": 1.0,
    "millivolt": 1.0,
    "millivolts": 1.0,
    "uv": 1e3,
    "microvolt": 1e3,
    "microvolts": 1e3,
    "nv": 1e6,
    "nanovolt": 1e6,
    "nanovolts": 1e6,
}
"""What a physical value is divided by, which is exact for uV and nV.

Keys are in lower case with u for both micro signs; "MV" is a millivolt, since no heart gives megavolts.
"""

_MICRO_SIGN, _GREEK_MU = "\u00b5", "\u03bc"


@lru_cache(maxsize=256)
def units_per_millivolt(unit: str) -> float | None:
    """Return how many of `unit` are 1 mV, or None where it is no voltage that we know.

    >>> units_per_millivolt("uV"), units_per_millivolt("mmHg")
    (1000.0, None)
    """
    spelled = unit.strip().replace(_MICRO_SIGN, "u").replace(_GREEK_MU, "u").casefold()
    return UNITS_PER_MILLIVOLT.get(spelled)


def check_units(path: Path, leads: Sequence[str], units: Sequence[str]) -> list[float]:
    """Return how many units of each lead are 1 mV.

    Raises:
        ReadError: A unit is no voltage that we know ("unknown-unit").
    """
    factors = [units_per_millivolt(unit) for unit in units]
    for lead, unit, factor in zip(leads, units, factors, strict=True):
        if factor is None:
            reason = f"lead {lead} is in {unit!r}, expected V, mV, uV or nV; correct the unit in the file"
            raise ReadError(path, reason, code="unknown-unit")
    return [factor for factor in factors if factor is not None]
