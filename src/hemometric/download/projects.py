"""The archives that anybody may download, and where PhysioNet has them."""

import difflib
import re
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
        licence: Under which its publisher gives it away.
        size: Of all its files, for people; the list of hashes does not say it.
        needed: Files that come with every choice of files, since without them no patient is known.
    """

    name: str
    slug: str
    version: str
    licence: str
    size: str
    needed: tuple[str, ...] = ("RECORDS", "LICENSE.txt")

    def url(self, base: str) -> str:
        """Where its files lie below `base`."""
        return f"{base.rstrip('/')}/{self.slug}/{self.version}"


_CC_BY = "Creative Commons Attribution 4.0"
_ODC_BY = "Open Data Commons Attribution License 1.0"

PROJECTS: Mapping[str, Project] = MappingProxyType(
    {
        project.name: project
        for project in (
            Project(
                name="ptb-xl",
                slug="ptb-xl",
                version="1.0.3",
                licence=_CC_BY,
                size="about 3 GB",
                needed=("RECORDS", "LICENSE.txt", "ptbxl_database.csv"),
            ),
            Project(name="ptbdb", slug="ptbdb", version="1.0.0", licence=_ODC_BY, size="about 2 GB"),
            Project(name="challenge-2021", slug="challenge-2021", version="1.0.3", licence=_CC_BY, size="about 13 GB"),
            Project(
                name="scg-rhc",
                slug="scg-rhc-wearable-database",
                version="1.0.0",
                licence=_ODC_BY,
                size="about 10 GB",
                needed=(
                    *("RECORDS", "LICENSE.txt", "meta_information/RHC_values.csv"),
                    "meta_information/PAM_PCWP_timestamp_in_TBME.json",
                ),
            ),
            Project(
                name="mimic-iv-ecg",
                slug="mimic-iv-ecg",
                version="1.0",
                licence="Open Data Commons Open Database License 1.0",
                size="about 90 GB in 1.6 million files",
                needed=("RECORDS", "LICENSE.txt", "record_list.csv"),
            ),
        )
    }
)


_OWN_FILES = "is the name of a layout of files that hospitals keep; nobody publishes them"
_MIMIC_IV = (
    "is for credentialed users: get an account at https://physionet.org, pass the course that it names, sign the "
    "agreement of https://physionet.org/content/mimiciv/ and fetch it there; its ECGs are open: mimic-iv-ecg"
)
_ELSEWHERE: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("mimic", "mimiciv", "mimicivclinical", "mimic4", "mimicivhosp", "mimicivicu"), _MIMIC_IV),
        "echonext": (
            "is restricted: sign its agreement at https://physionet.org/content/echonext/; hemometric does not read "
            "it, since it holds no voltages (docs/datasets/echonext.md)"
        ),
        **dict.fromkeys(
            ("code15", "code"),
            "is open and lies at https://doi.org/10.5281/zenodo.4916206: fetch exams.csv and the exams_part*.zip "
            "there, and unpack them into one folder (docs/datasets/code-15.md)",
        ),
        "heedb": "is for credentialed users of https://bdsp.io: ask for it and fetch it there",
        "musedirectory": _OWN_FILES,
        "ml4hhdf5": _OWN_FILES,
    }
)
"""Archives that cannot be fetched here, by letters and digits of their names, and what to do."""


def find_project(name: str) -> Project:
    """Return the archive called `name`.

    Raises:
        SettingsError: There is none that anybody may download here; the message says where it is, where that is known.
    """
    if name in PROJECTS:
        return PROJECTS[name]
    elsewhere = _ELSEWHERE.get(re.sub(r"[^a-z0-9]", "", name.casefold()))
    if elsewhere is not None:
        raise SettingsError(f"{name} cannot be fetched: it {elsewhere}")
    close = difflib.get_close_matches(name.casefold(), PROJECTS, n=1)
    suggestion = f"did you mean {close[0]!r}? " if close else ""
    raise SettingsError(
        f"unknown archive {name!r}: {suggestion}those that anybody may download are {', '.join(PROJECTS)}; others are "
        "asked for at their own place"
    )
