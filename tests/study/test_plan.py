"""All work of a study, and the folders that it fills."""

from pathlib import Path

import pytest

from hemometric.errors import LabelError, SettingsError, TrainingError
from hemometric.study.models import Model
from hemometric.study.plan import Cell, Pretraining, Shown, make_plan


def test_every_combination_is_a_cell_with_a_folder_of_its_own(make_study, measured_store):
    plan = make_plan(make_study(), measured_store)
    # Six models at two budgets of the truth, three at one budget of the links; two seeds.
    assert len(plan.cells) == 2 * (6 * 2 + 3 * 1)
    assert len({cell.folder for cell in plan.cells}) == len(plan.cells)
    assert [one.labels for one in plan.shown] == [12, 60, 20]


def test_the_largest_budgets_come_first(make_study, measured_store):
    sizes = [cell.shown.labels for cell in make_plan(make_study(), measured_store).cells]
    assert sizes == sorted(sizes, reverse=True)


def test_an_encoder_is_pretrained_once_for_all_budgets_and_panels(make_study, measured_store):
    plan = make_plan(make_study(), measured_store)
    assert plan.pretrainings == [Pretraining("pclr", 0, None), Pretraining("pclr", 1, None)]


@pytest.mark.parametrize("variant", [{}, {"variant_of": "joint"}])
def test_an_objective_with_labels_and_its_variants_are_pretrained_for_every_budget(make_study, measured_store, variant):
    name = "joint-slow" if variant else "joint"
    panels = {"truth": {"budgets": [12, "all"]}, "links": {"budgets": [20], "objectives": [name, "features"]}}
    study = make_study(seeds=[0], objectives=[name, "none", "features"], panels=panels, per_objective={name: variant})
    plan = make_plan(study, measured_store)
    assert {(one.shown.panel, one.shown.labels) for one in plan.pretrainings} == {
        ("truth", 60),
        ("truth", 12),
        ("links", 20),
    }
    assert len({one.folder for one in plan.pretrainings}) == 3
    searches = [search for search in plan.searches() if search.objective == name]
    assert sorted(search.labels for search in searches) == [12, 20, 60]
    assert all([one.labels for one in search.shown] == [search.labels] for search in searches)


def test_every_encoder_is_asked_once_with_all_budgets(make_study, measured_store):
    plan = make_plan(make_study(), measured_store)
    asked = {(search.objective, search.seed): search for search in plan.searches()}
    assert set(asked) == {("pclr", 0), ("pclr", 1), ("random", 0), ("random", 1)}
    assert [one.labels for one in asked["pclr", 0].shown] == [12, 60, 20]
    assert [one.labels for one in asked["random", 0].shown] == [12, 60]
    assert asked["pclr", 1].run == Path("pretrained/pclr/unlabeled/seed-1")
    assert len({search.folder for search in plan.searches()}) == 4


def test_the_folder_of_a_cell_says_what_it_is():
    cell = Cell(Model("pclr", "probe"), Shown("truth", "mpcwp", 60, "all"), 3)
    assert cell.folder == Path("cells/truth-mpcwp/all/pclr-probe/seed-3")
    assert Cell(Model("mean", ""), cell.shown, 3).folder.parts[-2] == "mean"


@pytest.mark.parametrize(
    ("budgets", "error", "expected"),
    [
        ([61], SettingsError, "61 labeled patients are asked for, but 60 training patients have a label of mpcwp"),
        ([60, "all"], SettingsError, "two of the budgets 60, all are the same"),
        ([3], TrainingError, "a budget of 3 labeled patients .*labelled ECGs of mpcwp in the train split"),
    ],
)
def test_a_budget_that_cannot_be_had_is_refused_before_anything_is_trained(
    make_study, measured_store, budgets, error, expected
):
    with pytest.raises(error, match=expected):
        make_plan(make_study(panels={"truth": {"budgets": budgets}}), measured_store)


def test_a_panel_without_labels_is_refused(make_study, labelled_store):
    with pytest.raises(LabelError, match=r"has no truth.parquet"):
        make_plan(make_study(), labelled_store)
