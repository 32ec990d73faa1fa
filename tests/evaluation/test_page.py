"""report.html: every number of report.json stands in it, rounded, and nothing else pretends to be one."""

import json
from html.parser import HTMLParser

import pytest

from hemometric.evaluation.judge import judge
from hemometric.evaluation.page import NOT_DEFINED, format_number, render_page, say_verdicts
from hemometric.evaluation.report import Interval
from hemometric.targets import TARGETS

TARGET = TARGETS["mpcwp"]
FIGURES = {"roc": "roc.svg", "calibration": "calibration.svg", "agreement": "agreement.svg"}


class Numbers(HTMLParser):
    """Collects (data-key, data-value, data-digits, text) of every number, and every link."""

    def __init__(self):
        super().__init__()
        self.found, self.links, self.text, self._open = [], [], "", None

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.links += [attributes[name] for name in ("src", "href") if name in attributes]
        if "data-key" in attributes:
            self._open = (attributes["data-key"], attributes["data-value"], int(attributes["data-digits"]))

    def handle_data(self, data):
        self.text += data
        if self._open:
            self.found.append((*self._open, data))
            self._open = None


def numbers_of(content, path=""):
    """Every number and null of a JSON document by its path."""
    if isinstance(content, dict):
        items = content.items()
    elif isinstance(content, list):
        items = enumerate(content)
    else:
        is_number = content is None or (isinstance(content, int | float) and not isinstance(content, bool))
        return {path: content} if is_number else {}
    return {key: value for name, part in items for key, value in numbers_of(part, f"{path}/{name}".strip("/")).items()}


def read_page(text):
    page = Numbers()
    page.feed(text)
    return page


@pytest.fixture(scope="module")
def make_report(make_cohort, make_setting):
    def make(**setting):
        cohort = make_cohort()
        return judge(TARGET, cohort.measurements, cohort.run, cohort.baselines, make_setting(n_bootstrap=50, **setting))

    return make


@pytest.fixture(scope="module")
def report(make_report):
    return make_report()


def test_every_number_of_the_report_stands_in_the_page_rounded(report):
    page = read_page(render_page(report, target=TARGET, figures=FIGURES))
    expected = numbers_of(json.loads(report.to_json()))
    assert {key for key, *_ in page.found} == set(expected)
    for key, value, digits, text in page.found:
        known = expected[key]
        assert value == json.dumps(known), key
        if known is None:
            assert text == NOT_DEFINED
        else:
            assert float(text.replace(",", "")) == pytest.approx(round(known, digits), abs=1e-12), key


def test_numbers_that_are_repeated_in_words_are_those_of_the_report(report):
    page = read_page(render_page(report, target=TARGET, figures=FIGURES))
    rmse = report.regression.rmse
    assert page.text.count(f"{rmse.value:.2f}") >= 3
    assert f"difference {report.baselines['none'].difference.auroc['mpcwp>15'].value:+.3f}" in page.text


@pytest.mark.parametrize(
    ("simulated", "trained_on_simulated", "banner"),
    [
        (True, True, "SIMULATED DATA: not clinical performance"),
        (True, False, "SIMULATED DATA: not clinical performance"),
        (False, True, "MODEL TRAINED ON SIMULATED DATA"),
        (False, False, None),
    ],
)
def test_simulated_data_is_called_so_in_large_letters(simulated, trained_on_simulated, banner, make_report):
    report = make_report(simulated=simulated, trained_on_simulated=trained_on_simulated)
    text = render_page(report, target=TARGET, figures=FIGURES)
    assert ('id="simulated"' in text) == (banner is not None)
    assert banner is None or banner in text
    assert "Not a medical device" in text


def test_the_page_needs_no_network_and_only_its_figures(report):
    page = read_page(render_page(report, target=TARGET, figures=FIGURES))
    assert sorted(page.links) == ["figures/agreement.svg", "figures/calibration.svg", "figures/roc.svg"]


def test_an_undefined_interval_shows_one_dash_and_no_brackets(report):
    text = render_page(report, target=TARGET, figures=FIGURES)
    cell = text.split('data-key="baselines/mean/regression/pearson_r/value"')[1].split("</td>")[0]
    assert f">{NOT_DEFINED}</span> " in cell
    assert '<span class="ci" hidden>' in cell
    assert 'class="ci" hidden' not in text.split('data-key="regression/rmse/value"')[1].split("</td>")[0]


def test_names_from_outside_are_escaped(report):
    text = render_page(report, target=TARGET, figures=FIGURES)
    assert "mpcwp-300 &lt;b&gt;" in text
    assert "mpcwp-300 <b>" not in text


def test_notes_are_shown_and_a_missing_figure_leaves_no_hole(make_report):
    report = make_report(notes=("Only 3 patients were judged.",))
    text = render_page(report, target=TARGET, figures={"calibration": "c.svg", "agreement": "a.svg"})
    assert "Only 3 patients were judged." in text
    assert "roc" not in read_page(text).links


def test_a_report_without_baselines_says_that_nothing_is_shown(report):
    text = render_page(report.model_copy(update={"baselines": {}}), target=TARGET, figures=FIGURES)
    assert "No baseline was fitted" in text
    assert 'id="verdict"' not in text


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(0.01, 0.05, "is better than"), (-0.05, -0.01, "is WORSE than"), (-0.01, 0.02, "was not told apart from")],
)
def test_the_verdict_follows_the_interval_whichever_way_it_went(low, high, said, report):
    difference = report.baselines["none"].difference.model_copy(
        update={"auroc": {"mpcwp>15": Interval(value=(low + high) / 2, low=low, high=high)}}
    )
    baseline = report.baselines["none"].model_copy(update={"difference": difference})
    verdicts = say_verdicts(report.model_copy(update={"baselines": {"none": baseline}}), TARGET.events[0])
    assert len(verdicts) == 1
    assert said in verdicts[0]


@pytest.mark.parametrize(
    ("value", "digits", "sign", "text"),
    [
        (1234.5678, 2, False, "1,234.57"),
        (-0.0004, 3, False, "0.000"),
        (-0.0006, 3, False, "-0.001"),
        (0.25, 2, True, "+0.25"),
        (None, 3, True, NOT_DEFINED),
        (3, 0, False, "3"),
    ],
)
def test_numbers_are_printed_as_people_write_them(value, digits, sign, text):
    assert format_number(value, digits=digits, sign=sign) == text
