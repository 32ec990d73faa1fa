"""Settings are checked at the door, all problems at once."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hemometric.errors import SettingsError
from hemometric.settings import FinetuneSettings, PretrainSettings, differences, load_settings


def test_overrides_win_over_the_file_and_the_file_over_the_defaults(tmp_path: Path):
    config = tmp_path / "settings.toml"
    config.write_text('objective = "dml-dtw"\nseed = 3\n[views]\ngain_sd = 0.2\n')
    settings = load_settings(PretrainSettings, config=config, overrides=["seed=4", "views.crop_s=6"])
    assert (settings.objective, settings.seed) == ("dml-dtw", 4)
    assert (settings.views.gain_sd, settings.views.crop_s) == (0.2, 6.0)
    assert settings.encoder == "compact"


def test_text_none_and_lists_are_understood():
    settings = load_settings(FinetuneSettings, overrides=["learning_rates=[0.1, 0.2]", "patience=none", "target=co"])
    assert (settings.learning_rates, settings.patience, settings.target) == ((0.1, 0.2), None, "co")


def test_one_error_lists_all_problems_and_the_nearest_names(tmp_path: Path):
    config = tmp_path / "settings.toml"
    config.write_text("learing_rate = 0.1\nbatch_size = 1\n")
    with pytest.raises(SettingsError) as caught:
        load_settings(PretrainSettings, config=config, overrides=["views.crop=5", "temperature=-1", "nonsense"])
    message = str(caught.value)
    assert "\n" not in message
    for expected in (
        str(config),
        "did you mean 'learning_rate'?",
        "did you mean 'views.crop_s'?",
        "batch_size",
        "got 1",
        "temperature",
        "got -1",
        "'nonsense' is not of the form key=value",
    ):
        assert expected in message


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["band_hz=[0.5, 50]"], "half the sampling rate (50 Hz)"),
        (["band_hz=[41, 40]"], "rising"),
        (["band_hz=40"], "band_hz"),
        (["views.crop_s=11"], "must not exceed duration_s"),
        (["seed.x=1", "seed=2", "seed.y=2"], "seed is not a table"),
        (["learning_rate=inf"], "learning_rate"),
        (["optimizer=sgd"], "optimizer"),
        (["single_ecg_patients=drop"], "leave-out"),
    ],
)
def test_values_that_make_no_sense_are_named(overrides: list[str], expected: str):
    with pytest.raises(SettingsError) as caught:
        load_settings(PretrainSettings, overrides=overrides)
    assert expected in str(caught.value)


def test_a_file_that_is_missing_or_no_toml_is_named(tmp_path: Path):
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(PretrainSettings, config=tmp_path / "no.toml")
    (tmp_path / "bad.toml").write_text("a = = 1")
    with pytest.raises(SettingsError, match="is not TOML"):
        load_settings(PretrainSettings, config=tmp_path / "bad.toml")


def test_learning_rates_that_repeat_are_refused():
    with pytest.raises(SettingsError, match="must differ"):
        load_settings(FinetuneSettings, overrides=["learning_rates=[0.1, 0.1]"])


def test_settings_cannot_be_changed_afterwards():
    with pytest.raises(ValueError, match="frozen"):
        PretrainSettings().seed = 1


@given(st.integers(0, 2**31), st.floats(1e-6, 1.0), st.sampled_from(["pclr", "dml-dtw"]))
def test_resolved_json_reads_back_as_the_same_settings(seed: int, rate: float, objective: str):
    settings = PretrainSettings(seed=seed, learning_rate=rate, objective=objective)
    assert PretrainSettings.model_validate(json.loads(settings.model_dump_json())) == settings


def test_differences_are_named_with_both_values():
    old = PretrainSettings().model_dump(mode="json")
    new = load_settings(PretrainSettings, overrides=["views.noise_mv=0.1", "seed=9"]).model_dump(mode="json")
    assert differences(old, new) == ["seed was 0, now 9", "views.noise_mv was 0.02, now 0.1"]
    assert differences(old, old) == []
