import pytest

from hemometric.errors import SettingsError
from hemometric.targets import TARGETS, find_target


def test_the_event_keys_are_those_of_the_report():
    keys = [event.key for target in TARGETS.values() for event in target.events]
    assert keys == ["mpcwp>15", "mpcwp>18", "mpap>20", "rap>8", "co<4"]


def test_an_unknown_target_is_answered_with_those_there_are():
    with pytest.raises(SettingsError, match="mpcwp, mpap, rap, co"):
        find_target("pcwp")
