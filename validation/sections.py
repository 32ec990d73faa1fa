"""What a chapter of the report is, and its tables in Markdown."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from validation.drawing import Drawn


@dataclass(frozen=True, slots=True)
class Check:
    """One claim with its bound.

    Attributes:
        what: What is claimed.
        bound: What was asked for.
        found: What was found.
        passed: Whether it is so; None where it could not be checked.
    """

    what: str
    bound: str
    found: str
    passed: bool | None


@dataclass(frozen=True, slots=True)
class Section:
    """A chapter: a title, Markdown and checks."""

    title: str
    body: str
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True, slots=True)
class Task:
    """What a chapter has to work with.

    Attributes:
        drawn: The cohort of the report.
        images: Where pictures go.
        data: Folder of recorded ECGs, or None.
    """

    drawn: Drawn
    images: Path
    data: Path | None


def within(what: str, value: float, *, low: float, high: float, digits: int = 2, unit: str = "") -> Check:
    """Check that low <= value <= high."""
    suffix = f" {unit}" if unit else ""
    bound = f"{low:.{digits}f} to {high:.{digits}f}{suffix}"
    return Check(what, bound, f"{value:.{digits + 1}f}{suffix}", low <= value <= high)


def answer(passed: bool | None) -> str:
    """Return "yes", "**no**" or "not checked"."""
    return {True: "yes", False: "**no**", None: "not checked"}[passed]


def as_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def checks_table(checks: Iterable[Check]) -> str:
    """Write checks as a Markdown table."""
    rows = [(check.what, check.bound, check.found, answer(check.passed)) for check in checks]
    return as_table(("check", "bound", "found", "passed"), rows)


def picture(task: Task, name: str, caption: str) -> str:
    """Refer to a picture from the page, which lies two folders above it."""
    return f"![{caption}]({task.images.parent.name}/{task.images.name}/{name})"
