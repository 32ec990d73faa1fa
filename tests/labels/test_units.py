import itertools

import pytest

from hemometric.labels.units import KINDS, find_unit, unit_factors
from hemometric.targets import TARGETS, Event, Target

PVR = Target("pvr", "resistance", "WU", 0.0, 30.0, (Event("pvr", ">", 3.0),))
EF = Target("ef", "fraction", "%", 0.0, 100.0, (Event("ef", "<", 40.0),), other_units={"per mille": 0.1})


def test_pressure_factors_are_those_of_the_national_tables():
    """NIST SP 811 (2008), appendix B.8: pascals in a conventional millimetre of mercury and centimetre of water."""
    pascal = {"mmHg": 1.333224e2, "cmH2O": 9.80665e1, "kPa": 1000.0}
    for unit, factor in unit_factors(TARGETS["mpcwp"]).items():
        assert factor == pytest.approx(pascal[unit] / pascal["mmHg"], rel=1e-6)


def test_a_wood_unit_is_about_80_dynes():
    assert unit_factors(PVR)["dyn.s/cm5"] == pytest.approx(1 / 80, rel=1e-4)
    assert find_unit("dyn·s/cm5", PVR)[0] == "dyn.s/cm5"


def test_a_litre_a_second_is_sixty_a_minute():
    assert find_unit("ml/s", TARGETS["co"]) == ("mL/s", pytest.approx(60 / 1000))


def test_every_target_takes_its_own_unit_first_as_it_is():
    for target in (*TARGETS.values(), PVR, EF):
        assert next(iter(unit_factors(target).items())) == (target.unit, 1.0)


@pytest.mark.parametrize(("unit", "other"), [pair for kind in KINDS for pair in itertools.permutations(kind, 2)])
def test_there_and_back_is_the_same_value(unit, other):
    def factor(own, written):
        return find_unit(written, Target("x", "x", own, 0.0, 1.0, (Event("x", ">", 0.5),)))[1]

    assert factor(unit, other) * factor(other, unit) == pytest.approx(1.0, rel=1e-12)


def test_capitals_blanks_and_signs_do_not_matter_and_own_units_are_taken():
    assert find_unit(" cm H₂O", TARGETS["rap"])[0] == "cmH2O"
    assert find_unit("Per Mille", EF) == ("per mille", 0.1)
    assert find_unit("fraction", EF) == ("fraction", 100.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no unit for ef, expected one of %, fraction, per mille; no unit is guessed"),
        ("fractoin", "unit 'fractoin' for ef, did you mean fraction"),
        ("mmHg", "unit 'mmHg' for ef, expected"),
    ],
)
def test_a_unit_that_is_none_is_answered_with_those_there_are(text, message):
    with pytest.raises(ValueError, match=message):
        find_unit(text, EF)
