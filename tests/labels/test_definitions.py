import re
from pathlib import Path

import pytest

from hemometric.errors import SettingsError
from hemometric.labels import read_definitions
from hemometric.targets import TARGETS, Event, Target

EF = """
[ef]
title = "left ventricular ejection fraction"
unit = "%"
range = [5, 90]
events = ["< 40", "<50"]
decimals = 0
other_units = { "per mille" = 0.1 }
"""


@pytest.fixture
def toml_of(tmp_path):
    def write(text):
        path = tmp_path / "targets.toml"
        path.write_text(text)
        return path

    return write


def test_targets_are_read_with_unit_range_and_events(toml_of):
    path = toml_of(EF + '[bnp]\ntitle="BNP"\nunit="pg/mL"\nrange=[1, 70000.5]\nevents=["> 100.5"]\n')
    ef, bnp = read_definitions(path)
    events = (Event("ef", "<", 40.0), Event("ef", "<", 50.0))
    title = "left ventricular ejection fraction"
    assert ef == Target("ef", title, "%", 5.0, 90.0, events, decimals=0, other_units={"per mille": 0.1})
    assert bnp == Target("bnp", "BNP", "pg/mL", 1.0, 70000.5, (Event("bnp", ">", 100.5),))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "defines no target: write a table such as"),
        ("[ef", "is not TOML"),
        ("ef = 3", r"ef = 3 stands in no table: write \[ef\]"),
        (EF.replace("ef", "mpcwp", 1), r"\[mpcwp\] is built in and keeps its meaning"),
        (EF.replace("unit", "unti", 1), r"\[ef\] unit is missing; \[ef\] unknown field 'unti', did you mean 'unit'"),
        (EF.replace("[5, 90]", "[90, 5]"), "two rising finite numbers"),
        (EF.replace('"< 40"', '"40"'), r"\[ef\] event '40': expected > or < and a number"),
        (EF.replace('"< 40", "<50"', ""), r"\[ef\] events: tuple should have at least 1 item"),
        (EF.replace("[ef]", "[EF]"), "small letters"),
    ],
)
def test_a_definition_that_is_not_whole_is_refused_with_all_that_is_wrong(toml_of, text, message):
    with pytest.raises(SettingsError, match=message) as caught:
        read_definitions(toml_of(text))
    assert "targets.toml: " in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"nowhere\.toml: cannot be read"):
        read_definitions(tmp_path / "nowhere.toml")


DOCS = (Path(__file__).parents[2] / "docs" / "targets.md").read_text()


def test_the_example_of_the_documentation_can_be_read(toml_of):
    example = re.search(r"```toml\n(.*?)```", DOCS, flags=re.DOTALL)[1]
    assert [target.name for target in read_definitions(toml_of(example))] == ["ef", "pvr", "troponin"]


def test_the_documentation_lists_the_built_in_targets_as_they_are():
    for target in TARGETS.values():
        events = ", ".join(f"{event.direction} {event.threshold:g}" for event in target.events)
        row = f"| `{target.name}` | {target.title} | {target.unit} | {target.low:g} to {target.high:g} | {events} |"
        assert row in DOCS
