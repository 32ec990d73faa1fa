"""Where `inspect --plot` cannot write is said before the file is read."""

import pytest

from hemometric.cli import run
from hemometric.errors import SettingsError


@pytest.mark.parametrize(("place", "fault"), [("no/ecg.png", "there is no folder"), ("", "is a folder")])
def test_a_plot_that_has_no_place_is_refused(tmp_path, place, fault):
    with pytest.raises(SettingsError, match=fault):
        run(["inspect", str(tmp_path / "a.hea"), "--plot", str(tmp_path / place)])
