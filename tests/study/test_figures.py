"""The pictures of a study."""

from dataclasses import replace

import pytest

from hemometric.study.figures import draw_study


def test_there_is_a_picture_of_label_efficiency_and_one_for_each_comparison(findings, section, tmp_path):
    drawn = draw_study(tmp_path, findings, section, versus=("none", "features", "random"))
    # Nobody can be compared with what is not there.
    assert list(drawn) == ["label-efficiency", "versus none", "versus features"]
    for name in drawn.values():
        assert (tmp_path / name).read_text().lstrip().startswith("<?xml")
        assert (tmp_path / name).with_suffix(".png").stat().st_size > 10_000


def test_the_same_results_give_the_same_bytes(findings, section, tmp_path):
    texts = []
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
        drawn = draw_study(tmp_path / folder, findings, section, versus=("none",))
        texts.append([(tmp_path / folder / name).read_bytes() for name in drawn.values()])
    assert texts[0] == texts[1]


@pytest.mark.parametrize("kept", [slice(2, 4), slice(1)], ids=["baselines", "one objective"])
def test_a_study_of_baselines_or_of_one_objective_alone_can_be_drawn(findings, section, tmp_path, kept):
    smaller = replace(section, models=section.models[kept], simulated=False)
    drawn = draw_study(tmp_path, findings, smaller, versus=("none",))
    assert "label-efficiency" in drawn
