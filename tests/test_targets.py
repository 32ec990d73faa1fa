import dataclasses

import pytest

from hemometric.errors import SettingsError
from hemometric.targets import TARGETS, Event, Target, add_targets, find_target, forget_targets, known_targets

EF = Target("ef", "ejection fraction", "%", 5.0, 90.0, (Event("ef", "<", 40.0), Event("ef", "<", 50.0)), decimals=0)


@pytest.fixture(autouse=True)
def _nothing_defined():
    forget_targets()
    yield
    forget_targets()


def test_the_event_keys_are_those_of_the_report():
    keys = [event.key for target in TARGETS.values() for event in target.events]
    assert keys == ["mpcwp>15", "mpcwp>18", "mpap>20", "rap>8", "co<4"]


def test_an_unknown_target_is_answered_with_the_nearest_and_those_there_are():
    with pytest.raises(SettingsError, match=r"did you mean 'mpcwp'\? There are mpcwp, mpap, rap, co"):
        find_target("pcwp")
    with pytest.raises(SettingsError, match="expected one of mpcwp, mpap, rap, co; define one of your own"):
        find_target("troponin")


def test_a_target_of_ones_own_is_found_like_a_built_in_one():
    add_targets([EF], where="store")
    assert find_target("ef") is EF
    assert list(known_targets()) == [*TARGETS, "ef"]
    assert "ef" not in TARGETS


def test_the_same_meaning_from_elsewhere_is_welcome_and_another_is_refused_with_both_places():
    add_targets([EF], where="one")
    add_targets([dataclasses.replace(EF, title="LVEF", high=95.0)], where="two")
    assert find_target("ef").title == "LVEF"
    other = dataclasses.replace(EF, events=(Event("ef", "<", 35.0),))
    with pytest.raises(SettingsError, match="with ef<40, ef<50 in two, but in % with ef<35 in three"):
        add_targets([other], where="three")
    assert find_target("ef").events == EF.events
    add_targets([other], where="three", replace=True)
    assert find_target("ef") == other


def test_a_built_in_target_keeps_its_meaning():
    with pytest.raises(SettingsError, match="store: defines rap, which is built in"):
        add_targets([EF, TARGETS["rap"]], where="store")
    assert "ef" not in known_targets()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"name": "EF"}, "small letters"),
        ({"name": "ef<"}, "small letters"),
        ({"title": " "}, "a title and a unit"),
        ({"low": 90.0, "high": 5.0}, "two rising finite numbers, got 90 and 5"),
        ({"high": float("inf")}, "finite"),
        ({"events": ()}, "at least one event"),
        ({"events": (Event("ef", "<", 40.0),) * 2}, "the same"),
        ({"events": (Event("ef", "<", 400.0),)}, "event ef<400 lies outside its range of 5 to 90"),
        ({"events": (Event("co", "<", 40.0),)}, "event co<40 is not of this target"),
        ({"events": (Event("ef", "<", 40.1234567),)}, "more digits"),
        ({"decimals": -1}, "decimals must be 0 to 6, got -1"),
        ({"other_units": {"fraction": 0.0}}, "above 0"),
    ],
)
def test_a_target_that_does_not_fit_together_is_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(EF, **changed)
