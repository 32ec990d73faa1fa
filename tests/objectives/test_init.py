"""The registry of objectives."""

import re
from typing import get_type_hints

import pytest

from hemometric.cli.learning import pretrain
from hemometric.errors import SettingsError
from hemometric.objectives import OBJECTIVES, find_objective, resolve
from hemometric.settings import PretrainSettings


def test_an_unknown_objective_is_refused_with_the_nearest_name():
    with pytest.raises(SettingsError, match="did you mean 'dml-dtw'"):
        find_objective("dml-dwt")


@pytest.mark.parametrize("name", OBJECTIVES)
def test_resolved_settings_leave_nothing_open(name: str):
    settings = resolve(PretrainSettings(objective=name))
    assert None not in (settings.batch_size, settings.optimizer, settings.learning_rate, settings.weight_decay)


def test_what_was_set_wins_over_the_recipe():
    settings = resolve(PretrainSettings(objective="pclr", learning_rate=0.5, weight_decay=0.0))
    assert (settings.learning_rate, settings.weight_decay, settings.batch_size) == (0.5, 0.0, 256)


def test_the_papers_recipe_is_that_of_the_paper():
    settings = resolve(PretrainSettings(objective="dml-dtw"))
    assert (settings.batch_size, settings.optimizer, settings.learning_rate) == (64, "adam", 1e-4)


def test_the_command_line_names_all_of_them():
    (option,) = get_type_hints(pretrain, include_extras=True)["objective"].__metadata__
    assert set(re.findall(r"[a-z]+(?:-[a-z]+)*", option.help)) - {"by", "labels"} == set(OBJECTIVES)
