"""Tables whose layout is known by name: `hemometric link --layout NAME`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from hemometric.errors import SettingsError
from hemometric.labels.chartevents import describe_items, read_chartevents
from hemometric.labels.values import CatheterTable
from hemometric.settings import suggest


@dataclass(frozen=True, slots=True)
class Preset:
    """A table that many have.

    Attributes:
        read: From the file to its values.
        describe: What is read of it, for `attrition.json`.
    """

    read: Callable[[Path], CatheterTable]
    describe: Callable[[], Mapping[str, str]]


PRESETS: Mapping[str, Preset] = MappingProxyType({"mimic-iv": Preset(read=read_chartevents, describe=describe_items)})


def find_preset(name: str) -> Preset:
    """Return the preset of a name.

    Raises:
        SettingsError: There is none; the message names those there are.
    """
    if name not in PRESETS:
        raise SettingsError(
            f"--layout: unknown layout {name!r}{suggest(name, list(PRESETS))}; there is {', '.join(PRESETS)}"
        )
    return PRESETS[name]
