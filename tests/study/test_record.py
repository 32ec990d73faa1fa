"""The folders of a study, begun, gone on with, and told from others."""

import json

import pytest

from hemometric.errors import RunError
from hemometric.study.record import STUDY, begin_folder, forget_unbegun, open_study, write_study


def test_a_study_is_not_written_over_another_without_being_asked(tmp_path, make_study):
    out = tmp_path / "study"
    open_study(out, resume=False)
    write_study(out, make_study(), {})
    with pytest.raises(RunError, match="exists already: go on with --resume"):
        open_study(out, resume=False)
    open_study(out, resume=True)


def test_a_study_that_was_refused_can_be_begun_again(tmp_path):
    open_study(tmp_path / "study", resume=False)
    open_study(tmp_path / "study", resume=False)


@pytest.mark.parametrize("resume", [False, True])
def test_a_folder_of_the_users_is_left_alone(tmp_path, resume):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(RunError, match="exists and is not a study"):
        open_study(tmp_path, resume=resume)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_going_on_with_nothing_begins(tmp_path):
    open_study(tmp_path / "study", resume=True)
    assert (tmp_path / "study" / STUDY).is_file()


def test_the_record_holds_the_settings(tmp_path, make_study):
    write_study(tmp_path, make_study(), {"command": "x"})
    there = json.loads((tmp_path / STUDY).read_text())
    assert there["settings"]["objectives"] == ["pclr", "none", "random", "features", "mean"]
    assert there["command"] == "x"


def test_a_part_that_was_begun_with_other_settings_is_refused_and_says_which(tmp_path):
    begin_folder(tmp_path / "cell", {"kind": "study-cell", "settings": {"n_steps": 4}})
    begin_folder(tmp_path / "cell", {"kind": "study-cell", "settings": {"n_steps": 4}})
    with pytest.raises(RunError, match=r"settings.n_steps was 4, now 5"):
        begin_folder(tmp_path / "cell", {"kind": "study-cell", "settings": {"n_steps": 5}})


def test_a_folder_that_was_cut_off_before_it_began_is_begun_anew(tmp_path):
    folder = tmp_path / "cell"
    folder.mkdir()
    (folder / ".settings.json.writing").write_text("{")
    begin_folder(folder, {"kind": "study-cell"})
    assert not (folder / ".settings.json.writing").exists()
    forget_unbegun(folder)
    assert (folder / "settings.json").exists()
