"""The tables that people read, from results that are made up."""

import numpy as np

from hemometric.study.models import Model
from hemometric.study.plan import Search
from hemometric.study.replicates import Measure
from hemometric.study.results import EMBEDDING, Findings
from hemometric.study.tables import overview_table, retrieval_tables, section_tables


def test_a_table_has_a_row_for_each_model_and_a_column_for_each_budget(findings, section):
    table = section_tables(findings, section, versus=("none",))[0]
    assert table.title == "AUROC, mPCWP > 15 mmHg"
    assert table.columns == ("100", "all (640)")
    assert [row.title for row in table.rows] == [model.title for model in section.models]
    assert table.rows[0].entries[0].value == "0.760"
    assert table.rows[0].entries[0].ends.startswith("[0.7")


def test_better_and_worse_are_marked_by_the_side_on_which_the_interval_lies(findings, section):
    tables = {table.title: table for table in section_tables(findings, section, versus=("none",))}
    auroc = tables["AUROC, mPCWP > 15 mmHg: difference from supervised from scratch"]
    assert [entry.mark for entry in auroc.rows[0].entries] == ["better", "worse"]
    assert [entry.value for entry in auroc.rows[0].entries] == ["+0.050", "-0.050"]
    # Equal to the last digit: apart from nothing.
    assert [entry.mark for entry in auroc.rows[1].entries] == ["", ""]
    rmse = tables["RMSE (mmHg): difference from supervised from scratch"]
    assert [entry.mark for entry in rmse.rows[0].entries] == ["better", "worse"]
    assert [entry.value for entry in rmse.rows[0].entries] == ["-0.05", "+0.05"]


def test_the_overview_counts_pretrained_models_only(findings, section):
    overview = overview_table(findings, section, versus=("none", "features"))
    assert [row.title for row in overview.rows] == ["supervised from scratch", "hand-made ECG features"]
    assert [entry.value for entry in overview.rows[0].entries] == ["1 of 2", "0 of 2"]
    assert [entry.ends for entry in overview.rows[0].entries] == ["", "(1 worse)"]


def test_what_was_not_measured_is_a_dash(findings, section):
    table = next(t for t in section_tables(findings, section, versus=()) if t.title == "Pearson r")
    assert {entry.value for row in table.rows for entry in row.entries} == {"–"}


def test_the_spread_over_seeds_is_shown(findings, section):
    table = next(t for t in section_tables(findings, section, versus=()) if "standard deviation" in t.title)
    assert table.rows[0].entries[0].value == f"{np.std([0.75, 0.77], ddof=1):.3f}"


def test_encoders_of_other_budgets_have_rows_of_their_own(section):
    shown = section.shown
    values = np.full(9, 0.5)
    free = {Measure("truth", "mpcwp", 0, f"recall@{k}"): {0: values} for k in (1, 5, 10)}
    free[Measure("truth", "mpcwp", 0, "label_spearman")] = {0: values}
    neighbors = {Measure("truth", "mpcwp", one.labels, "neighbor_r2"): {0: values} for one in shown}
    of_budget = {Measure("truth", "mpcwp", 100, name): {0: values / 2} for name in ("recall@1", "neighbor_r2")}
    findings = Findings(
        {Model("pclr", EMBEDDING): free | neighbors, Model("joint", EMBEDDING): of_budget}, {("truth", "mpcwp"): 50}
    )
    searches = [Search("pclr", None, 0, shown, 0), Search("joint", None, 0, shown[:1], 100)]
    near, target = retrieval_tables(findings, searches, shown)
    assert [row.title for row in near.rows] == ["pclr", "joint, pretrained with 100 labels"]
    assert [entry.value for entry in near.rows[0].entries] == ["0.500"] * 4
    assert [entry.value for entry in near.rows[1].entries] == ["0.250", "–", "–", "–"]
    assert [entry.value for entry in target.rows[0].entries] == ["0.500"] * 2
    assert [entry.value for entry in target.rows[1].entries] == ["0.250", "–"]
    assert retrieval_tables(findings, [], shown) == []
