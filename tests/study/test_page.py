"""table.html and table.md of a finished study."""

import re

import pytest


@pytest.fixture(scope="module")
def page(finished_study) -> str:
    return (finished_study / "table.html").read_text()


@pytest.fixture(scope="module")
def markdown(finished_study) -> str:
    return (finished_study / "table.md").read_text()


def test_both_say_at_the_top_that_the_data_are_simulated(page, markdown):
    assert "SIMULATED DATA: not clinical performance" in page[: page.index("<h1>")]
    assert markdown.splitlines()[2] == "**SIMULATED DATA: no clinical performance.**"


def test_the_page_needs_nothing_beside_it(page):
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page)
    assert page.count('src="data:image/svg+xml;base64,') == page.count("<img ") > 3


@pytest.mark.parametrize(
    "said",
    [
        "hemometric study --config tiny.toml --out out",
        "torch 2",
        "12 test patients (24 ECGs)",
        "seeds 0, 1",
        "12 patients (12 ECGs) to train, 4 patients (4 ECGs) to choose, 4 patients (4 ECGs) to calibrate",
        "120: 60 train (120 ECGs), 24 validation (48 ECGs), 24 calibration (48 ECGs), 12 test (24 ECGs)",
        "40 bootstrap resamples of test patients",
        "128 ECG passes: pclr",
        "missing not at random",
    ],
)
def test_both_say_how_the_numbers_came_about(page, markdown, said):
    assert said in page
    assert said in markdown


def test_both_have_the_same_tables(page, markdown):
    titles = re.findall(r"<h3>(.+?)</h3>", page)
    assert len(titles) > 20
    for title in titles:
        assert f"### {title.replace('&gt;', '>')}" in markdown


def test_the_numbers_of_the_page_stand_in_the_markdown(page, markdown):
    cells = re.findall(r'<td class="\w*">([+-]?[\d.,]+) <span class="ci">(\[.+?\])</span>', page)
    assert len(cells) > 100
    for value, ends in cells:
        assert f"{value} {ends}" in markdown


def test_pictures_are_named_where_they_lie(finished_study, markdown):
    for file in re.findall(r"!\[.+?\]\((.+?)\)", markdown):
        assert (finished_study / file).is_file()
