"""What is estimated: names, units, plausible ranges and the events that are reported."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from hemometric.errors import SettingsError

Direction = Literal[">", "<"]


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
        name: Key on the command line and in every table.
        title: For people.
        unit: The unit of every stored value.
        low: Smallest plausible value (inclusive).
        high: Largest plausible value (inclusive).
        events: What is reported as a classification, first the main one.
    """

    name: str
    title: str
    unit: str
    low: float
    high: float
    events: tuple[Event, ...]


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


def find_target(name: str) -> Target:
    """Return the target called `name`.

    Raises:
        SettingsError: There is no such target; the message lists those there are.
    """
    try:
        return TARGETS[name]
    except KeyError:
        known = ", ".join(TARGETS)
        raise SettingsError(f"unknown target {name!r}: expected one of {known}") from None
