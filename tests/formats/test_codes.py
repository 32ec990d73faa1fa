"""The codes of errors that the docstring of `read_ecg` promises are those that the readers raise."""

import ast
import re
from pathlib import Path

import hemometric.formats
from hemometric.formats import read_ecg

ROOM = Path(hemometric.formats.__file__).parent
WORD = re.compile(r"[a-z]+(?:-[a-z0-9]+)*")


def raised_codes():
    """Each text given as `code=`, both sides of a choice between two."""
    for file in ROOM.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.keyword) and node.arg == "code":
                yield from (
                    part.value
                    for part in ast.walk(node.value)
                    if isinstance(part, ast.Constant) and WORD.fullmatch(str(part.value))
                )


def test_read_ecg_names_every_code_that_a_reader_raises_and_no_other():
    told = read_ecg.__doc__.partition("`code` is one of")[2]
    assert set(re.findall(r'"([a-z0-9-]+)"', told)) == set(raised_codes())
