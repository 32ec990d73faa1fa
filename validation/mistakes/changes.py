"""The changes that put mistakes back, and the page that lists them."""

import tomllib
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

ROOT = Path(__file__).parents[2]
CODE = Path("src") / "hemometric"
PAGE = ROOT / "docs" / "mistakes.md"

_INTRODUCTION = """
# Mistakes of published code, and the test that sees each

Each of these was seen in published code of this field. None raises an error, and most make results better than they
are. For each, and for each way in which ours could have it, the table names where ours does it right and a test.

That the tests see the mistakes is tested too: `python -m validation.mistakes` makes each change of the last column in a
copy of the code and runs the one test, which must then fail by an assertion. It is part of `make test-slow`. A change
whose place in the code is no longer there is an error (`make test` says so), so that this page cannot fall behind. The
changes stand in `validation/mistakes/*.toml`; `python -m validation.mistakes --page` writes this page from them.
""".strip()


class Change(BaseModel):
    """One change of the code that is a mistake.

    Attributes:
        number: Of the mistake.
        what: Which part of it.
        right: Where ours does it right: a name in `hemometric`.
        file: Under src/hemometric.
        text: What stands there once.
        instead: What takes its place.
        made: The change in words.
        test: That must fail then, as pytest names it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int
    what: str
    right: str
    file: str
    text: str
    instead: str
    made: str
    test: str


class Table(BaseModel):
    """All mistakes.

    Attributes:
        titles: Of the mistakes, by number.
        changes: In the order of the mistakes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    titles: dict[int, str]
    changes: tuple[Change, ...]


def read_table() -> Table:
    """Read all tables beside this file."""
    parts = [
        Table.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        for path in sorted(Path(__file__).parent.glob("*.toml"))
    ]
    titles = {number: title for part in parts for number, title in part.titles.items()}
    changes = sorted((change for part in parts for change in part.changes), key=lambda change: change.number)
    return Table(titles=dict(sorted(titles.items())), changes=tuple(changes))


def make_change(change: Change, code: str) -> str:
    """The content of the file with the mistake.

    Args:
        change: What to do.
        code: The content of its file.

    Raises:
        ValueError: The text does not stand there once, or what comes out is no Python.
    """
    n_found = code.count(change.text)
    if n_found != 1:
        raise ValueError(f"{change.file}: the text of mistake {change.number} ({change.what}) is there {n_found} times")
    changed = code.replace(change.text, change.instead)
    compile(changed, change.file, "exec")
    return changed


def write_page(table: Table) -> str:
    """The page in Markdown."""
    parts = [_INTRODUCTION]
    for number, title in table.titles.items():
        rows = [_row(change) for change in table.changes if change.number == number]
        header = ["| which | done right in | test | the change that it sees |", "|---|---|---|---|"]
        parts.append("\n".join([f"## {number}. {title}", *header, *rows]))
    return "\n\n".join(parts) + "\n"


def _row(change: Change) -> str:
    file, _, name = change.test.partition("::")
    test = f"[`{name.partition('[')[0]}`](../{file})"
    return f"| {change.what} | `{change.right}` | {test} | {change.made} |"


def list_tests(changes: Sequence[Change]) -> list[str]:
    """Each test once."""
    return list(dict.fromkeys(change.test for change in changes))
