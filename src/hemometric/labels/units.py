"""The units in which values may be written, and what each is multiplied by."""

import difflib
import re
from collections.abc import Mapping
from types import MappingProxyType

from hemometric.targets import Target

_MMHG_PA = 133.322387415  # 13.5951 x 9.80665 Pa: mercury of 13,595.1 kg/m3 under standard gravity (ISO 80000-4)

KINDS: tuple[Mapping[str, float], ...] = tuple(
    MappingProxyType(kind)
    for kind in (
        {"mmHg": _MMHG_PA, "cmH2O": 98.0665, "kPa": 1000.0},  # Pa
        {"L/min": 1.0, "mL/min": 0.001, "mL/s": 0.06},  # L/min
        {"WU": 60_000 * _MMHG_PA, "dyn.s/cm5": 1e5},  # Pa s/m3; 1 WU = 1 mmHg min/L
        {"pg/mL": 1.0, "ng/L": 1.0, "ng/mL": 1000.0, "ug/L": 1000.0},  # ng/L
        {"%": 1.0, "fraction": 100.0},  # %
        {"ms": 1.0, "s": 1000.0},  # ms
        {"mm": 1.0, "cm": 10.0},  # mm
        {"m/s": 1.0, "cm/s": 0.01},  # m/s
    )
)
"""Units of one kind each, by the size of one of them in a unit that the kind shares."""

_PLAIN = str.maketrans("₂µμ", "2uu", " .*·")


def unit_factors(target: Target) -> dict[str, float]:
    """The units in which values of a target may be written, its own first, and what turns each into its own.

    Example:
        >>> from hemometric.targets import TARGETS
        >>> {unit: round(factor, 6) for unit, factor in unit_factors(TARGETS["mpcwp"]).items()}
        {'mmHg': 1.0, 'cmH2O': 0.735559, 'kPa': 7.500616}
    """
    kind = next((kind for kind in KINDS if target.unit in kind), {target.unit: 1.0})
    own = {unit: size / kind[target.unit] for unit, size in kind.items()}
    return {target.unit: 1.0} | own | dict(target.other_units)


def find_unit(text: str, target: Target) -> tuple[str, float]:
    """Return the unit that is written and its factor; capitals, blanks and dots do not matter.

    Raises:
        ValueError: None is written, or one in which values of this target cannot be; the message proposes the nearest.
    """
    factors = unit_factors(target)
    plain = {_simplify(unit): unit for unit in factors}
    found = plain.get(_simplify(text))
    if found is not None:
        return found, factors[found]
    near = difflib.get_close_matches(_simplify(text), plain, n=1)
    hint = f"did you mean {plain[near[0]]}? Expected" if near else "expected"
    stated = f"unit {text!r}" if text else "no unit"
    raise ValueError(f"{stated} for {target.name}, {hint} one of {', '.join(factors)}; no unit is guessed")


def same_unit(one: str, other: str) -> bool:
    """Whether two texts name one unit; capitals, blanks and dots do not matter."""
    return _simplify(one) == _simplify(other)


def _simplify(text: str) -> str:
    return re.sub(r"\s", "", text.translate(_PLAIN)).casefold()
