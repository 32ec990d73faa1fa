from pathlib import Path

import pytest

from hemometric.errors import ReadError
from hemometric.formats.units import check_units, units_per_millivolt


@pytest.mark.parametrize(
    ("unit", "factor"),
    [
        ("mV", 1.0),
        ("mv", 1.0),
        ("MV", 1.0),
        (" mV ", 1.0),
        ("uV", 1e3),
        ("uv", 1e3),
        ("\u00b5V", 1e3),
        ("\u03bcV", 1e3),
        ("microvolt", 1e3),
        ("V", 1e-3),
        ("nV", 1e6),
    ],
)
def test_a_voltage_is_known_in_every_spelling(unit, factor):
    assert units_per_millivolt(unit) == factor


@pytest.mark.parametrize("unit", ["", "mmHg", "adu", "NU", "kV", "mV/s"])
def test_anything_else_is_no_voltage(unit):
    assert units_per_millivolt(unit) is None


def test_an_unknown_unit_is_refused_with_its_lead():
    with pytest.raises(ReadError, match=r"x\.hea: lead II is in 'mmHg', expected V, mV, uV or nV") as caught:
        check_units(Path("x.hea"), ["I", "II"], ["uV", "mmHg"])
    assert caught.value.code == "unknown-unit"
    assert check_units(Path("x.hea"), ["I", "II"], ["uV", "V"]) == [1e3, 1e-3]
