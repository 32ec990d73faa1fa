"""The shape of the project, checked like any other behaviour."""

import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "hemometric"
TESTS = Path(__file__).parent
MODULES = sorted(p for p in SOURCE.rglob("*.py") if not p.name.startswith("__"))
TEST_FILES = sorted(TESTS.rglob("test_*.py"))
VAGUE = {"utils", "util", "helpers", "common", "misc", "core", "base", "tools", "manager", "data"}


@pytest.mark.parametrize("module", MODULES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_module_is_small_and_its_name_says_what_it_holds(module):
    assert len(module.read_text().splitlines()) <= 400
    assert module.stem not in VAGUE


@pytest.mark.parametrize("path", TEST_FILES, ids=lambda p: str(p.relative_to(TESTS)))
def test_every_test_file_contributes_a_test(path):
    assert re.search(r"^def test_\w+", path.read_text(), flags=re.MULTILINE)


def test_no_object_is_ever_unpickled():
    unsafe = re.compile(r"pickle\.load|allow_pickle=True|weights_only=False")
    assert not [p for p in MODULES if unsafe.search(p.read_text())]
