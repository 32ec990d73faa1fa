"""What is estimated: names, units, plausible ranges and the events that are reported.

`TARGETS` are built in. A user's own (`hemometric link --targets TOML`) stand in the store they were linked in and in
every run that estimates them; whoever opens a store or a run makes them known here, so `find_target` finds both kinds.
"""

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from hemometric.errors import SettingsError

Direction = Literal[">", "<"]
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Event:
    """A clinical event that is defined by a threshold on a target.

    Attributes:
        target: Name of the target.
        direction: ">" where a high value is the event, "<" where a low one is.
        threshold: In the target's unit; the event is strict (a value equal to the threshold is no event).
    """

    target: str
    direction: Direction
    threshold: float

    @property
    def key(self) -> str:
        """The name used in reports, such as "mpcwp>15"."""
        return f"{self.target}{self.direction}{self.threshold:g}"


@dataclass(frozen=True, slots=True)
class Target:
    """A hemodynamic quantity.

    Attributes:
        name: Key on the command line and in every table: small letters, digits and _.
        title: For people.
        unit: The unit of every stored value.
        low: Smallest plausible value (inclusive).
        high: Largest plausible value (inclusive).
        events: What is reported as a classification, first the main one; at least one.
        decimals: Digits after the point where an estimate is shown to people.
        other_units: Further units in which values may be written, and what they are multiplied by.

    Raises:
        ValueError: A field does not fit the others; the message says which.
    """

    name: str
    title: str
    unit: str
    low: float
    high: float
    events: tuple[Event, ...]
    decimals: int = 1
    other_units: Mapping[str, float] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        problem = self._find_problem()
        if problem is not None:
            raise ValueError(f"target {self.name!r}: {problem}")

    def _find_problem(self) -> str | None:
        checks = {
            "a name has small letters, digits and _ only, a letter first": _NAME.fullmatch(self.name),
            "it needs a title and a unit": self.title.strip() and self.unit.strip(),
            f"its range must be two rising finite numbers, got {self.low:g} and {self.high:g}": (
                math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high
            ),
            "it needs at least one event, such as > 15": self.events,
            "two of its events are the same": len({event.key for event in self.events}) == len(self.events),
            f"decimals must be 0 to 6, got {self.decimals}": 0 <= self.decimals <= 6,
            "factors of other units must be finite and above 0": all(
                math.isfinite(factor) and factor > 0 for factor in self.other_units.values()
            ),
        }
        for event in self.events:
            checks[f"event {event.key} lies outside its range of {self.low:g} to {self.high:g}"] = (
                self.low <= event.threshold <= self.high
            )
            checks[f"event {event.key} is not of this target"] = event.target == self.name
            checks[f"threshold {event.threshold!r} has more digits than a report's key shows ({event.key})"] = (
                float(f"{event.threshold:g}") == event.threshold
            )
        return next((problem for problem, holds in checks.items() if not holds), None)

    def means_the_same(self, other: "Target") -> bool:
        """Whether values and events of the two can be compared: same unit, same events in the same order."""
        return (self.unit, self.events) == (other.unit, other.events)


TARGETS: MappingProxyType[str, Target] = MappingProxyType(
    {
        "mpcwp": Target(
            name="mpcwp",
            title="mean pulmonary capillary wedge pressure",
            unit="mmHg",
            low=0.0,
            high=60.0,
            events=(Event("mpcwp", ">", 15.0), Event("mpcwp", ">", 18.0)),
        ),
        "mpap": Target(
            name="mpap",
            title="mean pulmonary artery pressure",
            unit="mmHg",
            low=3.0,
            high=120.0,
            events=(Event("mpap", ">", 20.0),),
        ),
        "rap": Target(
            name="rap",
            title="right atrial pressure",
            unit="mmHg",
            low=-5.0,
            high=50.0,
            events=(Event("rap", ">", 8.0),),
        ),
        "co": Target(
            name="co",
            title="cardiac output",
            unit="L/min",
            low=0.5,
            high=20.0,
            events=(Event("co", "<", 4.0),),
        ),
    }
)


_OWN: dict[str, tuple[Target, str]] = {}
"""Targets of users by name, each with where it was defined."""


def known_targets() -> dict[str, Target]:
    """All targets by name: the built-in ones, then those of the stores and runs that were opened."""
    return {**TARGETS, **{name: target for name, (target, _) in _OWN.items()}}


def find_target(name: str) -> Target:
    """Return the target called `name`.

    Raises:
        SettingsError: There is no such target; the message names the nearest, or lists those there are.
    """
    known = known_targets()
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}? There are" if near else "expected one of"
    raise SettingsError(
        f"unknown target {name!r}: {hint} {', '.join(known)}; define one of your own with hemometric link --targets"
    )


def add_targets(targets: Iterable[Target], *, where: str, replace: bool = False) -> None:
    """Make a user's targets known to `find_target`.

    Args:
        targets: What a store or a run holds.
        where: The store or run, for messages.
        replace: Whether another meaning of a name is replaced instead of refused.

    Raises:
        SettingsError: A name is built in, or known with another unit or other events from elsewhere. Nothing is added.
    """
    new = list(targets)
    for target in new:
        if target.name in TARGETS:
            raise SettingsError(f"{where}: defines {target.name}, which is built in: choose another name")
        there = _OWN.get(target.name)
        if there is not None and not replace and not target.means_the_same(there[0]):
            raise SettingsError(
                f"{target.name} is {_describe(there[0])} in {there[1]}, but {_describe(target)} in {where}: link one "
                "of them again with the other's definition"
            )
    _OWN.update({target.name: (target, where) for target in new})


def forget_targets() -> None:
    """Forget all targets that are not built in, so that a store with another definition can be opened."""
    _OWN.clear()


def _describe(target: Target) -> str:
    return f"in {target.unit} with {', '.join(event.key for event in target.events)}"
