"""Figures: all that can be drawn is drawn, with units, and the same bytes again."""

import re

import numpy as np
import pytest

from hemometric.evaluation.figures import describe_event, draw_figures
from hemometric.evaluation.judge import judge
from hemometric.targets import TARGETS, Event, Target

TARGET = TARGETS["mpcwp"]


def draw(directory, cohort, setting):
    report = judge(TARGET, cohort.measurements, cohort.run, cohort.baselines, setting)
    directory.mkdir()
    return draw_figures(directory, report, cohort.measurements, cohort.run, cohort.baselines, target=TARGET)


def test_every_figure_is_an_svg_and_the_same_bytes_again(tmp_path, make_cohort, make_setting):
    cohort, setting = make_cohort(), make_setting(n_bootstrap=20)
    first, second = (draw(tmp_path / name, cohort, setting) for name in ("a", "b"))
    assert first == second == {"roc": "roc.svg", "calibration": "calibration.svg", "agreement": "agreement.svg"}
    for name in first.values():
        text = (tmp_path / "a" / name).read_text()
        assert text.startswith("<?xml")
        assert (tmp_path / "b" / name).read_text() == text


def test_axes_name_what_they_show_with_its_unit(tmp_path, monkeypatch, make_cohort, make_setting):
    labels = []
    monkeypatch.setattr("matplotlib.axes.Axes.set_xlabel", lambda self, label, **_: labels.append(label))
    monkeypatch.setattr("matplotlib.axes.Axes.set_ylabel", lambda self, label, **_: labels.append(label))
    draw(tmp_path / "a", make_cohort(), make_setting(n_bootstrap=20))
    named = [label for label in labels if label]
    assert len(named) >= 12
    assert all(re.search(r"\((%|mmHg)", label) or label == "ECGs" for label in named)


@pytest.mark.parametrize("n_patients", [1, 300], ids=["one ECG", "enough for hexagons"])
def test_few_and_many_ecgs_can_be_drawn(n_patients, tmp_path, make_cohort, make_setting):
    drawn = draw(tmp_path / "a", make_cohort(n_patients, 2), make_setting(n_bootstrap=20))
    assert {"calibration", "agreement"} <= set(drawn)


def test_without_both_kinds_of_ecg_there_is_no_roc(tmp_path, make_cohort, make_setting):
    cohort = make_cohort(measured=np.full(240, 8.0) + np.linspace(0, 1, 240))
    drawn = draw(tmp_path / "a", cohort, make_setting(n_bootstrap=20))
    assert "roc" not in drawn
    assert not (tmp_path / "a" / "roc.svg").exists()


def test_an_event_is_named_as_clinicians_write_it():
    assert describe_event(TARGET.events[0], TARGET) == "mPCWP > 15 mmHg"
    assert describe_event(TARGETS["co"].events[0], TARGETS["co"]) == "CO < 4 L/min"
    own = Target(name="svr", title="x", unit="WU", low=0, high=9, events=(Event("svr", ">", 2.5),))
    assert describe_event(own.events[0], own) == "svr > 2.5 WU"
