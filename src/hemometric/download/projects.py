"""The archives that anybody may download, and where PhysioNet has them."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from hemometric.errors import SettingsError

BASE_URL = "https://physionet.org/files"
"""Below it lie the files of a project as SLUG/VERSION/PATH, on a mirror too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """One archive.

    Attributes:
        name: As on the command line.
        slug: What PhysioNet calls it.
        version: Whose files are meant; the hashes are its own.
        needed: Files that come with every choice of files, since without them no patient is known.
    """

    name: str
    slug: str
    version: str
    needed: tuple[str, ...] = ("RECORDS", "LICENSE.txt")

    def url(self, base: str) -> str:
        """Where its files lie below `base`."""
        return f"{base.rstrip('/')}/{self.slug}/{self.version}"


PROJECTS: Mapping[str, Project] = MappingProxyType(
    {
        project.name: project
        for project in (
            Project(
                name="ptb-xl",
                slug="ptb-xl",
                version="1.0.3",
                needed=("RECORDS", "LICENSE.txt", "ptbxl_database.csv"),
            ),
            Project(name="ptbdb", slug="ptbdb", version="1.0.0"),
            Project(name="challenge-2021", slug="challenge-2021", version="1.0.3"),
            Project(name="scg-rhc", slug="scg-rhc-wearable-database", version="1.0.0"),
        )
    }
)


def find_project(name: str) -> Project:
    """Return the archive called `name`.

    Raises:
        SettingsError: There is none that anybody may download.
    """
    if name in PROJECTS:
        return PROJECTS[name]
    close = difflib.get_close_matches(name.casefold(), PROJECTS, n=1)
    suggestion = f"did you mean {close[0]!r}? " if close else ""
    raise SettingsError(
        f"unknown archive {name!r}: {suggestion}those that anybody may download are {', '.join(PROJECTS)}; others are "
        "asked for at their own place"
    )
