"""Mistakes of published code, put back into a copy: a test must see each."""

import re

import pytest
from validation.mistakes.changes import CODE, PAGE, ROOT, Change, list_tests, make_change, read_table, write_page
from validation.mistakes.copied import CopiedCode

TABLE = read_table()
HARMLESS = Change(
    number=6,
    what="none",
    right="uncertainty.sigmoid",
    file="uncertainty.py",
    text='"""1 / (1 + exp(-x)), without overflow."""',
    instead='"""The same in other words."""',
    made="a docstring",
    test="tests/test_uncertainty.py::test_wrong_calls_are_refused",
)


@pytest.fixture(scope="module")
def copied(tmp_path_factory) -> CopiedCode:
    return CopiedCode(tmp_path_factory.mktemp("copied"))


@pytest.mark.parametrize("change", TABLE.changes, ids=lambda change: f"{change.number}: {change.what}")
def test_the_place_of_every_change_and_its_test_are_still_there(change):
    make_change(change, (ROOT / CODE / change.file).read_text(encoding="utf-8"))
    file, _, name = change.test.partition("::")
    name = re.escape(name.partition("[")[0])
    assert re.search(rf"^def {name}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)


def test_every_mistake_of_the_method_page_can_be_put_back():
    assert list(TABLE.titles) == list(range(1, 13))
    assert {change.number for change in TABLE.changes} == set(TABLE.titles)


def test_the_page_lists_what_is_tested():
    assert PAGE.read_text(encoding="utf-8") == write_page(TABLE), "write it anew: python -m validation.mistakes --page"


def test_a_change_without_a_place_is_an_error():
    with pytest.raises(ValueError, match=r"uncertainty\.py: the text of mistake 6 \(none\) is there 0 times"):
        make_change(HARMLESS, "nothing of it")
    with pytest.raises(ValueError, match="is there 2 times"):
        make_change(HARMLESS, HARMLESS.text * 2)


@pytest.mark.slow
def test_without_a_mistake_the_tests_pass(copied):
    done = copied.run_tests(list_tests(TABLE.changes))
    assert done.status == 0, done.said


@pytest.mark.slow
@pytest.mark.parametrize("change", TABLE.changes, ids=lambda change: f"{change.number}: {change.what}")
def test_a_mistake_that_is_put_back_is_seen(copied, change):
    assert copied.explain_unseen(change) is None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("instead", "ended"), [(HARMLESS.instead, "passes"), ('"""."""\n    raise RuntimeError("broken")', "with status 1")]
)
def test_a_change_that_is_no_mistake_or_breaks_everything_is_not_seen(copied, instead, ended):
    test = HARMLESS.test if ended == "passes" else "tests/test_uncertainty.py::test_too_few_patients_or_useless_logits"
    change = HARMLESS.model_copy(update={"instead": instead, "test": test})
    assert ended in str(copied.explain_unseen(change))
    assert (copied.folder / CODE / change.file).read_bytes() == (ROOT / CODE / change.file).read_bytes()
