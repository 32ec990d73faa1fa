"""`hemometric study` as it is typed."""

import json

import pytest

from hemometric.__main__ import main


@pytest.fixture
def write_config(tmp_path, measured_store):
    """(old, new) texts -> a TOML file of a study that is small."""

    def write(old="", new=""):
        text = (
            f"store = {json.dumps(str(measured_store.path))}\n"
            'objectives = ["features", "mean"]\nseeds = [0]\nn_bootstrap = 20\n'
            "[panels.truth]\nbudgets = [12]\n"
        )
        config = tmp_path / "study.toml"
        config.write_text(text.replace(old, new))
        return config

    return write


def test_a_study_is_run_and_says_where_its_page_is(write_config, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["study", "--config", str(write_config()), "--out", str(out), "--quiet", "--device", "cpu"]) == 0
    assert capsys.readouterr().out.strip() == str(out / "table.html")
    assert (
        f"hemometric study --config {tmp_path / 'study.toml'} --out {out} --workers 1" in (out / "table.md").read_text()
    )
    assert main(["study", "--config", str(write_config()), "--out", str(out), "--quiet", "--resume"]) == 0


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"mean"', '"feature"', "unknown objective 'feature', did you mean 'features'?"),
        ("[12]", "[1200]", "1,200 labeled patients are asked for, but 60 training patients have a label of mpcwp"),
        ("n_bootstrap", "n_bootstraps", "unknown setting 'n_bootstraps', did you mean 'n_bootstrap'?"),
        ("[0]", "[-1]", "seeds"),
    ],
)
def test_a_mistake_is_one_line_and_exit_status_2(write_config, tmp_path, capsys, old, new, expected):
    config = write_config(old, new)
    assert main(["study", "--config", str(config), "--out", str(tmp_path / "out"), "--quiet"]) == 2
    said = capsys.readouterr().err
    assert expected in said
    assert said.count("\n") == 1


def test_a_missing_file_is_one_line_too(tmp_path, capsys):
    assert main(["study", "--config", str(tmp_path / "none.toml"), "--out", str(tmp_path / "out")]) == 2
    assert "none.toml: cannot be read" in capsys.readouterr().err
