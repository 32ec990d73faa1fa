"""What a study is, as its TOML says it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hemometric.errors import SettingsError
from hemometric.study import StudySettings, load_study
from hemometric.study.settings import finetune_settings, pretrain_settings

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("study-*.toml"))
SMALLEST = 'objectives = ["pclr", "none"]\nstore = "archive"\n[panels.truth]\nbudgets = [100, "all"]\n'


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_every_shipped_study_can_be_loaded(config):
    study = load_study(config)
    assert len(study.seeds) >= 2
    assert study.cohort is not None


@pytest.mark.parametrize("name", ["study-paper", "study-paper-gpu"])
def test_the_papers_comparison_has_enough_patients_seeds_and_budgets(name):
    study = load_study(CONFIGS[0].with_name(f"{name}.toml"))
    assert len(study.seeds) >= 3
    assert study.panels["truth"].budgets == (100, 300, 1000, "all")
    assert study.cohort is not None
    assert study.cohort.n_patients >= 10_000


def _write(tmp_path: Path, text: str) -> Path:
    config = tmp_path / "study.toml"
    config.write_text(text)
    return config


def test_tables_are_put_over_each_other_that_of_the_objective_last(tmp_path):
    text = SMALLEST + (
        '[pretrain]\nn_passes = 100\nviews.crop_s = "none"\n[finetune]\nn_steps = 5\nweight_decay = 0.1\n'
        "[per_objective.pclr.pretrain]\nn_passes = 200\n[per_objective.pclr.finetune]\nn_steps = 6\n"
        '[uses.probe]\nmethod = "probe"\nweight_decay = 0.3\nn_steps = 7\n'
    )
    study = load_study(_write(tmp_path, text))
    assert pretrain_settings(study, "pclr", seed=4).n_passes == 200
    assert pretrain_settings(study, "none", seed=4).n_passes == 100
    assert pretrain_settings(study, "pclr", seed=4).seed == 4
    assert pretrain_settings(study, "pclr", seed=4).views.crop_s is None
    probe = finetune_settings(study, "pclr", use="probe", target="rap", seed=7)
    assert (probe.n_steps, probe.weight_decay, probe.method, probe.target, probe.seed) == (6, 0.3, "probe", "rap", 7)


@pytest.mark.parametrize("objective", ["none", "random"])
def test_a_new_encoder_reads_what_the_pretrained_ones_read(tmp_path, objective):
    text = SMALLEST.replace('"none"', f'"{objective}"') + (
        '[pretrain]\nencoder = "resnet18"\nsampling_rate_hz = 250\nduration_s = 5\nband_hz = "none"\nviews.crop_s = 4\n'
    )
    study = load_study(_write(tmp_path, text))
    own = finetune_settings(study, objective, use="finetune", target="mpcwp", seed=0)
    assert (own.encoder, own.sampling_rate_hz, own.duration_s, own.band_hz) == ("resnet18", 250.0, 5.0, "off")
    assert finetune_settings(study, "pclr", use="finetune", target="mpcwp", seed=0).encoder is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SMALLEST.replace('store = "archive"\n', ""), "either a store or a [cohort]"),
        (SMALLEST + "[cohort]\nn_patients = 9\n", "either a store or a [cohort]"),
        (SMALLEST + "[pretrain]\nn_passs = 9\n", "unknown setting 'n_passs', did you mean 'n_passes'?"),
        (SMALLEST + "[pretrain.views]\ncrop = 9\n", "did you mean 'views.crop_s'?"),
        (SMALLEST + "[pretrain]\nseed = 9\n", "seed is given by the study itself"),
        (SMALLEST + "[finetune]\nn_labels = 9\n", "n_labels is given by the study itself"),
        (SMALLEST + '[finetune]\nmore_targets = ["rap"]\n', "more_targets is given by the study itself"),
        (SMALLEST + "[finetune]\nn_steps = 0\n", "n_steps: input should be greater than or equal to 1, got 0"),
        (SMALLEST.replace("[100,", "[0,"), "panels.truth.budgets"),
        (SMALLEST.replace("[100,", "[100, 100,"), "each may be named once"),
        (SMALLEST.replace("panels.truth", "panels.guess"), "panels.guess"),
        ('versus = ["simclr"]\n' + SMALLEST, "versus names 'simclr', which is not among the objectives"),
        (SMALLEST + 'objectives = ["tfc"]\n', "panels.truth.objectives names 'tfc'"),
        (SMALLEST + "[per_objective.tfc.pretrain]\nn_passes = 1\n", "per_objective names 'tfc'"),
        ("objectivs = 1\n" + SMALLEST, "unknown setting 'objectivs', did you mean 'objectives'?"),
        (SMALLEST + '[uses."../x"]\nfreeze = true\n', "a use is named with letters"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_with_the_file(tmp_path, text, expected):
    config = _write(tmp_path, text)
    with pytest.raises(SettingsError) as caught:
        load_study(config)
    message = str(caught.value)
    assert expected in message
    assert str(config) in message
    assert "\n" not in message


def test_the_usual_comparisons_are_made_where_their_objectives_are_there():
    panels = {"truth": {"budgets": ["all"]}}
    study = StudySettings(store="s", objectives=("pclr", "features", "none"), panels=panels)
    assert study.compared_with == ("none", "features")
    assert study.model_copy(update={"versus": ("pclr",)}).compared_with == ("pclr",)


@given(st.lists(st.sampled_from(["pclr", "none", "mean"]), min_size=1, max_size=3, unique=True))
def test_a_panel_keeps_the_order_of_the_study(names):
    objectives = ("mean", "pclr", "none")
    panels = {"links": {"budgets": ["all"], "objectives": names}}
    study = StudySettings(store="s", objectives=objectives, panels=panels)
    assert study.objectives_of("links") == tuple(name for name in objectives if name in names)


def test_a_study_cannot_be_changed_after_the_check():
    study = StudySettings(store="s", objectives=("pclr",), panels={"links": {"budgets": [9]}})
    with pytest.raises(ValidationError, match="frozen"):
        study.seeds = (9,)


def test_a_variant_has_the_settings_of_its_own_and_the_objective_that_it_is_one_of(tmp_path):
    text = SMALLEST.replace('"pclr"', '"pclr", "pclr-few"') + (
        "[pretrain]\nn_passes = 100\n[per_objective.pclr-few]\nvariant_of = 'pclr'\npretrain.n_patients = 7\n"
    )
    study = load_study(_write(tmp_path, text))
    few = pretrain_settings(study, "pclr-few", seed=1)
    assert (few.objective, few.n_patients, few.n_passes) == ("pclr", 7, 100)
    assert pretrain_settings(study, "pclr", seed=1).n_patients is None


def test_a_use_is_for_the_objectives_that_it_names_and_for_all_where_it_names_none(tmp_path):
    text = SMALLEST + '[uses.probe]\nmethod = "probe"\nobjectives = ["pclr"]\n[uses.finetune]\n'
    study = load_study(_write(tmp_path, text))
    assert study.uses_of("pclr") == ["probe", "finetune"]
    assert study.uses_of("none") == ["finetune"]
    assert finetune_settings(study, "pclr", use="probe", target="mpcwp", seed=0).method == "probe"


@pytest.mark.parametrize("names", ['["simclr"]', '"pclr"'])
def test_a_use_for_an_unknown_objective_is_refused(tmp_path, names):
    with pytest.raises(SettingsError, match=r"uses\.probe\.objectives"):
        load_study(_write(tmp_path, SMALLEST + f'[uses.probe]\nmethod = "probe"\nobjectives = {names}\n'))
