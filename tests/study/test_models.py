"""What is compared with what."""

import pytest

from hemometric.errors import SettingsError
from hemometric.study.models import Model, check_names, find_counterpart, list_models, needs_labels

_ALL = {"truth": {"budgets": [12]}}


def test_each_objective_has_each_use_and_each_baseline_those_that_fit_it(make_study):
    models = list_models(make_study(), "truth")
    assert models == [
        Model("pclr", "finetune"),
        Model("pclr", "probe"),
        Model("none", "finetune"),
        Model("random", "probe"),
        Model("features", ""),
        Model("mean", ""),
    ]
    assert len({model.title for model in models}) == len(models)
    assert [model.pretrained for model in models] == [True, True, False, False, False, False]


def test_what_is_different_for_a_baseline_does_not_change_which_uses_fit_it(make_study):
    study = make_study(per_objective={"none": {"finetune": {"method": "finetune"}}})
    assert [model.use for model in list_models(study, "truth") if model.objective == "none"] == ["finetune"]


@pytest.mark.parametrize(
    ("different", "title"),
    [({"method": "finetune"}, "supervised from scratch"), ({}, "supervised from scratch, probed, then fine-tuned")],
)
def test_a_title_says_how_scratch_was_trained_and_not_what_the_use_is_called(make_study, different, title):
    uses = {"probe-then-finetune": {"method": "probe-then-finetune"}, "probe": {"method": "probe"}}
    study = make_study(uses=uses, per_objective={"none": {"finetune": different}})
    assert [model.title for model in list_models(study, "truth") if model.objective == "none"] == [title]


def test_a_panel_has_its_own_objectives(make_study):
    assert [model.objective for model in list_models(make_study(), "links")] == ["pclr", "pclr", "features"]


@pytest.mark.parametrize(
    ("uses", "expected"),
    [
        ({"probe": {"method": "probe"}}, "none needs a use that trains"),
        ({"all": {}}, "random needs a use that freezes"),
    ],
)
def test_a_baseline_without_a_use_is_refused(make_study, uses, expected):
    with pytest.raises(SettingsError, match=expected):
        list_models(make_study(uses=uses), "truth")


def test_an_unknown_objective_is_refused_with_the_nearest_one(make_study):
    with pytest.raises(SettingsError, match=r"unknown objective 'pcrl', did you mean 'pclr'\?"):
        check_names(make_study(objectives=["pcrl"], panels={"truth": {"budgets": [12]}}))


def test_an_unknown_target_is_refused(make_study):
    with pytest.raises(SettingsError, match="unknown target 'papm'"):
        check_names(make_study(targets=["papm"]))


def test_a_model_is_compared_with_the_one_of_the_same_use_and_with_the_first_of_a_baseline():
    among = [Model("pclr", "finetune"), Model("simclr", "finetune"), Model("simclr", "probe"), Model("mean", "")]
    assert find_counterpart(Model("pclr", "probe"), "simclr", among) == Model("simclr", "probe")
    assert find_counterpart(Model("mean", ""), "simclr", among) == Model("simclr", "finetune")
    assert find_counterpart(Model("simclr", "probe"), "simclr", among) is None
    assert find_counterpart(Model("pclr", "probe"), "tfc", among) is None
    among += [Model("none", "finetune"), Model("none", "probe-then-finetune")]
    assert find_counterpart(Model("pclr", "probe-then-finetune"), "none", among) == Model("none", "finetune")


def test_objectives_without_labels_are_pretrained_once(make_study):
    study = make_study(objectives=["brief", "joint"], panels=_ALL, per_objective={"brief": {"variant_of": "pclr"}})
    assert not any(needs_labels(study, name) for name in ("pclr", "dml-dtw", "simclr", "none", "features", "brief"))
    assert needs_labels(study, "joint")


@pytest.mark.parametrize(
    ("name", "original", "expected"),
    [
        ("brief", "pclrr", "unknown objective 'pclrr', did you mean 'pclr'"),
        ("simclr", "pclr", "a variant has a name of its own"),
        ("plain", "none", "a variant has a name of its own and is one of"),
    ],
)
def test_a_variant_has_a_name_of_its_own_and_is_one_of_an_objective(make_study, name, original, expected):
    study = make_study(objectives=[name], panels=_ALL, per_objective={name: {"variant_of": original}})
    with pytest.raises(SettingsError, match=expected):
        check_names(study)


def test_an_objective_without_a_use_is_refused(make_study):
    uses = {"finetune": {"objectives": ["pclr"]}, "probe": {"method": "probe"}}
    study = make_study(objectives=["pclr", "none"], panels=_ALL, uses=uses)
    with pytest.raises(SettingsError, match="the baseline none needs a use that trains"):
        list_models(study, "truth")
    uses["probe"]["objectives"] = ["pclr"]
    study = make_study(objectives=["pclr", "simclr"], panels=_ALL, uses=uses)
    with pytest.raises(SettingsError, match="no use is for simclr"):
        list_models(study, "truth")
