import pytest

from hemometric.errors import SettingsError
from hemometric.settings import load_settings
from hemometric.simulation.settings import PHENOTYPES, SITES, CohortSettings


def test_wrong_settings_are_all_named():
    with pytest.raises(SettingsError, match=r"n_patients: .* got 0; coupling: .* got 4"):
        load_settings(CohortSettings, overrides=["n_patients=0", "coupling=4"])


def test_one_number_of_a_phenotype_can_be_changed():
    overrides = ["n_patients=5", "people.hfref.age_years=70", "people.hfref.share=0.17", "people.no_hf.share=0.37"]
    settings = load_settings(CohortSettings, overrides=overrides)
    assert settings.people.hfref.age_years == 70
    assert settings.people.hfref.female == CohortSettings(n_patients=5).people.hfref.female


def test_shares_must_add_up():
    with pytest.raises(SettingsError, match=r"must add up to 1, got 1\.23"):
        load_settings(CohortSettings, overrides=["n_patients=5", "people.hfref.share=0.5"])


def test_an_unknown_site_is_named_with_those_there_are():
    with pytest.raises(SettingsError, match="site must be one of reference, other, got 'mars'"):
        load_settings(CohortSettings, overrides=["n_patients=5", "site=mars"])


@pytest.mark.parametrize("site", SITES)
def test_a_site_is_resolved_into_numbers_that_survive_being_written_and_read(site):
    settings = CohortSettings(n_patients=5, site=site)
    assert CohortSettings.model_validate(settings.model_dump(mode="json")) == settings
    assert len(settings.people.phenotypes) == len(PHENOTYPES)


def test_what_a_site_changes_can_be_changed_again():
    settings = load_settings(CohortSettings, overrides=["n_patients=5", "site=other", "device.mains_hz=50"])
    assert settings.device.mains_hz == 50.0
    assert settings.device.lsb_uv == 1


def test_a_missing_setting_is_named():
    with pytest.raises(SettingsError, match="n_patients is missing: give it"):
        load_settings(CohortSettings)
