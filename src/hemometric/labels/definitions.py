"""Targets of a user's own, from a TOML file with one table per target."""

import re
import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from hemometric.errors import SettingsError
from hemometric.settings import Frozen, suggest
from hemometric.targets import TARGETS, Direction, Event, Target

_EVENT = re.compile(r"\s*([<>])\s*([+-]?\d+(?:\.\d+)?)\s*")
_DIRECTIONS: dict[str, Direction] = {"<": "<", ">": ">"}


class _Entry(Frozen):
    """One table of the file.

    Attributes:
        title: For people.
        unit: Of every stored value.
        range: Smallest and largest plausible value.
        events: Such as "> 15", first the main one.
        decimals: Digits after the point for people.
        other_units: Further units and what they are multiplied by.
    """

    title: str
    unit: str
    range: tuple[float, float]
    events: Annotated[tuple[str, ...], Field(min_length=1)]
    decimals: int = 1
    other_units: dict[str, float] = Field(default_factory=dict)


def read_definitions(path: Path) -> tuple[Target, ...]:
    """Read targets: one table per target, `[ef]`, with title, unit, range, events and, if you like, decimals.

    Raises:
        SettingsError: The file cannot be read, or a target is not fully or not sensibly defined; all that is wrong is
            named.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror}): give an existing TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: is not TOML: {error}") from error
    targets, problems = [], []
    for name, table in tables.items():
        try:
            targets.append(_to_target(name, table))
        except ValidationError as error:
            problems += [f"[{name}] {text}" for text in _explain(error)]
        except ValueError as error:
            problems.append(str(error))
    if not tables:
        problems.append("defines no target: write a table such as [ef] with title, unit, range and events")
    if problems:
        raise SettingsError(f"{path}: {'; '.join(problems)}")
    return tuple(targets)


def _to_target(name: str, table: object) -> Target:
    if name in TARGETS:
        raise ValueError(f"[{name}] is built in and keeps its meaning: choose another name")
    if not isinstance(table, dict):
        raise ValueError(f"{name} = {table!r} stands in no table: write [{name}] and its fields below")
    entry = _Entry.model_validate(table)
    low, high = entry.range
    return Target(
        name=name,
        title=entry.title,
        unit=entry.unit,
        low=low,
        high=high,
        events=tuple(_to_event(name, text) for text in entry.events),
        decimals=entry.decimals,
        other_units=entry.other_units,
    )


def _to_event(name: str, text: str) -> Event:
    found = _EVENT.fullmatch(text)
    if found is None:
        raise ValueError(f"[{name}] event {text!r}: expected > or < and a number, such as '> 15'")
    return Event(name, _DIRECTIONS[found[1]], float(found[2]))


def _explain(error: ValidationError) -> list[str]:
    texts = []
    for problem in error.errors(include_url=False):
        name = ".".join(map(str, problem["loc"]))
        if problem["type"] == "extra_forbidden":
            texts.append(f"unknown field {name!r}{suggest(name, list(_Entry.model_fields))}")
        elif problem["type"] == "missing":
            texts.append(f"{name} is missing")
        else:
            texts.append(f"{name}: {problem['msg'].lower()}, got {problem['input']!r}")
    return texts
