"""A smaller archive is for objectives that read no labels."""

import pytest

from hemometric.errors import SettingsError
from hemometric.objectives import OBJECTIVES, resolve
from hemometric.settings import PretrainSettings


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_number_of_patients_is_refused_for_objectives_with_labels_alone(name):
    settings = PretrainSettings(objective=name, n_patients=100, encoder="compact-tf" if name == "tfc" else "compact")
    if OBJECTIVES[name].labels:
        with pytest.raises(SettingsError, match="n_patients is for objectives without labels"):
            resolve(settings)
    else:
        assert resolve(settings).n_patients == 100
